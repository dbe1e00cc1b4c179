"""The training plan: how much is trained, how, and on how many devices."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from auditor.errors import PlanError
from auditor.optimizers import optimizer
from auditor.precision import precision
from auditor.workload.lifecycle import LIFECYCLE_CHECKS, Check, Lifecycle

DEFAULT_BATCH_SIZE = 32
DEFAULT_OPTIMIZER = "adamw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the user says of the training; None is not said.

    `samples` or `tokens` are per epoch.  `batch_size` is samples per device and forward
    pass; `gradient_accumulation` passes make one optimizer step.  `power_limit_w` is what each
    device's board is limited to.  `trials` counts all runs
    of a hyperparameter search.  `checkpointing` is a number of segments, `freeze` and
    `trainable` are patterns of parameters' names.  `carbon_gco2e_per_kwh` and `wue_l_per_kwh`
    are taken over the region's.  Prices are in `currency`, a label.  `lifetime_years` and
    `device_utilisation` say what a training's share of making the devices is.  `dims` and
    `shapes` bind dynamic dimensions, `assume` sizes that only the data decides, by the node that
    makes them.
    """

    samples: float | None = None
    tokens: float | None = None
    epochs: float | None = None
    batch_size: int | None = None
    gradient_accumulation: int | None = None
    precision: str | None = None
    optimizer: str | None = None
    devices: int | None = None
    link_bytes_per_s: float | None = None
    input_pipeline_samples_per_s: float | None = None
    power_limit_w: float | None = None
    trials: int | None = None
    hardware: str | None = None
    region: str | None = None
    pue: float | None = None
    scope: str | None = None
    carbon_gco2e_per_kwh: float | None = None
    wue_l_per_kwh: float | None = None
    price_per_kwh: float | None = None
    price_per_device_hour: float | None = None
    currency: str | None = None
    lifetime_years: float | None = None
    device_utilisation: float | None = None
    accuracy: float | None = None
    batchnorm: str | None = None
    attention: str | None = None
    checkpointing: int | None = None
    sharding: str | None = None
    freeze: tuple[str, ...] | None = None
    trainable: tuple[str, ...] | None = None
    dims: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    assume: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    lifecycle: Lifecycle = field(default_factory=Lifecycle)

    def over(self, other: Plan) -> Plan:
        """Return this plan with `other`'s values where this one says nothing."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        said = {k: v for k, v in own.items() if v is not None and k not in _TABLES}
        # The two ways to count exclude each other: saying one takes back the other.
        if "samples" in said or "tokens" in said:
            other = replace(other, samples=None, tokens=None)
        return replace(
            other,
            **said,
            dims=MappingProxyType({**other.dims, **self.dims}),
            shapes=MappingProxyType({**other.shapes, **self.shapes}),
            assume=MappingProxyType({**other.assume, **self.assume}),
            lifecycle=self.lifecycle.over(other.lifecycle),
        )

    def of_the_graph(self) -> Plan:
        """Return what of this plan the costs of a step depend on, the rest not said."""
        nothing: dict[str, Any] = dict.fromkeys(_BESIDE_THE_GRAPH)
        return replace(self, lifecycle=Lifecycle(), **nothing)


# Beyond these no training exists, and arithmetic would overflow.
MAX_COUNT = 10**9 - 1
MIN_AMOUNT, MAX_AMOUNT = 1e-9, 1e18
MAX_PUE = 100.0

# No more than a label, and nothing in it that would drive a terminal.
_LABEL = re.compile(r"[^\x00-\x1f\x7f-\x9f]{1,12}")
# What decides on how much is trained, on what, where and at which price, and on no operator's cost.
_BESIDE_THE_GRAPH = (
    "samples",
    "tokens",
    "epochs",
    "link_bytes_per_s",
    "input_pipeline_samples_per_s",
    "power_limit_w",
    "trials",
    "hardware",
    "region",
    "pue",
    "scope",
    "carbon_gco2e_per_kwh",
    "wue_l_per_kwh",
    "price_per_kwh",
    "price_per_device_hour",
    "currency",
    "lifetime_years",
    "device_utilisation",
    "accuracy",
)
_TABLES = ("dims", "shapes", "assume", "lifecycle")
_COUNTS = ("batch_size", "gradient_accumulation", "devices", "trials", "checkpointing")
_AMOUNTS = (
    "samples",
    "tokens",
    "epochs",
    "input_pipeline_samples_per_s",
    "link_bytes_per_s",
    "power_limit_w",
)
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "scope": ("gpu", "node", "facility"),
    "batchnorm": ("auto", "restore", "keep"),
    "attention": ("exported", "flash", "math"),
    "sharding": ("none", "zero1", "zero2", "zero3"),
}


def validated(plan: Plan) -> Plan:
    """Return `plan` if every value in it is possible.

    Raises:
        PlanError: a count below 1, an amount that is not a positive number, an accuracy
            that is no fraction, a PUE below 1, a name that is none of the choices, or
            both samples and tokens.
    """
    for name in _COUNTS:
        _require(
            getattr(plan, name),
            name,
            lambda v: isinstance(v, int) and 1 <= v <= MAX_COUNT,
            f"a whole number of 1 or more, at most {MAX_COUNT}",
        )
    for name in _AMOUNTS:
        _require(
            getattr(plan, name),
            name,
            lambda v: MIN_AMOUNT <= v <= MAX_AMOUNT,
            f"a number above 0, of at most {MAX_AMOUNT:g}",
        )
    _require(plan.pue, "pue", lambda v: 1 <= v <= MAX_PUE, "1 (no overhead) to 100")
    _check_impacts(plan)
    _require(plan.accuracy, "accuracy", lambda v: 0 <= v <= 1, "a fraction from 0 to 1, as 0.76")
    for name, choices in _CHOICES.items():
        value = getattr(plan, name)
        if value is not None and value not in choices:
            raise PlanError(f"{_option(name)} {value!r}: choose one of {', '.join(choices)}")
    if plan.samples is not None and plan.tokens is not None:
        raise PlanError("both --samples and --tokens are given; a plan counts one of them")
    if plan.precision is not None:
        precision(plan.precision)
    if plan.optimizer is not None:
        optimizer(plan.optimizer)
    if plan.sharding not in (None, "none") and (plan.devices or 1) < 2:
        raise PlanError(f"--sharding {plan.sharding}: one device shares nothing; add --devices N")
    _check_sizes(plan)
    return plan


def _check_sizes(plan: Plan) -> None:
    """Check the sizes of dimensions.

    Raises:
        PlanError: one is none that a dimension can have.
    """
    for size in (size for sizes in plan.assume.values() for size in sizes):
        remedy = f"a whole number, at most {MAX_COUNT}"
        _require(size, "assume", lambda v: 0 <= v <= MAX_COUNT, remedy)
    for sizes in (plan.dims.values(), *plan.shapes.values()):
        for size in sizes:
            remedy = f"a whole number of 1 or more, at most {MAX_COUNT}"
            _require(size, "dim", lambda v: 1 <= v <= MAX_COUNT, remedy)


_IMPACTS: Mapping[str, Check] = {
    "carbon_gco2e_per_kwh": (lambda v: 0 <= v <= 1e4, "g of CO2e a kWh from 0 to 10000"),
    "wue_l_per_kwh": (lambda v: 0 <= v <= 1e3, "litres a kWh from 0 to 1000"),
    "price_per_kwh": (lambda v: 0 <= v <= MAX_AMOUNT, "a number of 0 or more"),
    "price_per_device_hour": (lambda v: 0 <= v <= MAX_AMOUNT, "a number of 0 or more"),
    "lifetime_years": (lambda v: 0 < v <= 100, "a number of years above 0, at most 100"),
    "device_utilisation": (lambda v: 0 < v <= 1, "a share of the time above 0, at most 1"),
}


def _check_impacts(plan: Plan) -> None:
    """Check what impacts and the life cycle are made of.

    Raises:
        PlanError: a value is impossible, or a price's label is no short word.
    """
    for name, (holds, remedy) in _IMPACTS.items():
        _require(getattr(plan, name), name, holds, remedy)
    for name, (holds, remedy) in LIFECYCLE_CHECKS.items():
        _require(getattr(plan.lifecycle, name), name, holds, remedy)
    life = plan.lifecycle
    batch = "a whole number of 1 or more"
    _require(
        life.inference_batch_size, "inference_batch_size", lambda v: 1 <= v <= MAX_COUNT, batch
    )
    if life.inference_precision is not None:
        precision(life.inference_precision)
    label = plan.currency
    if label is not None and not _LABEL.fullmatch(label):
        raise PlanError(f"--currency {label[:40]!r}: give a short label, as EUR")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _require(value: Any, name: str, holds: Any, remedy: str) -> None:
    if value is not None and not (holds(value) and math.isfinite(value)):
        raise PlanError(f"{_option(name)} {value}: must be {remedy}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A plan with nothing left open but how much is trained, which may stay unknown.

    `samples` is per epoch, None where the plan does not say.  `power_limit_w` is of one device,
    None for its design power.
    """

    samples: float | None
    tokens: float | None
    epochs: float
    batch_size: int
    gradient_accumulation: int
    precision: str
    optimizer: str
    devices: int
    link_bytes_per_s: float | None
    input_pipeline_samples_per_s: float | None
    power_limit_w: float | None
    trials: int
    sequence_length: int | None
    attention: str
    checkpointing: int
    sharding: str
    freeze: tuple[str, ...]
    trainable: tuple[str, ...]

    @property
    def global_batch_size(self) -> int:
        """Samples per optimizer step over all devices."""
        return self.batch_size * self.gradient_accumulation * self.devices

    @property
    def total_samples(self) -> float | None:
        """Samples trained on over all epochs and trials; energy is linear in it."""
        return None if self.samples is None else self.samples * self.epochs * self.trials

    def as_dict(self) -> dict[str, Any]:
        """Every field, and what follows from them."""
        return {
            **asdict(self),
            "freeze": list(self.freeze),
            "trainable": list(self.trainable),
            "global_batch_size": self.global_batch_size,
            "total_samples": self.total_samples,
        }


def workload(plan: Plan, precision_name: str, sequence_length: int | None) -> Workload:
    """Fill in what the plan leaves out.

    Raises:
        PlanError: tokens are given, but the model's inputs have no sequence to count them by.
    """
    samples = plan.samples
    if plan.tokens is not None:
        if sequence_length is None:
            raise PlanError(
                "--tokens: the model has no integer input of shape (batch, sequence) to count "
                "tokens by; give --samples"
            )
        samples = plan.tokens / sequence_length
    return Workload(
        samples=samples,
        tokens=plan.tokens,
        epochs=plan.epochs if plan.epochs is not None else 1.0,
        batch_size=plan.batch_size or DEFAULT_BATCH_SIZE,
        gradient_accumulation=plan.gradient_accumulation or 1,
        precision=precision_name,
        optimizer=plan.optimizer or DEFAULT_OPTIMIZER,
        devices=plan.devices or 1,
        link_bytes_per_s=plan.link_bytes_per_s,
        input_pipeline_samples_per_s=plan.input_pipeline_samples_per_s,
        power_limit_w=plan.power_limit_w,
        trials=plan.trials or 1,
        sequence_length=sequence_length,
        attention=plan.attention or "exported",
        checkpointing=plan.checkpointing or 1,
        sharding=plan.sharding or "none",
        freeze=plan.freeze or (),
        trainable=plan.trainable or (),
    )
