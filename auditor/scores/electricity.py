"""SAM, and accuracy per kWh: scores of accuracy against electricity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType

from auditor.energy import Scope
from auditor.interval import Interval
from auditor.scores.records import (
    SAM_ALPHA,
    SAM_BETA,
    Choices,
    Figures,
    Score,
    carried,
    undefined,
)

_NO_FIGURES = "no accuracy, or no amount of electricity"


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


def sam_score(found: Figures, choices: Choices) -> Score:
    """SAM as one metric among others."""
    if found.accuracy is None or found.energy_kwh is None:
        return undefined("sam", _NO_FIGURES)
    alpha, beta = choices.sam_alpha, choices.sam_beta
    score = sam(found.accuracy, found.energy_kwh, found.scope, alpha, beta)
    settings: dict[str, float | str] = {
        "alpha": alpha,
        "beta": beta,
        "unit": "kWh",
        "scope": found.scope.value,
    }
    return Score(
        metric="sam",
        low=score.low,
        median=score.median,
        high=score.high,
        level=found.energy_kwh.level,
        undefined_because=score.undefined_because,
        settings=MappingProxyType(settings),
    )


def accuracy_per_kwh_value(accuracy: float, energy_kwh: float) -> float | None:
    """Accuracy (a fraction) divided by electricity in kWh; None at 0 kWh."""
    return accuracy / energy_kwh if energy_kwh > 0 else None


def accuracy_per_kwh(found: Figures, _choices: Choices) -> Score:
    """Accuracy per kWh; it has no source but its name."""
    accuracy, energy_kwh = found.accuracy, found.energy_kwh
    if accuracy is None or energy_kwh is None:
        return undefined("accuracy_per_kwh", _NO_FIGURES)
    return carried(
        "accuracy_per_kwh",
        energy_kwh,
        lambda kwh: accuracy_per_kwh_value(accuracy, kwh),
        {"unit": "1/kWh", "scope": found.scope.value},
        "electricity is 0 kWh",
    )
