"""The shrunken factor, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.calibration.effect import Spread, effect, enough
from auditor.step.kernels import Floats

LEVEL = 0.9
SPREAD = Spread(common=0.4, network=0.2)


def row(*logs: float) -> Floats:
    return np.array([logs])


def test_one_network_moves_the_factor_most_of_the_way() -> None:
    """Precisions 1/0.16 = 6.25 and 1/0.04 = 25: mean 0.3 x 25/31.25, width 31.25^-1/2."""
    found = effect(row(0.3), SPREAD, LEVEL)
    assert found.log_factor == pytest.approx(0.24)
    assert found.half_width == pytest.approx(31.25**-0.5)
    # A network to come differs by its own as well: (1/31.25 + 0.04)^1/2 = 0.072^1/2.
    assert found.residual_half_width == pytest.approx(0.072**0.5)
    assert (found.count, found.log_host) == (1, 0.0)


def test_three_networks() -> None:
    """Precisions 6.25 and 3 x 25: mean (0.2 + 0.3 + 0.4) x 25 / 81.25."""
    found = effect(row(0.2, 0.3, 0.4), SPREAD, LEVEL)
    assert found.log_factor == pytest.approx(0.9 * 25 / 81.25)
    assert found.half_width == pytest.approx(81.25**-0.5)
    # Left out, 0.4 is predicted by (0.2 + 0.3) x 25 / 56.25 = 0.222: off by 0.178, less than
    # (1/81.25 + 0.04)^1/2 = 0.229.
    assert found.residual_half_width == pytest.approx((1 / 81.25 + 0.04) ** 0.5)


def test_networks_that_disagree_widen_the_interval() -> None:
    """0 and 1: from the other alone 1 is 0 x 25/31.25 = 0, off by 1; 0 is 0.8, off by 0.8."""
    assert effect(row(0.0, 1.0), SPREAD, LEVEL).residual_half_width == pytest.approx(1.0)


def test_enough_networks_speak_for_themselves() -> None:
    """Nine of ten errors of nine networks and the one to come are at most the largest of nine."""
    assert (enough(0.9), enough(0.8), enough(0.5)) == (9, 4, 1)
    alike = effect(row(*[0.3] * 9), SPREAD, LEVEL)
    # Eight others have 0.3 x 8 x 25 / (6.25 + 200): each is off by 0.3 x 6.25 / 206.25.
    assert alike.residual_half_width == pytest.approx(0.3 * 6.25 / 206.25)


def test_where_nothing_is_shared_nothing_moves() -> None:
    assert effect(row(0.5), Spread(1e-9, 0.2), LEVEL).log_factor == pytest.approx(0, abs=1e-9)


@given(st.floats(-3, 3), st.integers(1, 30), st.floats(0.01, 2), st.floats(0.01, 2))
def test_the_factor_lies_between_one_and_what_was_measured(
    log: float, count: int, common: float, network: float
) -> None:
    """And nearer to it with every network."""
    spread = Spread(common, network)
    found = effect(row(*[log] * count), spread, LEVEL)
    more = effect(row(*[log] * (count + 1)), spread, LEVEL)
    assert 0 <= abs(found.log_factor) <= abs(more.log_factor) <= abs(log) * (1 + 1e-12)
    assert more.half_width < found.half_width < common


class TestHost:
    HOSTS = np.linspace(-1, 1, 201)

    def logs(self, common: float, host: float, shares: list[float]) -> Floats:
        """As if a share of each network's time went with the host's factor."""
        return np.array([[common + s * (host - h) for s in shares] for h in self.HOSTS.tolist()])

    def test_it_is_found_where_networks_differ_in_it(self) -> None:
        shares = [0.0, 0.0, 0.1, 0.1, 0.5, 0.8, 0.9, 1.0, 1.0]
        found = effect(self.logs(0.2, 0.5, shares), SPREAD, LEVEL, self.HOSTS)
        assert found.log_host == pytest.approx(0.5, abs=0.1)
        assert found.log_factor == pytest.approx(0.2, abs=0.05)

    def test_it_stays_where_they_do_not(self) -> None:
        found = effect(self.logs(0.2, 0.5, [0.0] * 9), SPREAD, LEVEL, self.HOSTS)
        assert found.log_host == pytest.approx(0.0, abs=1e-9)

    def test_the_likelier_of_two_explanations_is_taken(self) -> None:
        """All networks wait alike: by how far each is let from one, common 1 and host 4 parts."""
        found = effect(self.logs(0.0, 0.5, [1.0] * 9), SPREAD, LEVEL, self.HOSTS)
        assert found.log_host == pytest.approx(4 * found.log_factor, abs=0.03)
        assert math.isclose(found.log_host + found.log_factor, 0.5, abs_tol=0.02)
