"""Normalization and softmax: several passes over the data, little arithmetic."""

from __future__ import annotations

from dataclasses import replace

from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work, names, work
from auditor.costs.registry import MICROSOFT, formula
from auditor.shapes import Operation, Value

# Elementary operations per element.  Inference of batch normalization is one scale and
# one shift.  With statistics: mean (1), variance (3), subtract and scale (2), affine (2).
BATCHNORM_INFERENCE_FLOPS = 2
NORMALIZATION_FLOPS = 8
# dx = (gamma/std) (dy - mean(dy) - xhat mean(dy xhat)): xhat (2), the two means (3),
# the combination (5), gradients of gamma and beta come from the same means (1).
NORMALIZATION_BACKWARD_FLOPS = 11
# max, subtract, exp, sum, divide; backward y (dy - sum(dy y)): 2 + 2.
SOFTMAX_FLOPS = 5
SOFTMAX_BACKWARD_FLOPS = 4


@formula("BatchNormalization")
@formula("BatchNormalization", domain="com.ms.internal.nhwc")
def batch_normalization(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Forward as in inference; a training step reads the input once more for statistics.

    Backward reads input and output gradient twice each: once for the two means, once
    for the input's gradient.
    """
    x, out = op.required(0), op.result
    parameters = op.inputs[1:5]
    training = work(
        other_flops=NORMALIZATION_FLOPS * x.size, reads=(x, x, *op.inputs[1:3]), writes=(out,)
    )
    backward = Work()
    if grads:
        backward = work(
            other_flops=NORMALIZATION_BACKWARD_FLOPS * x.size,
            reads=(x, out, x, out, op.input(1)),
            writes=(x if 0 in grads else None, op.input(1), op.input(2)),
        )
    return Cost(
        family=Family.NORMALIZATION,
        forward=work(
            other_flops=BATCHNORM_INFERENCE_FLOPS * x.size, reads=(x, *parameters), writes=(out,)
        ),
        training_forward=training,
        backward=backward,
        backward_kernels=1 if grads else 0,
        saved=names(x) if grads else (),
    )


def _normalization(
    op: Operation,
    grads: Grads,
    summed: tuple[Value | None, ...] = (),
    flops: tuple[int, int] = (0, 0),
) -> Cost:
    """Normalize the input, or its sum with what is in `summed`.

    The sum is an output where the node gives it out; else it is kept beside the outputs.
    `flops` an element, forward and backward, are those of an activation in the same operator.
    """
    x, out = op.required(0), op.result
    added = [v for v in summed if v is not None]
    total = next((v for v in op.outputs[1:] if v is not None and _is_sum(v, x)), None)
    parameters = [v for v in op.inputs[1:] if v is not None and v.is_constant]
    backward = Work()
    if grads:
        backward = work(
            other_flops=(NORMALIZATION_BACKWARD_FLOPS + flops[1]) * x.size,
            # Once for the input's gradient, once for the sums over the batch that gamma
            # and beta need.
            reads=(x, out, x, out, *parameters),
            writes=(x if 0 in grads else None, *parameters),
        )
    kept = total if added else x
    return Cost(
        family=Family.NORMALIZATION,
        forward=work(
            other_flops=(NORMALIZATION_FLOPS + flops[0] + len(added)) * x.size,
            reads=(x, *added, *parameters),
            writes=(out, total),
        ),
        backward=backward,
        backward_kernels=2 if grads else 0,
        saved=names(kept) if grads else (),
        extra_saved_bytes=x.bytes if grads and added and total is None else 0,
    )


def _is_sum(value: Value, x: Value) -> bool:
    """The statistics among the outputs have one element a row."""
    return value.shape == x.shape


@formula("LayerNormalization", "GroupNormalization", "InstanceNormalization", "RMSNormalization")
@formula("SimplifiedLayerNormalization", "LpNormalization", "MeanVarianceNormalization")
@formula("InstanceNormalization", domain="com.ms.internal.nhwc")
@formula("LayerNormalization", "SimplifiedLayerNormalization", "BranchwiseRMSNorm",
         domain=MICROSOFT)  # fmt: skip
def layer_normalization(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Statistics over the element's own axes: one pass forward, two backward."""
    return _normalization(op, grads)


@formula("SkipLayerNormalization", "SkipSimplifiedLayerNormalization", domain=MICROSOFT)
@formula("SkipSimplifiedLayerNormalization")
def skip_layer_normalization(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Normalization of input plus skip (plus bias) in one pass."""
    return _normalization(op, grads, (op.input(1),))


_SILU = (5, 7)  # x sigmoid(x), as in the table of elementwise operators


@formula("GroupNorm", "SkipGroupNorm", domain=MICROSOFT)
def group_norm(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Normalization of images, of their sum with a skip, with SiLU behind it if `activation`."""
    skip = (op.input(3),) if op.op_type == "SkipGroupNorm" else ()
    return _normalization(op, grads, skip, _SILU if op.attribute("activation", 0) else (0, 0))


@formula("GatedRMSNorm", domain=MICROSOFT)
def gated_rms_norm(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Normalization times an activation of the gate, which is read and kept as well."""
    gate = op.required(2)
    sigmoid = str(op.attribute("activation", "silu")) == "sigmoid"
    forward, backward = (4, 3) if sigmoid else _SILU
    cost = _normalization(op, grads, (), (forward + 1, backward + 2))
    gate_work = work(reads=(gate,))
    return replace(
        cost,
        forward=cost.forward + gate_work,
        backward=cost.backward + work(reads=(gate,), writes=(gate,)) if grads else Work(),
        saved=(*cost.saved, *names(gate)) if grads else (),
    )


@formula("EmbedLayerNormalization", domain=MICROSOFT)
def embed_layer_normalization(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Sum of word, position and segment rows, then layer normalization.

    Backward, the gradient of each whole table is written.
    """
    out = op.result
    tables = [v for v in op.inputs[2:5] if v is not None]
    backward = Work()
    if grads:
        backward = work(
            other_flops=(NORMALIZATION_BACKWARD_FLOPS + len(tables)) * out.size,
            reads=(out, out),
            writes=tables,
        )
    return Cost(
        family=Family.EMBEDDING,
        forward=work(
            other_flops=(NORMALIZATION_FLOPS + len(tables) - 1) * out.size,
            reads=(*op.inputs[:2], *(out for _ in tables)),
            writes=(out,),
        ),
        backward=backward,
        backward_kernels=(1 + len(tables)) if grads else 0,
        saved=names(out) if grads else (),
    )


@formula("LRN")
@formula("LRN", domain="com.ms.internal.nhwc")
def local_response_normalization(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """X / (k + alpha/n sum x^2)^beta over `size` neighbouring channels."""
    x, out = op.required(0), op.result
    window = int(op.node.attributes["size"])
    flops = (2 * window + 4) * x.size
    return Cost(
        family=Family.NORMALIZATION,
        forward=work(other_flops=flops, reads=(x,), writes=(out,)),
        backward=work(other_flops=2 * flops, reads=(x, out, out), writes=(x,)) if grads else Work(),
        backward_kernels=1 if grads else 0,
        saved=names(x, out) if grads else (),
    )


@formula("Hardmax", differentiable=False)
@formula("Softmax", "LogSoftmax")
@formula("BiasSoftmax", domain=MICROSOFT)
def softmax(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """exp(x - max) / sum; backward needs the output alone."""
    x, out = op.required(0), op.result
    backward = Work()
    if 0 in grads:
        backward = work(other_flops=SOFTMAX_BACKWARD_FLOPS * x.size, reads=(out, out), writes=(x,))
    return Cost(
        family=Family.SOFTMAX,
        forward=work(other_flops=SOFTMAX_FLOPS * x.size, reads=(x, op.input(1)), writes=(out,)),
        backward=backward,
        backward_kernels=1 if 0 in grads else 0,
        saved=names(out) if 0 in grads else (),
    )
