"""From a step to a training: linear, by scope, and as wide as it says."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.energy import Amount, Scope, estimate
from auditor.errors import PlanError
from auditor.interval import Interval, lognormal
from auditor.step import Confidence, Seconds, Step, constants
from auditor.workload import Plan, Workload, workload

# Quantiles of the standard normal distribution: NIST/SEMATECH e-Handbook of Statistical
# Methods, 1.3.6.7.1, gives 1.645, 1.960 and 2.576; the digits behind are R's qnorm.
Z_90, Z_95, Z_99 = 1.6448536269514722, 1.959963984540054, 2.5758293035489004
J_PER_KWH = 3_600_000.0

# 0.1 s a step: 300 W of the board, 100 W of its host.
STEP = Step(
    forward=Seconds(),
    backward=Seconds(),
    update=Seconds(),
    communication_s=0.0,
    input_wait_s=0.0,
    total_s=0.1,
    device_power_w=300.0,
    host_power_w=100.0,
    operations=(),
    confidence=Confidence(
        method="calibrated",
        time_half_width=0.3,
        power_half_width=0.4,
        level=0.9,
        in_domain=True,
    ),
    notes=(),
)


def planned(sequence_length: int | None = None, **plan: Any) -> Workload:
    return workload(Plan(**({"batch_size": 32} | plan)), "fp32", sequence_length)


def gpu_kwh(scope: Scope = Scope.GPU, pue: float | None = None, **plan: Any) -> float:
    found = estimate(STEP, planned(**plan), Scope.NODE, pue).energy
    assert found is not None
    amount = found.of(scope)
    assert amount is not None
    return amount.median


def test_a_training_by_hand() -> None:
    # 3.6e6 samples at 32 in 0.1 s: 11,250 s; at 300 W 3.375e6 J = 0.9375 kWh; the node draws
    # 400 W: 1.25 kWh; the facility with PUE 1.2: 1.5 kWh.
    plan = planned(samples=1.2e6, epochs=3)
    found = estimate(STEP, plan, Scope.NODE, 1.2)
    assert found.energy is not None and found.duration_s is not None
    assert found.energy.facility_kwh is not None
    assert found.energy.gpu_kwh.median == pytest.approx(0.9375, rel=1e-12)
    assert found.energy.node_kwh.median == pytest.approx(1.25, rel=1e-12)
    assert found.energy.facility_kwh.median == pytest.approx(1.5, rel=1e-12)
    assert found.duration_s.median == pytest.approx(11_250.0, rel=1e-12)
    assert found.samples_per_s == pytest.approx(320.0, rel=1e-12)


@pytest.mark.parametrize(
    ("scope", "pue", "power_w"),
    [
        (Scope.GPU, None, 300.0),
        (Scope.NODE, None, 400.0),
        (Scope.NODE, 1.5, 400.0),
        (Scope.FACILITY, 1.5, 600.0),
        (Scope.FACILITY, 1.0, 400.0),
        (Scope.FACILITY, None, None),
    ],
)
def test_mean_power_is_that_of_the_scope(
    scope: Scope, pue: float | None, power_w: float | None
) -> None:
    assert estimate(STEP, planned(), scope, pue).mean_power_w == power_w


amounts = st.floats(1e-3, 1e12)


@given(amounts, st.floats(1e-3, 1e6), st.integers(1, 10_000), st.floats(1.0, 1e3))
def test_energy_and_time_are_linear_in_samples_epochs_and_trials(
    samples: float, epochs: float, trials: int, factor: float
) -> None:
    one = gpu_kwh(samples=samples, epochs=epochs, trials=trials)
    # 0.1 s * 300 W for 32 samples.
    by_hand = 0.1 * 300 / 32 / J_PER_KWH * samples * epochs * trials
    assert one == pytest.approx(by_hand, rel=1e-12)
    more_samples = gpu_kwh(samples=samples * factor, epochs=epochs, trials=trials)
    more_epochs = gpu_kwh(samples=samples, epochs=epochs * factor, trials=trials)
    more_trials = gpu_kwh(samples=samples, epochs=epochs, trials=trials * 7)
    assert more_samples == pytest.approx(one * factor, rel=1e-12)
    assert more_epochs == pytest.approx(one * factor, rel=1e-12)
    assert more_trials == pytest.approx(one * 7, rel=1e-12)
    duration = estimate(STEP, planned(samples=samples, epochs=epochs), Scope.GPU, None).duration_s
    assert duration is not None
    assert duration.median == pytest.approx(samples * epochs / 320.0, rel=1e-12)


@given(amounts, st.floats(1.0, 10.0))
def test_scopes_grow_outwards_and_the_facility_is_the_node_times_pue(
    samples: float, pue: float
) -> None:
    found = estimate(STEP, planned(samples=samples), Scope.NODE, pue).energy
    assert found is not None and found.facility_kwh is not None
    for end in ("low", "median", "high"):
        gpu, node, facility = (
            getattr(i, end) for i in (found.gpu_kwh, found.node_kwh, found.facility_kwh)
        )
        assert gpu < node <= facility * (1 + 1e-12)
        assert facility == pytest.approx(node * pue, rel=1e-12)


def test_without_a_pue_the_facility_is_not_assessed() -> None:
    found = estimate(STEP, planned(samples=1.0), Scope.NODE, None)
    assert found.energy is not None
    assert found.energy.facility_kwh is None and found.energy.of(Scope.FACILITY) is None
    assert found.energy_per_sample.facility_kwh is None


def test_without_an_amount_of_training_only_figures_per_sample_are_there() -> None:
    found = estimate(STEP, planned(epochs=90), Scope.GPU, 1.1)
    assert found.energy is None and found.duration_s is None
    # 0.1 s * 300 W / 32 = 0.9375 J a sample.
    assert found.energy_per_sample.gpu_kwh.median == pytest.approx(0.9375 / J_PER_KWH, rel=1e-12)
    assert found.step_time_s.median == 0.1


def test_tokens_are_samples_of_the_sequence_length() -> None:
    # 1.28e6 tokens in sequences of 128 are 10,000 samples.
    plan = planned(128, tokens=1.28e6)
    assert plan.samples == 10_000.0 and plan.total_samples == 10_000.0
    with_tokens = estimate(STEP, plan, Scope.NODE, None)
    with_samples = estimate(STEP, planned(128, samples=10_000.0), Scope.NODE, None)
    assert with_tokens == with_samples


def test_tokens_need_a_sequence_to_count_by() -> None:
    with pytest.raises(PlanError, match=r"^--tokens: .* give --samples$"):
        planned(None, tokens=1e6)


def test_eight_devices_count_eight_times_the_energy_of_a_step() -> None:
    # One step of 8 * 32 samples against one of 32: the same time, eight boards and hosts.
    one = estimate(STEP, planned(samples=32), Scope.NODE, None)
    eight = estimate(STEP, planned(samples=256, devices=8), Scope.NODE, None)
    assert one.energy is not None and eight.energy is not None
    assert eight.energy.gpu_kwh.median == pytest.approx(8 * one.energy.gpu_kwh.median, rel=1e-12)
    assert eight.energy.node_kwh.median == pytest.approx(8 * one.energy.node_kwh.median, rel=1e-12)
    assert eight.mean_power_w == 8 * 400.0
    assert eight.duration_s == one.duration_s
    assert eight.samples_per_s == pytest.approx(8 * one.samples_per_s)


def test_accumulated_passes_are_samples_of_one_step() -> None:
    # The step's 0.1 s now stand for 4 * 32 samples.
    assert gpu_kwh(samples=128, gradient_accumulation=4) == pytest.approx(
        0.1 * 300 / J_PER_KWH, rel=1e-12
    )


@pytest.mark.parametrize(("level", "z"), [(0.90, Z_90), (0.95, Z_95), (0.99, Z_99)])
def test_an_interval_reaches_the_normal_quantile(level: float, z: float) -> None:
    found = lognormal(10.0, 0.25, level)
    assert math.log(found.high / found.median) == pytest.approx(z * 0.25, rel=1e-9)
    assert math.log(found.median / found.low) == pytest.approx(z * 0.25, rel=1e-9)
    assert (found.median, found.level) == (10.0, level)


@given(st.floats(1e-12, 1e12), st.floats(0.0, 3.0), st.floats(0.01, 0.999))
def test_intervals_hold_their_median_in_the_middle_of_the_ratios(
    median: float, log_std: float, level: float
) -> None:
    found = lognormal(median, log_std, level)
    assert found.low <= found.median <= found.high
    assert found.high / found.median == pytest.approx(found.median / found.low, rel=1e-12)
    double = found.scaled(2.0)
    assert double == Interval(2 * found.low, 2 * median, 2 * found.high, level)


@given(st.floats(0.01, 3.0), st.floats(0.05, 0.98), st.floats(0.001, 0.01))
def test_surer_intervals_are_wider(log_std: float, level: float, more: float) -> None:
    assert lognormal(1.0, log_std, level + more).high > lognormal(1.0, log_std, level).high


def test_intervals_are_as_wide_as_the_step_says() -> None:
    found = estimate(STEP, planned(samples=1.0), Scope.NODE, 1.1)
    assert found.energy is not None and found.duration_s is not None
    # Errors of time and power are independent: 0.3 and 0.4 make 0.5.
    for interval, half_width in (
        (found.step_time_s, 0.3),
        (found.duration_s, 0.3),
        (found.energy.gpu_kwh, 0.5),
        (found.energy.node_kwh, 0.5),
        (found.energy_per_sample.facility_kwh, 0.5),
    ):
        assert interval is not None
        assert interval.level == 0.90
        assert math.log(interval.high / interval.median) == pytest.approx(half_width, rel=1e-9)
        assert math.log(interval.median / interval.low) == pytest.approx(half_width, rel=1e-9)


def test_the_roofline_claims_ninety_percent() -> None:
    assert constants.LEVEL == 0.90
    assert pytest.approx(Z_90 * constants.TIME_LOG_STD, rel=1e-4) == constants.TIME_HALF_WIDTH
    assert pytest.approx(Z_90 * constants.POWER_LOG_STD, rel=1e-4) == constants.POWER_HALF_WIDTH


def test_energy_is_less_certain_than_time() -> None:
    found = estimate(STEP, planned(samples=1.0), Scope.NODE, None)
    energy, time = found.energy_per_sample.node_kwh, found.step_time_s
    assert energy.high / energy.median > time.high / time.median > 1


def test_the_method_is_that_of_the_step() -> None:
    found = estimate(STEP, planned(), Scope.NODE, None)
    assert (found.method, found.in_domain) == ("calibrated", True)


def test_amounts_scale_in_every_scope() -> None:
    one = Interval(1.0, 2.0, 4.0, 0.9)
    whole = Amount(gpu_kwh=one, node_kwh=one, facility_kwh=one).scaled(10.0)
    assert whole.gpu_kwh == whole.node_kwh == whole.facility_kwh == Interval(10.0, 20.0, 40.0, 0.9)
    assert Amount(gpu_kwh=one, node_kwh=one, facility_kwh=None).scaled(3.0).facility_kwh is None
