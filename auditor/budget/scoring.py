"""Scores of an assessment, and all its figures by quantity.

They are made where models are judged and not where one is audited, since PePR is against the range
of all models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from auditor.budget.assessment import Assessment, Inputs
from auditor.budget.quantities import OTHERWISE, PEPR
from auditor.budget.records import Value
from auditor.energy import Scope
from auditor.interval import Interval
from auditor.scores import METRICS, Choices, Figures, ReferenceSet, compared_set, scores
from auditor.scores.reference import RESOURCES

_AMOUNT = "samples or tokens"
# Which keys of a plan give what a score needs.
_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "accuracy": "accuracy",
        "energy_kwh": _AMOUNT,
        "duration_s": _AMOUNT,
        "carbon_gco2e": f"region, or carbon_gco2e_per_kwh, and {_AMOUNT}",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Figures by the ids of quantities, and why there is none of the others, with the remedy."""

    values: Mapping[str, Value]
    missing: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What PePR of one model is against.

    `reference` is a set of its own; None for the models of the configuration, of which `others`
    are all but this one.  `lacking` names those that could not be audited.
    """

    reference: ReferenceSet | None
    others: tuple[Assessment, ...] = ()
    lacking: tuple[str, ...] = ()


def known(found: Assessment, frame: Frame) -> Known:
    """Return all figures of a model, scores among them; every other quantity has a reason."""
    values, missing = dict(found.values), dict(found.missing)
    reference = frame.reference or _compared((found, *frame.others))
    figures = _figures(found)
    for metric, score in zip(METRICS, scores(figures, Choices(reference=reference)), strict=True):
        lacking = next((n for n in metric.needs if getattr(figures, n) is None), None)
        if lacking is not None:
            missing[metric.id] = f"{score.undefined_because}; add {_KEYS[lacking]} to its plan"
        elif metric.id in PEPR and frame.reference is None and frame.lacking:
            missing[metric.id] = (
                f"the set of the models compared lacks {', '.join(frame.lacking)}, not audited; "
                "correct that, or name a reference set"
            )
        elif score.median is None:
            missing[metric.id] = f"{score.undefined_because}; {OTHERWISE}"
        else:
            values[metric.id] = Value(
                median=score.median, low=score.low, high=score.high, level=score.level
            )
    return Known(values=MappingProxyType(values), missing=MappingProxyType(missing))


def _compared(models: Sequence[Assessment]) -> ReferenceSet:
    what = f"the {len(models)} models of the configuration, by their medians"
    return compared_set([_medians(m.inputs) for m in models], what)


def _medians(inputs: Inputs) -> Mapping[str, float | None]:
    found = {name: getattr(inputs, name) for name in RESOURCES}
    return {n: v.median if isinstance(v, Value) else v for n, v in found.items()}


def _figures(found: Assessment) -> Figures:
    inputs = found.inputs
    return Figures(
        accuracy=inputs.accuracy,
        scope=Scope(found.scope),
        energy_kwh=_interval(inputs.energy_kwh),
        carbon_gco2e=_interval(inputs.carbon_gco2e),
        duration_s=_interval(inputs.duration_s),
        epoch_time_s=_interval(inputs.epoch_time_s),
        memory_bytes=inputs.memory_bytes,
        parameter_count=inputs.parameter_count,
        macs=inputs.macs,
    )


def _interval(value: Value | None) -> Interval | None:
    """The interval of an input, which always has one where it is assessed."""
    if value is None or value.low is None or value.high is None or value.level is None:
        return None
    return Interval(value.low, value.median, value.high, value.level)
