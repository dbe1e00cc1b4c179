"""A step's time as a sum: what each kind of work would take at the device's published peaks.

Williams, Waterman, Patterson, "Roofline", CACM 52(4), 2009, in its additive form: every term
is a time at peak, and its coefficient, fitted on measured runs, the inverse of the share of the
peak that is reached.  Since the peaks are the device's own, the coefficients carry over to devices
that were never measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from auditor.costs import PRODUCTS, Family
from auditor.precision import Precision
from auditor.step.kernels import BACKWARD, Floats, Kernels
from auditor.step.rates import Rates

Indices = NDArray[np.intp]

# Formats that run alike on matrix units.
_RATE_CLASS = {"fp32": "fp32", "tf32": "tf32", "fp16": "half", "bf16": "half", "fp8": "fp8"}
RATE_CLASSES = ("fp32", "tf32", "half", "fp8")
PASSES = ("forward", "backward")
# Elements of four bytes, or of two.
WIDTHS = ("full", "half")
_CONVOLUTIONS = frozenset({Family.CONVOLUTION, Family.POINTWISE_CONVOLUTION})
# These hardly use matrix units.
_VECTOR = frozenset({Family.GROUPED_CONVOLUTION, Family.DEPTHWISE_CONVOLUTION})

# Shares of the peak expected before any run is seen: what large products reach in NeuSight's
# kernel measurements (sitar-lab/NeuSight@6945927d); what keeps small ones from it are other terms.
_EXPECTED_SHARE: Mapping[Family, float] = MappingProxyType(
    {
        Family.CONVOLUTION: 0.7,
        Family.POINTWISE_CONVOLUTION: 0.7,
        Family.MATMUL: 0.7,
        Family.BATCHED_MATMUL: 0.35,
        Family.RECURRENT: 0.2,
        Family.GROUPED_CONVOLUTION: 0.3,
        Family.DEPTHWISE_CONVOLUTION: 0.2,
    }
)
_EXPECTED_BANDWIDTH_SHARE = 0.8
# Operations a clock of a multiprocessor that operands are fed for: a unit, like a microsecond.
_FED_FLOPS = 256
LAUNCH, LATENCY, VECTOR, UPDATE, TENSORS = "launch", "latency", "vector", "update", "tensors"
# A launch is counted in microseconds, a step of a sum in nanoseconds, as seconds.
LAUNCH_S, LATENCY_S = 1e-6, 1e-9
# How sharply the longer of device and host decides.
SHARPNESS = 4
# Low-precision weights written from fp32 ones, and their gradients widened.
_COPY_BYTES = 12


def _compute(family: Family, turn: str, rate: str) -> str:
    return f"compute/{family}/{turn}/{rate}"


def _feed(family: Family, turn: str) -> str:
    return f"feed/{family}/{turn}"


def _memory(family: Family, turn: str, width: str) -> str:
    return f"memory/{family}/{turn}/{width}"


def _priors() -> dict[str, float]:
    priors: dict[str, float] = {}
    for turn in PASSES:
        for family, share in _EXPECTED_SHARE.items():
            for rate in RATE_CLASSES:
                priors[_compute(family, turn, rate)] = 1 / share
            priors[_feed(family, turn)] = 0.1
        for family in Family:
            if family not in (Family.OPTIMIZER, Family.CONSTANT):
                for width in WIDTHS:
                    priors[_memory(family, turn, width)] = 1 / _EXPECTED_BANDWIDTH_SHARE
    for rate in RATE_CLASSES:
        priors[f"{LATENCY}/{rate}"] = 0.5
    return priors | {LAUNCH: 3.0, VECTOR: 0.5, UPDATE: 1.5, TENSORS: 3.0}


# What every coefficient is before a run is seen, by the name of its term.
PRIORS: Mapping[str, float] = MappingProxyType(_priors())
TERMS = tuple(PRIORS)
_INDEX = {name: index for index, name in enumerate(TERMS)}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTerms:
    """Times at peak in seconds, shape (rows, 2), and which term each belongs to.

    `update_s` and `tensors_s` are of the optimizer step, `copies_s` of the low-precision
    weights that every pass makes.
    """

    compute_s: Floats
    compute_term: Indices
    feed_s: Floats
    feed_term: Indices
    latency_s: Floats
    latency_term: Indices
    memory_s: Floats
    memory_term: Indices
    vector_s: Floats
    launch_s: Floats
    update_s: float
    copies_s: float
    tensors_s: float

    def sums(self) -> Floats:
        """Add up the rows: one number a term, in the order of `TERMS`."""
        size = len(TERMS)
        total = np.zeros(size)
        for term, seconds in (
            (self.compute_term, self.compute_s),
            (self.feed_term, self.feed_s),
            (self.latency_term, self.latency_s),
            (self.memory_term, self.memory_s),
        ):
            total += np.bincount(term.ravel(), seconds.ravel(), size)
        total[_INDEX[VECTOR]] += self.vector_s.sum()
        total[_INDEX[LAUNCH]] += self.launch_s.sum()
        total[_INDEX[UPDATE]] += self.update_s + self.copies_s
        total[_INDEX[TENSORS]] += self.tensors_s
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Passes:
    """What is timed: a forward pass alone, or one with the backward pass and with an update.

    `update_bytes` is the optimizer's traffic; without any there is no update.
    """

    backward: bool = True
    update_bytes: float = 0.0


def step_terms(
    kernels: Kernels, batch_size: int, peaks: Rates, mode: Precision, passes: Passes
) -> StepTerms:
    """Take the times at peak of one pass of `batch_size` samples through the network."""
    grown = batch_size / kernels.batch_size
    width = np.where(mode.keeps_fp32 & kernels.keeps_fp32, 4.0, mode.activation_bytes)
    traffic = kernels.batch_bytes * grown + kernels.weight_bytes
    memory_s = traffic * (width / kernels.element_bytes)[:, None] / peaks.bandwidth_bytes_per_s
    launches = kernels.launches.copy()
    if not passes.backward:
        launches[:, BACKWARD] = 0
    runs = launches > 0
    # Once a family, and from there by its number: a network has few of them.
    names = sorted(set(kernels.families))
    number = {name: index for index, name in enumerate(names)}
    of_row = np.array([number[name] for name in kernels.families], np.intp)
    kinds = [_kind(Family(name), peaks, mode) for name in names]
    flops = 2 * kernels.macs * grown * runs
    on_matrix_units = np.array([kind.on_matrix_units for kind in kinds])[of_row, None]
    by_width = [_indices(_MEMORY_TERM[w][name] for name in names)[of_row] for w in WIDTHS]
    latency_s = launches * kernels.contraction[:, None] * LATENCY_S
    is_copied = mode.copy_bytes > 0 and passes.backward
    copied_bytes = _COPY_BYTES * kernels.product_parameter_count * is_copied
    return StepTerms(
        compute_s=flops / np.array([kind.flops_per_s for kind in kinds])[of_row, None],
        compute_term=_indices(kind.compute for kind in kinds)[of_row],
        feed_s=flops * on_matrix_units / (peaks.multiprocessor_hz * _FED_FLOPS),
        feed_term=_indices(kind.feed for kind in kinds)[of_row],
        latency_s=latency_s,
        latency_term=_indices((kind.latency, kind.latency) for kind in kinds)[of_row],
        memory_s=memory_s * runs,
        memory_term=np.where((width < 4)[:, None], by_width[1], by_width[0]),
        vector_s=kernels.other_flops * grown / peaks.vector_flops_per_s * runs,
        launch_s=launches * LAUNCH_S,
        update_s=passes.update_bytes / peaks.bandwidth_bytes_per_s,
        copies_s=copied_bytes / peaks.bandwidth_bytes_per_s,
        tensors_s=kernels.trained_tensor_count * LAUNCH_S * (passes.update_bytes > 0),
    )


def _indices(pairs: Iterable[tuple[int, ...]]) -> Indices:
    return np.array(list(pairs), np.intp).reshape(-1, 2)


def _of_family(name: Callable[[Family, str], str]) -> dict[str, tuple[int, ...]]:
    return {f.value: tuple(_INDEX.get(name(f, turn), 0) for turn in PASSES) for f in Family}


_FEED_TERM = _of_family(_feed)
_MEMORY_TERM = {width: _of_family(partial(_memory, width=width)) for width in WIDTHS}


@dataclass(frozen=True, slots=True)
class _Kind:
    """Terms of a family's arithmetic, and the peak that it runs at."""

    compute: tuple[int, ...]
    feed: tuple[int, ...]
    latency: int
    flops_per_s: float
    on_matrix_units: bool


def _kind(family: Family, peaks: Rates, mode: Precision) -> _Kind:
    if family in _VECTOR:
        rate = "half" if mode.activation_bytes < 4 else "fp32"
        peak = peaks.vector_flops_per_s
    elif family in _CONVOLUTIONS:
        rate, peak = _RATE_CLASS[peaks.convolution], peaks.convolution_flops_per_s
    elif family in PRODUCTS:
        rate, peak = _RATE_CLASS[peaks.matmul], peaks.matmul_flops_per_s
    else:
        return _Kind((0, 0), (0, 0), _INDEX[f"{LATENCY}/fp32"], peaks.vector_flops_per_s, False)
    compute = tuple(_INDEX[_compute(family, turn, rate)] for turn in PASSES)
    fed = rate != "fp32" and family not in _VECTOR
    return _Kind(compute, _FEED_TERM[family.value], _INDEX[f"{LATENCY}/{rate}"], peak, fed)


def overlapped_s(device_s: float, host_s: float) -> float:
    """Time in s of a device and a host that work side by side: a little over the longer."""
    total: float = (device_s**SHARPNESS + host_s**SHARPNESS) ** (1 / SHARPNESS)
    return total
