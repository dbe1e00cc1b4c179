"""Figures of a document as HTML: the rounded value to read, the exact one in the element."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from auditor import units

if TYPE_CHECKING:
    from markupsafe import Markup

NOT_ASSESSED = "not assessed"
_LARGE = 1e15  # above it a count is easier to read with an SI prefix

Show = Callable[[float, float | None], str]


def plain(text: str) -> str:
    """Replace what does not print: a name may not turn a line around or end it."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def _count(value: float, _like: float | None) -> str:
    """A count as it is: ``1,281,167``; a part of one keeps its decimals."""
    if abs(value) >= _LARGE:
        return units.si(value)
    return f"{int(value):,}" if value == int(value) else f"{value:,g}"


def _percent(value: float, _like: float | None) -> str:
    """A share: ``90 %``; what is below the whole is never rounded up to it."""
    shown = units.significant(100 * value)
    shown = shown.rstrip("0").rstrip(".") if "." in shown else shown
    return "above 99.9 %" if shown == "100" and value < 1 else f"{shown} %"


def _after(unit: str) -> Show:
    return lambda value, _: f"{units.significant(value)} {unit}".rstrip()


_BY_UNIT: dict[str, Show] = {
    "kwh": units.energy,
    "s": units.duration,
    "gco2e": lambda value, like: f"{units.mass(value, like)} CO2e",
    "gco2e_per_kwh": _after("g CO2e/kWh"),
    "kgco2e": _after("kg CO2e"),
    "w": _after("W"),
    "j": _after("J"),
    "l": _after("l"),
    "l_per_kwh": _after("l/kWh"),
    "per_s": _after("/s"),
    "bytes_per_s": lambda value, _: units.si(value, "B/s"),
    "flops": lambda value, _: units.si(value, "FLOP"),
    "macs": lambda value, _: units.si(value, "MAC"),
    "moved_bytes": lambda value, _: units.si(value, "B"),
    "bytes": lambda value, _: units.binary_bytes(value),
    "share": _percent,
    "ratio": lambda value, _: f"\N{MULTIPLICATION SIGN} {units.significant(value)}",
    "years": _after("years"),
    "number": _after(""),
    "exact": lambda value, _: f"{value:g}",
    "year": lambda value, _: f"{value:g}",
    "count": _count,
}


def words(value: float, unit: str, like: float | None = None) -> str:
    """The value in its unit for a person to read, in the prefix that suits `like`."""
    return _BY_UNIT[unit](value, like)


class Figures:
    """What the templates show of one document, by JSON pointers (RFC 6901) into it.

    A figure comes out as ``<data value="EXACT" data-path="/POINTER">ROUNDED</data>``, so that
    page and document can be held against each other; null comes out as "not assessed".
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def at(self, pointer: str) -> Any:
        """The value that `pointer` names; no name in a pointer of ours needs an escape."""
        found: Any = self._document
        for step in pointer.split("/")[1:]:
            found = found[int(step) if isinstance(found, list | tuple) else step]
        return found

    def one(self, pointer: str, unit: str, like: float | None = None) -> Markup:
        """One number in `unit`, a key of the table above."""
        from markupsafe import Markup

        value = self.at(pointer)
        if value is None:
            return Markup('<span class="absent">{}</span>').format(NOT_ASSESSED)
        return Markup('<data value="{}" data-path="{}">{}</data>').format(
            repr(value), pointer, words(value, unit, like)
        )

    def between(self, pointer: str, unit: str) -> Markup:
        """The ends of an interval and its level, in the unit of its median."""
        from markupsafe import Markup

        found = self.at(pointer)
        if found is None:
            return self.one(pointer, unit)
        low, high = (self.one(f"{pointer}/{end}", unit, found["median"]) for end in ("low", "high"))
        level = self.one(f"{pointer}/level", "share")
        return Markup("{} to {} ({} interval)").format(low, high, level)

    def span(self, pointer: str, unit: str) -> Markup:
        """The median of an interval, then its ends."""
        from markupsafe import Markup

        if self.at(pointer) is None:
            return self.one(pointer, unit)
        return Markup('{} <span class="between">{}</span>').format(
            self.one(f"{pointer}/median", unit), self.between(pointer, unit)
        )

    def derived(self, value: float | None, unit: str, rule: str) -> Markup:
        """A figure that the page derives, by the `rule` that the text beside it explains."""
        from markupsafe import Markup

        if value is None:
            return Markup('<span class="absent">{}</span>').format(NOT_ASSESSED)
        return Markup('<data value="{}" data-derived="{}">{}</data>').format(
            repr(value), rule, words(value, unit)
        )
