"""Linear algebra beside products: determinants, inverses, distances."""

from __future__ import annotations

import math

from auditor.costs.plain import forward_only, streamed
from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work, names, work
from auditor.costs.registry import MICROSOFT, formula
from auditor.shapes import Operation


def _square(op: Operation) -> tuple[int, int]:
    """(number of matrices, rows of each)."""
    *batch, rows, _ = op.required(0).dims
    return math.prod(batch), rows


@formula("Det")
def determinant(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """LU decomposition, 2/3 n^3 (G. Golub, C. Van Loan, Matrix Computations, 3.2), its diagonal.

    Backward det(A) A^-T: an inverse of 2 n^3.
    """
    count, rows = _square(op)
    forward = count * (2 * rows**3 // 3 + rows)
    x = op.required(0)
    return streamed(
        op, grads & {0}, Family.REDUCTION, (forward, count * 2 * rows**3), (x, op.result)
    )


@formula("Inverse", domain=MICROSOFT)
def inverse(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """2 n^3 by LU decomposition; backward -A^-T dY A^-T, two products."""
    count, rows = _square(op)
    x, out = op.required(0), op.result
    backward = Work()
    if 0 in grads:
        backward = work(macs=2 * count * rows**3, reads=(out, out), writes=(x,))
    return Cost(
        family=Family.BATCHED_MATMUL,
        forward=work(other_flops=2 * count * rows**3, reads=(x,), writes=(out,)),
        backward=backward,
        backward_kernels=2 * len(grads & {0}),
        saved=names(out) if 0 in grads else (),
    )


@formula("CDist", domain=MICROSOFT, differentiable=False)
def distances(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """|a|^2 + |b|^2 - 2 a b for all pairs: one product, as onnxruntime does it, and a root.

    Source: onnxruntime/contrib_ops/cpu/cdist.h.
    """
    a, b, out = op.required(0), op.required(1), op.result
    root = 0 if str(op.attribute("metric", "sqeuclidean")) == "sqeuclidean" else 1
    flops = 2 * (a.size + b.size) + (3 + root) * out.size
    return forward_only(op, Family.BATCHED_MATMUL, macs=out.size * a.dims[1], flops=flops)


@formula("DynamicTimeWarping", domain=MICROSOFT, differentiable=False)
def time_warping(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """The smallest of three neighbours and a sum for every cell, then the way back."""
    return forward_only(op, Family.REDUCTION, flops=3 * op.required(0).size)
