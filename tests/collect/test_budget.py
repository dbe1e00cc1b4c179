"""What a run will cost, and whether it fits."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.budget import FIRST_OVERHEAD_S, Budget, Costs, least_s
from auditor.measure.protocol import Schedule

SCHEDULE = Schedule(idle_s=0.0, warm_up_s=1.0, window_s=2.5, trial_count=2, cool_down_s=0.5)


def test_the_least_is_the_sum_of_the_phases() -> None:
    assert least_s(SCHEDULE) == pytest.approx(1.0 + 2 * 2.5 + 0.5)


def test_before_any_run_an_overhead_is_assumed() -> None:
    assert Costs().expected_s(SCHEDULE) == pytest.approx(6.5 + FIRST_OVERHEAD_S)


def test_nine_of_ten_runs_are_not_longer() -> None:
    """Overheads of 1 to 10 s: the ninth of them is 9 s."""
    costs = Costs()
    for overhead_s in range(10, 0, -1):
        costs = costs.with_run(6.5 + overhead_s, SCHEDULE)
    assert costs.expected_s(SCHEDULE) == pytest.approx(6.5 + 9.0)
    assert costs.hang_s(SCHEDULE) == pytest.approx(150.0)
    assert Costs((30.0,)).hang_s(SCHEDULE) == pytest.approx(5 * 36.5)


def test_a_run_cut_short_tells_nothing() -> None:
    assert Costs().with_run(2.0, SCHEDULE) == Costs()


def test_what_is_left_of_a_budget() -> None:
    assert Budget(100.0, 60.0).left_s(130.0) == pytest.approx(30.0)
    assert Budget(100.0, None).left_s(1e9) == math.inf


@given(st.lists(st.floats(0, 100), min_size=1, max_size=30))
def test_at_least_nine_tenths_fit(overheads_s: list[float]) -> None:
    expected_s = Costs(tuple(overheads_s)).expected_s(SCHEDULE) - least_s(SCHEDULE)
    fitting = sum(o <= expected_s + 1e-9 for o in overheads_s)
    assert fitting >= 0.9 * len(overheads_s)
