"""Matrix products: M x K times K x N is M*K*N multiply-accumulates.

Backward, dA = dC B^T and dB = A^T dC cost as much each, where they are needed.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace

from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work, names, work
from auditor.costs.registry import formula
from auditor.shapes import Operation, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A bilinear product: inputs 0 and 1 of a node, its output, and a bias at input 2."""

    family: Family
    macs: int
    left: Value
    right: Value
    out: Value
    bias: Value | None = None


def product_cost(product: Product, grads: Grads) -> Cost:
    """One pass forward, one for each gradient needed.

    A bias is added in the same pass; its gradient is a reduction of the output's.
    """
    macs, left, right, out = product.macs, product.left, product.right, product.out
    bias = product.bias
    added = out.size if bias is not None else 0
    forward = work(macs=macs, other_flops=added, reads=(left, right, bias), writes=(out,))
    backward = Work()
    if 0 in grads:
        backward += work(macs=macs, reads=(out, right), writes=(left,))
    if 1 in grads:
        backward += work(macs=macs, reads=(out, left), writes=(right,))
    if bias is not None and 2 in grads:
        backward += work(other_flops=out.size, reads=(out,), writes=(bias,))
    saved = (left if 1 in grads else None, right if 0 in grads else None)
    return Cost(
        family=product.family,
        forward=forward,
        backward=backward,
        backward_kernels=len(grads),
        saved=names(*saved),
    )


def matmul_family(right: Value) -> Family:
    """A product with weights is one large product; one of activations is many small ones."""
    return Family.MATMUL if right.is_constant else Family.BATCHED_MATMUL


def _contracted(left: Value, transposed: bool = False) -> int:
    shape = left.shape or ()
    return shape[-2] if transposed and len(shape) > 1 else shape[-1]


@formula("MatMul")
@formula("FusedMatMul", "TransposeMatMul", domain="com.microsoft")
def matmul(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """(..., M, K) x (..., K, N): every output element is K multiply-accumulates."""
    left, right, out = op.required(0), op.required(1), op.result
    inner = _contracted(left, bool(op.attribute("transA", 0)))
    constant = left if left.is_constant else right
    product = Product(
        family=matmul_family(constant), macs=out.size * inner, left=left, right=right, out=out
    )
    return product_cost(product, grads & {0, 1})


@formula("Gemm")
@formula("FusedGemm", domain="com.microsoft")
def gemm(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Y = alpha A' B' + beta C, with A' of shape (M, K)."""
    left, right, out, bias = op.required(0), op.required(1), op.result, op.input(2)
    inner = _contracted(left, bool(op.attribute("transA", 0)))
    constant = left if left.is_constant else right
    product = Product(
        family=matmul_family(constant),
        macs=out.size * inner,
        left=left,
        right=right,
        out=out,
        bias=bias,
    )
    return product_cost(product, grads)


@formula("MatMulInteger", "QLinearMatMul")
@formula("DynamicQuantizeMatMul", "MatMulIntegerToFloat", domain="com.microsoft")
def integer_matmul(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """As MatMul, on 8-bit integers; quantized graphs are not trained, so no gradients."""
    right_index = 3 if op.op_type == "QLinearMatMul" else 1
    left, right, out = op.required(0), op.required(right_index), op.result
    macs = out.size * _contracted(left)
    product = Product(family=matmul_family(right), macs=macs, left=left, right=right, out=out)
    return product_cost(product, frozenset())


@formula("MatMulNBits", domain="com.microsoft")
def matmul_n_bits(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Weights packed to 2 to 8 bits: K and N are attributes, since B's shape is packed."""
    left, right, out = op.required(0), op.required(1), op.result
    macs = out.size * int(op.node.attributes["K"])
    product = Product(family=Family.MATMUL, macs=macs, left=left, right=right, out=out)
    cost = product_cost(product, grads & {0})
    scales = work(reads=op.inputs[2:4])  # with zero points, where there are any
    return replace(cost, forward=cost.forward + scales)


@formula("Einsum")
def einsum(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """One or two operands: every point of the joint index space is one multiply-accumulate."""
    out = op.outputs[0]
    operands = [v for v in op.inputs if v is not None and v.shape is not None]
    terms = str(op.node.attributes["equation"]).replace(" ", "").split("->")[0].split(",")
    if out is None or len(operands) > 2:
        return UnknownCost("a contraction of more than two operands")
    if any("." in term for term in terms):
        return UnknownCost("an einsum with an ellipsis")
    sizes: dict[str, int] = {}
    for term, value in zip(terms, operands, strict=True):
        sizes.update(zip(term, value.shape or (), strict=True))
    points = math.prod(sizes.values())
    if len(operands) == 2 and sizes.keys() - set(_einsum_output(op, terms)):
        left, right = operands
        product = Product(family=matmul_family(right), macs=points, left=left, right=right, out=out)
        return product_cost(product, grads)
    return _einsum_without_sum(op, grads, points)


def _einsum_without_sum(op: Operation, grads: Grads, points: int) -> Cost:
    """A reduction or a transposition of one operand, or an outer or elementwise product."""
    operands, out = [v for v in op.inputs if v is not None], op.outputs[0]
    backward = Work()
    for index in grads:
        others = [v for i, v in enumerate(operands) if i != index]
        backward += work(other_flops=points, reads=(out, *others), writes=(operands[index],))
    return Cost(
        family=Family.ELEMENTWISE if len(operands) > 1 else Family.REDUCTION,
        forward=work(other_flops=points, reads=operands, writes=(out,)),
        backward=backward,
        backward_kernels=len(grads),
        saved=names(*operands) if grads and len(operands) > 1 else (),
    )


def _einsum_output(op: Operation, terms: list[str]) -> str:
    """The output's letters: as written, else those that occur once."""
    equation = str(op.node.attributes["equation"]).replace(" ", "")
    if "->" in equation:
        return equation.split("->")[1]
    counts = Counter("".join(terms))
    return "".join(c for c, n in counts.items() if n == 1)
