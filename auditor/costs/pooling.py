"""Pooling, reductions and resampling."""

from __future__ import annotations

import math

from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work, names, work
from auditor.costs.registry import formula
from auditor.shapes import Operation

_INDEX_BYTES = 8  # max pooling keeps a 64-bit index for every output element


@formula("MaxPool", "AveragePool", "LpPool")
def pool(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """One operation for every element of every window."""
    x, out = op.required(0), op.result
    flops = out.size * math.prod(op.node.attributes["kernel_shape"])
    index_bytes = _INDEX_BYTES * out.size if op.op_type == "MaxPool" and 0 in grads else 0
    backward = Work()
    if 0 in grads:
        backward = work(other_flops=flops, reads=(out,), writes=(x,))
        backward += Work(read_bytes=index_bytes)
    return Cost(
        family=Family.POOLING,
        forward=work(other_flops=flops, reads=(x,), writes=(out,)),
        backward=backward,
        backward_kernels=len(grads & {0}),
        saved=names(x) if 0 in grads else (),
        extra_saved_bytes=index_bytes,
    )


_REDUCTIONS = (
    "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
    "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp", "GlobalAveragePool", "GlobalMaxPool",
    "GlobalLpPool", "ArgMax", "ArgMin",
)  # fmt: skip
# A gradient of these is spread evenly over the input and needs nothing of it.
_LINEAR = frozenset({"ReduceSum", "ReduceMean", "GlobalAveragePool"})
_FLOPS = {"ReduceL2": 2, "ReduceSumSquare": 2, "ReduceLogSumExp": 3, "ReduceL1": 2}


@formula(*_REDUCTIONS)
def reduction(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """One operation an input element, more where each is squared or raised first."""
    x, out = op.required(0), op.result
    flops = _FLOPS.get(op.op_type, 1) * x.size
    saved = x if op.op_type not in _LINEAR else None
    backward = Work()
    if 0 in grads:
        backward = work(other_flops=x.size, reads=(out, saved), writes=(x,))
    return Cost(
        family=Family.REDUCTION,
        forward=work(other_flops=flops, reads=(x,), writes=(out,)),
        backward=backward,
        backward_kernels=len(grads & {0}),
        saved=names(saved) if 0 in grads else (),
    )


# Operations per output element and spatial dimension that is interpolated.
_TAPS = {"nearest": 1, "linear": 2, "bilinear": 2, "cubic": 4, "bicubic": 4}


@formula("Resize", "Upsample", "GridSample")
def resample(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Each output element is a weighted sum of taps**d neighbours, d the resized axes."""
    x, out = op.required(0), op.result
    default = "linear" if op.op_type == "GridSample" else "nearest"
    taps = _TAPS.get(str(op.attribute("mode", default)), 4)
    axes = (
        len(x.dims) - 2
        if op.op_type == "GridSample"
        else sum(1 for a, b in zip(x.dims, out.dims, strict=True) if a != b)
    )
    flops = 0 if taps == 1 else 2 * taps**axes * out.size
    return Cost(
        family=Family.POOLING,
        forward=work(other_flops=flops, reads=(x,), writes=(out,)),
        backward=work(other_flops=flops or out.size, reads=(out,), writes=(x,))
        if 0 in grads
        else Work(),
        backward_kernels=len(grads & {0}),
    )


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
        extra_saved_bytes=_INDEX_BYTES * out.size if 0 in grads else 0,
    )
