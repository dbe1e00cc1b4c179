"""Intervals of log-normal errors."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.interval import Interval, lognormal

MEDIAN = st.floats(1e-9, 1e9)
SPREAD = st.floats(0, 2)
LEVEL = st.floats(0.01, 0.99)


def test_the_quantile_is_that_of_the_normal_distribution() -> None:
    # the middle 95 % of a normal distribution end at 1.959964 standard deviations
    found = lognormal(100, 0.1, 0.95)
    assert found.high == pytest.approx(100 * math.exp(0.1959964))
    assert found.low == pytest.approx(100 / math.exp(0.1959964))
    assert (found.median, found.level) == (100, 0.95)


@given(MEDIAN, SPREAD, LEVEL)
def test_the_median_is_in_the_middle_of_the_ratios(median: float, std: float, level: float) -> None:
    found = lognormal(median, std, level)
    assert found.low <= found.median <= found.high
    assert found.low * found.high == pytest.approx(median**2)


@given(MEDIAN, LEVEL)
def test_without_spread_there_is_no_width(median: float, level: float) -> None:
    found = lognormal(median, 0, level)
    assert found.low == found.high == median


@given(st.floats(0.01, 1), st.floats(0.1, 0.9))
def test_a_higher_level_is_wider(std: float, level: float) -> None:
    assert lognormal(1, std, level + 0.05).high > lognormal(1, std, level).high


@given(MEDIAN, SPREAD, LEVEL, st.floats(0, 1e6))
def test_scaling_is_exact_and_keeps_the_level(
    median: float, std: float, level: float, factor: float
) -> None:
    found = lognormal(median, std, level)
    scaled = found.scaled(factor)
    assert scaled == Interval(found.low * factor, found.median * factor, found.high * factor, level)
