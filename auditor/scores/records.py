"""What scores are made of, and a score: the same records for every metric."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from auditor.energy import Scope
from auditor.interval import Interval
from auditor.scores.reference import ReferenceSet

SAM_ALPHA = 5.0
SAM_BETA = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What is known of one training and its network; None is not assessed.

    `accuracy` is a fraction.  `energy_kwh` is of `scope`, `carbon_gco2e` what the operation
    emits, `duration_s` the whole training and `epoch_time_s` one epoch of it; `memory_bytes` the
    peak of a step on one device; `macs` of one sample's forward pass.
    """

    accuracy: float | None
    scope: Scope
    energy_kwh: Interval | None
    carbon_gco2e: Interval | None
    duration_s: Interval | None
    epoch_time_s: Interval | None
    memory_bytes: float
    parameter_count: int
    macs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What a score leaves open: PePR's reference set, and the two exponents of SAM."""

    reference: ReferenceSet | None = None
    sam_alpha: float = SAM_ALPHA
    sam_beta: float = SAM_BETA


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One metric of one training; `median` is None where it is undefined, with the reason.

    `low` and `high` are the ends that the interval of what goes in gives, at `level`; they and
    `level` are None where nothing with an interval goes in, and an end alone where the metric
    is undefined there.  `settings` states the parameters and units.  `outside_reference`
    says whether the resource lies beyond the reference set's range; None where there is none.
    """

    metric: str
    median: float | None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    undefined_because: str | None = None
    outside_reference: bool | None = None
    settings: Mapping[str, float | str] = field(default_factory=lambda: MappingProxyType({}))


def undefined(metric: str, reason: str, settings: Mapping[str, float | str] | None = None) -> Score:
    """Return a score that has no value, and says why."""
    return Score(
        metric=metric,
        median=None,
        undefined_because=reason,
        settings=MappingProxyType(dict(settings or {})),
    )


def carried(
    metric: str,
    amount: Interval,
    formula: Callable[[float], float | None],
    settings: Mapping[str, float | str],
    reason: str,
) -> Score:
    """Score an amount with its interval, by a formula that falls with the amount.

    So the score's low end belongs to the amount's high one.  `reason` says why there is no
    value where `formula` gives None for the median.
    """
    median = formula(amount.median)
    return Score(
        metric=metric,
        low=formula(amount.high),
        median=median,
        high=formula(amount.low),
        level=amount.level,
        undefined_because=reason if median is None else None,
        settings=MappingProxyType(dict(settings)),
    )
