"""The comparison: each model audited, then all set beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from auditor import __version__
from auditor.compare.candidates import Candidate
from auditor.compare.figures import amounts_of, figures_of, per_of
from auditor.compare.front import Point, places
from auditor.compare.payback import paybacks
from auditor.compare.ranks import ranks, swaps
from auditor.compare.records import (
    Amounts,
    Comparison,
    Criterion,
    Entry,
    Failure,
    Per,
    Place,
)
from auditor.errors import AuditError
from auditor.interval import Interval
from auditor.pipeline import Audit, audit
from auditor.scores import (
    METRICS,
    Choices,
    Figures,
    ReferenceSet,
    Score,
    compared_set,
    scores,
)
from auditor.scores.reference import COMPARED, RESOURCES

Audited = list[tuple[Candidate, Audit]]


def comparison(given: Sequence[Candidate], choices: Choices) -> Comparison:
    """Audit every model and compare those that can be.

    `choices` without a reference set takes the models themselves for PePR's.  A model that
    cannot be audited is a failure with its reason, and hides none of the others.
    """
    found: Audited = []
    failures = []
    for candidate in given:
        try:
            found.append((candidate, audit(candidate.request)))
        except AuditError as error:
            path = str(candidate.request.path)
            failures.append(Failure(candidate.name, path, str(error)))
    audits = tuple(result for _, result in found)
    per = per_of(audits)
    figures = [figures_of(result, c.request.plan.accuracy) for c, result in found]
    reference = choices.reference or _own_set(figures)
    chosen = Choices(reference=reference, sam_alpha=choices.sam_alpha, sam_beta=choices.sam_beta)
    entries = _entries(found, per, [scores(f, chosen) for f in figures])
    return Comparison(
        tool_version=__version__,
        per=per,
        scope=audits[0].estimate.scope if audits else None,
        reference=reference,
        entries=entries,
        failures=tuple(failures),
        swaps=swaps({e.name: e.amounts for e in entries}),
        paybacks=paybacks(entries),
        notes=_notes(entries, per, reference),
    )


def _own_set(figures: Sequence[Figures]) -> ReferenceSet:
    what = f"the {len(figures)} models compared, by their medians"
    return compared_set([_medians(f) for f in figures], what)


def _medians(figures: Figures) -> Mapping[str, float | None]:
    values = {name: getattr(figures, name) for name in RESOURCES}
    return {n: v.median if isinstance(v, Interval) else v for n, v in values.items()}


def _entries(found: Audited, per: Per, scored: Sequence[tuple[Score, ...]]) -> tuple[Entry, ...]:
    amounts = [amounts_of(result, per) for _, result in found]
    accuracies = [c.request.plan.accuracy for c, _ in found]
    ranked = _ranked(amounts, accuracies, scored)
    placed = _placed(found, amounts)
    return tuple(
        Entry(
            name=candidate.name,
            path=str(candidate.request.path),
            overrides=candidate.overrides,
            accuracy=accuracies[i],
            audit=result,
            amounts=amounts[i],
            scores=scored[i],
            place=placed.get(candidate.name),
            ranks=ranked[i],
        )
        for i, (candidate, result) in enumerate(found)
    )


def _placed(found: Audited, amounts: Sequence[Amounts]) -> Mapping[str, Place]:
    points = [
        Point(candidate.name, candidate.request.plan.accuracy, amount.energy_kwh)
        for (candidate, _), amount in zip(found, amounts, strict=True)
        if candidate.request.plan.accuracy is not None
    ]
    return {p.name: place for p, place in zip(points, places(points), strict=True)}


def _ranked(
    amounts: Sequence[Amounts],
    accuracies: Sequence[float | None],
    scored: Sequence[tuple[Score, ...]],
) -> tuple[Mapping[str, int], ...]:
    """The ranks of each model, by every criterion and then every metric."""
    by_name = {Criterion.ACCURACY.value: ranks(accuracies, most_first=True)}
    for criterion in (c for c in Criterion if c is not Criterion.ACCURACY):
        values = [_median(getattr(a, criterion.value)) for a in amounts]
        by_name[criterion.value] = ranks(values, most_first=False)
    for i, metric in enumerate(METRICS):
        by_name[metric.id] = ranks([s[i].median for s in scored], most_first=True)
    return tuple(
        MappingProxyType({n: r for n, found in by_name.items() if (r := found[i]) is not None})
        for i in range(len(amounts))
    )


def _median(value: Interval | float | None) -> float | None:
    return value.median if isinstance(value, Interval) else value


def _notes(entries: Sequence[Entry], per: Per, reference: ReferenceSet) -> tuple[str, ...]:
    notes = [
        f"PePR is against the reference set {reference.name}; outside its range R is below 0 "
        "or above 1 and is not clipped",
        *_covered(reference),
    ]
    if any(e.amounts.carbon_gco2e is not None for e in entries):
        notes.append(
            "carbon is operational: electricity of the facility where a PUE is known, else of "
            "the node, times the yearly mean of the region's grid"
        )
    if per is Per.SAMPLE:
        notes.append(
            "the plan of one model at least gives no amount of training: what is compared is one "
            "sample of each, and carbon is not assessed"
        )
    without = [e.name for e in entries if e.accuracy is None]
    if without:
        notes.append(f"no accuracy, so no score and no place on the front: {', '.join(without)}")
    devices = {e.audit.hardware.accelerator.id for e in entries}
    if len(devices) > 1:
        notes.append(f"the models are on different devices: {', '.join(sorted(devices))}")
    beyond = [e.name for e in entries if e.audit.estimate.in_domain is False]
    if beyond:
        notes.append(f"beyond what was measured, so less sure: {', '.join(beyond)}")
    return tuple(notes)


def _covered(reference: ReferenceSet) -> tuple[str, ...]:
    """What the figures of a set cover, which is not always what is estimated here."""
    if reference.name == COMPARED:
        return ()
    ranges = reference.ranges.items()
    return tuple(
        f"{reference.name}, {name}: {limits.low:g} to {limits.high:g}, {limits.covers}"
        for name, limits in ranges
    )
