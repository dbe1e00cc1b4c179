"""Output shapes that onnx's own inference does not give, by rules keyed by domain and type.

They hold for onnxruntime's operators (com.microsoft and its layouts), for ai.onnx.ml, and for
the first versions of standard operators.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from auditor.graph import Node
from auditor.shapes import (
    contrib_attention,
    contrib_default,
    contrib_einsum,
    contrib_layout,
    contrib_misc,
    contrib_products,
    legacy,
    ml,
)
from auditor.shapes.records import Typed, Value
from auditor.shapes.rules import UNKNOWN, Call, Key, Rule

# What a rule raises for inputs that the operator does not allow, or that are not known.
_REFUSALS = (
    ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError,
)  # fmt: skip

RULES: Mapping[Key, Rule] = {
    **contrib_attention.RULES,
    **contrib_default.RULES,
    **contrib_einsum.RULES,
    **contrib_layout.RULES,
    **contrib_misc.RULES,
    **contrib_products.RULES,
    **ml.RULES,
}


def infer_contrib(node: Node, inputs: Sequence[Value | None]) -> tuple[Typed, ...] | None:
    """Return (dtype, shape) of every output of an operator that onnx knows no shapes of.

    None where there is no rule, or where it cannot tell.
    """
    return _apply(RULES, node, inputs)


def infer_legacy(node: Node, inputs: Sequence[Value | None]) -> tuple[Typed, ...] | None:
    """Return the same for an operator's first versions: only where onnx itself cannot tell."""
    return _apply(legacy.RULES, node, inputs)


def _apply(
    rules: Mapping[Key, Rule], node: Node, inputs: Sequence[Value | None]
) -> tuple[Typed, ...] | None:
    rule = rules.get((node.domain, node.op_type))
    if rule is None:
        return None
    try:
        types = tuple(rule(Call(node, inputs)))
    except _REFUSALS:
        return None
    return (*types, *(UNKNOWN,) * len(node.outputs))[: len(node.outputs)]
