"""Movement: operators that compute nothing and move, or only relabel, their data."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work, names, work
from auditor.costs.registry import formula
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
    "RandomNormal": "source",
    "RandomUniform": "source",
    "RandomNormalLike": "source",
    "RandomUniformLike": "source",
    "Bernoulli": "source",
    "Constant": "nothing",
    "Shape": "nothing",
    "Size": "nothing",
}


@formula(*MOVEMENT)
def movement(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """By the table; the gradient moves the same bytes the other way."""
    out = op.result
    kind = MOVEMENT[op.op_type]
    if kind in ("view", "nothing"):
        # An expanded view's gradient is summed over the copies.
        x = op.inputs[0] if op.inputs else None
        spread = kind == "view" and x is not None and 0 in grads and x.size < out.size
        backward = work(other_flops=out.size, reads=(out,), writes=(x,)) if spread else Work()
        return Cost(
            family=Family.MOVEMENT,
            forward=Work(),
            backward=backward,
            forward_kernels=0,
            backward_kernels=int(spread),
            is_view=kind == "view",
        )
    written = [v for v in op.outputs if v is not None]
    reads = written if kind == "copy" else []
    backward = Work()
    if grads:
        # All of an input's gradient is written: where only a part was taken, the rest is zero.
        backward = work(reads=written, writes=[op.inputs[i] for i in grads])
    return Cost(
        family=Family.MOVEMENT,
        forward=work(reads=reads, writes=written),
        backward=backward,
        backward_kernels=len(grads),
    )


@formula("Gather")
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


@formula("ScatterND", "ScatterElements", "Scatter", "TensorScatter")
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


@formula("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")
def quantize(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Scale, shift, round; straight-through gradient."""
    x, out = op.required(0), op.result
    flops = 5 if op.op_type == "DynamicQuantizeLinear" else 2
    return Cost(
        family=Family.ELEMENTWISE,
        forward=work(other_flops=flops * x.size, reads=(x, *op.inputs[1:]), writes=op.outputs),
        backward=work(reads=(out,), writes=(x,)) if 0 in grads else Work(),
        backward_kernels=len(grads & {0}),
    )
