"""What a comparison found: the models, where each stands, and what could not be audited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from auditor.energy import Scope
from auditor.impacts.breakeven import BreakEven
from auditor.interval import Interval
from auditor.pipeline import Audit
from auditor.scores import ReferenceSet, Score


class Per(StrEnum):
    """What the amounts of a comparison are of."""

    TRAINING = "training"
    SAMPLE = "sample"  # where the plan of a model does not say how much is trained


class Criterion(StrEnum):
    """What models are ranked by, besides their scores; of all but accuracy, less is better."""

    ACCURACY = "accuracy"
    COMPUTE = "training_flops"
    ENERGY = "energy_kwh"
    TIME = "duration_s"
    CARBON = "carbon_gco2e"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """What one model takes, of a training or of a sample in it.

    `training_flops` are of passes and updates, all devices and trials together.  `energy_kwh` is of
    the comparison's scope, carbon what the operation emits.  None is not assessed.
    """

    training_flops: float | None
    energy_kwh: Interval
    duration_s: Interval
    carbon_gco2e: Interval | None


class Dominance(StrEnum):
    """Whether another model is at least as good in both respects, and better in one."""

    NO = "no"
    POSSIBLY = "possibly"  # for some values within the intervals
    SURELY = "surely"  # for all values within them


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a model stands between accuracy and energy.

    `on_front` goes by the medians, `dominated` by the intervals.
    """

    on_front: bool
    dominated: Dominance
    surely_by: tuple[str, ...]
    possibly_by: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One model that was audited.

    `overrides` names what the plan says of it alone.  `place` is None without an accuracy;
    `ranks` has a rank, 1 the best, by every criterion and metric that has a value.
    """

    name: str
    path: str
    overrides: tuple[str, ...]
    accuracy: float | None
    audit: Audit
    amounts: Amounts
    scores: tuple[Score, ...]
    place: Place | None
    ranks: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Failure:
    """One model that could not be audited, and why."""

    name: str
    path: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """Two models that two criteria rank differently.

    By `by`, `ahead` takes less than `behind`; by `but` it takes more.  `sure` says that no
    interval that is compared here overlaps the other's.
    """

    by: Criterion
    but: Criterion
    ahead: str
    behind: str
    sure: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Payback:
    """After how many inferences `more` has taken no more electricity than `less`.

    It takes more before its use, and is ahead only if it takes less for an inference.
    """

    less: str
    more: str
    after: BreakEven


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Several models beside each other, in the order they were given.

    `scope` is what the energy covers, None where no model could be audited.  `paybacks` are of
    every two models, where the plan asks for a life cycle.
    """

    tool_version: str
    per: Per
    scope: Scope | None
    reference: ReferenceSet
    entries: tuple[Entry, ...]
    failures: tuple[Failure, ...]
    swaps: tuple[Swap, ...]
    paybacks: tuple[Payback, ...]
    notes: tuple[str, ...]
