"""Pooling, reductions and selections."""

from __future__ import annotations

import math

from auditor.costs.convolution import NCHWC, NHWC
from auditor.costs.plain import forward_only
from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work, names, work
from auditor.costs.registry import MICROSOFT, formula
from auditor.shapes import Operation, Value

INDEX_BYTES = 8  # max pooling keeps a 64-bit index for every output element


@formula("MaxPool", "AveragePool", "LpPool")
@formula("MaxPool", "AveragePool", "LpPool", domain=NHWC)
@formula("MaxPool", "AveragePool", domain=NCHWC)
@formula("NhwcMaxPool", "MaxpoolWithMask", domain=MICROSOFT)
def pool(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """One operation for every element of every window; two where it is raised to a power."""
    x, out = op.required(0), op.result
    window = math.prod(op.node.attributes["kernel_shape"])
    each = 2 if op.op_type == "LpPool" else 1
    flops = each * out.size * window
    selects = op.op_type in ("MaxPool", "NhwcMaxPool", "MaxpoolWithMask")
    index_bytes = INDEX_BYTES * out.size if selects and 0 in grads else 0
    backward = Work()
    if 0 in grads:
        backward = work(other_flops=flops, reads=(out,), writes=(x,))
        backward += Work(read_bytes=index_bytes)
    mask = op.input(1) if op.op_type == "MaxpoolWithMask" else None
    return Cost(
        family=Family.POOLING,
        forward=work(other_flops=flops, reads=(x, mask), writes=op.outputs[:1]),
        backward=backward,
        backward_kernels=len(grads & {0}),
        saved=names(x) if 0 in grads else (),
        extra_saved_bytes=index_bytes,
    )


_REDUCTIONS = (
    "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
    "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp", "GlobalAveragePool", "GlobalMaxPool",
    "GlobalLpPool",
)  # fmt: skip
_GLOBAL = ("GlobalAveragePool", "GlobalMaxPool")
# A gradient of these is spread evenly over the input and needs nothing of it.
_LINEAR = frozenset({"ReduceSum", "ReduceMean", "GlobalAveragePool"})
# PyTorch keeps the result of these beside the input.
_BY_RESULT = frozenset(
    {
        "ReduceMax",
        "ReduceMin",
        "ReduceProd",
        "ReduceL2",
        "ReduceLogSum",
        "ReduceLogSumExp",
        "GlobalLpPool",
    }
)
_FLOPS = {
    "ReduceL2": 2,
    "ReduceSumSquare": 2,
    "ReduceLogSumExp": 3,
    "ReduceL1": 2,
    "GlobalLpPool": 2,
}


@formula(*_REDUCTIONS)
@formula(*_GLOBAL, domain=NCHWC)
@formula(*_GLOBAL, "GlobalLpPool", domain=NHWC)
def reduction(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """One operation an input element, more where each is squared or raised first."""
    x, out = op.required(0), op.result
    flops = _FLOPS.get(op.op_type, 1) * x.size
    saved = x if op.op_type not in _LINEAR else None
    result = out if op.op_type in _BY_RESULT else None
    backward = Work()
    if 0 in grads:
        backward = work(other_flops=x.size, reads=(out, saved, result), writes=(x,))
    return Cost(
        family=Family.REDUCTION,
        forward=work(other_flops=flops, reads=(x,), writes=(out,)),
        backward=backward,
        backward_kernels=len(grads & {0}),
        saved=names(saved, result) if 0 in grads else (),
    )


@formula("ArgMax", "ArgMin", differentiable=False)
@formula("IsAllFinite", domain=MICROSOFT, differentiable=False)
def comparison(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """One comparison an element."""
    flops = sum(v.size for v in op.inputs if v is not None)
    return forward_only(op, Family.REDUCTION, flops=flops)


@formula("TopK")
def top_k(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """A selection: n log2 k comparisons."""
    x, out = op.required(0), op.result
    largest = out.dims[int(op.attribute("axis", -1))]
    compared = x.size * math.ceil(math.log2(max(2, largest)))
    return Cost(
        family=Family.REDUCTION,
        forward=work(other_flops=compared, reads=(x,), writes=op.outputs),
        backward=work(reads=(out,), writes=(x,)) if 0 in grads else Work(),
        backward_kernels=len(grads & {0}),
        extra_saved_bytes=INDEX_BYTES * out.size if 0 in grads else 0,
    )


def sorting_flops(count: int, length: int) -> int:
    """Comparisons of a merge sort: n log2 n for every list of `length` among `count` elements."""
    return count * math.ceil(math.log2(max(2, length)))


@formula("Unique", differentiable=False)
@formula("Unique", domain=MICROSOFT, differentiable=False)
def unique(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """A sort of the elements, or of the slices along an axis, and one comparison of each."""
    x = op.required(0)
    axis = op.attribute("axis", None)
    length = x.size if axis is None else x.dims[int(axis)]
    return forward_only(op, Family.REDUCTION, flops=sorting_flops(x.size, length) + x.size)


@formula("MaxUnpool")
@formula("MaxUnpool", domain=NHWC)
def max_unpool(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Every value to the place that its index names, zero elsewhere; backward picks it there."""
    x, indices, out = op.required(0), op.required(1), op.result
    backward = work(reads=(indices, x), writes=(x,)) if 0 in grads else Work()
    return Cost(
        family=Family.MOVEMENT,
        forward=work(reads=(x, indices), writes=(out,)),
        backward=backward,
        backward_kernels=len(grads & {0}),
        saved=names(indices) if 0 in grads else (),
    )


@formula("CumSum")
def cumulative_sum(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """A running sum: one operation an element each way."""
    return _cumulative(op, grads, 1, ())


@formula("CumProd")
def cumulative_product(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """A running product; backward a product, a running sum and a quotient, of input and output."""
    return _cumulative(op, grads, 3, (op.required(0), op.result))


def _cumulative(op: Operation, grads: Grads, backward_flops: int, kept: tuple[Value, ...]) -> Cost:
    x, out = op.required(0), op.result
    backward = work(other_flops=backward_flops * x.size, reads=(out, *kept), writes=(x,))
    return Cost(
        family=Family.REDUCTION,
        forward=work(other_flops=x.size, reads=(x,), writes=(out,)),
        backward=backward if 0 in grads else Work(),
        backward_kernels=len(grads & {0}),
        saved=names(*kept) if 0 in grads else (),
    )
