"""Limits that others have set, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from auditor.budget.records import Bound, End, Limit
from auditor.errors import PlanError

# Commission guidelines on the scope of the obligations for general-purpose AI models (July 2025):
# an indicative criterion of 10^23 FLOP, and a third of the original model's compute from which on
# who modifies a model counts as a provider.
GPAI_FLOPS = 1e23
MODIFICATION_SHARE = 1 / 3
# Regulation (EU) 2024/1689, Article 51(2): "greater than 10^25".
SYSTEMIC_RISK_FLOPS = 1e25


def _flops(amount: float, error: End | None, warning: End | None, why: str) -> Limit:
    return Limit(
        quantity="training_flops",
        bound=Bound.MAX,
        amount=amount,
        error_on=error,
        warn_on=warning,
        origin=f"preset eu-gpai: {why}",
    )


def _eu_gpai(base_training_flops: float | None) -> tuple[Limit, ...]:
    guidelines = "Commission guidelines on GPAI obligations, July 2025"
    limits = (
        _flops(
            GPAI_FLOPS,
            None,
            End.MEDIAN,
            f"indicative threshold of a general-purpose AI model ({guidelines})",
        ),
        _flops(
            SYSTEMIC_RISK_FLOPS,
            End.MEDIAN,
            None,
            "presumption of systemic risk (Regulation (EU) 2024/1689, Art. 51(2))",
        ),
    )
    if base_training_flops is None:
        return limits
    third = _flops(
        base_training_flops * MODIFICATION_SHARE,
        End.MEDIAN,
        None,
        f"a modification takes at most a third of the original model's compute ({guidelines})",
    )
    return (third, *limits)


PRESETS: Mapping[str, Callable[[float | None], tuple[Limit, ...]]] = MappingProxyType(
    {"eu-gpai": _eu_gpai}
)


def preset(name: str, base_training_flops: float | None, where: str) -> tuple[Limit, ...]:
    """Return the limits of a preset for a training.

    `base_training_flops` is the compute of the model that it modifies, None where it modifies none.

    Raises:
        PlanError: there is no such preset.
    """
    if name not in PRESETS:
        raise PlanError(f"{where}: no preset is called {name!r}: choose of {', '.join(PRESETS)}")
    return PRESETS[name](base_training_flops)
