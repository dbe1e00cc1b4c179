"""Energy of a window, against areas and differences worked out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import HardwareError
from auditor.measure.meter import Reading
from auditor.measure.spread import mean_of
from auditor.measure.window import (
    counted_j,
    counter_points,
    integrated_j,
    interpolated,
    longest_gap_s,
    mean_or_none,
    power_points,
)

# 100 W until 1 s, then rising to 300 W at 3 s.
RAMP = [(0.0, 100.0), (1.0, 100.0), (3.0, 300.0)]
powers = st.lists(st.floats(1, 1000), min_size=3, max_size=30)


def reading(time_s: float, power_w: float | None = None, counter_j: float | None = None) -> Reading:
    return Reading(time_s=time_s, power_w=power_w, counter_j=counter_j)


@pytest.mark.parametrize(
    ("start_s", "end_s", "energy_j"),
    [
        (0, 1, 100),  # 1 s of 100 W
        (1, 3, 400),  # 2 s of 200 W in the mean
        (0, 3, 500),
        (0.5, 2, 50 + 150),  # 0.5 s of 100 W, then 1 s from 100 to 200 W
        (2, 2.5, 112.5),  # 0.5 s from 200 to 250 W
        (3, 4, 300),  # after the last reading, power as it was
        (-1, 0, 100),  # before the first, likewise
    ],
)
def test_power_is_integrated_by_trapezoids(start_s: float, end_s: float, energy_j: float) -> None:
    assert integrated_j(RAMP, start_s, end_s) == pytest.approx(energy_j)


@pytest.mark.parametrize(("start_s", "end_s"), [(4, 5), (-2, -1), (1, 1), (2, 1)])
def test_a_window_without_readings_has_no_energy(start_s: float, end_s: float) -> None:
    assert integrated_j(RAMP, start_s, end_s) is None
    assert integrated_j([], start_s, end_s) is None


@given(powers, st.floats(0.1, 0.9))
def test_a_window_is_the_sum_of_its_parts(watts: list[float], share: float) -> None:
    points = [(float(i), w) for i, w in enumerate(watts)]
    end_s = points[-1][0]
    middle_s = share * end_s
    whole = integrated_j(points, 0, end_s)
    parts = integrated_j(points, 0, middle_s), integrated_j(points, middle_s, end_s)
    assert whole is not None and parts[0] is not None and parts[1] is not None
    assert parts[0] + parts[1] == pytest.approx(whole)
    assert min(watts) * end_s <= whole * (1 + 1e-9)
    assert whole <= max(watts) * end_s * (1 + 1e-9)


def test_a_counter_is_read_between_its_steps() -> None:
    # It moves at 1 s and 3 s, by 20 J: 10 W.  Between 1.5 and 2.5 s that is 10 J.
    readings = [reading(t, counter_j=c) for t, c in [(0, 5), (1, 10), (2, 10), (3, 30), (4, 30)]]
    points = counter_points(readings, "it")
    assert points == [(0, 5), (1, 10), (3, 30)]
    assert counted_j(points, 1.5, 2.5) == pytest.approx(10)


def test_a_counter_that_falls_was_reset() -> None:
    readings = [reading(0, counter_j=500), reading(1, counter_j=3)]
    with pytest.raises(HardwareError, match=r"counter of H100 fell from 500 to 3 J: .* again"):
        counter_points(readings, "H100")


def test_a_counter_that_stands_still_has_counted_nothing() -> None:
    points = counter_points([reading(t, counter_j=7) for t in range(5)], "it")
    assert counted_j(points, 1, 3) == 0


def test_a_counter_read_once_tells_nothing() -> None:
    assert counted_j(counter_points([reading(0, counter_j=7)], "it"), 0, 1) is None
    assert counter_points([reading(0)], "it") == []


def test_readings_without_power_are_left_out() -> None:
    assert power_points([reading(0, 5), reading(1), reading(2, 7)]) == [(0, 5), (2, 7)]
    assert interpolated([(0, 5), (2, 7)], 1) == 6
    assert mean_or_none([None, 2.0, 4.0]) == 3
    assert mean_or_none([None]) is None


def test_the_longest_gap_counts_the_edges() -> None:
    readings = [reading(t) for t in (0, 1.5, 2)]
    assert longest_gap_s(readings, 1, 5) == 3  # from the reading at 2 s to the end


def test_the_interval_of_three_trials_is_students() -> None:
    # 9, 10, 11: mean 10, standard deviation 1; t of 2 degrees at 97.5 % is 4.30265 (tables).
    found = mean_of([9, 10, 11])
    half = 4.30265 / math.sqrt(3)
    assert (found.value, found.low, found.high) == (
        10,
        pytest.approx(10 - half, abs=1e-4),
        pytest.approx(10 + half, abs=1e-4),
    )
    assert found.scaled(0.5).high == pytest.approx((10 + half) / 2, abs=1e-4)


def test_one_trial_has_no_interval_unless_the_method_has_one() -> None:
    assert mean_of([5]).low is None
    widened = mean_of([5]).widened(0.5, 2)
    assert (widened.low, widened.high) == (2.5, 10)
    assert mean_of([5]).widened(1, 1).low is None


def test_an_amount_is_never_below_zero() -> None:
    assert mean_of([1, 9]).low == 0
