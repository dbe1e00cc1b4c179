"""The ways to the pipeline, by way of what is kept on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from auditor.budget.assessment import Assessment, assessment_from
from auditor.budget.cache import Cache
from auditor.budget.candidate import Candidate, artefact_sha256, plan_sha256
from auditor.budget.check import Stages, assessed, with_remedies
from auditor.budget.records import Judgement, Remedy
from auditor.budget.scoring import Frame
from auditor.wire import read_header

# What an entry may raise that is whole by its checksum, which anybody can write, and none of ours.
_NOT_OURS = (KeyError, TypeError, ValueError, AttributeError)


def cached_stages(kept: Cache) -> Stages:
    """Return stages that assess a model, and look for remedies, once for the same facts."""

    def assess(candidate: Candidate) -> Assessment:
        if _is_code(candidate):
            return assessed(candidate)  # which refuses it in words of its own
        facts = _facts(candidate) | {"of": "assessment"}
        found = kept.get(facts, lambda: assessed(candidate).as_dict())
        try:
            return assessment_from(found)
        except _NOT_OURS:
            return assessed(candidate)

    def remedy(
        candidate: Candidate, judgements: Sequence[Judgement], frame: Frame
    ) -> tuple[Judgement, ...]:
        if all(judgement.end is None for judgement in judgements):
            return tuple(judgements)
        facts = _facts(candidate) | {
            "of": "remedies",
            "judgements": [asdict(judgement) for judgement in judgements],
            "frame": _frame(frame),
        }
        found = kept.get(facts, lambda: _written(with_remedies(candidate, judgements, frame)))
        try:
            return tuple(_read(j, of) for j, of in zip(judgements, found["remedies"], strict=True))
        except _NOT_OURS:
            return tuple(with_remedies(candidate, judgements, frame))

    return Stages(assess=assess, remedy=remedy)


def _is_code(candidate: Candidate) -> bool:
    return str(candidate.path).startswith("torch:")


def _facts(candidate: Candidate) -> dict[str, Any]:
    """All that an audit of a candidate depends on, but for the tool itself.

    Raises:
        ModelLoadError: the model's file cannot be read.
        HardwareError: the hardware file cannot be.
        CalibrationError: the calibration cannot be.
    """
    return {
        "model": read_header(candidate.path).sha256,
        # PePR's reference is no part of an assessment; the frame has it where it counts.
        "plan": plan_sha256(candidate, reference=""),
        "calibration": artefact_sha256(candidate.calibration),
    }


def _frame(frame: Frame) -> dict[str, Any]:
    said = asdict(replace(frame, reference=None))
    return said | {"reference": None if frame.reference is None else repr(frame.reference)}


def _written(judgements: Sequence[Judgement]) -> dict[str, Any]:
    return {
        "remedies": [
            {"remedies": [asdict(remedy) for remedy in j.remedies], "no_remedy": j.no_remedy}
            for j in judgements
        ]
    }


def _read(judgement: Judgement, of: dict[str, Any]) -> Judgement:
    remedies = tuple(Remedy(**remedy) for remedy in of["remedies"])
    return replace(judgement, remedies=remedies, no_remedy=of["no_remedy"])
