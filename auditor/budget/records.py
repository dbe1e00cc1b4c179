"""What is asked of a training, and what was found: the one record that every format is made of."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """What a limit does where it is exceeded."""

    OFF = "off"
    WARN = "warn"
    ERROR = "error"


class End(StrEnum):
    """Which value of an interval is held against a limit."""

    LOW = "low"
    MEDIAN = "median"
    HIGH = "high"


class Bound(StrEnum):
    """Whether more or less than the limit breaks it."""

    MAX = "max"
    MIN = "min"


class Outcome(StrEnum):
    """What came of one limit."""

    WITHIN = "within"
    WARNED = "warned"
    EXCEEDED = "exceeded"
    NOT_ASSESSED = "not_assessed"


class Cause(StrEnum):
    """What makes a figure differ from the one in the lock file."""

    MODEL = "model"  # the network's structure
    PLAN = "plan"  # how it is trained, on what and where
    CALIBRATION = "calibration"  # the artefact that estimates are made with
    TOOL = "tool"  # another version of auditor
    NEW = "new"  # it is not in the lock file


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One limit: on which quantity, how much, and which end breaks it at which level.

    `error_on` and `warn_on` are the ends whose excess is an error or a warning; None for never.
    They are ends of the value's own interval: the one that breaks a floor (`bound` is MIN) first
    is the low one.
    `origin` says where it was asked for, as "[limits] of auditor.toml" or "preset eu-gpai".
    """

    quantity: str
    bound: Bound
    amount: float
    error_on: End | None
    warn_on: End | None
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A figure with its interval at `level`; the ends and `level` are None where it has none."""

    median: float
    low: float | None = None
    high: float | None = None
    level: float | None = None

    def at(self, end: End) -> float:
        """Return one end; the median where there is no interval."""
        value = {End.LOW: self.low, End.MEDIAN: self.median, End.HIGH: self.high}[end]
        return self.median if value is None else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One change of the plan that brings the value under the limit, computed.

    `key` is the plan's key ("epochs", "samples", "tokens", "trials", "batch_size", "hardware",
    "region"...), `setting` what to set it to, `was` what it is now, and `value` what the quantity
    then is at the end that broke the limit.
    """

    key: str
    setting: float | str
    was: float | str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A figure beside the one in the lock file, medians both.

    `ratio` is after over before, None where before is 0.  `causes` are those that can have made the
    difference.  `exceeds` says whether it got worse by more than the tolerance; None where none
    was given.
    """

    before: float
    after: float
    ratio: float | None
    causes: tuple[Cause, ...]
    exceeds: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One limit of one model, judged.

    `value` is None where the quantity is not assessed, and `because` then says why.  `end` is the
    one that broke the limit (None: none did), `excess` by how much in `unit` and `excess_share` as
    a share of the limit (0.25: a quarter over); both None within.  `remedies` is empty within,
    and where nothing that was tried helps; `no_remedy` then says what was tried.
    """

    limit: Limit
    unit: str
    title: str
    value: Value | None
    because: str | None
    outcome: Outcome
    end: End | None
    excess: float | None
    excess_share: float | None
    remedies: tuple[Remedy, ...]
    no_remedy: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is said of a model that was audited, beside its limits.

    `figures` are all quantities that were assessed, by id, whether limited or not: the lock file
    is made of them.  `scope` is what `energy_kwh` covers.  `plan_sha256` is of everything that was
    asked: plan, hardware and region.
    """

    hardware: str
    region: str | None
    method: str
    scope: str
    in_domain: bool | None
    structure_sha256: str
    plan_sha256: str
    artefact_sha256: str | None
    figures: tuple[tuple[str, Value], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVerdict:
    """One model: its judgements and changes, or the `error` that kept it from being judged.

    `changes` go by quantity; they are empty where there is no lock file.
    """

    name: str
    path: str
    found: Found | None
    judgements: tuple[Judgement, ...]
    changes: tuple[tuple[str, Change], ...]
    warnings: tuple[str, ...]
    error: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """All models of one configuration.

    `baseline` is the lock file that was compared with (None: there is none), `tolerance` a
    fraction or None.  `missing` are models in the lock file that the configuration has no more.
    """

    tool_version: str
    config: str
    models: tuple[ModelVerdict, ...]
    baseline: str | None
    tolerance: float | None
    missing: tuple[str, ...]

    @property
    def exit_code(self) -> int:
        """0: within; 1: a limit or the tolerance is exceeded; 2: something was not judged."""
        judged = [j for m in self.models for j in m.judgements]
        if any(m.error is not None for m in self.models):
            return 2
        if any(j.outcome is Outcome.NOT_ASSESSED for j in judged):
            return 2
        grew = any(c.exceeds for m in self.models for _, c in m.changes)
        return int(grew or any(j.outcome is Outcome.EXCEEDED for j in judged))
