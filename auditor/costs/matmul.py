"""Matrix products: M x K times K x N is M*K*N multiply-accumulates.

Backward, dA = dC B^T and dB = A^T dC cost as much each, where they are needed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from auditor.costs.elementwise import activation
from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work, names, work
from auditor.costs.registry import MICROSOFT, formula
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


def product_cost(product: Product, grads: Grads, fused: str = "") -> Cost:
    """One pass forward, one for each gradient needed.

    A bias is added in the same pass; its gradient is a reduction of the output's.  `fused`
    names an activation that follows in the same operator.
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
    cost = Cost(
        family=product.family,
        forward=forward,
        backward=backward,
        backward_kernels=len(grads),
        saved=names(*saved),
    )
    return _activated(cost, out, fused, bool(grads)) if fused else cost


def _activated(cost: Cost, out: Value, fused: str, trained: bool) -> Cost:
    """Add the activation: no traffic of its own forward, one pass over the result backward.

    Where its gradient needs its input, that is kept beside the output.
    """
    entry = activation(fused)
    forward = cost.forward + Work(other_flops=entry.forward * out.size)
    if not trained:
        return replace(cost, forward=forward)
    backward = work(other_flops=entry.backward * out.size, reads=(out, out), writes=(out,))
    inside = entry.saved == "input"
    return replace(
        cost,
        forward=forward,
        backward=cost.backward + backward,
        backward_kernels=cost.backward_kernels + 1,
        saved=cost.saved if inside else (*cost.saved, *names(out)),
        extra_saved_bytes=out.bytes if inside else 0,
    )


def matmul_family(right: Value) -> Family:
    """A product with weights is one large product; one of activations is many small ones."""
    return Family.MATMUL if right.is_constant else Family.BATCHED_MATMUL


def contracted(left: Value, transposed: bool = False) -> int:
    """Size of the dimension that a product sums over."""
    shape = left.shape or ()
    return shape[-2] if transposed and len(shape) > 1 else shape[-1]


@formula("MatMul")
@formula("FusedMatMul", "TransposeMatMul", "FusedMatMulActivation", domain=MICROSOFT)
def matmul(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """(..., M, K) x (..., K, N): every output element is K multiply-accumulates."""
    left, right, out = op.required(0), op.required(1), op.result
    fused = op.op_type == "FusedMatMulActivation"
    return product_cost(
        _dense(left, right, out, _inner(op)),
        grads & {0, 1},
        str(op.attribute("activation", "")) if fused else "",
    )


def _inner(op: Operation) -> int:
    """The contracted dimension of A: its first axis where the batch moves behind it.

    `transBatchA` has A as (M, ..., K), or (K, ..., M) if `transA` is set too.
    """
    left = op.required(0)
    transposed = bool(op.attribute("transA", 0))
    if transposed and op.attribute("transBatchA", 0) and len(left.dims) > 2:
        return left.dims[0]
    return contracted(left, transposed)


def _dense(left: Value, right: Value, out: Value, inner: int, bias: Value | None = None) -> Product:
    return Product(
        family=matmul_family(left if left.is_constant else right),
        macs=out.size * inner,
        left=left,
        right=right,
        out=out,
        bias=bias,
    )


@formula("Gemm")
@formula("FusedGemm", "GemmFloat8", domain=MICROSOFT)
def gemm(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Y = alpha A' B' + beta C, with A' of shape (M, K)."""
    product = _dense(op.required(0), op.required(1), op.result, _inner(op), op.input(2))
    fused = str(op.attribute("activation", "")) if op.node.domain else ""
    return product_cost(product, grads & {0, 1, 2}, "" if fused.upper() == "NONE" else fused)


@formula("GemmFastGelu", domain=MICROSOFT)
def gemm_fast_gelu(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """A product, a bias and the GELU by tanh."""
    product = _dense(op.required(0), op.required(1), op.result, _inner(op), op.input(2))
    return product_cost(product, grads & {0, 1, 2}, "FastGelu")


@formula("SparseToDenseMatMul", domain=MICROSOFT, differentiable=False)
def sparse_matmul(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """As if A were dense: how many of its elements are stored is not in its type."""
    return product_cost(_dense(op.required(0), op.required(1), op.result, _inner(op)), grads)
