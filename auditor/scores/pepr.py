"""PePR: performance per resource unit, against the range of a reference set.

Selvan et al., "PePR: Performance Per Resource Unit as a Metric to Promote Small-Scale Deep
Learning in Medical Image Analysis", arXiv 2403.12562; as computed in saintslab/PePR
make_pepr_data.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from auditor.interval import Interval
from auditor.scores.records import Choices, Figures, Score, carried, undefined
from auditor.scores.reference import Range, ReferenceSet

# By metric; of the two times a set has one: papers publish an epoch's, plans give the whole.
PEPR_RESOURCES = {
    "pepr_e": ("energy_kwh",),
    "pepr_c": ("carbon_gco2e",),
    "pepr_t": ("duration_s", "epoch_time_s"),
    "pepr_m": ("memory_bytes",),
}


def position(amount: float, low: float, high: float) -> float:
    """R = (amount - low) / (high - low): 0 at the range's low end, 1 at its high one.

    It is not clipped: below 0 or above 1 the amount lies outside the range.
    """
    return (amount - low) / (high - low)


def pepr_value(performance: float, r: float) -> float | None:
    """PePR = P / (1 + R); None at R = -1 and below, where it is infinite or negative."""
    return performance / (1 + r) if r > -1 else None


def pepr_score(metric: str) -> Callable[[Figures, Choices], Score]:
    """Return the function that scores by one of PEPR_RESOURCES."""

    def score(found: Figures, choices: Choices) -> Score:
        reference = choices.reference
        if reference is None:
            return undefined(metric, "no reference set: R is a place in the range of one")
        resource = next((r for r in PEPR_RESOURCES[metric] if r in reference.ranges), None)
        if resource is None:
            wanted = " or ".join(PEPR_RESOURCES[metric])
            reason = f"the reference set {reference.name} has no range of {wanted}"
            return undefined(metric, reason, {"reference": reference.name})
        return _against(metric, found, reference, resource)

    return score


def _against(metric: str, found: Figures, reference: ReferenceSet, resource: str) -> Score:
    limits, amount = reference.ranges[resource], _amount(found, resource)
    settings = _settings(reference, resource, found)
    if found.accuracy is None or amount is None:
        return undefined(metric, f"{resource} or the accuracy is not assessed", settings)
    if limits.low == limits.high:
        reason = f"all models of the reference set take the same {resource}: R has no range"
        return undefined(metric, reason, settings)
    accuracy, r = found.accuracy, position(amount.median, limits.low, limits.high)
    made = carried(
        metric,
        amount,
        lambda x: pepr_value(accuracy, position(x, limits.low, limits.high)),
        {**settings, "r": r},
        f"R is {r:.3g}: at -1 and below the score is infinite or negative",
    )
    exact = isinstance(getattr(found, resource), float | int)
    return replace(
        made,
        outside_reference=not 0 <= r <= 1,
        low=None if exact else made.low,
        high=None if exact else made.high,
        level=None if exact else made.level,
    )


def _amount(found: Figures, resource: str) -> Interval | None:
    """Return the amount of a resource, as an interval of no width where it has none."""
    amount: Interval | float | None = getattr(found, resource)
    if isinstance(amount, float | int):
        return Interval(amount, amount, amount, 1.0)
    return amount


def _settings(reference: ReferenceSet, resource: str, found: Figures) -> dict[str, float | str]:
    limits: Range = reference.ranges[resource]
    settings: dict[str, float | str] = {
        "reference": reference.name,
        "resource": resource,
        "range_low": limits.low,
        "range_high": limits.high,
        "reference_covers": limits.covers,
    }
    if resource == "energy_kwh":
        settings["scope"] = found.scope.value
    return settings
