"""Limits held against figures: what came of each, and by how much."""

from __future__ import annotations

from collections.abc import Iterable

from auditor.budget.limits import at_end, breaks, is_on
from auditor.budget.quantities import PRICED, QUANTITIES
from auditor.budget.records import Bound, End, Judgement, Limit, Outcome, Value
from auditor.budget.scoring import Known

_NO_LABEL = "(no currency given)"


def judged(limits: Iterable[Limit], known: Known, currency: str | None) -> tuple[Judgement, ...]:
    """Judge every limit that is not off, in their order; remedies are sought elsewhere."""
    return tuple(judgement(limit, known, currency) for limit in limits if is_on(limit))


def judgement(limit: Limit, known: Known, currency: str | None) -> Judgement:
    """Hold one limit against the figures.

    The end at which an excess is an error goes before the one at which it is a warning.  What is
    not known, or not at an end that is asked for, is not assessed: never within.
    """
    unit = unit_of(limit.quantity, currency)
    value = known.values.get(limit.quantity)
    if value is None:
        return _not_assessed(limit, unit, known.missing[limit.quantity])
    for end in (limit.error_on, limit.warn_on):
        if end is not None and at_end(value, end) is None:
            why = f"its {end} end is undefined; judge another with on"
            return _not_assessed(limit, unit, why)
    for end, outcome in ((limit.error_on, Outcome.EXCEEDED), (limit.warn_on, Outcome.WARNED)):
        if end is not None and breaks(limit, _at(value, end)):
            return _broken(limit, unit, value, end, outcome)
    return _judgement(limit, unit, value, None, Outcome.WITHIN)


def unit_of(name: str, currency: str | None) -> str:
    """The unit of a quantity; of a cost the currency's label."""
    return (currency or _NO_LABEL) if name in PRICED else QUANTITIES[name].unit


def _at(value: Value, end: End) -> float:
    found = at_end(value, end)
    return value.median if found is None else found


def _broken(limit: Limit, unit: str, value: Value, end: End, outcome: Outcome) -> Judgement:
    figure = _at(value, end)
    over = figure - limit.amount if limit.bound is Bound.MAX else limit.amount - figure
    return _judgement(limit, unit, value, (end, over), outcome)


def _judgement(
    limit: Limit, unit: str, value: Value, broken: tuple[End, float] | None, outcome: Outcome
) -> Judgement:
    end, excess = broken or (None, None)
    share = None
    if excess is not None and limit.amount:
        share = excess / abs(limit.amount)
    return Judgement(
        limit=limit,
        unit=unit,
        title=QUANTITIES[limit.quantity].title,
        value=value,
        because=None,
        outcome=outcome,
        end=end,
        excess=excess,
        excess_share=share,
        remedies=(),
        no_remedy=None,
    )


def _not_assessed(limit: Limit, unit: str, because: str) -> Judgement:
    return Judgement(
        limit=limit,
        unit=unit,
        title=QUANTITIES[limit.quantity].title,
        value=None,
        because=because,
        outcome=Outcome.NOT_ASSESSED,
        end=None,
        excess=None,
        excess_share=None,
        remedies=(),
        no_remedy=None,
    )
