"""Layer 3: what each operator costs, forward and backward.

Importing this package registers every formula.
"""

from auditor.costs import (  # noqa: F401  (imported to register their formulas)
    activations,
    attention,
    attention_microsoft,
    attention_sparse,
    convolution,
    detection,
    einsum,
    elementwise,
    fused_attention,
    linear_attention,
    matmul,
    matrices,
    moe,
    movement,
    normalization,
    packed_weights,
    pooling,
    positions,
    quantized,
    random,
    recurrent,
    resampling,
    sequences,
    signal,
    text,
    trees,
    uncosted,
    update,
)
from auditor.costs.records import NOTHING, PRODUCTS, Cost, Family, Grads, UnknownCost, Work, work
from auditor.costs.registry import (
    OperatorClass,
    cost_of,
    formula,
    formulas,
    has_formula,
    is_constant,
    is_differentiable,
    operator_class,
)
from auditor.costs.uncosted import UNCOSTED

__all__ = [
    "NOTHING",
    "PRODUCTS",
    "UNCOSTED",
    "Cost",
    "Family",
    "Grads",
    "OperatorClass",
    "UnknownCost",
    "Work",
    "cost_of",
    "formula",
    "formulas",
    "has_formula",
    "is_constant",
    "is_differentiable",
    "operator_class",
    "work",
]
