"""The protocol on real threads and clocks: phases, warm-up, errors, and what sampling costs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

import auditor.measure.protocol
from auditor.errors import HardwareError, ModelError, PlanError
from auditor.measure.meter import MeterDescription, NoMeter, Reading
from auditor.measure.protocol import Schedule, Work, measured, measured_together
from auditor.measure.sampling import Sampler

BRIEF = Schedule(idle_s=0.1, warm_up_s=0.1, window_s=0.3, trial_count=2, cool_down_s=0.05)


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Warming up looks at the time of a step four times, over a quarter of a second each."""
    monkeypatch.setattr(auditor.measure.protocol, "_CHUNK_S", 0.05)


class Sleeper:
    """Work of a known time a step."""

    def __init__(self, step_s: Callable[[int], float] = lambda _: 0.003) -> None:
        self.step_s = step_s
        self.count = 0
        self.waits = 0

    def step(self) -> None:
        self.count += 1
        time.sleep(self.step_s(self.count))

    def wait(self) -> None:
        self.waits += 1


class Made:
    """A meter of a fixed power that wobbles by some mW; fails when it is told to."""

    def __init__(self, power_w: float = 50.0, fails_after: int | None = None) -> None:
        self.description = MeterDescription(
            name="made", kind="made", scope="gpu", device_name="made device"
        )
        self.power_w = power_w
        self.fails_after = fails_after
        self.reads = 0

    def read(self) -> Reading:
        self.reads += 1
        if self.fails_after is not None and self.reads > self.fails_after:
            raise HardwareError("made device: gone; measure again")
        return Reading(
            time_s=time.monotonic(),
            power_w=self.power_w + 0.001 * (self.reads % 5),
            counter_j=None,
        )

    def close(self) -> None:
        pass


def test_the_phases_come_in_order_and_last_as_long_as_they_should() -> None:
    found = measured(Made(), Sleeper(), BRIEF)
    marks = found.recording.marks
    assert [m.label for m in marks] == [
        "idle",
        "warm-up",
        "trial 1",
        "trial 2",
        "cool-down",
        "end",
    ]
    lasted = {a.label: b.time_s - a.time_s for a, b in pairwise(marks)}
    assert lasted["idle"] >= 0.1 and lasted["warm-up"] >= 0.1 and lasted["cool-down"] >= 0.05
    assert [lasted["trial 1"], lasted["trial 2"]] == [t.duration_s for t in found.trials]
    assert all(t.duration_s >= 0.3 for t in found.trials)
    assert found.recording.readings[0].time_s <= marks[0].time_s
    assert found.recording.readings[-1].time_s >= marks[-1].time_s


def test_only_the_steps_of_the_trials_are_counted() -> None:
    work = Sleeper()
    found = measured(Made(), work, BRIEF)
    counted = sum(t.repetition_count for t in found.trials)
    assert 0 < counted < work.count
    for trial in found.trials:
        # No step is shorter than its sleep.
        assert trial.step_time_s >= 0.003
        assert trial.energy_j == pytest.approx(50 * trial.duration_s, rel=0.01)


def test_a_step_longer_than_the_window_runs_once_a_trial() -> None:
    schedule = Schedule(
        idle_s=0, warm_up_s=0, longest_warm_up_s=0, window_s=0.01, trial_count=2, cool_down_s=0
    )
    found = measured(NoMeter(), Sleeper(lambda _: 0.05), schedule)
    assert {t.repetition_count for t in found.trials} <= {1, 2}


def test_warming_up_goes_on_until_the_time_is_steady() -> None:
    # From 9 ms down to 3 ms over the first 100 steps, as where a clock ramps up.
    work = Sleeper(lambda n: 0.003 + 0.006 * max(0, 100 - n) / 100)
    schedule = Schedule(
        idle_s=0, warm_up_s=0.1, longest_warm_up_s=20, window_s=0.2, trial_count=1, cool_down_s=0
    )
    found = measured(NoMeter(), work, schedule)
    assert found.step_time_s.value < 0.0045
    assert work.count > 100


def test_warming_up_lasts_as_long_as_the_sensor_averages_over() -> None:
    meter = Made()
    meter.description = replace(meter.description, lowest_window_s=0.3)
    schedule = replace(BRIEF, warm_up_s=0, longest_warm_up_s=0, trial_count=1)
    marks = measured(meter, Sleeper(), schedule).recording.marks
    assert [m.label for m in marks[:3]] == ["idle", "warm-up", "trial 1"]
    assert marks[2].time_s - marks[1].time_s >= 0.3


def test_work_that_never_gets_steady_is_warned_of() -> None:
    work = Sleeper(lambda n: 0.002 * (1 + (n // 15) % 2 * 5))
    schedule = Schedule(
        idle_s=0, warm_up_s=0, longest_warm_up_s=0.6, window_s=0.2, trial_count=1, cool_down_s=0
    )
    found = measured(NoMeter(), work, schedule)
    assert any("not steady after" in text for text in found.warnings)


def test_a_meter_that_fails_ends_the_run_at_once() -> None:
    work = Sleeper()
    start_s = time.monotonic()
    with pytest.raises(HardwareError, match="made device: gone"):
        measured(Made(fails_after=10), work, Schedule(idle_s=30, rate_hz=100))
    assert time.monotonic() - start_s < 5
    assert work.count == 0
    assert threading.active_count() == 1


def test_a_meter_that_fails_in_a_trial_ends_the_run() -> None:
    with pytest.raises(HardwareError, match="made device: gone"):
        measured(Made(fails_after=20), Sleeper(), BRIEF)


def test_a_meter_that_fails_does_not_wait_for_the_end_of_the_window() -> None:
    # Half a second of readings, then none; the window would last half a minute.
    schedule = replace(BRIEF, warm_up_s=0, longest_warm_up_s=0, window_s=30, rate_hz=100)
    start_s = time.monotonic()
    with pytest.raises(HardwareError, match="made device: gone"):
        measured(Made(fails_after=50), Sleeper(), schedule)
    assert time.monotonic() - start_s < 10


def test_a_meter_that_fails_at_once_runs_nothing() -> None:
    work = Sleeper()
    with pytest.raises(HardwareError, match="gone"):
        measured(Made(fails_after=0), work, BRIEF)
    assert work.count == 0 and threading.active_count() == 1


def test_work_that_fails_leaves_no_thread() -> None:
    class Broken(Sleeper):
        def step(self) -> None:
            raise ModelError("it broke; mend it")

    with pytest.raises(ModelError, match="it broke"):
        measured(Made(), Broken(), BRIEF)
    assert threading.active_count() == 1


def test_several_meters_see_the_same_run() -> None:
    found = measured_together((Made(50), Made(80)), Sleeper(), BRIEF)
    assert [round(m.mean_power_w or 0) for m in found] == [50, 80]
    assert found[0].trials[0].duration_s == found[1].trials[0].duration_s
    assert found[0].recording.marks == found[1].recording.marks


def test_without_a_meter_only_time_is_measured() -> None:
    (found,) = measured_together((), Sleeper(), BRIEF)
    assert found.energy_j is None and found.scope == "none"
    assert found.step_time_s.value >= 0.003


def test_sampling_takes_less_than_one_percent() -> None:
    # The bound is five times that: the machine may be busy with other work.
    schedule = Schedule(idle_s=0.5, warm_up_s=0, longest_warm_up_s=0, window_s=0.5, trial_count=1)
    found = measured(Made(), Sleeper(), schedule)
    assert found.sampling_share is not None
    assert found.sampling_share < 0.05


def test_the_rate_is_kept() -> None:
    sampler = Sampler(Made(), 50)
    sampler.start()
    time.sleep(0.5)
    sampler.stop()
    # 25 periods, one reading before and one after; fewer where the machine is busy.
    assert 8 <= len(sampler.readings()) <= 28


def test_a_thread_that_died_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Buggy(Made):
        def read(self) -> Reading:
            if self.reads:
                raise ZeroDivisionError
            return super().read()

    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    with pytest.raises(HardwareError, match="meter of made device stopped reading"):
        measured(Buggy(), Sleeper(), BRIEF)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("idle_s", -1),
        ("idle_s", float("nan")),
        ("warm_up_s", 1e9),
        ("window_s", 0),
        ("window_s", float("inf")),
        ("trial_count", 0),
        ("rate_hz", 19),
        ("rate_hz", 1e6),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(name: str, value: float) -> None:
    with pytest.raises(PlanError, match=f"{name} "):
        Schedule(**{name: value})  # type: ignore[arg-type]


def test_the_stand_ins_are_work() -> None:
    work: Work = Sleeper()
    assert work.wait() is None


def test_the_benchmark_of_sampling_agrees_with_its_made_up_device() -> None:
    from benchmarks import sampling

    found = sampling.run(window_s=0.5)
    # The device draws 600 W at work; counter and integral see the same.
    assert found.mean_power_w == pytest.approx(600, rel=0.02)
    assert found.disagreement == pytest.approx(0, abs=0.02)
    # The bound is generous: other work on the machine makes the thread's CPU time longer.
    assert found.sampling_share is not None and found.sampling_share < 0.05
