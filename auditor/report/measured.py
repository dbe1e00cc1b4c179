"""A brief run as text for people, and as JSON by schemas/measure.schema.json."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from auditor import __version__, units
from auditor.escaping import json_text
from auditor.measure.brief import BriefRun
from auditor.measure.spread import Mean
from auditor.measure.trials import Measurement, Trial
from auditor.report.lines import Row, printable

SCHEMA_VERSION = "1.0"
NOT_MEASURED = "not measured"
_METHODS = {
    "counter": "by the energy counter",
    "integrated": "integrated from power",
    "modelled": "MODELLED, not measured",
}


def render_text(run: BriefRun) -> str:
    """Return what was measured, then what to mind about it."""
    rows = [*_what(run), *_time(run)]
    for found in run.measurements:
        rows += _energy(found, run.batch_size)
    width = max(len(label) for label, _ in rows)
    lines = [f"{label.ljust(width)}  {value}".rstrip() for label, value in rows]
    for title, texts in (("notes", run.notes), ("warnings", _warnings(run))):
        if texts:
            lines += ["", title, *(f"- {printable(text)}" for text in texts)]
    return "\n".join(lines) + "\n"


def _warnings(run: BriefRun) -> tuple[str, ...]:
    """The run's, then each measurement's, none twice."""
    several = len(run.measurements) > 1
    own = [
        f"{found.scope}: {text}" if several else text
        for found in run.measurements
        for text in found.warnings
    ]
    return tuple(dict.fromkeys((*run.warnings, *own)))


def _what(run: BriefRun) -> Iterator[Row]:
    device = run.primary.recording.description
    name = printable(device.device_name or "the processor")
    known = f" ({run.hardware_id})" if run.hardware_id else ""
    shapes = ", ".join(f"{printable(n)} {'x'.join(map(str, s))}" for n, s in run.shapes.items())
    versions = ", ".join(f"{name} {text}" for name, text in run.versions.items())
    yield "model", f"{printable(str(run.path))}  (forward pass by onnxruntime)"
    yield "ran on", f"{name}{known}, provider {run.provider.value}, {run.precision}"
    yield "inputs", f"{shapes}  (batch {run.batch_size})"
    yield "versions", printable(versions)


def _time(run: BriefRun) -> Iterator[Row]:
    trials = run.primary.trials
    count = sum(trial.repetition_count for trial in trials)
    time_s = run.step_time_s
    yield "trials", f"{len(trials)} of {run.schedule.window_s:g} s or more, {count:,} passes"
    yield "time", f"{_spread(time_s, units.duration)} a pass"
    yield "", f"{_spread(time_s.scaled(1 / run.batch_size), units.duration)} a sample"


def _energy(found: Measurement, batch_size: int) -> Iterator[Row]:
    label, energy_j = f"energy ({found.scope})", found.energy_j
    if energy_j is None or found.energy_method is None or found.mean_power_w is None:
        yield "energy", NOT_MEASURED
        return
    yield label, f"{_spread(energy_j, _joules)} a pass, {_METHODS[found.energy_method]}"
    yield "", f"{_spread(energy_j.scaled(1 / batch_size), _joules)} a sample"
    if found.disagreement is not None:
        yield "", f"power integrated: {found.disagreement:+.2%} beside the counter"
    idle = NOT_MEASURED if found.idle_power_w is None else f"{found.idle_power_w:.1f} W"
    yield f"power ({found.scope})", f"{found.mean_power_w:.1f} W mean, {idle} idle"
    state = list(_state(found))
    if state:
        yield "device", ", ".join(state)


def _state(found: Measurement) -> Iterator[str]:
    trials, device = found.trials, found.recording.description
    busy = [t.utilization for t in trials if t.utilization is not None]
    memory = [t.memory_used_bytes for t in trials if t.memory_used_bytes is not None]
    clocks = [t.sm_clock_hz for t in trials if t.sm_clock_hz is not None]
    celsius = [t.temperature_c for t in trials if t.temperature_c is not None]
    if busy:
        yield f"{sum(busy) / len(busy):.0%} busy"
    if memory:
        of = f" of {units.binary_bytes(device.memory_bytes)}" if device.memory_bytes else ""
        yield f"{units.binary_bytes(max(memory))}{of} in use"
    if clocks:
        yield f"{units.si(sum(clocks) / len(clocks), 'Hz')} clock"
    if celsius:
        yield f"{max(celsius):.0f} °C"
    if device.power_limit_w is not None:
        yield f"limit {device.power_limit_w:.0f} W"


def _joules(value: float, like: float | None = None) -> str:
    scale = abs(value if like is None else like)
    for least, unit in ((1e3, "kJ"), (1.0, "J"), (1e-3, "mJ"), (0.0, "µJ")):
        if scale >= least:
            return f"{units.significant(value / (least or 1e-6))} {unit}"
    return f"{value:g} J"


def _spread(mean: Mean, show: Any) -> str:
    value = show(mean.value, mean.value)
    if mean.low is None or mean.high is None:
        return f"{value} (one trial: no interval)"
    low, high = show(mean.low, mean.value), show(mean.high, mean.value)
    return f"{value} ({mean.level:.0%} interval {low} to {high})"


def document(run: BriefRun) -> dict[str, Any]:
    """Return the run as plain dicts, lists, strings and numbers; null is not measured."""
    primary, assignment = run.primary, run.assignment
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "auditor", "version": __version__},
        "versions": dict(run.versions),
        "model": {"path": str(run.path), "structure_sha256": run.structure_sha256},
        "hardware_id": run.hardware_id,
        "provider": run.provider.value,
        "precision": run.precision,
        "batch_size": run.batch_size,
        "dims": dict(run.dims),
        "shapes": {name: list(shape) for name, shape in run.shapes.items()},
        "repetition": "one forward pass",
        "step_time_s": _mean(primary.step_time_s),
        "time_per_sample_s": _mean(primary.step_time_s.scaled(1 / run.batch_size)),
        "energy": _figures(primary, run.batch_size),
        "measurements": [_measurement(found, run.batch_size) for found in run.measurements],
        "schedule": {
            "idle_s": run.schedule.idle_s,
            "warm_up_s": run.schedule.warm_up_s,
            "window_s": run.schedule.window_s,
            "trial_count": run.schedule.trial_count,
            "cool_down_s": run.schedule.cool_down_s,
            "rate_hz": run.schedule.rate_hz,
        },
        "nodes": None
        if assignment is None
        else {
            "on_provider_count": assignment.provider_nodes,
            "on_cpu_count": assignment.cpu_nodes,
            "on_cpu_by_op_type": dict(assignment.cpu_op_types),
        },
        "notes": list(run.notes),
        "warnings": list(_warnings(run)),
    }


def _mean(mean: Mean) -> dict[str, float | None]:
    return {"value": mean.value, "low": mean.low, "high": mean.high, "level": mean.level}


def _figures(found: Measurement, batch_size: int) -> dict[str, Any] | None:
    """Energy and power with method and scope; None where there was no meter."""
    energy_j = found.energy_j
    if energy_j is None:
        return None
    return {
        "scope": found.scope,
        "method": found.energy_method,
        "energy_j": _mean(energy_j),
        "energy_per_sample_j": _mean(energy_j.scaled(1 / batch_size)),
        "mean_power_w": found.mean_power_w,
        "idle_power_w": found.idle_power_w,
        "integrated_over_counter": found.disagreement,
    }


def _measurement(found: Measurement, batch_size: int) -> dict[str, Any]:
    device = found.recording.description
    return {
        "meter": {
            "name": device.name,
            "kind": device.kind,
            "scope": device.scope,
            "device_name": device.device_name,
            "device_uuid": device.device_uuid,
            "driver_version": device.driver_version,
            "power_limit_w": device.power_limit_w,
            "memory_bytes": device.memory_bytes,
            "visible_share": device.visible_share,
        },
        "energy": _figures(found, batch_size),
        "sampling_share": found.sampling_share,
        "trials": [_trial(trial) for trial in found.trials],
        "warnings": list(found.warnings),
    }


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "repetition_count": trial.repetition_count,
        "duration_s": trial.duration_s,
        "energy_counter_j": trial.energy_counter_j,
        "energy_integrated_j": trial.energy_integrated_j,
        "mean_power_w": trial.mean_power_w,
        "sample_count": trial.sample_count,
        "utilization": trial.utilization,
        "memory_used_bytes": trial.memory_used_bytes,
        "sm_clock_hz": trial.sm_clock_hz,
        "temperature_c": trial.temperature_c,
        "throttled_share": trial.throttled_share,
        "throttle_reasons": sorted(trial.throttle_reasons),
        "other_process_count": trial.process_count,
    }


def render_json(run: BriefRun) -> str:
    """Return the document as JSON text, a newline at its end."""
    return json_text(document(run))
