"""How far coefficients vary, and together: by hand from the deviations."""

from __future__ import annotations

import numpy as np
import pytest

from auditor.calibration.priors import Spread, coefficient_precision, device_precision
from auditor.step.artefact import GROUPS
from auditor.step.terms import TERMS

SPREAD = Spread(own=0.1, family=0.2, rate=0.3, kind=0.4, loose=0.5)
COVARIANCE = np.linalg.inv(coefficient_precision(SPREAD))


def together(one: str, other: str) -> float:
    return float(COVARIANCE[TERMS.index(one), TERMS.index(other)])


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        # Its own, its family's, its rate's, its kind's: 0.01 + 0.04 + 0.09 + 0.16.
        ("compute/matmul/forward/fp32", "compute/matmul/forward/fp32", 0.30),
        # Of one family, rate and kind, another pass.
        ("compute/matmul/forward/fp32", "compute/matmul/backward/fp32", 0.29),
        ("compute/matmul/forward/fp32", "compute/matmul/forward/half", 0.20),
        ("compute/matmul/forward/fp32", "compute/convolution/forward/fp32", 0.25),
        ("compute/matmul/forward/fp32", "compute/convolution/backward/half", 0.16),
        # Depthwise convolutions use other units.
        ("compute/matmul/forward/fp32", "compute/depthwise_convolution/forward/fp32", 0.0),
        ("compute/matmul/forward/fp32", "memory/matmul/forward/full", 0.0),
        ("memory/softmax/forward/full", "memory/pooling/forward/full", 0.25),
        # No rate: 0.25 + 0.04 + 0.16.
        ("feed/matmul/forward", "feed/matmul/forward", 0.45),
        ("feed/matmul/forward", "feed/convolution/forward", 0.16),
        ("latency/fp32", "latency/half", 0.16),
        ("launch", "launch", 0.25),
        ("launch", "update", 0.0),
    ],
)
def test_what_two_coefficients_share(one: str, other: str, expected: float) -> None:
    assert together(one, other) == pytest.approx(expected, abs=1e-9)


def test_a_devices_factors_share_its_scale() -> None:
    covariance = np.linalg.inv(device_precision(Spread(device=0.5, device_scale=0.2)))
    assert covariance.shape == (len(GROUPS), len(GROUPS))
    assert covariance[0, 0] == pytest.approx(0.29)
    assert covariance[0, 1] == pytest.approx(0.04)
