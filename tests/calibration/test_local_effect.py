"""The effect of a set-up on time and on power, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.calibration.effect import effect
from auditor.step.kernels import Floats
from auditor.step.local import Own, Spread, own_runs

SPREAD = Spread(common=0.4, network=0.3, noise=0.1, length_scale=0.5)
HERE = np.zeros(2)
FAR = np.array([100.0, 0.0])


def own(*runs: tuple[float, float], spread: Spread = SPREAD) -> Own:
    """Runs by their distance from `HERE` and their logarithm."""
    places = np.array([[distance, 0.0] for distance, _ in runs])
    return Own(places, np.array([log for _, log in runs]), spread)


class TestTime:
    """Variances 0.16 in common, 0.09 of networks, 0.01 of repeats: together 0.26."""

    def test_one_run_of_the_network_itself(self) -> None:
        """Its network takes 0.25 / 0.26 of what was measured."""
        found = own((0.0, 0.2))
        assert found.log_at(HERE) == pytest.approx(0.2 * 0.25 / 0.26)
        # 0.25 less the part that is known, and what a repeat differs by.
        variance = 0.25 - 0.25**2 / 0.26 + 0.01
        assert found.half_width_at(HERE) == pytest.approx(variance**0.5)

    def test_one_run_of_a_network_unlike_the_others(self) -> None:
        """They take what is common: 0.16 / 0.26."""
        found = own((0.0, 0.2))
        assert found.log_at(FAR) == pytest.approx(0.2 * 0.16 / 0.26)
        assert found.log_common == pytest.approx(0.2 * 0.16 / 0.26)
        common = 0.16 - 0.16**2 / 0.26
        assert found.common_half_width == pytest.approx(common**0.5)
        assert found.half_width_at(FAR) == pytest.approx((common + 0.09 + 0.01) ** 0.5)
        assert found.far_half_width == pytest.approx(found.half_width_at(FAR))

    def test_one_run_of_a_network_somewhat_like_it(self) -> None:
        """At one length scale exp(-1/2) of what networks differ by is shared."""
        shared = 0.16 + 0.09 * math.exp(-0.5)
        assert own((0.5, 0.2)).log_at(HERE) == pytest.approx(0.2 * shared / 0.26)

    def test_two_unlike_networks(self) -> None:
        """Their mean varies by 0.16 + (0.09 + 0.01) / 2 = 0.21, of which 0.16 is common."""
        found = own((0.0, 0.1), (100.0, 0.3))
        assert found.log_common == pytest.approx(0.2 * 0.16 / 0.21)

    def test_a_run_measured_twice_is_hardly_more_than_once(self) -> None:
        once, twice = own((0.0, 0.2)), own((0.0, 0.2), (0.0, 0.2))
        assert twice.log_common == pytest.approx(0.2 * 0.16 / 0.255)
        assert twice.half_width_at(FAR) == pytest.approx(once.half_width_at(FAR), rel=0.01)

    def test_runs_that_disagree_widen_the_interval(self) -> None:
        """One network, once 3 and once 1/3 of the time: ten times what repeats differ by."""
        log = math.log(3)
        found = own((0.0, log), (0.0, -log))
        # Their difference varies by 0.01, as half widths: log^2 / 0.01 twice over two runs.
        widening = 1.6449 * (2 * log**2 / 0.01 / 2) ** 0.5
        calm = own((0.0, 0.0), (0.0, 0.0))
        assert found.half_width_at(HERE) == pytest.approx(widening * calm.half_width_at(HERE))
        assert found.far_half_width == pytest.approx(widening * calm.far_half_width)

    def test_it_comes_back_from_json(self) -> None:
        content = {
            "common": 0.4,
            "network": 0.3,
            "noise": 0.1,
            "length_scale": 0.5,
            "places": [[0.0, 0.0]],
            "logs": [0.2],
        }
        found = own_runs(content)
        assert found.log_at(FAR) == own((0.0, 0.2)).log_at(FAR)
        for key, value in (("logs", []), ("logs", [1, 2]), ("places", [1.0]), ("noise", "x")):
            with pytest.raises((ValueError, TypeError)):
                own_runs(content | {key: value})

    def test_the_nearest_run_in_length_scales(self) -> None:
        assert own((2.0, 0.1), (1.0, 0.1)).distance(HERE) == pytest.approx(2.0)

    @given(st.floats(-3, 3), st.floats(0, 5), st.floats(0.01, 2), st.floats(0.01, 2))
    def test_one_run_never_overshoots(
        self, log: float, distance: float, common: float, network: float
    ) -> None:
        spread = Spread(common=common, network=network, noise=0.1, length_scale=0.5)
        found = own((distance, log), spread=spread)
        assert 0 <= abs(found.log_common) <= abs(found.log_at(HERE)) + 1e-12
        assert abs(found.log_at(HERE)) <= abs(log)
        assert found.common_half_width >= 0 and found.half_width_at(HERE) >= 0.1


def logs(*values: float) -> Floats:
    return np.array(values)


class TestPower:
    def test_one_network_moves_the_factor_most_of_the_way(self) -> None:
        """Precisions 1/0.16 = 6.25 and 1/0.04 = 25: mean 0.3 x 25/31.25, width 31.25^-1/2."""
        found = effect(logs(0.3), 0.4, 0.2)
        assert found.log_factor == pytest.approx(0.24)
        assert found.half_width == pytest.approx(31.25**-0.5)
        # A network to come differs by its own as well: (1/31.25 + 0.04)^1/2 = 0.072^1/2.
        assert found.residual_half_width == pytest.approx(0.072**0.5)
        assert found.count == 1

    def test_three_networks(self) -> None:
        """Precisions 6.25 and 3 x 25: mean (0.2 + 0.3 + 0.4) x 25 / 81.25."""
        found = effect(logs(0.2, 0.3, 0.4), 0.4, 0.2)
        assert found.log_factor == pytest.approx(0.9 * 25 / 81.25)
        # Left out, 0.4 is predicted by (0.2 + 0.3) x 25 / 56.25 = 0.222: off by 0.178, less than
        # (1/81.25 + 0.04)^1/2 = 0.229.
        assert found.residual_half_width == pytest.approx((1 / 81.25 + 0.04) ** 0.5)

    def test_networks_that_disagree_widen_the_interval(self) -> None:
        """0 and 1: from the other alone 1 is 0 x 25/31.25 = 0, off by 1; 0 is 0.8, off by 0.8."""
        assert effect(logs(0.0, 1.0), 0.4, 0.2).residual_half_width == pytest.approx(1.0)
