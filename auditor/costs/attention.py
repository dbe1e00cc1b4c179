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
    op: Operation, grads: Grads, shape: AttentionShape, projection: Work | None = None
) -> Cost:
    """Forward two products, backward four (dV, dScores, dQ, dK); scores stay on the chip.

    The fused kernel recomputes scores backward rather than storing them; that product
    is not counted, as it is not part of the mathematics (convention of FLOP counters
    differs here; see docs/method.md).
    """
    inputs = [v for v in op.inputs if v is not None and v.is_float]
    out = op.outputs[0]
    forward = work(
        macs=shape.macs, other_flops=SOFTMAX_FLOPS * shape.scores, reads=inputs, writes=(out,)
    )
    backward = Work()
    if grads:
        backward = work(
            macs=2 * shape.macs,
            other_flops=SOFTMAX_BACKWARD_FLOPS * shape.scores,
            reads=(*inputs, out, out),
            writes=[op.inputs[i] for i in grads],
        )
    if projection is not None:
        forward += projection
        backward += (projection + projection) if grads else Work()
    return Cost(
        family=Family.BATCHED_MATMUL,
        forward=forward,
        backward=backward,
        backward_kernels=2 if grads else 0,
        saved=names(*inputs, out) if grads else (),
    )


def _heads(value: Value | None, heads: int) -> tuple[int, int, int]:
    """(batch, sequence, head size) of (B, S, H*d) or (B, H, S, d)."""
    shape = value.shape if value is not None and value.shape is not None else ()
    if len(shape) == 4:
        return shape[0], shape[2], shape[3]
    return shape[0], shape[1], shape[2] // heads


@formula("Attention")
def onnx_attention(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """ai.onnx Attention (opset 23): Q, K, V as 3-D or 4-D, grouped key and value heads."""
    query, key, value = op.inputs[0], op.inputs[1], op.inputs[2]
    q_shape = query.shape if query is not None and query.shape is not None else ()
    heads = q_shape[1] if len(q_shape) == 4 else int(op.node.attributes["q_num_heads"])
    kv_heads = int(op.attribute("kv_num_heads", heads))
    batch, queries, head_size = _heads(query, heads)
    _, keys, _ = _heads(key, kv_heads)
    _, _, value_head_size = _heads(value, kv_heads)
    past = op.input(4)
    if past is not None and past.shape is not None:
        keys += past.shape[2]
    shape = AttentionShape(
        batch=batch,
        heads=heads,
        queries=queries,
        keys=keys,
        head_size=head_size,
        value_head_size=value_head_size,
    )
    return attention_cost(op, grads, shape)


@formula("Attention", domain="com.microsoft")
def microsoft_attention(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """com.microsoft Attention: the projection to Q, K, V is part of the operator."""
    x, weight, out = op.inputs[0], op.inputs[1], op.outputs[0]
    if x is None or weight is None or out is None or not x.shape or not weight.shape:
        return UnknownCost("an input is missing")
    batch, sequence, hidden = x.shape
    heads = int(op.node.attributes["num_heads"])
    sizes = op.attribute("qkv_hidden_sizes", (weight.shape[1] // 3,) * 3)
    past = op.input(4)  # (2, batch, heads, past sequence, head size)
    before = past.shape[3] if past is not None and past.shape else 0
    shape = AttentionShape(
        batch=batch,
        heads=heads,
        queries=sequence,
        keys=sequence + before,
        head_size=sizes[0] // heads,
        value_head_size=sizes[2] // heads,
    )
    projection = Work(macs=batch * sequence * hidden * weight.shape[1])
    return attention_cost(op, grads & {0, 1, 2}, shape, projection)


@formula("MultiHeadAttention", domain="com.microsoft")
def multi_head_attention(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """com.microsoft MultiHeadAttention: Q (B, S, H*d), K and V alike or already split."""
    query, key, value = op.inputs[0], op.input(1), op.input(2)
    heads = int(op.node.attributes["num_heads"])
    if query is None or not query.shape or len(query.shape) != 3 or key is None or value is None:
        return UnknownCost("a packed form of its inputs")
    batch, queries, head_size = _heads(query, heads)
    _, keys, _ = _heads(key, heads)
    _, _, value_head_size = _heads(value, heads)
    shape = AttentionShape(
        batch=batch,
        heads=heads,
        queries=queries,
        keys=keys,
        head_size=head_size,
        value_head_size=value_head_size,
    )
    return attention_cost(op, grads & {0, 1, 2}, shape)


@formula("GroupQueryAttention", domain="com.microsoft")
def group_query_attention(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """com.microsoft GroupQueryAttention: fewer key and value heads than query heads."""
    query, out = op.inputs[0], op.outputs[0]
    if query is None or out is None or not query.shape or not out.shape:
        return UnknownCost("an input is missing")
    heads = int(op.node.attributes["num_heads"])
    head_size = out.shape[-1] // heads
    past = op.input(3)
    before = past.shape[2] if past is not None and past.shape else 0
    batch, queries = query.shape[0], query.shape[1]
    shape = AttentionShape(
        batch=batch,
        heads=heads,
        queries=queries,
        keys=queries + before,
        head_size=head_size,
        value_head_size=head_size,
    )
    return attention_cost(op, grads & {0, 1, 2}, shape)


@formula("RotaryEmbedding")
@formula("RotaryEmbedding", domain="com.microsoft")
def rotary_embedding(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """A rotation of pairs: two products and a sum an element."""
    x, out = op.inputs[0], op.outputs[0]
    if x is None or out is None:
        return UnknownCost("an input is missing")
    rotation = work(other_flops=3 * x.size, reads=op.inputs, writes=(out,))
    return Cost(
        family=Family.ELEMENTWISE,
        forward=rotation,
        backward=rotation if 0 in grads else Work(),
        backward_kernels=len(grads & {0}),
    )
