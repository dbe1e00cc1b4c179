"""Figures that are not known exactly: a median and the range that holds the true value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist


@dataclass(frozen=True, slots=True)
class Interval:
    """A median with the range that is to hold the true value in a share `level` of cases."""

    low: float
    median: float
    high: float
    level: float

    def scaled(self, factor: float) -> Interval:
        """Multiply by an exact factor of zero or more."""
        return Interval(self.low * factor, self.median * factor, self.high * factor, self.level)


def lognormal(median: float, log_std: float, level: float) -> Interval:
    """Return the central interval of a log-normal distribution.

    Its ends are median * exp(-+ z log_std), z the quantile of the standard normal
    distribution at (1 + level) / 2: errors of estimates are ratios, not differences.
    """
    factor = math.exp(NormalDist().inv_cdf((1 + level) / 2) * log_std)
    return Interval(median / factor, median, median * factor, level)
