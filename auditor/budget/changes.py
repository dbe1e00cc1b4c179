"""Figures beside those of the lock file, and what can have made the difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from auditor.budget.lock import Lock, Locked, locked, rounded
from auditor.budget.quantities import PEPR, QUANTITIES
from auditor.budget.records import Bound, Cause, Change, Found

# A lock file may hold anything: over less than this a ratio would overflow.
_LEAST = 1e-60
_NOT_OURS = {Cause.CALIBRATION: "the calibration", Cause.TOOL: "the version of auditor"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What figures are compared with: the lock file, and what differs for all models.

    `pepr_causes` are those of a score against all models, as any of them can have moved it; None
    where PePR is against a set of its own.
    """

    lock: Lock
    general: tuple[Cause, ...]
    pepr_causes: tuple[Cause, ...] | None
    tolerance: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """What figures are made with; `is_pepr_of_all` says that PePR is against all models."""

    tool_version: str
    artefact_sha256: str | None
    is_pepr_of_all: bool


def beside(lock: Lock, now: Now, models: Mapping[str, Found], tolerance: float | None) -> Beside:
    """Prepare the comparison of all models, by name, with a lock file."""
    general = []
    if now.artefact_sha256 != lock.artefact_sha256:
        general.append(Cause.CALIBRATION)
    if now.tool_version != lock.tool_version:
        general.append(Cause.TOOL)
    own = {c for name, f in models.items() for c in _own(lock.models.get(name), f)}
    if set(models) != set(lock.models):
        own.add(Cause.PLAN)  # which models are compared is part of what was asked
    return Beside(
        lock=lock,
        general=tuple(general),
        pepr_causes=(*(c for c in Cause if c in own), *general) if now.is_pepr_of_all else None,
        tolerance=tolerance,
    )


def changes(name: str, found: Found, to: Beside) -> tuple[tuple[str, Change], ...]:
    """Compare every figure of one model, by quantity.

    One that the lock file does not have is new: it has no ratio, and its `before` says nothing.
    """
    before = to.lock.models.get(name)
    return tuple(_changes(before, found, to))


def _changes(before: Locked | None, found: Found, to: Beside) -> Iterator[tuple[str, Change]]:
    own = (*_own(before, found), *to.general)
    for name, after in locked(found).figures.items():
        if before is None or name not in before.figures:
            new = Change(before=0.0, after=after, ratio=None, causes=(Cause.NEW,), exceeds=None)
            yield name, new
        else:
            causes = own if to.pepr_causes is None or name not in PEPR else to.pepr_causes
            yield name, _change(name, (before.figures[name], after), causes, to.tolerance)


def _change(
    name: str, figures: tuple[float, float], causes: tuple[Cause, ...], tolerance: float | None
) -> Change:
    before, after = rounded(figures[0]), figures[1]
    causes = () if after == before else causes
    exceeds = None
    if tolerance is not None:
        exceeds = _is_worse(name, before, after, tolerance) and not is_not_ours(causes)
    return Change(
        before=before,
        after=after,
        ratio=after / before if abs(before) > _LEAST else None,
        causes=causes,
        exceeds=exceeds,
    )


def is_not_ours(causes: tuple[Cause, ...]) -> bool:
    """Whether a figure moved though neither model nor plan did."""
    return bool(causes) and set(causes) <= set(_NOT_OURS)


def _own(before: Locked | None, found: Found) -> tuple[Cause, ...]:
    if before is None:
        return ()
    differs = {
        Cause.MODEL: before.structure_sha256 != found.structure_sha256,
        Cause.PLAN: before.plan_sha256 != found.plan_sha256,
    }
    return tuple(cause for cause, is_so in differs.items() if is_so)


def _is_worse(name: str, before: float, after: float, tolerance: float) -> bool:
    more = after - before if QUANTITIES[name].bound is Bound.MAX else before - after
    return more > tolerance * abs(before)


def moved_by_others(
    compared: Iterable[tuple[str, Change]], tolerance: float | None
) -> Iterator[str]:
    """Say which figures got worse by more than the tolerance without model or plan changing."""
    if tolerance is None:
        return
    for name, change in compared:
        if is_not_ours(change.causes) and _is_worse(name, change.before, change.after, tolerance):
            by = " and ".join(_NOT_OURS[c] for c in change.causes if c in _NOT_OURS)
            yield (
                f"{name} is worse than in the lock file by more than the tolerance, but neither "
                f"model nor plan changed: {by} did; look at it, then run `audit check --update`"
            )
