"""From made recordings to figures, each worked out by hand; and what is refused or warned of."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import HardwareError
from auditor.measure.meter import MeterDescription, Reading
from auditor.measure.recording import Mark, Recording
from auditor.measure.trials import analysed

GPU = MeterDescription(name="test", kind="nvml", scope="gpu", device_name="H100")
MARKS = (
    Mark(0, "idle"),
    Mark(2, "warm-up"),
    Mark(4, "trial 1", 10),
    Mark(6, "trial 2", 5),
    Mark(8, "cool-down"),
    Mark(10, "end"),
)


def recording(
    *, counter: bool = True, power: bool = True, rate_hz: int = 50, **changes: object
) -> Recording:
    """100 W idle until 2 s, 300 W from then to 8 s, 100 W after; the counter goes with it."""
    readings = []
    for i in range(10 * rate_hz + 1):
        time_s = i / rate_hz
        busy = 2 <= time_s < 8
        # 100 W all the time, and 200 W more from 2 s to 8 s.
        counter_j = 100 * time_s + 200 * min(max(time_s - 2, 0), 6)
        readings.append(
            Reading(
                time_s=time_s,
                power_w=(300.0 if busy else 100.0) if power else None,
                counter_j=counter_j if counter else None,
            )
        )
    made = Recording(description=GPU, readings=tuple(readings), marks=MARKS)
    return replace(made, **changes)  # type: ignore[arg-type]


def with_readings(made: Recording, **changes: object) -> Recording:
    changed = (replace(r, **changes) for r in made.readings)  # type: ignore[arg-type]
    return replace(made, readings=tuple(changed))


def test_energy_is_the_counters() -> None:
    found = analysed(recording())
    assert found.energy_method == "counter"
    # 2 s of 300 W: 600 J, in 10 repetitions and in 5.
    assert [t.energy_counter_j for t in found.trials] == pytest.approx([600, 600])
    assert found.energy_j is not None
    assert found.energy_j.value == pytest.approx((60 + 120) / 2)
    assert [t.step_time_s for t in found.trials] == pytest.approx([0.2, 0.4])
    assert found.step_time_s.value == pytest.approx(0.3)
    assert found.mean_power_w == pytest.approx(300)
    # The reading at 2 s, where the phase ends, is of the work already: 1.98 s of 100 W, and 20 ms
    # between 100 and 300 W.
    assert found.idle_power_w == pytest.approx((1.98 * 100 + 0.02 * 200) / 2)
    assert found.scope == "gpu"
    assert found.warnings == ()


def test_idle_power_leaves_out_what_an_averaging_sensor_saw_before() -> None:
    made = recording(counter=False, description=replace(GPU, lowest_window_s=0.5))
    # 900 W until 0.4 s, when the model was loaded; from 0.5 s on it is idle at 100 W.
    after = tuple(replace(r, power_w=900.0) if r.time_s < 0.4 else r for r in made.readings)
    found = analysed(replace(made, readings=after))
    # 0.5 to 1.98 s at 100 W, then 20 ms from 100 to 300 W.
    assert found.idle_power_w == pytest.approx((1.48 * 100 + 0.02 * 200) / 1.5)


def test_power_integrated_is_within_one_percent_of_the_counter() -> None:
    found = analysed(recording())
    assert found.disagreement is not None
    assert abs(found.disagreement) < 0.01


def test_without_a_counter_power_is_integrated_and_that_is_said() -> None:
    found = analysed(recording(counter=False))
    assert found.energy_method == "integrated"
    assert found.energy_j is not None
    assert found.energy_j.value == pytest.approx(90, rel=0.01)
    assert any("no energy counter" in text for text in found.warnings)


def test_a_counter_alone_is_enough() -> None:
    found = analysed(recording(power=False))
    assert (found.energy_method, found.disagreement) == ("counter", None)
    assert found.idle_power_w == pytest.approx(100)


def test_with_neither_only_time_is_measured() -> None:
    found = analysed(recording(power=False, counter=False))
    assert found.energy_j is None and found.mean_power_w is None
    assert found.idle_power_w is None and found.energy_method is None
    assert found.step_time_s.value == pytest.approx(0.3)


def test_a_power_of_zero_is_refused() -> None:
    with pytest.raises(HardwareError, match="reads 0 W in trial 1"):
        analysed(with_readings(recording(counter=False), power_w=0.0))


def test_a_power_that_stands_still_is_refused() -> None:
    with pytest.raises(HardwareError, match=r"reads 71\.5 W all the time, idle and at work"):
        analysed(with_readings(recording(), power_w=71.5))


def test_a_counter_that_stands_still_is_refused() -> None:
    with pytest.raises(HardwareError, match=r"counter does not move in trial 1; .*--no-counter"):
        analysed(with_readings(recording(), counter_j=12.0))


def test_a_recording_without_trials_is_refused() -> None:
    with pytest.raises(HardwareError, match="H100 has no trial"):
        analysed(recording(marks=(Mark(0, "idle"), Mark(1, "end"))))


def test_counter_and_power_that_disagree_are_warned_of() -> None:
    made = recording()
    halved = tuple(replace(r, power_w=(r.power_w or 0) / 2) for r in made.readings)
    found = analysed(replace(made, readings=halved))
    assert found.disagreement == pytest.approx(-0.5, rel=0.02)
    assert any("power integrated is -50" in text for text in found.warnings)


def test_throttling_is_told_with_its_share_and_reason() -> None:
    made = recording()
    hot = tuple(
        replace(r, throttle_reasons=frozenset({"power limit"} if r.time_s < 5 else {"idle"}))
        for r in made.readings
    )
    found = analysed(replace(made, readings=hot))
    # Of the first trial, 4 to 6 s, the first half: 50 of 101 readings.
    assert found.trials[0].throttled_share == pytest.approx(50 / 101)
    assert found.trials[1].throttled_share == 0
    assert found.warnings == ("trial 1: clocks held down in 50% of the readings: power limit",)


@pytest.mark.parametrize(
    ("count", "words"), [(1, "1 other process on"), (3, "3 other processes on")]
)
def test_other_processes_are_counted(count: int, words: str) -> None:
    found = analysed(with_readings(recording(), process_count=count))
    assert any(words in text for text in found.warnings)


def test_a_slow_rate_and_a_gap_are_warned_of() -> None:
    slow = analysed(recording(rate_hz=10))
    assert any("sampled at" in text and "less than 20 Hz" in text for text in slow.warnings)
    made = recording()
    gap = replace(made, readings=tuple(r for r in made.readings if not 4.5 < r.time_s < 5.5))
    assert any("no reading for 1.00 s" in text for text in analysed(gap).warnings)


def test_a_model_is_called_one_and_has_its_range() -> None:
    model = replace(GPU, kind="cpu-model", scope="host", lowest_factor=0.5, highest_factor=3.0)
    made = replace(recording(counter=False), description=model)
    one = replace(made, marks=tuple(m for m in MARKS if m.label != "trial 2"))
    found = analysed(one)
    assert found.energy_method == "modelled"
    assert found.energy_j is not None
    # 4 s of 300 W in 10 repetitions; half and three times that.
    assert found.energy_j.value == pytest.approx(120, rel=0.01)
    assert found.energy_j.low == pytest.approx(60, rel=0.01)
    assert found.energy_j.high == pytest.approx(360, rel=0.01)


@given(
    st.floats(20, 700),
    st.floats(20, 700),
    st.sampled_from([0.004, 0.02, 0.1]),
    st.floats(0, 0.1),
)
def test_a_stepping_counter_agrees_with_power_whatever_its_phase(
    idle_w: float, busy_w: float, period_s: float, phase_s: float
) -> None:
    """A counter brought up to date every 4 to 100 ms, read at 50 Hz: within 1 % over 2 s."""
    made = recording()
    readings = []
    for r in made.readings:
        at_s = max(0.0, (r.time_s - phase_s) // period_s * period_s + phase_s)
        counter_j = idle_w * at_s + (busy_w - idle_w) * min(max(at_s - 2, 0), 6)
        busy = 2 <= r.time_s < 8
        readings.append(
            replace(
                r,
                counter_j=round(counter_j, 3),
                # A sensor that is alive shows some mW of noise.
                power_w=(busy_w if busy else idle_w) + 0.001 * (len(readings) % 3),
            )
        )
    found = analysed(replace(made, readings=tuple(readings)))
    # Either edge of the 2 s is off by up to one reading, 20 ms: 1 %.
    integral_j = found.trials[0].energy_integrated_j
    assert integral_j == pytest.approx(found.trials[0].energy_counter_j, rel=0.011)
