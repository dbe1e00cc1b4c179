"""Layer 3: what each operator costs, forward and backward.

Importing this package registers every formula.
"""

from auditor.costs import (  # noqa: F401  (imported to register their formulas)
    attention,
    convolution,
    elementwise,
    matmul,
    movement,
    normalization,
    pooling,
    recurrent,
)
from auditor.costs.records import NOTHING, PRODUCTS, Cost, Family, Grads, UnknownCost, Work, work
from auditor.costs.registry import cost_of, formula, formulas, has_formula, is_constant

__all__ = [
    "NOTHING",
    "PRODUCTS",
    "Cost",
    "Family",
    "Grads",
    "UnknownCost",
    "Work",
    "cost_of",
    "formula",
    "formulas",
    "has_formula",
    "is_constant",
    "work",
]
