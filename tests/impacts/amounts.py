"""Round figures of a training, so that every impact can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from auditor.energy import Amount, Estimate, Scope
from auditor.impacts import Figure
from auditor.interval import Interval
from auditor.pipeline import Audit, Request, audit
from auditor.workload import Plan

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
RESNET = EXAMPLES / "resnet50.onnx"
TEN_KWH = Interval(5.0, 10.0, 20.0, 0.9)
ELEVEN_KWH = Interval(5.5, 11.0, 22.0, 0.9)
NODE_ONLY = Amount(gpu_kwh=Interval(4.0, 8.0, 16.0, 0.9), node_kwh=TEN_KWH, facility_kwh=None)
WITH_FACILITY = replace(NODE_ONLY, facility_kwh=ELEVEN_KWH)


def estimated(energy: Amount | None, duration_s: Interval | None) -> Estimate:
    """An estimate of a whole training; what impacts do not read is made up."""
    return Estimate(
        energy=energy,
        energy_per_sample=NODE_ONLY,
        duration_s=duration_s,
        step_time_s=Interval(0.05, 0.1, 0.2, 0.9),
        samples_per_s=1.0,
        mean_power_w=None,
        scope=Scope.NODE,
        method="calibrated",
        in_domain=True,
    )


def of(found: Figure | None) -> Interval:
    assert isinstance(found, Interval), found
    return found


def audited(
    path: Path = RESNET,
    by_region: str | None = None,
    alternatives: bool = False,
    calibration: Path | None = None,
    **plan: Any,
) -> Audit:
    given = {"hardware": "a100-sxm4-80gb", "samples": 1e6, "precision": "amp"} | plan
    return audit(
        Request(
            path=path,
            plan=Plan(**given),
            by_region=by_region,
            alternatives=alternatives,
            calibration=calibration,
        )
    )
