"""Fused attention: two batched products and a softmax in one operator."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.costs.normalization import SOFTMAX_BACKWARD_FLOPS, SOFTMAX_FLOPS
from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work, names, work
from auditor.costs.registry import formula
from auditor.shapes import Operation, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionShape:
    """Sizes of one attention: queries meet `keys` keys; head sizes in elements."""

    batch: int
    heads: int
    queries: int
    keys: int
    head_size: int
    value_head_size: int

    @property
    def scores(self) -> int:
        """Elements of the score matrix."""
        return self.batch * self.heads * self.queries * self.keys

    @property
    def macs(self) -> int:
        """Q K^T and scores V: every score takes one head size of each."""
        return self.scores * (self.head_size + self.value_head_size)


def attention_cost(
    op: Operation, grads: Grads, shape: AttentionShape, projection_macs: int = 0
) -> Cost:
    """Forward two products, backward four (dV, dScores, dQ, dK); scores stay on the chip.

    The fused kernel recomputes scores backward rather than storing them; that product
    is not counted, as it is not part of the mathematics (convention of FLOP counters
    differs here; see docs/method.md).
    """
    inputs = [v for v in op.inputs if v is not None and v.is_float]
    out = op.result
    forward = work(
        macs=shape.macs, other_flops=SOFTMAX_FLOPS * shape.scores, reads=inputs, writes=op.outputs
    )
    backward = Work()
    if grads:
        backward = work(
            macs=2 * shape.macs,
            other_flops=SOFTMAX_BACKWARD_FLOPS * shape.scores,
            reads=(*inputs, out, out),
            writes=[op.inputs[i] for i in grads],
        )
    # The projection of the input to Q, K and V, where it is part of the operator: as for any
    # product, once for each of the two gradients that is needed.
    forward += Work(macs=projection_macs)
    backward += Work(macs=projection_macs * len(grads & {0, 1}))
    return Cost(
        family=Family.BATCHED_MATMUL,
        forward=forward,
        backward=backward,
        backward_kernels=2 if grads else 0,
        saved=names(*inputs, out) if grads else (),
    )


def quantized_attention_cost(op: Operation, shape: AttentionShape, projection_macs: int) -> Cost:
    """As attention on 8-bit integers, its projection among it; it is not trained."""
    return Cost(
        family=Family.BATCHED_MATMUL,
        forward=work(
            macs=shape.macs + projection_macs,
            other_flops=SOFTMAX_FLOPS * shape.scores,
            reads=op.inputs,
            writes=op.outputs,
        ),
    )


def split_heads(value: Value, heads: int) -> tuple[int, int, int]:
    """(batch, sequence, head size) of (B, S, H*d) or (B, H, S, d)."""
    shape = value.dims
    if len(shape) == 4:
        return shape[0], shape[2], shape[3]
    return shape[0], shape[1], shape[2] // heads


def cached_keys(past: Value | None, axis: int) -> int:
    """Keys in a cache whose sequence is at `axis`; none without a cache."""
    return past.dims[axis] if past is not None else 0


@formula("Attention")
def onnx_attention(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """ai.onnx Attention (opset 23): Q, K, V as 3-D or 4-D, grouped key and value heads."""
    query = op.required(0).dims
    heads = query[1] if len(query) == 4 else int(op.node.attributes["q_num_heads"])
    kv_heads = int(op.attribute("kv_num_heads", heads))
    batch, queries, head_size = split_heads(op.required(0), heads)
    _, keys, _ = split_heads(op.required(1), kv_heads)
    _, _, value_head_size = split_heads(op.required(2), kv_heads)
    shape = AttentionShape(
        batch=batch,
        heads=heads,
        queries=queries,
        keys=keys + cached_keys(op.input(4), 2),
        head_size=head_size,
        value_head_size=value_head_size,
    )
    return attention_cost(op, grads, shape)
