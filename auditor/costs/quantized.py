"""Quantized operators: integers with a scale and a zero point; they are not trained.

Source: the ONNX operator specification and microsoft/onnxruntime docs/ContribOperators.md.
Taken as written: dequantize subtracts and scales (2), quantize scales, rounds and shifts (3);
onnxruntime looks activations of one byte up in a table instead.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from auditor.costs.elementwise import UNARY
from auditor.costs.matmul import Product, contracted, matmul_family, product_cost
from auditor.costs.normalization import NORMALIZATION_FLOPS, SOFTMAX_FLOPS
from auditor.costs.plain import forward_only, streamed
from auditor.costs.records import Cost, Family, Grads, UnknownCost, work
from auditor.costs.registry import MICROSOFT, formula
from auditor.shapes import Operation

DEQUANTIZE_FLOPS = 2
QUANTIZE_FLOPS = 3
_AROUND = DEQUANTIZE_FLOPS + QUANTIZE_FLOPS  # around an operation on real numbers


def _product(op: Operation, left: int, right: int, bias: int | None = None) -> Product:
    a, b, out = op.required(left), op.required(right), op.result
    return Product(
        family=matmul_family(b),
        macs=out.size * contracted(a, bool(op.attribute("transA", 0))),
        left=a,
        right=b,
        out=out,
        bias=op.input(bias) if bias is not None else None,
    )


# Where A, B and the bias are among the inputs; all others are scales and zero points.
_PRODUCTS: Mapping[str, tuple[int, int, int | None]] = {
    "MatMulInteger": (0, 1, None),
    "QLinearMatMul": (0, 3, None),
    "MatMulInteger16": (0, 1, None),
    "DynamicQuantizeMatMul": (0, 1, 4),
    "MatMulIntegerToFloat": (0, 1, 6),
    "QGemm": (0, 3, 6),
    "QOrderedMatMul": (0, 2, 5),
}


@formula("MatMulInteger", "QLinearMatMul", differentiable=False)
@formula(
    "MatMulInteger16", "DynamicQuantizeMatMul", "MatMulIntegerToFloat", "QGemm", "QOrderedMatMul",
    domain=MICROSOFT, differentiable=False,
)  # fmt: skip
def integer_matmul(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """As MatMul, on 8-bit or 16-bit integers."""
    return product_cost(_product(op, *_PRODUCTS[op.op_type]), grads)


# FLOPs per output element, dequantizing every operand.
_ELEMENTWISE: Mapping[str, int] = {
    "QLinearAdd": _AROUND + DEQUANTIZE_FLOPS + 1,
    "QLinearMul": _AROUND + DEQUANTIZE_FLOPS + 1,
    "QLinearWhere": _AROUND + DEQUANTIZE_FLOPS + 1,
    "MulInteger": 3,  # two zero points off, one product
    "QLinearSigmoid": _AROUND + UNARY["Sigmoid"].forward,
    "QLinearLeakyRelu": _AROUND + UNARY["LeakyRelu"].forward,
    "QOrderedGelu": _AROUND + UNARY["Gelu"].forward,
    "QLinearConcat": _AROUND,
}


@formula(*_ELEMENTWISE, domain=MICROSOFT, differentiable=False)
def quantized_elementwise(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """By the table: dequantize, compute, quantize."""
    return forward_only(op, Family.ELEMENTWISE, flops=_ELEMENTWISE[op.op_type] * op.result.size)


@formula("QLinearSoftmax", domain=MICROSOFT, differentiable=False)
def quantized_softmax(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Softmax between the two."""
    return forward_only(op, Family.SOFTMAX, flops=(_AROUND + SOFTMAX_FLOPS) * op.result.size)


@formula("QOrderedLayerNormalization", domain=MICROSOFT, differentiable=False)
def quantized_layer_normalization(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Layer normalization between the two."""
    flops = (_AROUND + NORMALIZATION_FLOPS) * op.result.size
    return forward_only(op, Family.NORMALIZATION, flops=flops)


@formula("QLinearAveragePool", domain=MICROSOFT, differentiable=False)
@formula("QLinearAveragePool", domain="com.ms.internal.nhwc", differentiable=False)
def quantized_pool(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """The sum of every window as integers, then scaled once."""
    window = math.prod(op.node.attributes["kernel_shape"])
    return forward_only(op, Family.POOLING, flops=(window + _AROUND) * op.result.size)


@formula(
    "QLinearGlobalAveragePool", "QLinearReduceMean", "ReduceSumInteger",
    domain=MICROSOFT, differentiable=False,
)  # fmt: skip
def quantized_reduction(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """One addition an element, then scaled once an output; a sum of integers is not scaled."""
    scaled = 0 if op.op_type == "ReduceSumInteger" else _AROUND
    flops = op.required(0).size + scaled * op.result.size
    return forward_only(op, Family.REDUCTION, flops=flops)


@formula("QuantizeLinear", "DequantizeLinear")
@formula("QuantizeLinear", "DequantizeLinear", domain=MICROSOFT)
def quantize(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Scale and shift; straight-through gradient."""
    flops = (2 * op.required(0).size, 0)
    return streamed(op, grads & {0}, Family.ELEMENTWISE, flops)


@formula("DynamicQuantizeLinear", differentiable=False)
def dynamic_quantize(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Smallest and largest element first (2), then quantize (3)."""
    return forward_only(op, Family.ELEMENTWISE, flops=5 * op.required(0).size)


@formula(
    "QuantizeWithOrder", "DequantizeWithOrder", "QuantizeBFP", "DequantizeBFP",
    domain=MICROSOFT, differentiable=False,
)  # fmt: skip
def reordered(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Scale and round into another order of elements, or into blocks with one exponent."""
    return forward_only(op, Family.ELEMENTWISE, flops=2 * op.required(0).size)


@formula("GatherBlockQuantized", domain=MICROSOFT, differentiable=False)
def gather_block_quantized(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Rows of a packed table, dequantized: read is the share of the table that is taken."""
    table, out = op.required(0), op.result
    bits = int(op.attribute("bits", 4))
    taken = work(other_flops=DEQUANTIZE_FLOPS * out.size, reads=(op.input(1),), writes=(out,))
    packed = work(reads=(table,)).read_bytes
    rows = min(packed, (out.size * bits + 7) // 8)
    return Cost(
        family=Family.EMBEDDING,
        forward=taken + type(taken)(read_bytes=rows),
    )


@formula("QEmbedLayerNormalization", domain=MICROSOFT, differentiable=False)
def quantized_embedding(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Rows of up to three tables of bytes, dequantized, summed and normalized."""
    out = op.result
    tables = [v for v in op.inputs[2:5] if v is not None]
    flops = (DEQUANTIZE_FLOPS + 1) * len(tables) - 1 + NORMALIZATION_FLOPS
    taken = work(other_flops=flops * out.size, reads=op.inputs[:2], writes=op.outputs)
    return Cost(
        family=Family.EMBEDDING,
        forward=taken + type(taken)(read_bytes=len(tables) * out.size),
    )
