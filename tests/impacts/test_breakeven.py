"""After how many inferences the dearer training is paid back, by hand; or never."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.impacts import BreakEven, Costs, break_even
from auditor.impacts.breakeven import inferences_to_break_even
from auditor.interval import Interval


def exactly(value: float) -> Interval:
    return Interval(value, value, value, 0.9)


def costs(once: float, each: float) -> Costs:
    return Costs(exactly(once), exactly(each))


def test_paid_back_by_hand() -> None:
    # 90 kWh more to train, 0.001 kWh less an inference: 90,000 of them.
    found = break_even(costs(10, 0.003), costs(100, 0.002))
    assert found.inferences == found.earliest == found.latest == pytest.approx(90_000)


def test_never_and_from_the_start() -> None:
    never = BreakEven(inferences=None, earliest=None, latest=None)
    assert break_even(costs(10, 0.002), costs(100, 0.002)) == never  # saves nothing
    assert break_even(costs(10, 0.002), costs(100, 0.003)) == never  # costs more
    at_once = break_even(costs(100, 0.003), costs(10, 0.002))
    assert (at_once.inferences, at_once.latest) == (0.0, 0.0)


def test_the_ends_of_the_intervals_by_hand() -> None:
    first = Costs(Interval(8, 10, 12, 0.9), Interval(2, 3, 4, 0.9))
    second = Costs(Interval(90, 100, 110, 0.9), Interval(0.5, 1, 3, 0.9))
    found = break_even(first, second)
    # Median: 90 / 2.  Best: 90 - 12 = 78 over 4 - 0.5 = 3.5.  Worst: 2 - 3 saves nothing.
    assert found.inferences == pytest.approx(45.0)
    assert found.earliest == pytest.approx(78 / 3.5)
    assert found.latest is None


@given(st.floats(0, 1e9), st.floats(0, 1e3), st.floats(0, 1e9), st.floats(0, 1e3))
def test_at_break_even_both_have_cost_the_same(
    once: float, each: float, other_once: float, other_each: float
) -> None:
    count = break_even(costs(once, each), costs(other_once, other_each)).inferences
    if count is None:
        assert other_once > once and other_each >= each
    elif count > 0:
        assert other_once + count * other_each == pytest.approx(once + count * each, rel=1e-6)


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.floats(1.0, 100.0))
def test_more_to_pay_back_takes_longer(extra: float, saved: float, factor: float) -> None:
    count, later = (inferences_to_break_even(e, saved) for e in (extra, extra * factor))
    assert count is not None and later is not None and later >= count
