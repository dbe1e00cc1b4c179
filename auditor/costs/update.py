"""Optimizers as operators (ai.onnx.preview.training): inputs R, T, then X, G and states."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.costs.plain import forward_only
from auditor.costs.records import Cost, Family, Grads, UnknownCost
from auditor.costs.registry import formula
from auditor.optimizers import OPTIMIZERS
from auditor.shapes import Operation

# FLOPs per parameter, and tensors per parameter among the inputs (value, gradient, states).
# Adagrad keeps the sum of squares (2) and divides by its root (5).
_UPDATES: Mapping[str, tuple[int, int]] = {
    "Adagrad": (7, 3),
    "Momentum": (OPTIMIZERS["momentum"].flops, 3),
    "Adam": (OPTIMIZERS["adam"].flops, 4),
}


@formula(*_UPDATES, domain="ai.onnx.preview.training", differentiable=False)
def update(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """By the update rule, for every parameter; decay of the weights adds two."""
    flops, tensors = _UPDATES[op.op_type]
    decay = 2 if op.attribute("norm_coefficient", 0.0) else 0
    parameters = op.inputs[2 : 2 + (len(op.inputs) - 2) // tensors]
    count = sum(v.size for v in parameters if v is not None)
    return forward_only(op, Family.OPTIMIZER, flops=(flops + decay) * count)
