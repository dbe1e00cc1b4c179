"""Activations of onnxruntime and Caffe2, with the bias, the gate or the scale fused to them.

Source: microsoft/onnxruntime docs/ContribOperators.md; the experiments of Caffe2
(Affine, ScaledTanh, ...) in onnxruntime/core/graph/contrib_ops.
"""

from __future__ import annotations

from collections.abc import Mapping

from auditor.costs.elementwise import (
    BINARY,
    FAST_GELU,
    QUICK_GELU,
    UNARY,
    Unary,
    binary_cost,
    unary_cost,
)
from auditor.costs.plain import streamed
from auditor.costs.records import Cost, Family, Grads, UnknownCost
from auditor.costs.registry import MICROSOFT, formula
from auditor.shapes import Operation


@formula("Gelu", domain=MICROSOFT)
def gelu(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """X Phi(x) by erf."""
    return unary_cost(op, grads & {0}, UNARY["Gelu"])


@formula("QuickGelu", domain=MICROSOFT)
def quick_gelu(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """X sigmoid(1.702 x)."""
    return unary_cost(op, grads & {0}, QUICK_GELU)


@formula("BiasGelu", "FastGelu", domain=MICROSOFT)
def bias_gelu(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """GELU of input plus bias, the bias optional for FastGelu."""
    entry = FAST_GELU if op.op_type == "FastGelu" else UNARY["Gelu"]
    return unary_cost(op, grads & {0, 1}, entry, op.input(1))


@formula("BiasSplitGelu", domain=MICROSOFT)
def bias_split_gelu(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """A bias on both halves, then one half times the GELU of the other."""
    x, out, entry = op.required(0), op.result, UNARY["Gelu"]
    flops = (x.size + (entry.forward + 1) * out.size, (entry.backward + 2) * out.size)
    return streamed(op, grads, Family.ELEMENTWISE, flops, (x,))


@formula("BiasAdd", domain=MICROSOFT)
def bias_add(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Input plus bias plus skip."""
    return binary_cost(op, grads, BINARY["Add"])


@formula("GatedAdd", domain=MICROSOFT)
def gated_add(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """X plus y times a gate a row: two an element, and two for the gradients of y and gate."""
    size = op.result.size
    kept = (op.input(1), op.input(2))
    return streamed(op, grads, Family.ELEMENTWISE, (2 * size, 3 * size), kept)


@formula("ComplexMul", "ComplexMulConj", domain=MICROSOFT)
def complex_product(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Four products and two sums for the two numbers of a result: three each."""
    size = 3 * op.result.size
    kept = (op.input(0), op.input(1))
    return streamed(op, grads, Family.ELEMENTWISE, (size, len(grads) * size), kept)


# Forward and backward a element; what is saved.
_SCALED: Mapping[str, Unary] = {
    "Affine": Unary(2, 1, ""),  # alpha x + beta
    "ImageScaler": Unary(2, 1, ""),
    "Scale": Unary(1, 1, ""),
    "ParametricSoftplus": Unary(5, 6, "input"),  # alpha log(1 + exp(beta x))
    "ScaledTanh": Unary(3, 5, "output"),  # alpha tanh(beta x)
}


@formula(*_SCALED)
def scaled(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """By the table; never in a specification, in old Caffe2 and CoreML exports alone."""
    return unary_cost(op, grads & {0}, _SCALED[op.op_type])


@formula("ScaledSiLU", domain=MICROSOFT)
def scaled_silu(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """SiLU and one more product."""
    entry = UNARY["Swish"]
    more = Unary(entry.forward + 1, entry.backward + 1, "input")
    return unary_cost(op, grads & {0}, more)


@formula("HyperConnectionPreMix", domain=MICROSOFT)
def pre_mix(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Branches weighted and summed: two an element of the streams (arXiv 2409.19606)."""
    streams = op.required(0)
    flops = (2 * streams.size, 3 * streams.size)
    return streamed(op, grads, Family.ELEMENTWISE, flops, (streams, op.input(1)))


@formula("HyperConnectionPostMix", domain=MICROSOFT)
def post_mix(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """The block's result gated into every branch, and branches mixed by a small matrix (C, C)."""
    streams, block, mix = op.required(0), op.required(1), op.input(3)
    branches = streams.size // block.size
    each = 2 + (2 * branches if mix is not None else 1)
    flops = (each * streams.size, 2 * each * streams.size)
    return streamed(op, grads, Family.ELEMENTWISE, flops, (streams, block, op.input(2), mix))


@formula("EngramGate", domain=MICROSOFT)
def engram_gate(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Keys and queries normalized by RMS (4 each), their product summed, a sigmoid, the value."""
    key, value = op.required(0), op.required(2)
    normed = 4 * key.size if len(op.outputs) > 1 and op.outputs[1] is not None else 0
    flops = (2 * 4 * key.size + 3 * key.size + normed, 22 * key.size + 2 * normed)
    return streamed(op, grads, Family.NORMALIZATION, flops, (key, op.input(1), value))
