"""Layer 14: what a plan names, resolved before any model is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from auditor.energy import Scope
from auditor.errors import PlanError
from auditor.hardware import Accelerator, Resolution, load_hardware_file, resolve
from auditor.impacts import Place, place
from auditor.precision import precision
from auditor.regions import resolve_region
from auditor.step import default_precision
from auditor.workload import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The plan's names resolved to what they stand for; `serving_on` is the device of inference."""

    hardware: Resolution
    serving_on: Accelerator
    precision_name: str
    where: Place
    scope: Scope


def resolved(plan: Plan, hardware_file: Path | None) -> Setting:
    """Resolve the names in the plan before any file is read.

    Raises:
        PlanError: no hardware is named, the facility is asked for without a PUE, or a life cycle
            without its years.
    """
    if plan.hardware is None:
        raise PlanError("no hardware given; add --hardware a100 (`audit hardware` lists them)")
    extra = load_hardware_file(hardware_file) if hardware_file is not None else ()
    resolution = resolve(plan.hardware, extra)
    serving = plan.lifecycle.inference_hardware
    region = resolve_region(plan.region) if plan.region is not None else None
    where = place(region, plan.carbon_gco2e_per_kwh, plan.pue, plan.wue_l_per_kwh)
    if plan.lifecycle.is_given and plan.lifecycle.life_years is None:
        raise PlanError("a life cycle needs how long the network serves: add --life-years 3")
    scope = Scope(plan.scope or Scope.NODE)
    if scope is Scope.FACILITY and where.pue is None:
        raise PlanError(
            "--scope facility needs the building's overhead: add --pue, or a cloud --region "
            "whose PUE is published"
        )
    name = plan.precision or default_precision(resolution.accelerator)
    precision(name)
    return Setting(
        hardware=resolution,
        serving_on=resolve(serving, extra).accelerator if serving else resolution.accelerator,
        precision_name=name,
        where=where,
        scope=scope,
    )
