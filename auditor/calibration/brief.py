"""A brief run of a network's forward pass beside what the calibration says of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from auditor.calibration.modelled import device_time
from auditor.calibration.record import Run
from auditor.errors import HardwareError, PlanError
from auditor.hardware import Accelerator
from auditor.measure.brief import BriefRequest, BriefRun, brief_run
from auditor.precision import PRECISIONS
from auditor.step.artefact import Artefact, MeasuredForward
from auditor.step.kernels import Kernels


@dataclass(frozen=True, slots=True)
class Brief:
    """A forward pass that was measured, and the modelled time of the same in s."""

    run: BriefRun
    modelled_s: float


def measured(
    artefact: Artefact | None, request: BriefRequest, kernels: Kernels, accelerator: Accelerator
) -> tuple[Artefact, Brief]:
    """Run the network on the device and return the calibration with what that showed.

    `kernels` are of the same network, of any batch and precision.

    Raises:
        PlanError: the calibration cannot take it, or the run is not of a network that is trained.
        HardwareError: there is no such device here, or it cannot be measured.
        ModelError: the model cannot be run.
    """
    if artefact is None or artefact.forward is None:
        raise PlanError("--measure corrects a calibration: leave --calibration none away")
    if artefact.local is not None:
        raise PlanError(
            "--measure beside a --calibration of own runs: those tell more of the device; "
            "leave one away"
        )
    run = brief_run(request)
    require_usable(run, accelerator)
    found = measured_forward(run, kernels, accelerator, artefact)
    return replace(artefact, measured=found), Brief(run, found.modelled_s)


def require_usable(run: BriefRun, accelerator: Accelerator) -> None:
    """Refuse a run that tells nothing of a training on `accelerator`.

    Raises:
        HardwareError: it was of another device.
        PlanError: it computed in whole numbers, which is not trained in.
    """
    if run.hardware_id != accelerator.id:
        raise HardwareError(
            f"--measure ran on {run.hardware_id or f'the {run.provider}, which is no accelerator'}"
            f", the audit is of {accelerator.id}; name that device with --hardware, or leave "
            "--measure out"
        )
    if run.precision not in PRECISIONS:
        raise PlanError(
            f"{run.path}: --measure ran it in {run.precision}, in which nothing is trained; give "
            "the model before it was quantized"
        )


def measured_forward(
    run: BriefRun, kernels: Kernels, accelerator: Accelerator, artefact: Artefact
) -> MeasuredForward:
    """Put the measured time of a forward pass beside the modelled one, in the run's precision.

    `kernels` are of the same network.

    Raises:
        HardwareError: the device lacks a figure that the estimate needs.
    """
    same = Run(
        run_id="brief run",
        graph=str(run.path),
        batch_size=run.batch_size,
        precision=run.precision,
        hardware=accelerator.id,
        step_time_s=run.step_time_s.value,
        phase="infer",
    )
    return MeasuredForward(
        hardware=accelerator.id,
        measured_s=run.step_time_s.value,
        modelled_s=device_time(same, kernels, accelerator, artefact).total_s,
    )
