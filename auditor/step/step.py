"""One optimizer step on the devices of the plan: passes, update, communication, input."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add

from auditor.errors import HardwareError
from auditor.hardware import Accelerator
from auditor.precision import Precision, precision
from auditor.profile import Profile
from auditor.sharding import Sharding
from auditor.step import constants
from auditor.step.rates import rates
from auditor.step.roofline import (
    OperationTime,
    Seconds,
    copy_seconds,
    operation_times,
    update_seconds,
)
from auditor.workload import Workload


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Time of one optimizer step and the mean power of one device and its share of the host.

    `communication_s` is what the backward pass does not hide, `input_wait_s` the wait for
    an input pipeline that cannot keep up.
    """

    forward: Seconds
    backward: Seconds
    update: Seconds
    communication_s: float
    input_wait_s: float
    total_s: float
    device_power_w: float
    host_power_w: float
    operations: tuple[OperationTime, ...]
    notes: tuple[str, ...]


def training_step(profile: Profile, accelerator: Accelerator, workload: Workload) -> Step:
    """Estimate one optimizer step of `workload` on `accelerator`.

    Raises:
        HardwareError: the device lacks a figure that the estimate needs.
    """
    mode = precision(workload.precision)
    peak = rates(accelerator, mode)
    operations = operation_times(profile.operations, peak, mode)
    passes = workload.gradient_accumulation
    forward = reduce(add, (o.forward for o in operations), Seconds()).times(passes)
    backward = reduce(add, (o.backward for o in operations), Seconds()).times(passes)
    update = update_seconds(profile, peak) + copy_seconds(profile, peak, mode).times(passes)
    # Gradients are exchanged once per optimizer step: only its last backward pass hides them.
    communication_s = exposed_communication_s(
        profile, accelerator, workload, mode, backward.total_s / passes
    )
    busy_s = forward.total_s + backward.total_s + update.total_s + communication_s
    input_s = _input_s(workload)
    total_s = max(busy_s, input_s)
    device_power_w, notes = _device_power_w(accelerator, forward + backward + update, total_s)
    return Step(
        forward=forward,
        backward=backward,
        update=update,
        communication_s=communication_s,
        input_wait_s=total_s - busy_s,
        total_s=total_s,
        device_power_w=device_power_w,
        host_power_w=constants.HOST_BASE_W + constants.HOST_SHARE_OF_TDP * _tdp_w(accelerator),
        operations=operations,
        notes=notes,
    )


def exposed_communication_s(
    profile: Profile,
    accelerator: Accelerator,
    workload: Workload,
    mode: Precision,
    backward_s: float,
) -> float:
    """Time of the gradients' all-reduce that the backward pass does not hide.

    A ring moves 2 (n-1)/n of the gradients over every device's link (Patarasuk and Yuan,
    "Bandwidth optimal all-reduce algorithms", JPDC 69(2), 2009).  Sharded parameters are
    gathered in both passes: half as much again (Rajbhandari et al., arXiv 1910.02054, 7.2).

    Raises:
        HardwareError: several devices, and no link speed known.
    """
    devices = workload.devices
    if devices == 1:
        return 0.0
    link = workload.link_bytes_per_s or accelerator.link_bytes_per_s
    if link is None:
        raise HardwareError(
            f"{accelerator.id}: the speed of its link is not in the catalogue; "
            "give --link-bytes-per-s (PCIe 4.0 x16: 3.2e10)"
        )
    volumes = 3 if Sharding(workload.sharding).splits_parameters else 2
    moved = volumes * (devices - 1) / devices
    gradient_bytes = profile.trained_parameter_count * mode.gradient_bytes
    rate = link * constants.LINK_SHARE
    last_s = moved * min(gradient_bytes, constants.LAST_BUCKET_BYTES) / rate
    return max(last_s, moved * gradient_bytes / rate - backward_s)


def _input_s(workload: Workload) -> float:
    rate = workload.input_pipeline_samples_per_s
    return 0.0 if rate is None else workload.global_batch_size / rate


def _tdp_w(accelerator: Accelerator) -> float:
    if accelerator.tdp_w is None:
        raise HardwareError(
            f"{accelerator.id}: its power (TDP) is not published, so its energy cannot be "
            "estimated; give it in a --hardware-file"
        )
    return accelerator.tdp_w


def _device_power_w(
    accelerator: Accelerator, busy: Seconds, total_s: float
) -> tuple[float, tuple[str, ...]]:
    """Mean board power over a step: from idle to TDP by what the device is doing."""
    tdp_w, notes = _tdp_w(accelerator), []
    idle_w = accelerator.idle_w
    if idle_w is None:
        idle_w = constants.IDLE_SHARE_OF_TDP * tdp_w
        notes.append(
            f"idle power of {accelerator.id} is not in the catalogue: "
            f"{constants.IDLE_SHARE_OF_TDP:.0%} of its TDP taken"
        )
    load = (
        constants.COMPUTE_POWER_SHARE * busy.compute_bound_s
        + constants.MEMORY_POWER_SHARE * busy.memory_bound_s
        + constants.GAP_POWER_SHARE * busy.overhead_s
    )
    share = min(1.0, load / total_s) if total_s > 0 else 0.0
    return idle_w + (tdp_w - idle_w) * share, tuple(notes)
