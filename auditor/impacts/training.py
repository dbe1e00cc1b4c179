"""Layer 12: one training's impacts side by side."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.energy import Amount, Estimate
from auditor.impacts.embodied import embodied
from auditor.impacts.records import (
    NO_AMOUNT,
    Figure,
    Impacts,
    Life,
    NotAssessed,
    Place,
    Prices,
    scaled,
)
from auditor.interval import Interval
from auditor.profile import Profile
from auditor.units import S_PER_H
from auditor.workload import Workload

_NO_SOURCE = NotAssessed("no source of figures for one training is known")


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What was estimated of a training on `hardware` (an id), before what it means."""

    hardware: str
    workload: Workload
    profile: Profile
    estimate: Estimate


def wall_kwh(energy: Amount) -> Interval:
    """Electricity in kWh that is paid for: the facility's where a PUE is known, else the node's."""
    return energy.facility_kwh or energy.node_kwh


def training_flops(profile: Profile, workload: Workload) -> float | NotAssessed:
    """Floating-point operations of the whole training, all devices and trials.

    Passes times those of one, and steps times the update of every device: what runs, what is
    computed again included.
    """
    total = workload.total_samples
    if total is None:
        return NO_AMOUNT
    one_pass = profile.training_forward.flops + profile.backward.flops
    update = profile.optimizer_update.flops * workload.devices
    return total / workload.batch_size * one_pass + total / workload.global_batch_size * update


def carbon_gco2e(kwh: Figure, where: Place) -> Figure:
    """Electricity times the grid's yearly mean intensity, which is taken as exact."""
    if where.grid is None:
        return NotAssessed("no region given (--region, or --carbon-gco2e-per-kwh)")
    return scaled(kwh, where.grid.carbon_gco2e_per_kwh)


def impacts(training: Training, where: Place, prices: Prices, life: Life) -> Impacts:
    """Put compute, time, electricity, carbon, water and cost side by side.

    Every figure carries the interval of the electricity or of the time; intensity, WUE and prices
    are taken as exact.
    """
    result, work = training.estimate, training.workload
    kwh = wall_kwh(result.energy) if result.energy is not None else NO_AMOUNT
    time = result.duration_s if result.duration_s is not None else NO_AMOUNT
    node = result.energy.node_kwh if result.energy is not None else NO_AMOUNT
    scope = None
    if result.energy is not None:
        scope = "facility" if result.energy.facility_kwh is not None else "node"
    return Impacts(
        place=where,
        prices=prices,
        scope=scope,
        flops=training_flops(training.profile, work),
        duration_s=time,
        energy_kwh=kwh,
        operational_gco2e=carbon_gco2e(kwh, where),
        embodied=embodied(training.hardware, work.devices, result, life),
        water_site_l=scaled(node, _given(where.wue_l_per_kwh, "no WUE is known (--wue-l-per-kwh)")),
        water_grid_l=NotAssessed("no table of the water of power plants is known to this tool"),
        energy_cost=scaled(kwh, _given(prices.per_kwh, "no price given (--price-per-kwh)")),
        device_cost=scaled(
            scaled(time, work.devices / S_PER_H),
            _given(prices.per_device_hour, "no price given (--price-per-device-hour)"),
        ),
        e_waste=_NO_SOURCE,
        minerals=_NO_SOURCE,
    )


def _given(value: float | None, otherwise: str) -> float | NotAssessed:
    return NotAssessed(otherwise) if value is None else value
