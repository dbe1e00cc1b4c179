"""NetScore, Carburacy and accuracy per kWh by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_pepr import FIGURES

from auditor.interval import Interval
from auditor.scores import Choices
from auditor.scores.electricity import accuracy_per_kwh_value
from auditor.scores.network import carburacy_train, carburacy_value, netscore_value


def test_netscore_by_hand() -> None:
    # 80 %, 4 million parameters, 1 billion MACs: 20 log10(6400 / 2) = 20 * 3.50514998.
    assert netscore_value(0.8, 4e6, 1e9) == pytest.approx(70.1029995664, rel=1e-10)
    # 10 %, a million and a billion: 20 log10(100 / 1).
    assert netscore_value(0.1, 1e6, 1e9) == pytest.approx(40.0, rel=1e-12)


@given(st.floats(0.01, 1.0), st.floats(1e3, 1e12), st.floats(1e3, 1e15))
def test_ten_times_the_parameters_or_macs_cost_ten_decibels(a: float, p: float, m: float) -> None:
    # 20 log10(10^-0.5) = -10; ten times the accuracy is 20 * 2 = 40.
    here, larger, slower = (
        netscore_value(a, p, m),
        netscore_value(a, 10 * p, m),
        netscore_value(a, p, 10 * m),
    )
    assert here is not None and larger is not None and slower is not None
    assert here - larger == pytest.approx(10.0, abs=1e-6)
    assert here - slower == pytest.approx(10.0, abs=1e-6)


@pytest.mark.parametrize("values", [(0.0, 1e6, 1e9), (0.5, 0, 1e9), (0.5, 1e6, 0)])
def test_netscore_has_no_logarithm_of_nothing(values: tuple[float, float, float]) -> None:
    assert netscore_value(*values) is None


def test_carburacy_by_hand() -> None:
    # log10(0.1) = -1: e^-1 = 0.36787944; 1 kg: half of it.
    assert carburacy_value(0.1, 0.0) == pytest.approx(0.36787944117144233, rel=1e-12)
    assert carburacy_value(0.1, 1.0) == pytest.approx(0.18393972058572117, rel=1e-12)
    # An accuracy of 1 has the logarithm 0: 1 / (1 + 3).
    assert carburacy_value(1.0, 3.0) == 0.25


def test_carburacy_among_the_metrics_takes_grams_as_kilograms() -> None:
    # 500, 1000 and 3000 g at an accuracy of 1: 1 / 1.5, 1 / 2, 1 / 4.
    carbon = Interval(500.0, 1000.0, 3000.0, 0.9)
    found = carburacy_train(replace(FIGURES, accuracy=1.0, carbon_gco2e=carbon), Choices())
    assert (found.low, found.median, found.level) == (0.25, 0.5, 0.9)
    assert found.high == pytest.approx(2 / 3, rel=1e-12)


def test_carburacy_is_undefined_at_no_accuracy() -> None:
    assert carburacy_value(0.0, 1.0) is None


@given(st.floats(1e-6, 1.0), st.floats(0.0, 1e9), st.floats(0.0, 1e9))
def test_carburacy_falls_with_carbon_and_never_passes_one(
    accuracy: float, carbon_kg: float, more_kg: float
) -> None:
    here = carburacy_value(accuracy, carbon_kg)
    dirtier = carburacy_value(accuracy, carbon_kg + more_kg)
    assert here is not None and dirtier is not None
    assert 0 < dirtier <= here <= 1 and math.isfinite(here)


def test_accuracy_per_kwh_by_hand() -> None:
    assert accuracy_per_kwh_value(0.75, 3.0) == 0.25
    assert accuracy_per_kwh_value(0.75, 0.0) is None
