"""com.microsoft's dense attentions, in all the forms that transformers are fused to.

Source: microsoft/onnxruntime docs/ContribOperators.md.
"""

from __future__ import annotations

import numpy as np

from auditor.costs.attention import (
    AttentionShape,
    attention_cost,
    cached_keys,
    quantized_attention_cost,
    split_heads,
)
from auditor.costs.records import Cost, Grads, UnknownCost
from auditor.costs.registry import MICROSOFT, formula
from auditor.shapes import Operation, Value


def _number(value: Value | None) -> int | None:
    """The one number that a value is known to hold."""
    return None if value is None or value.data is None else int(np.ravel(value.data)[0])


def _keys(past: Value | None, axis: int, new: int, lengths: Value | None) -> int:
    """Keys in the cache and behind it.

    A cache with a length input is a shared buffer with room for all keys: the length says how
    many it holds; where that is not known they are counted as filling it.
    """
    if lengths is None or past is None:
        return cached_keys(past, axis) + new
    held = _number(lengths)
    return past.dims[axis] if held is None else held + new


def _projected(op: Operation, width: int, keys: int) -> AttentionShape:
    """Sizes where one product of `width` columns makes Q, K and V of the input."""
    batch, sequence, _ = op.required(0).dims
    heads = int(op.node.attributes["num_heads"])
    sizes = op.attribute("qkv_hidden_sizes", None) or (width // 3,) * 3
    return AttentionShape(
        batch=batch,
        heads=heads,
        queries=sequence,
        keys=keys,
        head_size=sizes[0] // heads,
        value_head_size=sizes[2] // heads,
    )


@formula("Attention", "DecoderMaskedSelfAttention", domain=MICROSOFT)
def microsoft_attention(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Attention with the projection to Q, K, V as a part of it; the cache is (2, B, H, S, d)."""
    batch, sequence, hidden = op.required(0).dims
    width = op.required(1).dims[1]
    keys = _keys(op.input(4), 3, sequence, op.input(6))
    shape = _projected(op, width, keys)
    return attention_cost(op, grads & {0, 1, 2}, shape, batch * sequence * hidden * width)


@formula("QAttention", domain=MICROSOFT, differentiable=False)
def quantized_attention(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """As Attention on 8-bit integers; the cache is input 8."""
    batch, sequence, hidden = op.required(0).dims
    width = op.required(1).dims[1]
    shape = _projected(op, width, sequence + cached_keys(op.input(8), 3))
    return quantized_attention_cost(op, shape, batch * sequence * hidden * width)


@formula("QOrderedAttention", domain=MICROSOFT, differentiable=False)
def ordered_attention(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """As QAttention with a weight each for Q, K and V (inputs 5 to 7); the cache is input 18."""
    batch, sequence, _ = op.required(0).dims
    weights = [op.required(i) for i in (5, 6, 7)]
    heads = int(op.node.attributes["num_heads"])
    shape = AttentionShape(
        batch=batch,
        heads=heads,
        queries=sequence,
        keys=sequence + cached_keys(op.input(18), 3),
        head_size=weights[0].dims[-1] // heads,
        value_head_size=weights[2].dims[-1] // heads,
    )
    return quantized_attention_cost(op, shape, batch * sequence * sum(w.size for w in weights))


def _met(op: Operation, heads: int) -> tuple[int, int, int]:
    """(new keys, head size, value head size) of packed, half packed, joint and split forms."""
    query, key = op.required(0).dims, op.input(1)
    if len(query) == 5:  # batch, sequence, heads, 3, head size
        return query[1], query[4], query[4]
    if key is None:  # as wide as Q, K and V together
        return query[1], query[2] // (3 * heads), query[2] // (3 * heads)
    if len(key.dims) == 5:  # batch, keys, heads, 2, head size
        return key.dims[1], key.dims[4], key.dims[4]
    _, keys, head_size = split_heads(key, heads)
    value = op.input(2)
    return keys, head_size, split_heads(value, heads)[2] if value is not None else head_size


@formula("MultiHeadAttention", domain=MICROSOFT)
def multi_head_attention(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Q, K and V packed, K and V packed, all apart, or K and V of another sequence."""
    return _multi_head(op, grads & {0, 1, 2, 3}, past=6, lengths=8)


@formula("DecoderMaskedMultiHeadAttention", domain=MICROSOFT)
def decoder_masked_multi_head_attention(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """The same for a single query behind a cache."""
    return _multi_head(op, grads & {0, 1, 2}, past=5, lengths=7)


def _multi_head(op: Operation, grads: Grads, past: int, lengths: int) -> Cost:
    heads = int(op.node.attributes["num_heads"])
    batch, queries = op.required(0).dims[:2]
    keys, head_size, value_head_size = _met(op, heads)
    shape = AttentionShape(
        batch=batch,
        heads=heads,
        queries=queries,
        keys=_keys(op.input(past), 2, keys, op.input(lengths)),
        head_size=head_size,
        value_head_size=value_head_size,
    )
    return attention_cost(op, grads, shape)


@formula("GroupQueryAttention", domain=MICROSOFT)
def group_query_attention(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Fewer key and value heads than query heads; the total length may be known (input 6).

    Where the attention is local, a query meets as many keys as its window holds.
    """
    batch, queries = op.required(0).dims[:2]
    heads = int(op.node.attributes["num_heads"])
    head_size = op.result.dims[-1] // heads
    new = op.required(1).dims[1] if op.input(1) is not None else queries
    keys = _number(op.input(6)) or cached_keys(op.input(3), 2) + new
    window = int(op.attribute("local_window_size", -1))
    shape = AttentionShape(
        batch=batch,
        heads=heads,
        queries=queries,
        keys=min(keys, window) if window > 0 else keys,
        head_size=head_size,
        value_head_size=head_size,
    )
    return attention_cost(op, grads & {0, 1, 2}, shape)


@formula("DecoderAttention", domain=MICROSOFT)
def decoder_attention(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Sequence first; Q projected from the query, K and V from the key unless they are cached.

    Whether it is cross-attention (input 8) and has a cache (input 9) is data; where it is not
    known it is counted as the first step of self-attention.
    """
    queries, batch, hidden = op.required(0).dims
    heads = int(op.node.attributes["num_heads"])
    cross, past = bool(_number(op.input(8))), bool(_number(op.input(9)))
    keys = op.required(1).dims[0] if cross else queries
    made = 0 if cross and past else keys
    if past:
        keys = cached_keys(op.input(6), 2) + made
    shape = AttentionShape(
        batch=batch,
        heads=heads,
        queries=queries,
        keys=keys,
        head_size=hidden // heads,
        value_head_size=hidden // heads,
    )
    projected = batch * (queries * op.required(2).size + made * op.required(3).size)
    return attention_cost(op, grads & {0, 1, 2, 3, 4}, shape, projected)


@formula("PackedAttention", domain=MICROSOFT)
def packed_attention(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Tokens without padding; scores by batch and length of `token_offset`, their bound."""
    tokens, hidden = op.required(0).dims
    width = op.required(1).dims[1]
    heads = int(op.node.attributes["num_heads"])
    sizes = op.attribute("qkv_hidden_sizes", None) or (width // 3,) * 3
    shape = _unpadded(op, heads, sizes[0] // heads, sizes[2] // heads)
    return attention_cost(op, grads & {0, 1, 2}, shape, tokens * hidden * width)


@formula("PackedMultiHeadAttention", domain=MICROSOFT)
def packed_multi_head_attention(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Q, K, V of tokens without padding, apart or packed as (tokens, heads, 3, head size)."""
    query, heads = op.required(0).dims, int(op.node.attributes["num_heads"])
    head_size = query[3] if len(query) == 4 else query[1] // heads
    shape = _unpadded(op, heads, head_size, op.result.dims[1] // heads)
    return attention_cost(op, grads & {0, 1, 2, 3}, shape)


def _unpadded(op: Operation, heads: int, head_size: int, value_head_size: int) -> AttentionShape:
    """Every token meets at most the longest sequence; there are no more tokens than there are."""
    index = 3 if op.op_type == "PackedAttention" else 4
    length = op.required(index).dims[1]
    return AttentionShape(
        batch=1,
        heads=heads,
        queries=op.required(0).dims[0],
        keys=length,
        head_size=head_size,
        value_head_size=value_head_size,
    )
