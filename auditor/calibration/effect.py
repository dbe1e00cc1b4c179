"""What runs of one set-up have in common: a shrunken factor, and how far it may be off.

A normal effect under a normal prior (Gelman et al., "Bayesian Data Analysis", 3rd ed., 2013, 2.5).
All widths are half widths of ln at one level; they are proportional to standard deviations, and
only their ratios enter the mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from auditor.calibration.core import Settings
from auditor.calibration.fit import half_width
from auditor.step.kernels import Floats

# How much farther the host's time for a launch may be from what is expected than the device's:
# as in the fit.
_HOST_OVER_COMMON = Settings().setup_host / Settings().setup
NO_HOST: Floats = np.zeros(1)


@dataclass(frozen=True, slots=True)
class Spread:
    """Half widths: of what a set-up's runs share, and of what its networks differ by."""

    common: float
    network: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The common effect, as logarithms; `count` networks told of it.

    `half_width` is of the effect itself, `residual_half_width` of a network that was not among
    those measured.  `log_host` is what the host's time for a launch is off beside the rest.
    """

    log_factor: float
    log_host: float
    half_width: float
    residual_half_width: float
    count: int


def effect(logs: Floats, spread: Spread, level: float, hosts: Floats = NO_HOST) -> Effect:
    """Estimate the effect from ln(measured / modelled), a column a network.

    The rows of `logs` are for the factors of the host's time whose logarithms are `hosts`; the
    likeliest is taken.
    """
    host, log_factor = _likeliest(logs, spread, hosts)
    count = logs.shape[1]
    width = _posterior_half_width(count, spread)
    return Effect(
        log_factor=log_factor,
        log_host=float(hosts[host]),
        half_width=width,
        residual_half_width=_residual_half_width(logs, spread, level, hosts),
        count=count,
    )


def _posterior_half_width(count: int, spread: Spread) -> float:
    return float((1 / spread.common**2 + count / spread.network**2) ** -0.5)


def _likeliest(logs: Floats, spread: Spread, hosts: Floats) -> tuple[int, float]:
    """Index of the host's factor, and the mean of the effect given it."""
    count = logs.shape[1]
    weight = _posterior_half_width(count, spread) ** 2 / spread.network**2
    means = weight * logs.sum(axis=1)
    misfit = ((logs - means[:, None]) ** 2).sum(axis=1) / spread.network**2
    unlikely = means**2 + (hosts / _HOST_OVER_COMMON) ** 2
    best = int(np.argmin(misfit + unlikely / spread.common**2))
    return best, float(means[best])


def _residual_half_width(logs: Floats, spread: Spread, level: float, hosts: Floats) -> float:
    """How far a network that was not measured may be off.

    By the calibration's figures while there are few networks, though not less than the farthest
    of them is off where the others alone predict it; by those errors where they are enough.
    """
    count = logs.shape[1]
    width = math.hypot(spread.network, _posterior_half_width(count, spread))
    if count < 2:
        return width
    own = half_width(_left_out(logs, spread, hosts), range(count), level)
    return own if count >= enough(level) else max(own, width)


def _left_out(logs: Floats, spread: Spread, hosts: Floats) -> Floats:
    """Errors of every network by the effect that the others give."""
    errors = []
    for network in range(logs.shape[1]):
        host, log_factor = _likeliest(np.delete(logs, network, axis=1), spread, hosts)
        errors.append(log_factor - logs[host, network])
    return np.array(errors)


def enough(level: float) -> int:
    """Networks that an interval of this level needs to rest on them alone: n / (n + 1) >= level."""
    return math.ceil(level / (1 - level) - 1e-9)
