"""The fit finds what made the data, keeps to what is expected where there are none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.calibration.core import Core, fit_core, log_times
from auditor.calibration.fit import (
    Smoothing,
    fit_residual,
    fit_time,
    half_width,
    held_out,
)
from auditor.calibration.record import Run
from auditor.calibration.samples import Samples
from auditor.step.artefact import GROUPS
from auditor.step.terms import LAUNCH, PRIORS, TERMS

CONVOLUTION = TERMS.index("compute/convolution/forward/fp32")
STREAM = TERMS.index("memory/elementwise/forward/full")
UNSEEN = TERMS.index("latency/tf32")
ALIKE = TERMS.index("compute/pointwise_convolution/forward/fp32")
LESS_ALIKE = TERMS.index("compute/matmul/backward/half")
LAUNCHES = TERMS.index(LAUNCH)


def run(number: int, source: str = "a", hardware: str = "v100-pcie-32gb") -> Run:
    return Run(
        run_id=str(number),
        graph=f"network{number}",
        batch_size=1,
        precision="fp32",
        hardware=hardware,
        step_time_s=1.0,
        source=source,
        family=f"family{number % 5}",
    )


def drawn(
    count: int,
    *,
    source: str = "a",
    hardware: str = "v100-pcie-32gb",
    factor: float = 1.0,
    first: int = 0,
) -> Samples:
    """Steps of 1.3 x arithmetic + 2 x traffic, times a factor; the host is never in the way."""
    random = np.random.default_rng(7 + first)
    sums = np.zeros((count, len(TERMS)))
    sums[:, CONVOLUTION] = random.uniform(0.1, 1.0, count)
    sums[:, STREAM] = random.uniform(0.1, 1.0, count)
    sums[:, LAUNCHES] = 1e-6
    times = factor * (1.3 * sums[:, CONVOLUTION] + 2.0 * sums[:, STREAM])
    runs = tuple(run(first + i, source, hardware) for i in range(count))
    return Samples(runs, sums, np.log(times))


def joined(*parts: Samples) -> Samples:
    return Samples(
        tuple(r for p in parts for r in p.runs),
        np.concatenate([p.sums for p in parts]),
        np.concatenate([p.log_time for p in parts]),
    )


def coefficient(core: Core, term: int, hardware: str = "v100-pcie-32gb") -> float:
    """What multiplies a term on a device in a set-up of source "a"."""
    one = np.zeros(len(TERMS))
    one[term] = 1.0
    device, _ = core.setup.get(f"a|{hardware}", (0.0, 0.0))
    return float(core.seconds(hardware, one).sum() * math.exp(device))


def test_the_coefficients_that_made_the_data_are_found() -> None:
    core = fit_core(drawn(200))
    assert coefficient(core, CONVOLUTION) == pytest.approx(1.3, rel=0.02)
    assert coefficient(core, STREAM) == pytest.approx(2.0, rel=0.02)


def test_a_term_without_data_stays_what_was_expected() -> None:
    core = fit_core(drawn(200))
    assert np.exp(core.coefficients[UNSEEN]) == pytest.approx(PRIORS[TERMS[UNSEEN]], rel=1e-6)


def test_a_term_follows_its_like_and_the_less_the_less_it_is_alike() -> None:
    # Four devices, all three times as slow at convolutions as is expected.
    data = joined(*(drawn(60, hardware=h) for h in ("v100-pcie-32gb", "t4", "a40", "l40s")))
    expected = PRIORS[TERMS[CONVOLUTION]]
    times = 3 * expected * data.sums[:, CONVOLUTION] + 2 * data.sums[:, STREAM]
    core = fit_core(Samples(data.runs, data.sums, np.log(times)))
    own, alike, less = (
        core.coefficients[i] - math.log(PRIORS[TERMS[i]]) for i in (CONVOLUTION, ALIKE, LESS_ALIKE)
    )
    assert own > alike > less > 0.01


def test_single_kernels_tell_apart_what_steps_do_not() -> None:
    # In every step both kinds of work take the same time at peak: their sum is all it shows.
    data = drawn(60)
    data.sums[:, STREAM] = data.sums[:, CONVOLUTION]
    steps = Samples(data.runs, data.sums, np.log(3.3 * data.sums[:, STREAM]))
    single = np.zeros((60, len(TERMS)))
    single[:, STREAM] = np.linspace(0.1, 1, 60)
    runs = tuple(run(100 + i, source="a kernels") for i in range(60))
    kernels = Samples(runs, single, np.log(2.0 * single[:, STREAM]))
    core = fit_core(steps, kernels)
    apart = coefficient(core, STREAM) / coefficient(core, CONVOLUTION)
    assert apart == pytest.approx(2.0 / 1.3, rel=0.2)
    assert coefficient(core, STREAM) + coefficient(core, CONVOLUTION) == pytest.approx(
        3.3, rel=0.02
    )


def test_a_device_left_out_has_what_its_source_has_on_others() -> None:
    # Three sources agree on three devices, a fourth takes a third longer on two of them.
    devices = ("v100-pcie-32gb", "t4", "a40")
    parts = [drawn(40, source=s, hardware=h) for s in "abc" for h in devices]
    slow = [drawn(40, source="slow", hardware=h, factor=4 / 3) for h in devices[:2]]
    core = fit_core(joined(*parts, *slow))
    of_others = core.effects(run(0, "a", "a40"))[0]
    assert 0.1 < core.effects(run(0, "slow", "a40"))[0] - of_others < math.log(4 / 3)
    assert core.effects(run(0, "unheard of", "a40")) == (0.0, 0.0)


def test_a_slower_set_up_does_not_make_the_device_slower() -> None:
    # Four sources agree, the fifth takes a third longer for the same work.
    parts = [drawn(40, source=s, first=40 * i) for i, s in enumerate("abcd")]
    core = fit_core(joined(*parts, drawn(40, source="slow", factor=4 / 3, first=160)))
    slow = core.setup["slow|v100-pcie-32gb"][0]
    others = [core.setup[f"{s}|v100-pcie-32gb"][0] for s in "abcd"]
    assert slow - np.mean(others) == pytest.approx(math.log(4 / 3), rel=0.1)


def test_a_device_of_its_own_kind_has_factors_of_its_own() -> None:
    data = joined(drawn(60), drawn(60, hardware="t4", factor=1.5, first=60))
    core = fit_core(data)
    assert set(core.device) == {"v100-pcie-32gb", "t4"}
    errors = log_times(core, data) - data.log_time
    assert np.abs(errors).max() < 0.03
    # A device that was never measured gets no factor of another's.
    sums = data.sums[0]
    assert core.seconds("a40", sums).sum() == pytest.approx(
        float((sums * np.exp(core.coefficients)).sum())
    )


def test_where_launching_takes_longer_the_host_decides() -> None:
    # 20 us a launch, and next to no work: the step is what the host takes.
    data = drawn(80)
    data.sums[:, CONVOLUTION] *= 1e-6
    data.sums[:, STREAM] *= 1e-6
    launches = np.linspace(50, 500, 80)
    data.sums[:, LAUNCHES] = launches * 1e-6
    slow = Samples(data.runs, data.sums, np.log(launches * 20e-6))
    core = fit_core(slow)
    assert np.abs(log_times(core, slow) - slow.log_time).max() < 0.05


def test_a_fit_is_repeatable_to_the_last_digit() -> None:
    one, two = fit_time(drawn(60)), fit_time(drawn(60))
    assert np.array_equal(one.core.coefficients, two.core.coefficients)
    assert np.array_equal(one.residual.weights, two.residual.weights)


def test_one_wrong_run_does_not_pull_the_rest() -> None:
    data = drawn(100)
    data.log_time[0] += math.log(10)
    core = fit_core(data)
    assert coefficient(core, STREAM) == pytest.approx(2.0, rel=0.05)


def test_the_residual_shrinks_to_nothing_away_from_the_data() -> None:
    data = drawn(50)
    core = fit_core(data)
    shifted = Samples(data.runs, data.sums, data.log_time + 0.1)
    residual = fit_residual(core, shifted, Smoothing())
    place = core.features(data.runs[0], data.sums[0])
    # One of fifty alike: the mean of a Gaussian process with that much noise, nearly 0.1.
    assert residual.at(place) == pytest.approx(0.1, abs=0.02)
    assert residual.at(place + 20.0) == pytest.approx(0.0, abs=1e-12)
    assert residual.distance(place) == pytest.approx(0.0, abs=1e-6)


def test_one_point_of_the_residual_by_hand() -> None:
    # Mean of a Gaussian process at its only point: value x a^2 / (a^2 + noise^2).
    data = drawn(1)
    core = fit_core(data)
    left = 0.2
    modelled = log_times(core, data)
    residual = fit_residual(
        core, Samples(data.runs, data.sums, modelled + left), Smoothing(amplitude=0.15, noise=0.08)
    )
    place = core.features(data.runs[0], data.sums[0])
    expected = left * 0.15**2 / (0.15**2 + 0.08**2)
    assert residual.at(place) == pytest.approx(expected, rel=1e-9)
    assert len(place) == len(GROUPS) + 2


def test_what_is_held_out_was_not_fitted() -> None:
    # Runs of one family take twice as long: seen, they are followed; left out, they are not.
    data = drawn(100)
    odd = np.array([r.family == "family3" for r in data.runs])
    data.log_time[odd] += math.log(2)
    errors = held_out(data, lambda r: r.family or "")
    assert np.median(errors[odd]) < -0.5
    assert np.abs(np.median(errors[~odd])) < 0.15


def test_the_interval_of_equal_groups_by_hand() -> None:
    # 19 groups of one run: the 90 % quantile of 20, the one to come among them, is the 18th.
    errors = np.array([(-1) ** i * (i + 1) / 100 for i in range(19)])
    assert half_width(errors, list(range(19)), 0.9) == pytest.approx(0.18)


def test_a_group_weighs_as_one_however_many_runs_it_has() -> None:
    # A thousand small errors of one group do not make the interval of the others narrow.
    errors = np.concatenate([np.full(1000, 0.001), np.arange(1, 20) / 100])
    groups = ["many"] * 1000 + [f"g{i}" for i in range(19)]
    assert half_width(errors, groups, 0.9) >= 0.18


@settings(max_examples=50)
@given(st.lists(st.floats(-2, 2), min_size=1, max_size=40), st.floats(0.1, 0.95))
def test_a_surer_interval_is_no_narrower(errors: list[float], level: float) -> None:
    found = np.array(errors)
    groups = list(range(len(errors)))
    assert half_width(found, groups, level) <= half_width(found, groups, min(0.99, level + 0.04))
