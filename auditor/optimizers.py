"""Optimizers: arithmetic and state per parameter of one update."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from auditor.errors import PlanError


@dataclass(frozen=True, slots=True)
class Optimizer:
    """`states` values are kept per parameter; `flops` are spent on it in one update.

    FLOPs are counted from the update rules: SGD w -= lr g (2); momentum adds
    m = mu m + g (2); Adam m = b1 m + (1-b1) g (3), v = b2 v + (1-b2) g^2 (4),
    w -= lr m^ / (sqrt(v^) + eps) with both bias corrections (7); AdamW decays w too (2);
    Adadelta keeps running means of the squared gradient (4) and of the squared update (4),
    scales by the ratio of their roots (6) and subtracts (2).
    """

    name: str
    states: int
    flops: int


OPTIMIZERS: Mapping[str, Optimizer] = MappingProxyType(
    {
        "none": Optimizer("none", 0, 0),
        "sgd": Optimizer("sgd", 0, 2),
        "momentum": Optimizer("momentum", 1, 4),
        "adam": Optimizer("adam", 2, 14),
        "adadelta": Optimizer("adadelta", 2, 16),
        "adamw": Optimizer("adamw", 2, 16),
    }
)


def optimizer(name: str) -> Optimizer:
    """Return the optimizer called `name`.

    Raises:
        PlanError: there is none.
    """
    try:
        return OPTIMIZERS[name]
    except KeyError:
        raise PlanError(
            f"unknown optimizer {name!r}; choose one of {', '.join(OPTIMIZERS)}"
        ) from None
