"""Products with weights packed to a few bits: unpacked on the way, so K and N are attributes.

Source: microsoft/onnxruntime docs/ContribOperators.md.  Weights of this kind are frozen; the
gradient of the activations flows (low-rank adapters train beside them).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from auditor.costs.elementwise import activation
from auditor.costs.matmul import Product, product_cost
from auditor.costs.normalization import NORMALIZATION_FLOPS
from auditor.costs.plain import forward_only
from auditor.costs.records import Cost, Family, Grads, UnknownCost, work
from auditor.costs.registry import MICROSOFT, formula
from auditor.shapes import Operation


def _packed(op: Operation, grads: Grads, inner: int, others: slice, bias: int | None) -> Cost:
    """A product whose weights need the scales (and zero points) among `others` as well."""
    product = Product(
        family=Family.MATMUL,
        macs=op.result.size * inner,
        left=op.required(0),
        right=op.required(1),
        out=op.result,
        bias=op.input(bias) if bias is not None else None,
    )
    cost = product_cost(product, grads & {0})
    return replace(cost, forward=cost.forward + work(reads=op.inputs[others]))


@formula("MatMulNBits", domain=MICROSOFT)
def matmul_n_bits(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Weights packed to 2 to 8 bits: K and N are attributes, since B's shape is packed."""
    return _packed(op, grads, int(op.node.attributes["K"]), slice(2, 4), 5)


@formula("MatMulBnb4", domain=MICROSOFT)
def matmul_bnb4(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """The same in bitsandbytes' types of 4 bits."""
    return _packed(op, grads, int(op.node.attributes["K"]), slice(2, 3), None)


@formula("MatMulFpQ4", domain=MICROSOFT)
def matmul_fp_q4(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """The same with B's shape as an input."""
    shape = op.required(2).data
    if shape is None:
        return UnknownCost("the shape of its weights depends on data")
    return _packed(op, grads, int(np.ravel(shape)[-2]), slice(2, 3), None)


@formula("MatMulBlockQuantizedFp4Weight", "MatMulBlockQuantizedFp8Weight", domain=MICROSOFT)
def matmul_block_quantized(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Weights of 4 or 8 bits with a scale a block; the bias is the last input."""
    scales, bias = (slice(2, 5), 5) if "Fp4" in op.op_type else (slice(2, 4), 4)
    return _packed(op, grads, op.required(0).dims[-1], scales, bias)


def _normalized(op: Operation) -> int:
    """FLOPs of the sum and the normalization in front, where they are part of the operator."""
    x = op.required(0)
    added = x.size if op.input(1) is not None else 0
    return added + (NORMALIZATION_FLOPS * x.size if op.input(2) is not None else 0)


@formula("MatMulNBitsMlp", domain=MICROSOFT, differentiable=False)
def matmul_n_bits_mlp(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """activation(x gate) * (x up): two products of the same size, after a normalization."""
    out, inner = op.result, int(op.node.attributes["K"])
    gate = activation(str(op.node.attributes["activation"])).forward
    flops = (gate + 1) * out.size + _normalized(op)
    return forward_only(op, Family.MATMUL, macs=2 * out.size * inner, flops=flops)


@formula("MatMulNBitsQkv", domain=MICROSOFT, differentiable=False)
def matmul_n_bits_qkv(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """The projections to Q, K and V of the same input, after a normalization."""
    rows = op.required(0).size // int(op.node.attributes["K"])
    columns = int(op.node.attributes["Nq"]) + 2 * int(op.node.attributes["Nkv"])
    macs = rows * columns * int(op.node.attributes["K"])
    return forward_only(op, Family.MATMUL, macs=macs, flops=_normalized(op))
