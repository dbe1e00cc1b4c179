"""What the calibrated estimate says of a run that was measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from auditor.calibration.record import Run
from auditor.calibration.samples import sums_of
from auditor.hardware import Accelerator
from auditor.profile import Profile
from auditor.step import training_step
from auditor.step.artefact import Artefact, features
from auditor.step.kernels import Floats, Kernels, kernels_of
from auditor.step.power import PowerModel
from auditor.step.terms import LAUNCH, LAUNCH_S, TERMS, overlapped_s
from auditor.workload import Plan, workload

# `auditor.sized.static_profile`: it stands above this layer.
Profiler = Callable[[Path, Plan], Profile]
_LAUNCH = TERMS.index(LAUNCH)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceTime:
    """Modelled time of one step on one device in s, and its place by `features`."""

    total_s: float
    place: Floats


def device_time(
    run: Run, kernels: Kernels, accelerator: Accelerator, artefact: Artefact
) -> DeviceTime:
    """Model a step of one device at full clocks, as `calibrated_times` does without own runs.

    Raises:
        HardwareError: the device lacks a figure that the estimate needs.
    """
    sums = sums_of(run, kernels, accelerator)
    by_term = sums * artefact.factors(accelerator.id)
    launch_s = float(sums[_LAUNCH])
    place = features(by_term, launch_s, run.phase == "infer")
    host_s = launch_s / LAUNCH_S * artefact.host_s_per_launch
    together_s = overlapped_s(float(by_term.sum()), host_s)
    return DeviceTime(total_s=together_s * float(np.exp(artefact.residual.at(place))), place=place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Modelled:
    """A run beside its estimate.

    `network` tells networks apart.  `beyond` is the whole step's time over that of one device at
    full clocks: gradients are exchanged, power is limited.  `powers_w` are of all devices, by
    scope; none of a forward pass alone.
    """

    run: Run
    network: str
    device: DeviceTime
    beyond: float
    powers_w: Mapping[str, float]

    @property
    def step_time_s(self) -> float:
        """Modelled time of one step in s."""
        return self.device.total_s * self.beyond

    @property
    def log_ratio(self) -> float:
        """ln(measured / modelled time)."""
        return math.log(self.run.step_time_s / self.step_time_s)

    @property
    def power_scope(self) -> str | None:
        """What the measured power covers; None if none was measured, or nothing is modelled."""
        scope = self.run.power_scope or self.run.energy_scope
        return scope if self.powers_w else None

    @property
    def measured_power_w(self) -> float:
        """Mean power in W of all devices; by the energy where that alone was measured."""
        run = self.run
        if run.mean_power_w is not None:
            return run.mean_power_w
        if run.energy_j is None or run.duration_s is None:
            return float("nan")
        return run.energy_j / run.duration_s


def modelled(
    run: Run, graph: Path, profiler: Profiler, accelerator: Accelerator, artefact: Artefact
) -> Modelled:
    """Estimate a measured run of the network in the file `graph`.

    Raises:
        AuditError: the network cannot be read, or the device lacks a figure.
    """
    plan = Plan(
        batch_size=run.batch_size,
        precision=run.precision,
        optimizer=run.optimizer,
        devices=run.device_count,
        power_limit_w=run.power_limit_w,
        dims=MappingProxyType(dict(run.dims)),
    )
    profile = profiler(graph, plan)
    device = device_time(run, kernels_of(profile), accelerator, artefact)
    network = run.family or str(graph.resolve())
    if run.phase == "infer":
        return Modelled(run=run, network=network, device=device, beyond=1.0, powers_w={})
    step = training_step(profile, accelerator, workload(plan, run.precision, None), artefact)
    whole_s = device_time(_trained(run), kernels_of(profile), accelerator, artefact).total_s
    return Modelled(
        run=run,
        network=network,
        device=device,
        beyond=step.total_s / whole_s,
        powers_w=_powers_w(artefact.power, step.device_power_w, step.host_power_w, run),
    )


def _trained(run: Run) -> Run:
    return run if run.phase == "train" else replace(run, phase="train")


def _powers_w(model: PowerModel, device_w: float, host_w: float, run: Run) -> Mapping[str, float]:
    one_w = {"gpu": device_w, "gpu+cpu": device_w + model.processor_w, "node": device_w + host_w}
    return {scope: power_w * run.device_count for scope, power_w in one_w.items()}
