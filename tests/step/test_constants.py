"""The constants as they are: shares are shares, and no family or rate is left out."""

from __future__ import annotations

import pytest

from auditor.costs import PRODUCTS, Family
from auditor.precision import PRECISIONS
from auditor.step import constants

RATES = {rate for m in PRECISIONS.values() for rate in (m.convolution_rate, m.matmul_rate)}


@pytest.mark.parametrize("family", sorted(PRODUCTS))
def test_every_product_reaches_some_share_of_every_peak(family: Family) -> None:
    vector = constants.vector_share(family)
    shares = [vector] if vector is not None else [constants.product_share(family, r) for r in RATES]
    assert all(0 < share < 1 for share in shares)


@pytest.mark.parametrize("family", [Family.DEPTHWISE_CONVOLUTION, Family.GROUPED_CONVOLUTION])
def test_grouped_convolutions_run_beside_the_tensor_cores(family: Family) -> None:
    assert constants.vector_share(family) is not None


def test_only_grouped_convolutions_do() -> None:
    grouped = {Family.DEPTHWISE_CONVOLUTION, Family.GROUPED_CONVOLUTION}
    assert all(constants.vector_share(family) is None for family in set(Family) - grouped)


@pytest.mark.parametrize("family", list(Family))
def test_no_kernel_streams_faster_than_the_memory(family: Family) -> None:
    assert 0 < constants.bandwidth_share(family) < 1


def test_power_shares_keep_the_board_between_idle_and_its_limit() -> None:
    assert 0 < constants.GAP_POWER_SHARE < constants.MEMORY_POWER_SHARE
    assert constants.MEMORY_POWER_SHARE <= constants.COMPUTE_POWER_SHARE <= 1
    assert 0 < constants.IDLE_SHARE_OF_TDP < 1
