"""The check: from a configuration to a verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from auditor import __version__
from auditor.budget.assessment import Assessment
from auditor.budget.candidate import Candidate, artefact_sha256, plan_sha256
from auditor.budget.changes import Beside, Now, beside, changes, moved_by_others
from auditor.budget.config import COMPARED, Configuration
from auditor.budget.judge import judged
from auditor.budget.limits import is_on
from auditor.budget.lock import Lock, locked
from auditor.budget.quantities import PEPR, QUANTITIES
from auditor.budget.records import Change, Found, Judgement, ModelVerdict, Verdict
from auditor.budget.scoring import Frame, Known, known
from auditor.errors import AuditError, PlanError
from auditor.scores import ReferenceSet

Remedied = tuple[Judgement, ...]


def assessed(candidate: Candidate) -> Assessment:
    """Audit one model.

    Raises:
        AuditError: it cannot be audited.
    """
    from auditor.budget.assess import assess  # loads the graph's libraries

    return assess(candidate)


def with_remedies(
    candidate: Candidate, judgements: Sequence[Judgement], frame: Frame
) -> tuple[Judgement, ...]:
    """Find the changes that help where a limit is broken; nothing is loaded where none is."""
    if all(judgement.end is None for judgement in judgements):
        return tuple(judgements)
    from auditor.budget.remedies import remedied  # loads the graph's libraries

    return remedied(candidate, judgements, frame)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """The two ways from a check to the pipeline; each is a function of what it is given alone."""

    assess: Callable[[Candidate], Assessment] = assessed
    remedy: Callable[[Candidate, Sequence[Judgement], Frame], Remedied] = with_remedies


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """What a check is held against beside its limits.

    `lock` is the lock file of `lock_name`, None where there is none; `tolerance` a fraction, None
    where figures may change as they like.
    """

    lock_name: str
    lock: Lock | None
    tolerance: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A verdict, and the lock file that would hold its figures.

    `lock` is None where a model could not be audited: there is no figure to keep.
    """

    verdict: Verdict
    lock: Lock | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Audited:
    """The models that could be audited, by name, and the errors of the others."""

    found: Mapping[str, Assessment]
    errors: Mapping[str, str]
    reference: ReferenceSet | None
    not_asked: tuple[str, ...]

    def frame(self, name: str) -> Frame:
        """What PePR of one model is against."""
        if self.reference is not None:
            return Frame(reference=self.reference)
        others = tuple(found for other, found in self.found.items() if other != name)
        return Frame(reference=None, others=others, lacking=(*self.errors, *self.not_asked))


def check(asked: Configuration, against: Against, stages: Stages | None = None) -> Checked:
    """Check every model that is asked for; one that cannot be audited hides none of the others.

    Raises:
        PlanError: the reference set is none, or the hardware file cannot be read.
        CalibrationError: the calibration's file cannot be read.
    """
    stages = stages or Stages()
    artefact = artefact_sha256(asked.calibration)
    audited = _audited(asked, stages)
    judging = [_found(model, audited, asked, artefact) for model in asked.models]
    models = {model.name: found for model, found in zip(asked.models, judging, strict=True)}
    there = {name: found[0] for name, found in models.items() if found is not None}
    to = None
    if against.lock is not None:
        now = Now(
            tool_version=__version__,
            artefact_sha256=artefact,
            is_pepr_of_all=asked.reference is None,
        )
        to = beside(against.lock, now, there, against.tolerance)
    verdict = Verdict(
        tool_version=__version__,
        config=str(asked.path),
        models=tuple(
            _verdict(model, models[model.name], audited, to, stages) for model in asked.models
        ),
        baseline=against.lock_name if against.lock is not None else None,
        tolerance=against.tolerance,
        missing=_missing(asked, against.lock),
    )
    return Checked(verdict=verdict, lock=_new_lock(asked, against.lock, there, artefact))


def _audited(asked: Configuration, stages: Stages) -> _Audited:
    """Audit the models asked for, and the others too where a score is against all of them."""
    needs_all = asked.reference is None and any(
        limit.quantity in PEPR and is_on(limit) for m in asked.models for limit in m.limits
    )
    chosen = asked.all_models if needs_all else asked.models
    found, errors = dict[str, Assessment](), dict[str, str]()
    for model in chosen:
        try:
            found[model.name] = stages.assess(model)
        except AuditError as error:
            errors[model.name] = str(error)
    names = {model.name for model in chosen}
    return _Audited(
        found=MappingProxyType(found),
        errors=MappingProxyType(errors),
        reference=_reference(asked.reference),
        not_asked=tuple(m.name for m in asked.all_models if m.name not in names),
    )


def _reference(name: str | None) -> ReferenceSet | None:
    if name is None:
        return None
    from auditor.scores import read_reference

    return read_reference(name)


def _found(
    model: Candidate, audited: _Audited, asked: Configuration, artefact: str | None
) -> tuple[Found, Known] | None:
    """What is said of a model that was audited; None of one that was not."""
    assessment = audited.found.get(model.name)
    if assessment is None:
        return None
    figures = known(assessment, audited.frame(model.name))
    found = Found(
        hardware=assessment.hardware,
        region=assessment.region,
        method=assessment.method,
        scope=assessment.scope,
        in_domain=assessment.in_domain,
        structure_sha256=assessment.structure_sha256,
        plan_sha256=plan_sha256(model, asked.reference or COMPARED),
        artefact_sha256=artefact,
        figures=tuple((q, figures.values[q]) for q in QUANTITIES if q in figures.values),
    )
    return found, figures


def _verdict(
    model: Candidate,
    known_of: tuple[Found, Known] | None,
    audited: _Audited,
    to: Beside | None,
    stages: Stages,
) -> ModelVerdict:
    if known_of is None:
        return _broken(model, audited.errors[model.name])
    found, figures = known_of
    assessment = audited.found[model.name]
    judgements = judged(model.limits, figures, assessment.currency)
    compared = tuple[tuple[str, Change], ...]() if to is None else changes(model.name, found, to)
    warnings = assessment.warnings
    if to is not None:
        warnings += tuple(moved_by_others(compared, to.tolerance))
    return ModelVerdict(
        name=model.name,
        path=str(model.path),
        found=found,
        judgements=stages.remedy(model, judgements, audited.frame(model.name)),
        changes=compared,
        warnings=warnings,
        error=None,
    )


def _broken(model: Candidate, error: str) -> ModelVerdict:
    return ModelVerdict(
        name=model.name,
        path=str(model.path),
        found=None,
        judgements=(),
        changes=(),
        warnings=(),
        error=error,
    )


def _missing(asked: Configuration, lock: Lock | None) -> tuple[str, ...]:
    names = {model.name for model in asked.all_models}
    return tuple(sorted(name for name in (lock.models if lock else ()) if name not in names))


def _new_lock(
    asked: Configuration, before: Lock | None, found: Mapping[str, Found], artefact: str | None
) -> Lock | None:
    """The lock file of these figures; of models that were not asked for, as it was.

    None where a model was not audited.
    """
    if len(found) < len(asked.models):
        return None
    names = {model.name for model in asked.all_models}
    kept = {n: m for n, m in (before.models if before else {}).items() if n in names}
    return Lock(
        tool_version=__version__,
        artefact_sha256=artefact,
        models=MappingProxyType(kept | {name: locked(f) for name, f in found.items()}),
    )


def require_baseline(asked: Configuration, against: Against, lock_is_named: bool) -> None:
    """Refuse a check that would hold its models against nothing.

    Raises:
        PlanError: there is a tolerance and no lock file, the named lock file is not there, or
            there are neither limits nor a lock file.
    """
    if against.lock is not None:
        return
    if against.tolerance is not None:
        raise PlanError(
            f"tolerance {against.tolerance:.2%}: there is no {against.lock_name} to compare with; "
            "write it with `audit check --update`, or leave the tolerance out"
        )
    if lock_is_named:
        raise PlanError(f"{against.lock_name}: there is no such lock file; write it with --update")
    if not asked.has_limits:
        raise PlanError(
            f"{asked.path}: has no limits, so nothing to check; add [limits] with energy_kwh = 12, "
            "or write a lock file with --update"
        )


def require_one_making(asked: Configuration, before: Lock | None) -> None:
    """Refuse to update some models of a lock file that was made with something else.

    Raises:
        PlanError: the models left out have figures of another version or calibration.
    """
    left_out = {m.name for m in asked.all_models} - {m.name for m in asked.models}
    if before is None or not left_out & set(before.models):
        return
    made = (__version__, artefact_sha256(asked.calibration))
    if made != (before.tool_version, before.artefact_sha256):
        raise PlanError(
            "--update: the lock file was made with another version or calibration; update all "
            "models: leave out the arguments"
        )
