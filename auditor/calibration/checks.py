"""What no schema can tell: figures of a run that cannot all be right, and runs told twice."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from auditor.calibration.record import Run
from auditor.hardware import Accelerator

# Boards pass their limit for moments, and meters read a few percent off.
POWER_MARGIN = 1.1
# Of the design power: no board that is in use draws less where no idle power is known.
IDLE_SHARE = 0.04
# Room for what the scope adds to the boards.  Two processors have 800 W at most; what else a
# machine of eight modules draws is 4.6 kW (NVIDIA DGX H100: 10.2 kW with 8 x 700 W).
HOST_W = 800.0
REST_PER_DEVICE_W = 600.0
# A limit can be set above the design power, but not by more than this.
LIMIT_MARGIN = 1.5
POWER_TOLERANCE = 0.05
# Steps in a duration: a last incomplete batch is a whole step, and start-up and evaluation
# take time of their own, but not nearly all.
LONGEST_STEPS = 1.15
SHORTEST_STEPS = 0.05
# Columns that may differ between two tellings of one measurement.
TOLD = frozenset(("run_id", "source", "source_path", "licence", "quality", "family", "note"))


def _limit_w(run: Run, device: Accelerator) -> float | None:
    return run.power_limit_w or device.tdp_w


def highest_power_w(run: Run, device: Accelerator, scope: str) -> float | None:
    """Power in W that a run of this scope cannot pass; None if the device's limit is not known."""
    limit_w = _limit_w(run, device)
    if limit_w is None:
        return None
    boards_w = POWER_MARGIN * limit_w * run.device_count
    rest_w = {
        "gpu": 0.0,
        "gpu+cpu": HOST_W,
        "node": HOST_W + REST_PER_DEVICE_W * run.device_count,
    }
    return boards_w + rest_w[scope]


def lowest_power_w(run: Run, device: Accelerator) -> float:
    """Power in W below which the run's devices would be idle."""
    idle_w = device.idle_w or IDLE_SHARE * (device.tdp_w or 0.0)
    return idle_w * run.device_count


def _power(run: Run, device: Accelerator, power_w: float, scope: str) -> str | None:
    highest_w, lowest_w = highest_power_w(run, device, scope), lowest_power_w(run, device)
    devices = f"{run.device_count} x {device.id}"
    if highest_w is not None and power_w > highest_w:
        return f"{power_w:.4g} W is above the {highest_w:.4g} W that {devices} ({scope}) can draw"
    if power_w < lowest_w:
        return f"{power_w:.4g} W is below the {lowest_w:.4g} W that {devices} draw when idle"
    return None


def _limit(run: Run, device: Accelerator) -> Iterator[str]:
    if run.power_limit_w and device.tdp_w and run.power_limit_w > LIMIT_MARGIN * device.tdp_w:
        yield (
            f"power_limit_w: {run.power_limit_w:.4g} W is above what {device.id} "
            f"({device.tdp_w:.4g} W) can be set to: give W of one device"
        )


def _energy(run: Run, device: Accelerator) -> Iterator[str]:
    if run.energy_j is None or run.duration_s is None or run.energy_scope is None:
        return
    power_w = run.energy_j / run.duration_s
    problem = _power(run, device, power_w, run.energy_scope)
    if problem:
        yield f"energy_j / duration_s: {problem}: give J (1 kWh = 3.6e6 J) and s"
    same = run.mean_power_w is not None and run.power_scope == run.energy_scope
    if same and run.mean_power_w and abs(power_w / run.mean_power_w - 1) > POWER_TOLERANCE:
        yield (
            f"energy_j / duration_s is {power_w:.4g} W, but mean_power_w {run.mean_power_w:.4g} W: "
            "correct one of them"
        )


def _mean_power(run: Run, device: Accelerator) -> Iterator[str]:
    if run.mean_power_w is None or run.power_scope is None:
        return
    problem = _power(run, device, run.mean_power_w, run.power_scope)
    if problem:
        yield f"mean_power_w: {problem}: give W, of all devices together"


def _time(run: Run, _: Accelerator) -> Iterator[str]:
    if run.steps is None or run.duration_s is None:
        return
    share = run.steps * run.step_time_s / run.duration_s
    if not SHORTEST_STEPS <= share <= LONGEST_STEPS:
        yield (
            f"step_time_s: {run.steps:.6g} steps of {run.step_time_s:.4g} s take {share:.3g} times "
            f"the {run.duration_s:.4g} s of duration_s: give both in s, and samples of all devices"
        )


def problems(run: Run, device: Accelerator) -> Iterator[str]:
    """Say in words, column first and remedy last, what cannot be right about a run on `device`."""
    for check in (_limit, _mean_power, _energy, _time):
        yield from check(run, device)


def content(run: Run) -> tuple[object, ...]:
    """What was measured, whatever the row is called: equal for two tellings of one run."""
    return tuple(getattr(run, f.name) for f in dataclasses.fields(run) if f.name not in TOLD)


def repeated(runs: Iterable[Run]) -> Iterator[tuple[int, int, str]]:
    """Places of runs that come again: (first, later, what is the same)."""
    ids: dict[str, int] = {}
    contents: dict[tuple[object, ...], int] = {}
    for place, run in enumerate(runs):
        if run.run_id in ids:
            yield ids[run.run_id], place, f"run_id {run.run_id!r}"
        elif content(run) in contents:
            yield contents[content(run)], place, "every figure"
        ids.setdefault(run.run_id, place)
        contents.setdefault(content(run), place)
