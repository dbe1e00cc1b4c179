"""Additive roofline: every operator takes the longer of arithmetic and memory time.

Williams, Waterman, Patterson, "Roofline", CACM 52(4), 2009; summed over operators, with
an overhead for every kernel.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import add

from auditor.costs import PRODUCTS, Family, Work
from auditor.precision import Precision
from auditor.profile import CostedOperation, Profile
from auditor.step import constants
from auditor.step.rates import Rates
from auditor.step.timed import Confidence, OperationTime, Seconds, Timed


def roofline_times(profile: Profile, peaks: Rates, mode: Precision, accumulation: int) -> Timed:
    """Time one optimizer step of `accumulation` passes."""
    operations = operation_times(profile.operations, peaks, mode)
    forward = reduce(add, (o.forward for o in operations), Seconds())
    backward = reduce(add, (o.backward for o in operations), Seconds())
    copies = copy_seconds(profile, peaks, mode).times(accumulation)
    return Timed(
        operations=operations,
        forward=forward.times(accumulation),
        backward=backward.times(accumulation),
        update=update_seconds(profile, peaks) + copies,
        confidence=Confidence(
            method="roofline",
            time_half_width=constants.TIME_HALF_WIDTH,
            power_half_width=constants.POWER_HALF_WIDTH,
            level=constants.LEVEL,
            in_domain=None,
        ),
    )


def operation_times(
    operations: Iterable[CostedOperation], rates: Rates, mode: Precision
) -> tuple[OperationTime, ...]:
    """Time every operation of a training step."""
    return tuple(
        OperationTime(
            name=operation.name,
            op_type=operation.op_type,
            family=operation.family,
            forward=_seconds(operation, operation.forward, operation.forward_kernels, rates, mode),
            backward=_seconds(
                operation, operation.backward, operation.backward_kernels, rates, mode
            ),
        )
        for operation in operations
    )


def _seconds(
    operation: CostedOperation, work: Work, kernels: int, rates: Rates, mode: Precision
) -> Seconds:
    """Roofline of one pass of one operation."""
    if not kernels:
        return Seconds()
    element_bytes = 4 if mode.keeps_fp32 and operation.fp32_in_autocast else mode.activation_bytes
    traffic = (work.read_bytes + work.written_bytes) * element_bytes / operation.element_bytes
    memory_s = traffic / (rates.bandwidth_bytes_per_s * constants.bandwidth_share(operation.family))
    return _bound(_compute_s(operation.family, work, rates), memory_s, kernels)


def _bound(compute_s: float, memory_s: float, kernels: int) -> Seconds:
    overhead_s = kernels * constants.KERNEL_OVERHEAD_S
    longest = max(compute_s, memory_s)
    return Seconds(
        total_s=longest + overhead_s,
        compute_bound_s=compute_s if compute_s > memory_s else 0.0,
        memory_bound_s=memory_s if compute_s <= memory_s else 0.0,
        overhead_s=overhead_s,
    )


def _compute_s(family: Family, work: Work, rates: Rates) -> float:
    vector_s = work.other_flops / (rates.vector_flops_per_s * constants.VECTOR_SHARE)
    if not work.macs:
        return vector_s
    share = constants.vector_share(family)
    if share is not None:
        peak = rates.vector_flops_per_s * share
    elif family in (Family.CONVOLUTION, Family.POINTWISE_CONVOLUTION):
        peak = rates.convolution_flops_per_s * constants.product_share(family, rates.convolution)
    elif family in PRODUCTS:
        peak = rates.matmul_flops_per_s * constants.product_share(family, rates.matmul)
    else:
        peak = rates.vector_flops_per_s * constants.VECTOR_SHARE
    return 2 * work.macs / peak + vector_s


def update_seconds(profile: Profile, rates: Rates) -> Seconds:
    """Time of the optimizer's update: a stream over parameters, gradients and states."""
    work = profile.optimizer_update
    if work == Work():
        return Seconds()
    bandwidth = rates.bandwidth_bytes_per_s * constants.bandwidth_share(Family.ELEMENTWISE)
    compute_s = work.other_flops / (rates.vector_flops_per_s * constants.VECTOR_SHARE)
    memory_s = (work.read_bytes + work.written_bytes) / bandwidth
    return _bound(compute_s, memory_s, constants.OPTIMIZER_KERNELS)


def copy_seconds(profile: Profile, rates: Rates, mode: Precision) -> Seconds:
    """Time to make the low-precision weights and to widen their gradients, every pass."""
    if not mode.copy_bytes:
        return Seconds()
    moved = 2 * (mode.parameter_bytes + mode.copy_bytes) * profile.product_parameter_count
    bandwidth = rates.bandwidth_bytes_per_s * constants.bandwidth_share(Family.ELEMENTWISE)
    return _bound(0.0, moved / bandwidth, 2)
