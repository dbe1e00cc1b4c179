"""The measured forward pass of `--measure`: as JSON, in a row, and as what was assumed of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from auditor import units

if TYPE_CHECKING:
    from auditor.calibration.brief import Brief
    from auditor.measure.spread import Mean


def forward_dict(brief: Brief | None) -> dict[str, Any] | None:
    """Return what was measured and modelled; None where nothing was."""
    if brief is None:
        return None
    run = brief.run
    return {
        "measured_s": _mean(run.step_time_s),
        "modelled_s": brief.modelled_s,
        "energy_j": None if run.energy_j is None else _mean(run.energy_j),
        "energy_method": run.primary.energy_method,
        "energy_scope": run.primary.scope,
        "mean_power_w": run.primary.mean_power_w,
        "batch_size": run.batch_size,
        "precision": run.precision,
        "hardware": run.hardware_id,
        "versions": dict(run.versions),
    }


def _mean(found: Mean) -> dict[str, float | None]:
    return {"value": found.value, "low": found.low, "high": found.high, "level": found.level}


def forward_row(brief: Brief) -> tuple[str, str]:
    """Return the row of the text: measured beside modelled."""
    run = brief.run
    measured_s = run.step_time_s.value
    energy = "" if run.energy_j is None else f", {units.significant(run.energy_j.value)} J a pass"
    return (
        "forward measured",
        f"{units.duration(measured_s, measured_s)}, modelled "
        f"{units.duration(brief.modelled_s, measured_s)} "
        f"(batch {run.batch_size}, {run.precision}, onnxruntime){energy}",
    )
