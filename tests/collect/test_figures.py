"""Figures of a measured run, on a recording made by hand."""

from __future__ import annotations

import pytest

from auditor.collect.figures import figures_of
from auditor.measure.meter import MeterDescription, Reading
from auditor.measure.recording import Mark, Recording
from auditor.measure.trials import analysed

# 100 W for two trials of 2 s; the counter goes up by 100 J a second from 5 J on.
READINGS = tuple(
    Reading(time_s=t / 50, power_w=100.0 + 0.001 * (t % 3), counter_j=5.0 + 2.0 * t)
    for t in range(351)
)


def recording(second_count: int) -> Recording:
    marks = (
        Mark(0.0, "idle"),
        Mark(2.0, "warm-up"),
        Mark(3.0, "trial 1", 20),
        Mark(5.0, "trial 2", second_count),
        Mark(7.0, "end"),
    )
    description = MeterDescription(name="made", kind="made", scope="gpu")
    return Recording(description=description, readings=READINGS, marks=marks)


def test_times_and_energies_are_of_all_steps() -> None:
    """4 s and 400 J over 40 steps: 0.1 s and 10 J each."""
    found = figures_of(analysed(recording(20)), 75.0, {"parameter_count": 3})
    assert found["step_time_s"] == pytest.approx(0.1)
    assert found["energy_j_per_step"] == pytest.approx(10.0)
    assert found["mean_power_w"] == pytest.approx(100.0)
    assert (found["duration_s"], found["step_count"]) == (4.0, 40)
    assert (found["energy_method"], found["energy_scope"]) == ("counter", "gpu")
    assert (found["idle_power_w"], found["parameter_count"]) == (75.0, 3)
    assert found["warnings"] == [] and len(found["trials"]) == 2


def test_trials_that_differ_are_said() -> None:
    """20 and 10 steps in 2 s each: 100 and 200 ms, over all 4 s / 30."""
    found = figures_of(analysed(recording(10)), None, {})
    assert found["step_time_s"] == pytest.approx(4 / 30)
    assert found["trials_step_time_s"]["value"] == pytest.approx(0.15)
    assert found["warnings"] == ["a step took 100 to 200 ms by trial"]


def test_without_a_meter_there_is_no_energy() -> None:
    bare = tuple(Reading(time_s=r.time_s, power_w=None, counter_j=None) for r in READINGS)
    made = recording(20)
    no_meter = Recording(description=made.description, readings=bare, marks=made.marks)
    found = figures_of(analysed(no_meter), None, {})
    for name in ("energy_j", "energy_j_per_step", "energy_method", "energy_scope", "mean_power_w"):
        assert found[name] is None
    assert found["step_time_s"] == pytest.approx(0.1)
