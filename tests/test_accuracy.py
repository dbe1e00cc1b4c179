"""How far the calibrated estimate is off on families that it did not see; takes minutes."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import accuracy

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def kernels() -> accuracy.Samples:
    return accuracy.read_single(accuracy.TABLES / accuracy.TABLE)


@pytest.fixture(scope="module")
def left_out(kernels: accuracy.Samples) -> tuple[accuracy.Samples, accuracy.Floats]:
    networks = accuracy.read_networks(accuracy.TABLES)
    data = accuracy.samples(accuracy.read_runs(accuracy.TABLES / "runs.csv"), networks)
    errors = accuracy.held_out(data, accuracy.family, folds=accuracy.FAMILY_FOLDS, kernels=kernels)
    return data, errors


# A little above what `python -m benchmarks.accuracy --quick` shows; see the README's table.
@pytest.mark.parametrize(("case", "median", "mean"), [(0, 0.05, 0.095), (1, 0.08, 0.105)])
def test_families_left_out(
    left_out: tuple[accuracy.Samples, accuracy.Floats], case: int, median: float, mean: float
) -> None:
    data, errors = left_out
    chosen = np.array([accuracy.FAMILY_CASES[case].chosen(run) for run in data.runs])
    absolute = np.abs(np.exp(errors[chosen]) - 1)
    assert chosen.sum() > 90
    assert np.median(absolute) <= median
    assert absolute.mean() <= mean


def test_it_beats_the_baselines(left_out: tuple[accuracy.Samples, accuracy.Floats]) -> None:
    data, errors = left_out
    networks = dict(accuracy.read_networks(accuracy.TABLES))
    _, three = accuracy.columns_of(data, networks)
    baseline = accuracy.log_linear(data, three, accuracy.family, accuracy.FAMILY_FOLDS)
    assert np.median(np.abs(errors)) < np.median(np.abs(baseline))


def test_the_interval_of_families_covers_what_it_says(
    left_out: tuple[accuracy.Samples, accuracy.Floats],
) -> None:
    data, errors = left_out
    inside = accuracy.coverage(errors, data, accuracy.family, accuracy.source_and_family)
    assert 0.85 <= inside.mean() <= 0.97


@pytest.fixture(scope="module")
def devices_left_out(
    left_out: tuple[accuracy.Samples, accuracy.Floats], kernels: accuracy.Samples
) -> accuracy.Floats:
    return accuracy.held_out(left_out[0], lambda run: run.hardware, kernels=kernels)


# On a device that the fit did not see 12 % is asked for; on the ten transformers' steps 10 %, which
# the settings miss by a little and nested choice of them does not (`benchmarks.selection`).
@pytest.mark.parametrize(("case", "median"), [(0, 0.11), (2, 0.12)])
def test_devices_left_out(
    left_out: tuple[accuracy.Samples, accuracy.Floats],
    devices_left_out: accuracy.Floats,
    case: int,
    median: float,
) -> None:
    named = accuracy.DEVICE_CASES[case]
    chosen = np.array([named.chosen(run) for run in left_out[0].runs])
    assert np.median(np.abs(np.exp(devices_left_out[chosen]) - 1)) <= median
