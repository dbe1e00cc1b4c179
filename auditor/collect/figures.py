"""The figures of a measured run, as the store keeps them (JSON; docs/collect.md lists them)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from auditor.measure.protocol import Measurement, Trial
from auditor.measure.spread import Mean

# Trials whose step times are further apart than this were not of a steady state.
STEADY_SHARE = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Highest memory in bytes that torch's allocator gave out and held; None off a GPU."""

    allocated_bytes: int | None = None
    reserved_bytes: int | None = None


def figures_of(
    found: Measurement, idle_power_w: float | None, about: Mapping[str, Any]
) -> dict[str, Any]:
    """Figures of a measurement, beside `about` (memory, parameters, versions, settings).

    Times and energies are those of all trials over all their steps; those under ``trials_`` are
    the means of trials with their intervals.  `idle_power_w` is the baseline that all runs of a
    worker share, None where it was not measured.
    """
    duration_s = sum(t.duration_s for t in found.trials)
    step_count = sum(t.repetition_count for t in found.trials)
    energy_j = None if found.mean_power_w is None else found.mean_power_w * duration_s
    apart = found.energy_j
    return {
        "step_time_s": duration_s / step_count,
        "energy_j_per_step": None if energy_j is None else energy_j / step_count,
        "trials_step_time_s": _mean(found.step_time_s),
        "trials_energy_j_per_step": None if apart is None else _mean(apart),
        "energy_method": found.energy_method,
        "energy_scope": None if energy_j is None else found.scope,
        "energy_j": energy_j,
        "mean_power_w": found.mean_power_w,
        "idle_power_w": idle_power_w,
        "duration_s": duration_s,
        "step_count": step_count,
        "trials": [_trial(t) for t in found.trials],
        "warnings": [*found.warnings, *_unsteady(found.trials)],
        **about,
    }


def _unsteady(trials: Sequence[Trial]) -> Iterator[str]:
    times_s = [trial.step_time_s for trial in trials]
    if max(times_s) > STEADY_SHARE * min(times_s):
        yield f"a step took {1e3 * min(times_s):.4g} to {1e3 * max(times_s):.4g} ms by trial"


def _mean(mean: Mean) -> dict[str, float | None]:
    return asdict(mean)


def _trial(trial: Trial) -> dict[str, Any]:
    return asdict(trial) | {"throttle_reasons": sorted(trial.throttle_reasons)}
