"""com.microsoft's attentions in which a query meets some of the keys only.

Source: microsoft/onnxruntime docs/ContribOperators.md.  What the data decides (how many
global tokens, how full a cache) is counted by the bound that each formula states.
"""

from __future__ import annotations

import math

import numpy as np

from auditor.costs.attention import (
    AttentionShape,
    attention_cost,
    quantized_attention_cost,
)
from auditor.costs.records import Cost, Grads, UnknownCost
from auditor.costs.registry import MICROSOFT, formula
from auditor.shapes import Operation


def _longformer(op: Operation) -> tuple[AttentionShape, int]:
    """A window of `window` to both sides; global tokens, which the data chooses, not counted.

    The global projection is made for K and V of every token all the same.
    """
    batch, length, hidden = op.required(0).dims
    heads = int(op.node.attributes["num_heads"])
    shape = AttentionShape(
        batch=batch,
        heads=heads,
        queries=length,
        keys=min(length, 2 * int(op.node.attributes["window"]) + 1),
        head_size=hidden // heads,
        value_head_size=hidden // heads,
    )
    return shape, batch * length * hidden * (3 + 2) * hidden


@formula("LongformerAttention", domain=MICROSOFT)
def longformer_attention(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Sliding window, projections among it (I. Beltagy et al., arXiv 2004.05150)."""
    shape, projection = _longformer(op)
    return attention_cost(op, grads & {0, 1, 2, 4, 5}, shape, projection)


@formula("QOrderedLongformerAttention", domain=MICROSOFT, differentiable=False)
def ordered_longformer_attention(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """The same on 8-bit integers."""
    return quantized_attention_cost(op, *_longformer(op))


def _grouped(op: Operation, keys: int, tokens: int, head_size: int) -> AttentionShape:
    """`tokens` queries of every head, each of which meets `keys` keys."""
    heads = int(op.node.attributes["num_heads"])
    return AttentionShape(
        batch=1,
        heads=heads,
        queries=tokens,
        keys=keys,
        head_size=head_size,
        value_head_size=op.result.dims[-1] // heads,
    )


def _head_size(op: Operation, cache: int) -> int:
    return op.required(cache).dims[-1]


@formula("SparseAttention", domain=MICROSOFT)
def sparse_attention(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Blocks of keys by a layout in compressed rows: at most those that it lists.

    Spread over all rows of the layout, which reach as far as the longest sequence; a query
    never meets more than the cache holds.
    """
    batch, queries = op.required(0).dims[:2]
    block = int(op.node.attributes["sparse_block_size"])
    rows, columns = op.required(5).dims[1] - 1, op.required(6).dims[1]
    total = op.required(7).data
    held = op.required(3).dims[2] if total is None else int(np.ravel(total)[0])
    keys = min(held, math.ceil(columns * block / rows))
    return attention_cost(
        op, grads & {0, 1, 2}, _grouped(op, keys, batch * queries, _head_size(op, 3))
    )


@formula("PagedAttention", domain=MICROSOFT)
def paged_attention(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Keys in pages of a cache: a token meets the longest past, where it is known, and the new.

    Else as many keys as its pages hold.
    """
    tokens = op.required(0).dims[0]
    keys = op.required(7).dims[1] * op.required(3).dims[1]
    past, offsets = op.required(6).data, op.required(5).data
    if past is not None and offsets is not None:
        keys = int(np.max(np.ravel(past) + np.diff(np.ravel(offsets))))
    window = int(op.attribute("local_window_size", -1))
    keys = min(keys, window) if window > 0 else keys
    head_size = op.required(0).dims[1] // _width_in_heads(op)
    return attention_cost(op, grads & {0, 1, 2}, _grouped(op, keys, tokens, head_size))


def _width_in_heads(op: Operation) -> int:
    """Heads that lie side by side in the query, with those of keys and values where packed."""
    heads, kv_heads = (int(op.node.attributes[n]) for n in ("num_heads", "kv_num_heads"))
    return heads if op.input(1) is not None else heads + 2 * kv_heads


def _selected(op: Operation, indices: int) -> int:
    """Chosen keys of a token, and those of its window where it has one."""
    window = int(op.attribute("local_window_size", 0))
    local = window if op.attribute("attention_mode", "") == "local_plus_selected" else 0
    return op.required(indices).dims[-1] + max(0, local)


@formula("SparsePagedAttention", domain=MICROSOFT)
def sparse_paged_attention(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """A token meets as many keys as may be selected for it."""
    tokens, width = op.required(0).dims
    head_size = width // _width_in_heads(op)
    return attention_cost(op, grads & {0, 1, 2}, _grouped(op, _selected(op, 9), tokens, head_size))


@formula("DynamicSparseAttention", domain=MICROSOFT)
def dynamic_sparse_attention(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """The same with the batch apart."""
    batch, length, width = op.required(0).dims
    head_size = width // _width_in_heads(op)
    return attention_cost(
        op, grads & {0, 1, 2}, _grouped(op, _selected(op, 7), batch * length, head_size)
    )
