"""Attention in one kernel as a training runs it: the scores are computed twice, stored never."""

from __future__ import annotations

from auditor.costs.normalization import SOFTMAX_BACKWARD_FLOPS, SOFTMAX_FLOPS
from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work, names, work
from auditor.costs.registry import formula
from auditor.shapes import Operation

_STATISTIC_BYTES = 4  # the logarithm of each row's sum of exponentials, in fp32


@formula("FusedAttention", domain="auditor")
def fused_attention(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Q (..., S, D), K turned (..., D, T), V, then masks; no file holds this operator.

    Forward two products; backward five, the scores' among them once more (FlashAttention,
    Dao et al., arXiv 2205.14135, algorithm 4).
    """
    query, keys, out = op.required(0), op.required(1), op.result
    size, key_count = query.dims[-1], keys.dims[-1]
    rows = query.size // size
    scores, value_size = rows * key_count, out.size // rows
    forward_macs = scores * (size + value_size)
    inputs = op.inputs[:3]
    backward = Work()
    if grads & {0, 1, 2}:
        backward = work(
            macs=2 * forward_macs + scores * size,
            other_flops=(SOFTMAX_FLOPS + SOFTMAX_BACKWARD_FLOPS) * scores,
            reads=(*op.inputs, out, out),
            writes=[op.inputs[i] for i in grads & {0, 1, 2}],
        )
    return Cost(
        family=Family.BATCHED_MATMUL,
        forward=work(
            macs=forward_macs,
            other_flops=SOFTMAX_FLOPS * scores,
            reads=op.inputs,
            writes=(out,),
        ),
        backward=backward,
        backward_kernels=2 if grads else 0,
        saved=names(*inputs, out) if grads else (),
        extra_saved_bytes=_STATISTIC_BYTES * rows if grads else 0,
    )
