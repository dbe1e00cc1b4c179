"""What runs of one set-up have in common: a shrunken factor, and how far it may be off.

A normal effect under a normal prior (Gelman et al., "Bayesian Data Analysis", 3rd ed., 2013, 2.5).
All widths are half widths of ln at one level; they are proportional to standard deviations, and
only their ratios enter the mean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from auditor.step.kernels import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The common effect, as a logarithm; `count` networks told of it.

    `half_width` is of the effect itself, `residual_half_width` of a network that was not among
    those measured.
    """

    log_factor: float
    half_width: float
    residual_half_width: float
    count: int


def effect(logs: Floats, common: float, network: float) -> Effect:
    """Estimate the effect from ln(measured / modelled) of every network.

    `common` is the half width of what a set-up's networks share, `network` of what they differ
    by.  An interval is not narrower than the farthest of them is off where the others alone
    predict it.
    """
    log_factor, half_width = _posterior(logs, common, network)
    width = math.hypot(network, half_width)
    others = [np.delete(logs, k) for k in range(len(logs))] if len(logs) > 1 else []
    errors = [_posterior(o, common, network)[0] - log for o, log in zip(others, logs, strict=False)]
    return Effect(
        log_factor=log_factor,
        half_width=half_width,
        residual_half_width=max((width, *map(abs, errors))),
        count=len(logs),
    )


def _posterior(logs: Floats, common: float, network: float) -> tuple[float, float]:
    """Mean and half width of the effect."""
    precision = 1 / common**2 + len(logs) / network**2
    return float(logs.sum()) / network**2 / precision, precision**-0.5
