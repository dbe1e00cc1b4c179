"""One optimizer step on the devices of the plan: passes, update, communication, input."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.errors import HardwareError, PlanError
from auditor.hardware import Accelerator
from auditor.precision import Precision, precision
from auditor.profile import Profile
from auditor.sharding import Sharding
from auditor.step import constants
from auditor.step.artefact import Artefact
from auditor.step.calibrated import calibrated_times
from auditor.step.power import board_power, host_power_w, one_board
from auditor.step.rates import rates
from auditor.step.roofline import roofline_times
from auditor.step.timed import Confidence, OperationTime, Seconds
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
    confidence: Confidence
    notes: tuple[str, ...]


def training_step(
    profile: Profile,
    accelerator: Accelerator,
    workload: Workload,
    artefact: Artefact | None = None,
) -> Step:
    """Estimate one optimizer step of `workload` on `accelerator`.

    With an `artefact` the times of a GPU are those that were fitted; without one, and for
    other devices, of which no run is known, those of a roofline with constants set by hand.

    Raises:
        HardwareError: the device lacks a figure that the estimate needs.
    """
    mode = precision(workload.precision)
    passes = workload.gradient_accumulation
    calibration = artefact if accelerator.kind == "gpu" else None
    if calibration is None:
        timed = roofline_times(profile, rates(accelerator, mode), mode, passes)
    else:
        timed = calibrated_times(profile, accelerator, mode, calibration, passes)
    forward, backward, update = timed.forward, timed.backward, timed.update
    # Gradients are exchanged once per optimizer step: only its last backward pass hides them.
    communication_s = exposed_communication_s(
        profile, accelerator, workload, mode, backward.total_s / passes
    )
    busy_s = forward.total_s + backward.total_s + update.total_s + communication_s
    total_s = max(busy_s, _input_s(workload))
    if calibration is None:
        power = _by_hand(accelerator, workload, forward + backward + update, total_s)
    else:
        work = forward + backward + update
        power = _fitted(calibration, accelerator, workload, work, total_s)
    slower = power.total_s / total_s if total_s > 0 else 1.0
    forward, backward, update = (part.times(slower) for part in (forward, backward, update))
    busy_s *= slower
    return Step(
        forward=forward,
        backward=backward,
        update=update,
        communication_s=communication_s * slower,
        input_wait_s=max(0.0, power.total_s - busy_s),
        total_s=power.total_s,
        device_power_w=power.device_w,
        host_power_w=power.host_w,
        operations=tuple(o.times(passes * slower) for o in timed.operations),
        confidence=timed.confidence,
        notes=power.notes,
    )


@dataclass(frozen=True, slots=True)
class _Power:
    """Mean power in W of one device and of its share of the host, and the step's time at it."""

    device_w: float
    host_w: float
    total_s: float
    notes: tuple[str, ...]


def _fitted(
    artefact: Artefact,
    accelerator: Accelerator,
    workload: Workload,
    work: Seconds,
    total_s: float,
) -> _Power:
    """By the power that was measured, under the limit of the plan."""
    model = artefact.power
    board = one_board(model, accelerator, workload.power_limit_w)
    found = board_power(model, board, work.compute_bound_s, work.memory_bound_s, total_s)
    share = model.idle_share_of_tdp if accelerator.idle_w is None else None
    local = artefact.local_for(accelerator.id)
    factor = local.power_factor if local else 1.0
    beside = factor if local and local.power_scope != "gpu" else 1.0
    return _Power(
        min(found.drawn_w * factor, float(board.limit_w)),
        host_power_w(model, found.drawn_w) * beside,
        found.total_s,
        () if share is None else (_idle_note(accelerator, share),),
    )


def _by_hand(accelerator: Accelerator, workload: Workload, work: Seconds, total_s: float) -> _Power:
    """By shares of the way from idle to TDP that were set by hand.

    Raises:
        PlanError: a power limit is set, of whose effect they say nothing.
    """
    if workload.power_limit_w is not None:
        raise PlanError(
            f"--power-limit-w {workload.power_limit_w:g}: only the calibrated estimate of a GPU "
            "knows what a limit does; leave it out"
        )
    device_w, notes = _device_power_w(accelerator, work, total_s)
    host_w = constants.HOST_BASE_W + constants.HOST_SHARE_OF_TDP * _tdp_w(accelerator)
    return _Power(device_w, host_w, total_s, notes)


def _idle_note(accelerator: Accelerator, share: float) -> str:
    return f"idle power of {accelerator.id} is not in the catalogue: {share:.0%} of its TDP taken"


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
        notes.append(_idle_note(accelerator, constants.IDLE_SHARE_OF_TDP))
    load = (
        constants.COMPUTE_POWER_SHARE * busy.compute_bound_s
        + constants.MEMORY_POWER_SHARE * busy.memory_bound_s
        + constants.GAP_POWER_SHARE * busy.overhead_s
    )
    share = min(1.0, load / total_s) if total_s > 0 else 0.0
    return idle_w + (tdp_w - idle_w) * share, tuple(notes)
