"""The mean of a few trials, with the confidence interval that their scatter gives."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean with its confidence interval; `low` and `high` are None for a single trial.

    The interval is that of the trials' scatter alone: what all trials share, as an error of
    the sensor, is not in it.
    """

    value: float
    low: float | None
    high: float | None
    level: float = LEVEL

    def scaled(self, factor: float) -> Mean:
        """Multiply by an exact factor of zero or more."""
        low = None if self.low is None else self.low * factor
        high = None if self.high is None else self.high * factor
        return Mean(self.value * factor, low, high, self.level)

    def widened(self, lowest_factor: float, highest_factor: float) -> Mean:
        """Multiply the ends, of a single trial its value, by factors of the method itself."""
        if lowest_factor == highest_factor == 1.0:
            return self
        low = self.value if self.low is None else self.low
        high = self.value if self.high is None else self.high
        return Mean(self.value, low * lowest_factor, high * highest_factor, self.level)


def mean_of(values: Sequence[float], level: float = LEVEL) -> Mean:
    """Return the mean of independent trials with Student's interval.

    Half width: t s / sqrt(n), s the standard deviation with n - 1, t the quantile of Student's
    distribution with n - 1 degrees of freedom at (1 + level) / 2 (Student, Biometrika 6, 1908).
    One value has no interval.  The values are amounts, so the low end is at least 0.
    """
    mean = statistics.fmean(values)
    count = len(values)
    if count < 2:
        return Mean(mean, None, None, level)
    from scipy.special import stdtrit  # takes longer to load than --help may take

    quantile = float(stdtrit(count - 1, (1 + level) / 2))
    half_width = quantile * statistics.stdev(values) / math.sqrt(count)
    return Mean(mean, max(0.0, mean - half_width), mean + half_width, level)
