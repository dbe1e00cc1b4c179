"""A measured forward pass: what it tells of the step, fitted by hand and used by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.calibration.forward import Pairs, forward_correction, pairs
from auditor.calibration.record import Run
from auditor.calibration.samples import Samples
from auditor.step.terms import TERMS


def run(graph: str, phase: str, source: str = "a", hardware: str = "t4") -> Run:
    return Run(
        run_id=f"{graph} {phase} {source}", graph=graph, batch_size=1, precision="fp32",
        hardware=hardware, step_time_s=1.0, phase=phase, source=source,
    )  # fmt: skip


def samples(*runs: Run) -> Samples:
    return Samples(runs, np.ones((len(runs), len(TERMS))), np.zeros(len(runs)))


def test_networks_measured_both_ways_are_pairs() -> None:
    data = samples(
        run("x", "infer"), run("x", "train"), run("x", "forward_backward"), run("y", "infer"),
        run("z", "train"), run("y", "train", hardware="p4"),
        run("x", "infer", "timm-benchmark-infer"), run("x", "train", "timm-benchmark"),
    )  # fmt: skip
    found = pairs(data, np.array([0.1, 0.2, 0.4, 1.0, 2.0, 3.0, 0.5, 0.7]))
    # x of source a: 0.1, and the mean of 0.2 and 0.4; x of timm, in two tables.
    assert found.forward.tolist() == [0.1, 0.5]
    assert found.training.tolist() == [pytest.approx(0.3), 0.7]
    assert found.setups == (("a", "t4", "fp32"), ("timm-benchmark", "t4", "fp32"))


def test_the_share_by_hand() -> None:
    # Both pairs of set-up b weigh as much as the one of a.
    found = Pairs(
        forward=np.array([1.0, 2.0, 2.0]),
        training=np.array([0.5, 0.0, 2.0]),
        setups=(("a", "t4", "fp32"), ("b", "t4", "fp32"), ("b", "t4", "fp32")),
    )
    # (1 x 0.5 + 0.5 x 2 x 0 + 0.5 x 2 x 2) / (1 + 0.5 x 4 + 0.5 x 4) = 2.5 / 5.
    correction = forward_correction(found, 0.5)
    assert correction is not None
    assert correction.share == pytest.approx(0.5)
    # Left are 0, -1 and 1 of weights 1, 1/2, 1/2 over three groups: half is reached at a 1.
    assert correction.half_width == pytest.approx(1.0)


def test_without_pairs_there_is_no_correction() -> None:
    found = pairs(samples(run("x", "infer"), run("y", "train")), np.zeros(2))
    assert forward_correction(found) is None


@given(st.lists(st.tuples(st.floats(-2, 2), st.floats(-2, 2)), min_size=1, max_size=20))
def test_the_share_is_from_nothing_to_all(errors: list[tuple[float, float]]) -> None:
    # A forward pass that was off by nothing at all tells nothing.
    errors = [(f or 0.01, t) for f, t in errors]
    found = Pairs(
        forward=np.array([f for f, _ in errors]),
        training=np.array([t for _, t in errors]),
        setups=tuple((str(i), "t4", "fp32") for i in range(len(errors))),
    )
    correction = forward_correction(found)
    assert correction is not None
    assert 0 <= correction.share <= 1
    assert correction.half_width >= 0


def test_training_that_follows_its_forward_pass_is_known_the_better_for_it() -> None:
    random = np.random.default_rng(3)
    forward = random.normal(0.3, 0.4, 200)
    found = Pairs(
        forward=forward,
        training=forward + random.normal(0, 0.05, 200),
        setups=tuple((str(i % 20), "t4", "fp32") for i in range(200)),
    )
    correction = forward_correction(found)
    assert correction is not None
    assert correction.share == pytest.approx(1.0, abs=0.05)
    untold = forward_correction(replace(found, forward=np.full(200, 1e-9)))
    assert untold is not None
    assert correction.half_width < untold.half_width / 3
    assert math.isfinite(untold.half_width)
