"""Movement: operators that compute nothing and move, or only relabel, their data."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.costs.convolution import NCHWC, NHWC
from auditor.costs.plain import forward_only
from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work, names, work
from auditor.costs.registry import MICROSOFT, formula
from auditor.shapes import Operation

# "view": the output shares the input's memory; "copy": every output element is read once
# and written once; "source": written, nothing read; "nothing": host bookkeeping.
MOVEMENT: Mapping[str, str] = {
    "Identity": "view",
    "Reshape": "view",
    "Flatten": "view",
    "Squeeze": "view",
    "Unsqueeze": "view",
    "Expand": "view",
    "BitCast": "view",
    "Transpose": "copy",
    "Concat": "copy",
    "Split": "copy",
    "Slice": "copy",
    "Pad": "copy",
    "Tile": "copy",
    "CenterCropPad": "copy",
    "DepthToSpace": "copy",
    "SpaceToDepth": "copy",
    "GatherElements": "copy",
    "GatherND": "copy",
    "ReverseSequence": "copy",
    "Trilu": "copy",
    "OneHot": "source",
    "Range": "source",
    "ConstantOfShape": "source",
    "EyeLike": "source",
    "Constant": "nothing",
    "Shape": "nothing",
    "Size": "nothing",
    # Caffe2's and onnxruntime's own in the default domain.
    "Crop": "copy",
    "DynamicSlice": "copy",
    "MemcpyFromHost": "copy",
    "MemcpyToHost": "copy",
    "GivenTensorFill": "source",
}
_MICROSOFT: Mapping[str, str] = {
    "ExpandDims": "view",
    "SampleOp": "view",
    "Pad": "copy",
    "Trilu": "copy",
    "GatherND": "copy",
    "UnfoldTensor": "copy",
    "Range": "source",
}
# Channels moved behind the image, and into blocks.
_LAYOUT: Mapping[str, Mapping[str, str]] = {
    NHWC: {"DepthToSpace": "copy", "SpaceToDepth": "copy"},
    NCHWC: {"ReorderInput": "copy", "ReorderOutput": "copy"},
}
_DOMAINS: Mapping[str, Mapping[str, str]] = {"": MOVEMENT, MICROSOFT: _MICROSOFT, **_LAYOUT}


def movement(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """By the table; the gradient moves the same bytes the other way."""
    kind = _DOMAINS[op.node.domain][op.op_type]
    return _shared(op, grads, kind) if kind in ("view", "nothing") else _moved(op, grads, kind)


def _register() -> None:
    for domain, table in _DOMAINS.items():
        for op_type, kind in table.items():
            flows = kind in ("view", "copy")
            formula(op_type, domain=domain, differentiable=flows, moves=True)(movement)


_register()


def _shared(op: Operation, grads: Grads, kind: str) -> Cost:
    """Nothing moves; but an expanded view's gradient is summed over the copies."""
    out, x = op.result, op.input(0)
    spread = kind == "view" and x is not None and 0 in grads and x.size < out.size
    return Cost(
        family=Family.MOVEMENT,
        forward=Work(),
        backward=work(other_flops=out.size, reads=(out,), writes=(x,)) if spread else Work(),
        forward_kernels=0,
        backward_kernels=int(spread),
        is_view=kind == "view",
    )


def _moved(op: Operation, grads: Grads, kind: str) -> Cost:
    """All of an input's gradient is written: where only a part was taken, the rest is zero."""
    written = [v for v in op.outputs if v is not None]
    backward = work(reads=written, writes=[op.inputs[i] for i in grads]) if grads else Work()
    return Cost(
        family=Family.MOVEMENT,
        forward=work(reads=written if kind == "copy" else [], writes=written),
        backward=backward,
        backward_kernels=len(grads),
    )


@formula("Compress", moves=True)
def compress(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """What the condition keeps is copied; backward it is put back, zero elsewhere."""
    x, condition, out = op.required(0), op.required(1), op.result
    backward = work(reads=(out, condition), writes=(x,)) if 0 in grads else Work()
    return Cost(
        family=Family.MOVEMENT,
        forward=work(reads=(condition, out), writes=(out,)),
        backward=backward,
        backward_kernels=len(grads & {0}),
        saved=names(condition) if 0 in grads else (),
    )


@formula("NonZero", differentiable=False)
def non_zero(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """One comparison an element; indices of those that are not zero, at most all."""
    return forward_only(op, Family.MOVEMENT, flops=op.required(0).size)


@formula("Gather", moves=True)
@formula("TorchEmbedding", domain=MICROSOFT, moves=True)
def gather(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Rows of a table (an embedding) or of an activation.

    Backward writes the gradient of the whole table: zero but for the rows taken.
    """
    table, indices, out = op.required(0), op.required(1), op.result
    backward = Work()
    if 0 in grads:
        backward = work(other_flops=out.size, reads=(out, indices), writes=(table,))
    return Cost(
        family=Family.EMBEDDING if table.is_constant else Family.MOVEMENT,
        # Read from the table is what is taken of it, not the table.
        forward=work(reads=(indices, out), writes=(out,)),
        backward=backward,
        backward_kernels=2 * len(grads & {0}),
        saved=names(indices) if 0 in grads else (),
    )


@formula("ScatterND", "ScatterElements", "Scatter", "TensorScatter", moves=True)
def scatter(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """A copy of the data with the updates written into it."""
    data, indices, updates, out = op.inputs[0], op.inputs[1], op.inputs[2], op.outputs[0]
    reads = (data, indices, updates)
    backward = Work()
    for index in grads & {0, 2}:
        backward += work(reads=(out, indices), writes=(op.inputs[index],))
    return Cost(
        family=Family.MOVEMENT,
        forward=work(reads=reads, writes=(out, updates)),
        backward=backward,
        backward_kernels=len(grads & {0, 2}),
        saved=names(indices) if grads else (),
    )
