"""Normalization and softmax: several passes over the data, little arithmetic."""

from __future__ import annotations

from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work, names, work
from auditor.costs.registry import formula
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
    op: Operation, grads: Grads, extra_reads: tuple[Value | None, ...] = ()
) -> Cost | UnknownCost:
    x, out = op.required(0), op.result
    parameters = [v for v in op.inputs[1:] if v is not None and v.is_constant]
    added = x.size * sum(1 for v in extra_reads if v is not None)
    backward = Work()
    if grads:
        backward = work(
            other_flops=NORMALIZATION_BACKWARD_FLOPS * x.size,
            # Once for the input's gradient, once for the sums over the batch that gamma
            # and beta need.
            reads=(x, out, x, out, *parameters),
            writes=(x if 0 in grads else None, *parameters),
        )
    return Cost(
        family=Family.NORMALIZATION,
        forward=work(
            other_flops=NORMALIZATION_FLOPS * x.size + added,
            reads=(x, *extra_reads, *parameters),
            writes=(out, op.outputs[3] if len(op.outputs) > 3 else None),
        ),
        backward=backward,
        backward_kernels=2 if grads else 0,
        saved=names(x) if grads else (),
    )


@formula("LayerNormalization", "GroupNormalization", "InstanceNormalization", "RMSNormalization")
@formula("SimplifiedLayerNormalization", "LpNormalization", "MeanVarianceNormalization")
@formula("GroupNorm", "SimplifiedLayerNormalization", domain="com.microsoft")
@formula("LayerNormalization", domain="com.microsoft")
def layer_normalization(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Statistics over the element's own axes: one pass forward, two backward."""
    return _normalization(op, grads)


@formula("SkipLayerNormalization", "SkipSimplifiedLayerNormalization", domain="com.microsoft")
@formula("SkipGroupNorm", domain="com.microsoft")
@formula("SkipSimplifiedLayerNormalization")
def skip_layer_normalization(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Normalization of input plus skip (plus bias) in one pass."""
    return _normalization(op, grads, extra_reads=(op.input(1),))


@formula("EmbedLayerNormalization", domain="com.microsoft")
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


@formula("Softmax", "LogSoftmax", "Hardmax")
@formula("BiasSoftmax", domain="com.microsoft")
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
