"""The comparison for people, as plain lines."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from auditor import units
from auditor.compare.records import (
    Comparison,
    Criterion,
    Dominance,
    Entry,
    Payback,
    Per,
    Place,
    Swap,
)
from auditor.interval import Interval
from auditor.report.lines import NOT_ASSESSED, printable
from auditor.scores import METRICS, Score

MOST_SWAPS = 6
_WIDTH = 110
_WORDS = {
    Criterion.COMPUTE: "compute (FLOPs)",
    Criterion.ENERGY: "energy",
    Criterion.CARBON: "carbon",
    Criterion.TIME: "time",
    Criterion.ACCURACY: "accuracy",
}
_DASH = "-"
_NEEDS_ACCURACY = "needs accuracies: --accuracy-file"


def render_text(found: Comparison) -> str:
    """Return what each model takes, the ranks, the front, the scores, and what to mind."""
    blocks = []
    if found.entries:
        blocks += [_amounts(found), _ranks(found), _front(found), _scores(found)]
        blocks.append(_block("where the order changes", _swaps(found.swaps)))
        if found.paybacks:
            blocks.append(_paybacks(found.paybacks))
    if found.failures:
        failed = [f"{f.name}: {f.reason}" for f in found.failures]
        blocks.append(_block("not audited", failed))
    blocks.append(_block("notes", found.notes))
    return "\n\n".join(blocks) + "\n"


def _paybacks(found: Sequence[Payback]) -> str:
    heading = ("takes more before use", "than", "has saved it after", "range")
    rows = [
        (p.more, p.less, _inferences(p.after.inferences),
         f"{_inferences(p.after.earliest)} to {_inferences(p.after.latest)}")
        for p in found
    ]  # fmt: skip
    return _table([heading, *rows])


def _inferences(count: float | None) -> str:
    return "never" if count is None else f"{float(f'{count:.3g}'):,.0f} inferences"


def _block(title: str, texts: Sequence[str]) -> str:
    lines = [
        textwrap.fill(
            printable(text),
            _WIDTH,
            initial_indent="- ",
            subsequent_indent="  ",
            break_on_hyphens=False,
        )
        for text in texts
    ]
    return "\n".join((title, *lines))


def _table(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(units.columns([[printable(cell) for cell in row] for row in rows]))


def _amounts(found: Comparison) -> str:
    level = found.entries[0].amounts.energy_kwh.level
    of = "training" if found.per is Per.TRAINING else "sample"
    energy, interval = f"energy ({found.scope})", f"{level:.0%} interval"
    rows = [(f"per {of}", "accuracy", "compute", energy, interval, "time", "carbon", "memory")]
    for entry in found.entries:
        a = entry.amounts
        carbon = a.carbon_gco2e
        rows.append(
            (
                entry.name,
                _DASH if entry.accuracy is None else f"{entry.accuracy:g}",
                _DASH if a.training_flops is None else units.si(a.training_flops, "FLOP"),
                units.energy(a.energy_kwh.median),
                _range(a.energy_kwh),
                units.duration(a.duration_s.median),
                NOT_ASSESSED if carbon is None else f"{units.mass(carbon.median)} CO2e",
                units.binary_bytes(entry.audit.profile.memory.total_bytes),
            )
        )
    return _table(rows)


def _range(interval: Interval) -> str:
    low, high = (units.energy(v, interval.median) for v in (interval.low, interval.high))
    return f"{low} to {high}"


def _ranks(found: Comparison) -> str:
    shown = [c for c in Criterion if any(c.value in e.ranks for e in found.entries)]
    rows = [("rank by", *(_WORDS[c] for c in shown))]
    for entry in found.entries:
        rows.append((entry.name, *(str(entry.ranks.get(c.value, _DASH)) for c in shown)))
    return _table(rows)


def _front(found: Comparison) -> str:
    placed = [(e, e.place) for e in found.entries if e.place is not None]
    title = "Pareto front, accuracy against energy"
    if not placed:
        return f"{title}: {NOT_ASSESSED} ({_NEEDS_ACCURACY})"
    rows = [(title, "on it", "dominated")]
    rows += [(e.name, "yes" if p.on_front else "no", _dominated(p)) for e, p in placed]
    return "\n".join(units.columns([[printable(c) for c in row] for row in rows], left=3))


def _dominated(place: Place) -> str:
    if place.dominated is Dominance.NO:
        return "no, for all values within the intervals"
    parts = []
    if place.surely_by:
        parts.append(f"surely, by {', '.join(place.surely_by)}")
    if place.possibly_by:
        parts.append(f"possibly, by {', '.join(place.possibly_by)}")
    return "; ".join(parts)


def _scores(found: Comparison) -> str:
    """One row a metric, one column a model; what no model has comes once, with its reason."""
    if all(e.accuracy is None for e in found.entries):
        return f"scores: {NOT_ASSESSED} ({_NEEDS_ACCURACY})"
    names = [e.name for e in found.entries]
    rows = [("score (median, low to high)", *names)]
    reasons: dict[str, None] = {}
    for i, metric in enumerate(METRICS):
        scores = [e.scores[i] for e in found.entries]
        title = metric.title
        if metric.id.startswith("pepr"):
            title = f"{title} ({found.reference.name})"
        rows.append((title, *(_score(s) for s in scores)))
        reasons |= dict.fromkeys(_reasons(metric.title, found.entries, scores))
    return "\n".join((_table(rows), *(f"- {printable(r)}" for r in reasons)))


def _reasons(title: str, entries: Sequence[Entry], scores: Sequence[Score]) -> Iterator[str]:
    """Say why scores of one metric have no value: in one line where all have one reason."""
    # What has no accuracy has no score at all, which the notes say once.
    rated = [(e.name, s) for e, s in zip(entries, scores, strict=True) if e.accuracy is not None]
    found = {name: score.undefined_because for name, score in rated}
    outside = [name for name, score in rated if score.outside_reference]
    said = set(found.values())
    if len(said) == 1 and None not in said:
        yield f"{title} is undefined: {said.pop()}"
    else:
        for name, reason in found.items():
            if reason is not None:
                yield f"{title} of {name} is undefined: {reason}"
    if outside:
        yield f"{title}: outside the reference set's range, not clipped: {', '.join(outside)}"


def _score(score: Score) -> str:
    if score.median is None:
        return "undefined"
    shown = units.significant(score.median)
    if score.outside_reference:
        shown += " outside"
    if score.level is None:
        return shown
    low, high = (
        "undefined" if v is None else units.significant(v) for v in (score.low, score.high)
    )
    return f"{shown} ({low} to {high})"


def _swaps(swaps: Sequence[Swap]) -> list[str]:
    """The pairs that two criteria rank differently, in words."""
    if not swaps:
        return ["compute, energy and carbon rank the models alike, as far as they are assessed"]
    lines = [
        f"by {_WORDS[s.by]} {s.ahead} takes less than {s.behind}, by {_WORDS[s.but]} it takes "
        + ("more" if s.sure else "more, but their intervals overlap")
        for s in swaps[:MOST_SWAPS]
    ]
    if len(swaps) > MOST_SWAPS:
        lines.append(f"and {len(swaps) - MOST_SWAPS} pairs more, all in --format json")
    return lines
