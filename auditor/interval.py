"""Figures that are not known exactly: a median and the range that holds the true value."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache


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
    factor = math.exp(_normal_half_width(level) * log_std)
    return Interval(median / factor, median, median * factor, level)


def log_interval(median: float, half_width: float, level: float) -> Interval:
    """Return the interval whose ends are median * exp(-+ half_width)."""
    factor = math.exp(half_width)
    return Interval(median / factor, median, median * factor, level)


@cache
def _normal_half_width(level: float) -> float:
    """Half width, in standard deviations, of the central interval of a normal distribution.

    Bisection on erf(z / sqrt 2) = level; the statistics module has it too, but takes as
    long to import as an audit takes to run.
    """
    low, high = 0.0, 40.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        if math.erf(middle / math.sqrt(2)) < level:
            low = middle
        else:
            high = middle
    return (low + high) / 2
