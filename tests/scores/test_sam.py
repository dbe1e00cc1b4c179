"""SAM by hand, and where it is undefined."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.energy import Scope
from auditor.interval import Interval
from auditor.scores import sam, sam_value

HUNDRED_KWH = Interval(10.0, 100.0, 1000.0, 0.9)


def test_sam_by_hand() -> None:
    # 0.76^2 = 0.5776, ^4 = 0.33362176, ^5 = 0.2535525376; times 5 over log10(100) = 2.
    assert sam_value(0.76, 100.0, 5.0, 5.0) == pytest.approx(0.633881344, rel=1e-12)


def test_the_interval_of_a_score_by_hand() -> None:
    # The same with log10(1000) = 3 and log10(10) = 1; the more electricity, the lower.
    found = sam(0.76, HUNDRED_KWH, Scope.NODE)
    assert found.low == pytest.approx(1.267762688 / 3, rel=1e-12)
    assert found.median == pytest.approx(1.267762688 / 2, rel=1e-12)
    assert found.high == pytest.approx(1.267762688, rel=1e-12)
    assert (found.undefined_because, found.energy_kwh, found.scope) == (None, 100.0, Scope.NODE)


def test_alpha_weighs_accuracy_and_beta_the_whole() -> None:
    # alpha 2, beta 3: 3 * 0.5^2 / 2.
    assert sam_value(0.5, 100.0, 2.0, 3.0) == pytest.approx(0.375, rel=1e-12)
    found = sam(0.5, HUNDRED_KWH, Scope.GPU, alpha=2.0, beta=3.0)
    assert (found.alpha, found.beta) == (2.0, 3.0)
    assert found.median == pytest.approx(0.375, rel=1e-12)


def test_the_papers_alpha_and_beta_are_five() -> None:
    # Gowda et al., arXiv 2310.06522: alpha = beta = 5.
    found = sam(1.0, HUNDRED_KWH, Scope.NODE)
    assert (found.alpha, found.beta, found.median) == (5.0, 5.0, 2.5)


@pytest.mark.parametrize("kwh", [1.0, 0.999, 0.5, 1e-9, 0.0])
def test_sam_is_undefined_at_one_kwh_and_below(kwh: float) -> None:
    assert sam_value(0.76, kwh, 5.0, 5.0) is None
    found = sam(0.76, Interval(kwh / 2, kwh, kwh * 1e12, 0.9), Scope.NODE)
    assert found.median is None and found.high is None
    assert found.undefined_because is not None and "1 kWh" in found.undefined_because


def test_just_above_one_kwh_sam_is_finite_and_positive() -> None:
    found = sam_value(0.76, math.nextafter(1.0, 2.0), 5.0, 5.0)
    assert found is not None
    assert 0 < found < math.inf


def test_only_the_end_below_one_kwh_is_undefined() -> None:
    # 2 kWh, 0.5 to 8: the low end of the electricity has no score.
    found = sam(1.0, Interval(0.5, 2.0, 8.0, 0.9), Scope.NODE)
    assert found.high is None and found.undefined_because is None
    # 5 / log10(2) = 5 / 0.30103; 8 is 2 cubed: a third of it.
    assert found.median == pytest.approx(5 / 0.3010299956639812, rel=1e-12)
    assert found.low == pytest.approx(5 / 0.9030899869919435, rel=1e-12)


@given(st.floats(0.01, 1.0), st.floats(1.001, 1e12), st.floats(1.0, 10.0))
def test_sam_falls_with_electricity_and_rises_with_accuracy(
    accuracy: float, kwh: float, factor: float
) -> None:
    here = sam_value(accuracy, kwh, 5.0, 5.0)
    dearer = sam_value(accuracy, kwh * factor, 5.0, 5.0)
    worse = sam_value(accuracy / factor, kwh, 5.0, 5.0)
    assert here is not None and dearer is not None and worse is not None
    assert math.isfinite(here) and here > 0
    assert dearer <= here and worse <= here


def test_an_accuracy_of_nothing_scores_nothing() -> None:
    assert sam_value(0.0, 100.0, 5.0, 5.0) == 0.0
