"""Limits as a configuration writes them, and what breaks one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar

from auditor.budget.quantities import Quantity, quantity
from auditor.budget.records import Bound, End, Level, Limit, Value
from auditor.errors import PlanError

# What a limit is held against where its entry does not say: less sure an excess, less loud.
_WORST = {Bound.MAX: End.HIGH, Bound.MIN: End.LOW}
# Beyond these no training lies, and a share of the limit would overflow.
_LEAST, _MOST = 1e-30, 1e60
_LONG = ("max", "min", "level", "on")
_E = TypeVar("_E", Level, End)


def read_limits(table: Any, where: str) -> Mapping[str, Limit]:
    """Read a table of limits, by quantity.

    Raises:
        PlanError: it is no table, names an unknown quantity, or holds an entry that is no limit.
    """
    if not isinstance(table, dict):
        raise PlanError(f"{where}: must be a table, as energy_kwh = 12")
    return {name: _limit(quantity(name, where), entry, where) for name, entry in table.items()}


def _limit(of: Quantity, entry: Any, where: str) -> Limit:
    """Read one entry: a number, or a table with a bound, a level and an end.

    A number is an error where the median breaks it, and a warning where the worse end does.  A
    table that names neither level nor end is the same; else it has one level and one end.
    """
    here = f"{where}: {of.id}"
    if not isinstance(entry, dict):
        return _short(of, _amount(entry, of, here), where)
    unknown = [key for key in entry if key not in _LONG]
    if unknown:
        raise PlanError(f"{here}: unknown key {unknown[0]!r}; a limit has {', '.join(_LONG)}")
    level = _choice(entry, "level", Level, here)
    end = _choice(entry, "on", End, here)
    wrong = "min" if of.bound is Bound.MAX else "max"
    if wrong in entry:
        more = "less" if of.bound is Bound.MAX else "more"
        raise PlanError(f"{here}: {wrong} makes no sense, as {more} is better; give {of.bound}")
    if level is Level.OFF and of.bound not in entry:
        return _off(of, where)
    if of.bound not in entry:
        raise PlanError(f"{here}: has no {of.bound}; add it, as {{ {of.bound} = 2 }}")
    amount = _amount(entry[of.bound], of, here)
    if level is Level.OFF:
        return _off(of, where)
    if level is None and end is None:
        return _short(of, amount, where)
    is_warning = level is Level.WARN
    end = end or (_WORST[of.bound] if is_warning else End.MEDIAN)
    return Limit(
        quantity=of.id,
        bound=of.bound,
        amount=amount,
        error_on=None if is_warning else end,
        warn_on=end if is_warning else None,
        origin=where,
    )


def _short(of: Quantity, amount: float, where: str) -> Limit:
    return Limit(
        quantity=of.id,
        bound=of.bound,
        amount=amount,
        error_on=End.MEDIAN,
        warn_on=_WORST[of.bound],
        origin=where,
    )


def _off(of: Quantity, where: str) -> Limit:
    return Limit(
        quantity=of.id, bound=of.bound, amount=0.0, error_on=None, warn_on=None, origin=where
    )


def is_on(limit: Limit) -> bool:
    """Whether the limit is judged at all."""
    return limit.error_on is not None or limit.warn_on is not None


def breaks(limit: Limit, figure: float) -> bool:
    """Whether a figure is beyond the limit; one that is equal to it is within."""
    return figure > limit.amount if limit.bound is Bound.MAX else figure < limit.amount


def at_end(value: Value, end: End) -> float | None:
    """Return one end of a value; its median where it has no interval.

    None where there is an interval of which this end is undefined, as a score's can be.
    """
    if value.level is None:
        return value.median
    return {End.LOW: value.low, End.MEDIAN: value.median, End.HIGH: value.high}[end]


def _amount(entry: Any, of: Quantity, here: str) -> float:
    if isinstance(entry, bool) or not isinstance(entry, (int, float)):
        unit = f", in {of.unit}" if of.unit else ""
        raise PlanError(f"{here} = {entry!r}: must be a number{unit}")
    try:
        amount = float(entry)
    except OverflowError:
        amount = math.inf
    if not math.isfinite(amount) or (of.bound is Bound.MAX and amount < 0):
        raise PlanError(f"{here} = {entry!r}: must be a finite number of 0 or more")
    if amount and not _LEAST <= abs(amount) <= _MOST:
        raise PlanError(f"{here} = {entry!r}: must be 0, or {_LEAST:g} to {_MOST:g}")
    return amount


def _choice(entry: Mapping[str, Any], key: str, kind: type[_E], here: str) -> _E | None:
    if key not in entry:
        return None
    try:
        return kind(entry[key])
    except ValueError as error:
        names = ", ".join(kind)
        raise PlanError(f"{here}: {key} = {entry[key]!r}: choose one of {names}") from error
