"""Layer 11: from one step to the energy, time and power of the whole training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from auditor.interval import Interval, log_interval
from auditor.units import J_PER_KWH
from auditor.workload import Workload

if TYPE_CHECKING:  # a check that reads its cache has use for scopes and scores, and for no step
    from auditor.step import Confidence, Step


class Scope(StrEnum):
    """What an energy figure covers."""

    GPU = "gpu"  # accelerator boards
    NODE = "node"  # boards and their host
    FACILITY = "facility"  # node times PUE


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """Electricity by scope in kWh; the facility is None where no PUE is known."""

    gpu_kwh: Interval
    node_kwh: Interval
    facility_kwh: Interval | None

    def of(self, scope: Scope) -> Interval | None:
        """Return the figure of one scope."""
        by_scope = {
            Scope.GPU: self.gpu_kwh,
            Scope.NODE: self.node_kwh,
            Scope.FACILITY: self.facility_kwh,
        }
        return by_scope[scope]

    def scaled(self, factor: float) -> Amount:
        """Multiply every figure by an exact factor."""
        return Amount(
            gpu_kwh=self.gpu_kwh.scaled(factor),
            node_kwh=self.node_kwh.scaled(factor),
            facility_kwh=self.facility_kwh.scaled(factor) if self.facility_kwh else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """Electricity, time and power of a training.

    `energy` and `duration_s` are None where the plan does not say how much is trained;
    `energy_per_sample` is always there.  `mean_power_w` is of `scope`, all devices
    together.  `in_domain` says whether the estimate stays within what was measured; None for the
    roofline, which was fitted on nothing.
    """

    energy: Amount | None
    energy_per_sample: Amount
    duration_s: Interval | None
    step_time_s: Interval
    samples_per_s: float
    mean_power_w: float | None
    scope: Scope
    method: str
    in_domain: bool | None


def estimate(step: Step, workload: Workload, scope: Scope, pue: float | None) -> Estimate:
    """Scale one step to the whole training: linear in samples, epochs and trials."""
    batch = workload.global_batch_size
    sure = step.confidence
    time = log_interval(step.total_s, sure.time_half_width, sure.level)
    gpu_w = step.device_power_w * workload.devices
    node_w = gpu_w + step.host_power_w * workload.devices
    per_sample = _amount(step.total_s / batch, (gpu_w, node_w), pue, sure)
    total = workload.total_samples
    power_w = {Scope.GPU: gpu_w, Scope.NODE: node_w}.get(scope, node_w * pue if pue else None)
    return Estimate(
        energy=per_sample.scaled(total) if total is not None else None,
        energy_per_sample=per_sample,
        duration_s=time.scaled(total / batch) if total is not None else None,
        step_time_s=time,
        samples_per_s=batch / step.total_s,
        mean_power_w=power_w,
        scope=scope,
        method=sure.method,
        in_domain=sure.in_domain,
    )


def _amount(
    seconds: float, powers_w: tuple[float, float], pue: float | None, sure: Confidence
) -> Amount:
    """Energy of `seconds`; the errors of time and power are taken as independent."""
    half_width = math.hypot(sure.time_half_width, sure.power_half_width)
    gpu_w, node_w = powers_w

    def kwh(power_w: float) -> Interval:
        return log_interval(seconds * power_w / J_PER_KWH, half_width, sure.level)

    return Amount(
        gpu_kwh=kwh(gpu_w),
        node_kwh=kwh(node_w),
        facility_kwh=kwh(node_w * pue) if pue is not None else None,
    )
