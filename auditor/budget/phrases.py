"""What is said of a verdict, in sentences that all formats for people share.

Figures stand in the unit that the configuration has them in, so that a limit reads as it was
written.  Texts are made printable here; each format adds the escapes of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from auditor.budget.records import (
    Bound,
    Cause,
    Change,
    End,
    Judgement,
    Limit,
    ModelVerdict,
    Outcome,
    Remedy,
    Value,
    Verdict,
)
from auditor.escaping import printable
from auditor.units import significant

DIGITS = 4
NOT_ASSESSED = "not assessed"
# Beyond these a row of zeros says less than an exponent.
_LEAST, _MOST = 1e-3, 1e6
_BYTES = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1.0, "B"))
_SAID = {"gCO2e": "g CO2e", "bytes": "B", "l": "L"}
_ENDS = {End.LOW: "low end", End.MEDIAN: "median", End.HIGH: "high end"}
_CAUSES = {
    Cause.MODEL: "the model",
    Cause.PLAN: "the plan",
    Cause.CALIBRATION: "the calibration",
    Cause.TOOL: "the version of auditor",
}


class State(StrEnum):
    """What a person wants to know of one model; the worse goes first, as in the exit code."""

    NOT_JUDGED = "not judged"
    EXCEEDED = "exceeded"
    WARNED = "within, with warnings"
    WITHIN = "within"


def state(model: ModelVerdict) -> State:
    """Say what came of one model."""
    outcomes = {j.outcome for j in model.judgements}
    if model.error is not None or Outcome.NOT_ASSESSED in outcomes:
        return State.NOT_JUDGED
    if Outcome.EXCEEDED in outcomes or any(c.exceeds for _, c in model.changes):
        return State.EXCEEDED
    return State.WARNED if Outcome.WARNED in outcomes else State.WITHIN


def headline(verdict: Verdict) -> str:
    """How many models there are and what came of them: ``3 models: 1 exceeded, 2 within``."""
    states = [state(m) for m in verdict.models]
    counts = {s: states.count(s) for s in State if s in states}
    many = f"{len(states)} model{'' if len(states) == 1 else 's'}"
    if not counts:
        return f"{many}: nothing to judge"
    if len(counts) == 1:
        return f"{many}: {next(iter(counts))}"
    return f"{many}: " + "; ".join(f"{count} {s}" for s, count in counts.items())


def compared(verdict: Verdict) -> str | None:
    """What the figures were compared with; None where there is no lock file."""
    if verdict.baseline is None:
        return None
    said = f"compared with {printable(verdict.baseline)}"
    if verdict.tolerance is None:
        return said
    return f"{said}, tolerance {verdict.tolerance * 100:g}%"


def missing(verdict: Verdict) -> Iterator[str]:
    """Yield a sentence for each model that only the lock file has."""
    for name in verdict.missing:
        yield f"{printable(name)} is in the lock file and not in the configuration"


def number(value: float) -> str:
    """A figure with `DIGITS` significant digits, with an exponent where it is long."""
    if value and not _LEAST <= abs(value) < _MOST:
        return f"{value:.{DIGITS}g}"
    return significant(value, DIGITS)


def exact(value: float) -> str:
    """A figure as it was written; one that nobody wrote, as a third, in `DIGITS` digits."""
    if value.is_integer() and abs(value) < 1e15:
        return f"{value:.0f}"
    short = f"{value:.12g}"
    return short if float(short) == value else number(value)


def amount(value: float, unit: str) -> str:
    """A figure in `unit`; bytes with a decimal prefix, as memory is limited in powers of ten."""
    if unit in {"B", "bytes"}:
        size, prefix = next((s for s in _BYTES if abs(value) >= s[0]), _BYTES[-1])
        return f"{number(value / size)} {prefix}"
    return f"{number(value)} {_unit(unit)}".rstrip()


def limit(asked: Limit, unit: str) -> str:
    """What is allowed: ``at most 12 kWh``."""
    least = "at most" if asked.bound is Bound.MAX else "at least"
    if unit in {"B", "bytes"}:
        size, prefix = next((s for s in _BYTES if abs(asked.amount) >= s[0]), _BYTES[-1])
        return f"{least} {exact(asked.amount / size)} {prefix}"
    return f"{least} {exact(float(asked.amount))} {_unit(unit)}".rstrip()


def _unit(unit: str) -> str:
    return printable(_SAID.get(unit, unit))


def interval(value: Value, unit: str) -> str | None:
    """The range of a figure, ``90% interval 8.1 kWh to 19 kWh``; None where it has none."""
    if value.low is None and value.high is None:
        return None
    low = "undefined" if value.low is None else amount(value.low, unit)
    high = "undefined" if value.high is None else amount(value.high, unit)
    sure = "" if value.level is None else f"{value.level:.0%} "
    return f"{sure}interval {low} to {high}"


def figure(value: Value, unit: str) -> str:
    """A median with its interval."""
    between = interval(value, unit)
    shown = amount(value.median, unit)
    return shown if between is None else f"{shown} ({between})"


def excess(judged: Judgement) -> str | None:
    """By how much which end breaks the limit: ``the median is 1.420 kWh (11.8%) over``."""
    if judged.excess is None:
        return None
    side = "over" if judged.limit.bound is Bound.MAX else "under"
    share = "" if judged.excess_share is None else f" ({_share(judged.excess_share)})"
    end = "it" if judged.end is None else f"the {_ENDS[judged.end]}"
    return f"{end} is {amount(abs(judged.excess), judged.unit)}{share} {side}"


def _share(share: float) -> str:
    return "less than 0.1%" if 0 < abs(share) < 5e-4 else f"{abs(share):.1%}"


def judgement(judged: Judgement) -> str:
    """One limit in one sentence: the value, its interval, the limit, by how much, which end."""
    asked = judged.limit
    allowed = f"{limit(asked, judged.unit)}, by {printable(asked.origin)}"
    if judged.value is None:
        because = printable(judged.because or "no reason was given")
        return f"{asked.quantity} is not assessed: {because} (limit: {allowed})"
    found = f"{asked.quantity} is {figure(judged.value, judged.unit)}"
    by = excess(judged)
    if by is None:
        return f"{found}, within the limit ({allowed})"
    return f"{found}: {by} the limit ({allowed})"


def remedy(change: Remedy, unit: str) -> str:
    """One change that brings it under the limit: ``epochs 61 (is 90): 11.98 kWh``."""
    to, now = _setting(change.setting), _setting(change.was)
    return f"{change.key} {to} (is {now}): {amount(change.value, unit)}"


def _setting(setting: float | str) -> str:
    return printable(setting) if isinstance(setting, str) else exact(float(setting))


def remedies(judged: Judgement) -> Iterator[str]:
    """Yield each change that helps, or the one sentence that says what was tried in vain."""
    yield from (remedy(r, judged.unit) for r in judged.remedies)
    if judged.no_remedy is not None:
        yield printable(judged.no_remedy)


def advice(judged: Judgement) -> Iterator[str]:
    """Yield the remedies, and what those of a score take for granted."""
    yield from remedies(judged)
    if judged.remedies and judged.limit.bound is Bound.MIN:
        yield "if the accuracy stays as the plan has it"


def change(quantity: str, found: Change) -> str:
    """A figure beside the one in the lock file.

    ``energy_kwh 12.10 -> 13.40 (+10.7%), more than the tolerance: the model changed``
    """
    after = difference(quantity, found)
    over = ", more than the tolerance" if found.exceeds else ""
    why = causes(found)
    return f"{quantity} {after}{over}" + (f": {why}" if why else "")


def changes(model: ModelVerdict, *, beyond: bool | None = None) -> Iterator[str]:
    """Yield a sentence for each figure that differs from the lock file, limited or not.

    With `beyond` only for those that exceed the tolerance, or only for those that do not.
    """
    if model.changes and all(is_new(found) for _, found in model.changes):
        yield from () if beyond else ("is not in the lock file",)
        return
    limited = {judged.limit.quantity for judged in model.judgements}
    for quantity, found in model.changes:
        # The cost that has a price stands there by its own name too.
        told_twice = quantity == "cost" and quantity not in limited
        asked = beyond is None or beyond == bool(found.exceeds)
        if (found.causes or found.exceeds) and asked and not told_twice:
            yield change(quantity, found)


def difference(quantity: str, found: Change) -> str:
    """What a figure was and is: ``12.10 -> 13.40 (+10.7%)``."""
    unit = "B" if quantity.endswith("_bytes") else ""
    after, grown = amount(found.after, unit), growth(found)
    if is_new(found):
        return after
    return f"{amount(found.before, unit)} -> {after}" + (f" ({grown})" if grown else "")


def is_new(found: Change) -> bool:
    """Whether the lock file lacks the figure."""
    return Cause.NEW in found.causes


def growth(found: Change) -> str | None:
    """How much more it is, ``+10.7%``; None where that has no meaning."""
    return None if found.ratio is None or is_new(found) else f"{found.ratio - 1:+.1%}"


def causes(found: Change) -> str | None:
    """What can have made a difference; None where nothing did."""
    if is_new(found):
        return "not in the lock file"
    changed = [_CAUSES[c] for c in found.causes]
    if not changed:
        return None
    return f"{' and '.join(changed)} changed"
