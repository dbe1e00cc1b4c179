"""Layer 13: scores that weigh accuracy against electricity."""

from __future__ import annotations

import math
from dataclasses import dataclass

from auditor.energy import Scope
from auditor.interval import Interval

SAM_ALPHA = 5.0
SAM_BETA = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sam:
    """SAM with what it was made of; None where it is undefined, with the reason.

    `low` belongs to the interval's high electricity, `high` to its low one.
    """

    accuracy: float
    alpha: float
    beta: float
    scope: Scope
    energy_kwh: float
    low: float | None
    median: float | None
    high: float | None
    undefined_because: str | None


def sam_value(accuracy: float, energy_kwh: float, alpha: float, beta: float) -> float | None:
    """SAM = beta * accuracy^alpha / log10(electricity in kWh); None at or below 1 kWh.

    Gowda et al., "Watt for What", arXiv 2310.06522.  At 1 kWh the logarithm is 0, below
    it is negative: the score says nothing there.
    """
    if energy_kwh <= 1:
        return None
    return float(beta * accuracy**alpha / math.log10(energy_kwh))


def sam(
    accuracy: float,
    energy_kwh: Interval,
    scope: Scope,
    alpha: float = SAM_ALPHA,
    beta: float = SAM_BETA,
) -> Sam:
    """Score a training of `accuracy` (a fraction) that took `energy_kwh`."""
    median = sam_value(accuracy, energy_kwh.median, alpha, beta)
    reason = None
    if median is None:
        reason = (
            f"electricity is {energy_kwh.median:.3g} kWh: at 1 kWh log10 is 0 and the score "
            "infinite, below it is negative"
        )
    return Sam(
        accuracy=accuracy,
        alpha=alpha,
        beta=beta,
        scope=scope,
        energy_kwh=energy_kwh.median,
        low=sam_value(accuracy, energy_kwh.high, alpha, beta),
        median=median,
        high=sam_value(accuracy, energy_kwh.low, alpha, beta),
        undefined_because=reason,
    )
