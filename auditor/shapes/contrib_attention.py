"""Output shapes of com.microsoft's attention operators and what stands around them.

Source: microsoft/onnxruntime docs/ContribOperators.md and the shape inference in
onnxruntime/core/graph/contrib_ops/bert_defs.cc.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from auditor.shapes.records import Typed
from auditor.shapes.rules import MICROSOFT, UNKNOWN, Call, Key, Rule, Shape, everywhere, like


def _sizes(call: Call, width: int) -> tuple[int, int]:
    """Query and value widths of a projection that is `width` wide."""
    sizes = call.attribute("qkv_hidden_sizes") or (width // 3,) * 3
    return int(sizes[0]), int(sizes[2])


def _cache(call: Call, past: int, new: int, lengths: int | None) -> Sequence[int] | None:
    """Length of a joint cache (2, batch, heads, sequence, head size) with `new` keys added."""
    value = call.value(past)
    if value is None:
        return None
    shape = call.shape(past)
    shared = bool(call.attribute("past_present_share_buffer", 0))
    shared = shared or (lengths is not None and call.value(lengths) is not None)
    return shape if shared else (*shape[:3], shape[3] + new, shape[4])


def _attention(weight: int, past: int, lengths: int | None = None, typed: int = 0) -> Rule:
    def rule(call: Call) -> Sequence[Typed]:
        batch, sequence, _ = call.shape(0)
        hidden, value = _sizes(call, call.shape(weight)[-1])
        heads = int(call.node.attributes["num_heads"])
        dtype = call.dtype(typed)
        cache = _cache(call, past, sequence, lengths) or (
            2, batch, heads, sequence, hidden // heads,
        )  # fmt: skip
        return [(dtype, (batch, sequence, value)), (dtype, tuple(cache))]

    return rule


def _ordered_attention(call: Call) -> Sequence[Typed]:
    batch, sequence, _ = call.shape(0)
    return [(call.dtype(0), (batch, sequence, call.shape(7)[-1]))]


def _keys_and_values(call: Call, heads: int) -> tuple[int, int, int]:
    """(keys, head size, value head size) of MultiHeadAttention in any of its forms."""
    query, key = call.shape(0), call.value(1)
    if len(query) == 5:  # all packed: batch, sequence, heads, 3, head size
        return query[1], query[4], query[4]
    shape = call.shape(1) if key is not None else query
    if len(shape) == 5:  # batch, keys, heads, 2, head size
        return shape[1], shape[4], shape[4]
    values = call.shape(2) if call.value(2) is not None else shape
    if len(shape) == 4:  # batch, heads, keys, head size: of another sequence
        return shape[2], shape[3], values[3]
    return shape[1], shape[2] // heads, values[2] // heads


def _multi_head(past: int, lengths: int) -> Rule:
    def rule(call: Call) -> Sequence[Typed]:
        dtype, query = call.dtype(0), call.shape(0)
        heads = int(call.attribute("num_heads", query[2] if len(query) == 5 else 1))
        keys, head_size, value_size = _keys_and_values(call, heads)
        total = keys
        if call.value(past) is not None:
            cached = call.shape(past)[2]
            total = cached if call.value(lengths) is not None else cached + keys
        batch, sequence = query[0], query[1]
        return [
            (dtype, (batch, sequence, heads * value_size)),
            (dtype, (batch, heads, total, head_size)),
            (dtype, (batch, heads, total, value_size)),
            (dtype, (batch, heads, sequence, total)),
        ]

    return rule


def _decoder_masked(call: Call) -> Sequence[Typed]:
    """DecoderMaskedMultiHeadAttention: one query; keys packed behind it, new, or another's."""
    query, heads = call.shape(0), int(call.node.attributes["num_heads"])
    if call.value(1) is None:
        width = query[-1] // 3
        query = (*query[:-1], width)
    if call.value(1) is not None and len(call.shape(1)) == 4:
        width = heads * call.shape(2)[3]
    elif call.value(2) is not None:
        width = call.shape(2)[-1]
    else:
        width = query[-1]
    output = (call.dtype(0), (*query[:-1], width))
    if call.value(5) is None:
        return [output]
    batch, _, cached, head_size = call.shape(5)
    shared = call.attribute("past_present_share_buffer", 0) or call.value(7) is not None
    total = cached if shared else cached + 1
    cache = (call.dtype(0), (batch, heads, total, head_size))
    return [output, cache, cache, (call.dtype(0), (batch, heads, 1, total))]


def grouped_width(call: Call, packed: bool) -> int:
    """Width of all query heads together, which packed inputs carry before keys and values."""
    heads = int(call.node.attributes["num_heads"])
    kv_heads = int(call.node.attributes["kv_num_heads"])
    width = call.shape(0)[-1]
    return width // (heads + 2 * kv_heads) * heads if packed else width


def _group_query(call: Call) -> Sequence[Typed]:
    query, heads = call.shape(0), int(call.node.attributes["num_heads"])
    kv_heads = int(call.node.attributes["kv_num_heads"])
    packed = call.value(1) is None
    width = grouped_width(call, packed)
    new = query[1] if packed else call.shape(1)[1]
    output = (call.dtype(0), (*query[:-1], width))
    cached = call.shape(3)[2] if call.value(3) is not None else 0
    known = call.data(6)
    # Where the total is known, a cache that is longer than it is a shared buffer.
    total = max(cached, int(known[0])) if known else cached + new
    cache = (call.dtype(3) or call.dtype(0), (query[0], kv_heads, total, width // heads))
    return [output, cache, cache]


def _with_caches(first: int) -> Rule:
    """Make the rule of operators that update caches in place at inputs `first` and behind it."""

    def rule(call: Call) -> Sequence[Typed]:
        query = call.shape(0)
        width = grouped_width(call, call.value(1) is None)
        latent = int(call.attribute("v_head_size", 0)) * int(call.node.attributes["num_heads"])
        output = (call.dtype(0), (*query[:-1], latent or width))
        return [output, call.typed(first), call.typed(first + 1)]

    return rule


def _dynamic_sparse(call: Call) -> Sequence[Typed]:
    query, packed = call.shape(0), call.value(1) is None
    output = (call.dtype(0), (*query[:-1], grouped_width(call, packed)))
    if call.value(3) is None:
        return [output]
    return [output, call.typed(3), call.typed(4)]


def _decoder(call: Call) -> Sequence[Typed]:
    sequence, batch, hidden = call.shape(0)
    heads = int(call.node.attributes["num_heads"])
    cross, past = call.data(8), call.data(9)
    output = (call.dtype(0), (sequence, batch, hidden))
    if cross is None or past is None:
        return [output]
    keys = call.shape(1)[0] if cross[0] else sequence
    if past[0]:
        keys = call.shape(6)[2] + (0 if cross[0] else sequence)
    cache = (call.dtype(0), (batch, heads, keys, hidden // heads))
    return [output, cache, cache]


def _packed_attention(call: Call) -> Sequence[Typed]:
    _, value = _sizes(call, call.shape(1)[-1])
    return [(call.dtype(0), (call.shape(0)[0], value))]


def _packed_multi_head(call: Call) -> Sequence[Typed]:
    query = call.shape(0)
    if len(query) == 4:  # tokens, heads, 3, head size
        return [(call.dtype(0), (query[0], query[1] * query[3]))]
    return [(call.dtype(0), (query[0], call.shape(2)[-1]))]


def _remove_padding(call: Call) -> Sequence[Typed]:
    """Without the lengths: as many tokens as with the padding, the most there can be."""
    batch, sequence, hidden = call.shape(0)
    known = call.data(1)
    tokens = sum(int(n) for n in known) if known else batch * sequence
    return [
        (call.dtype(0), (tokens, hidden)),
        ("int32", (batch, sequence)),
        ("int32", (batch + 1,)),
        ("int32", (1,)),
    ]


def _restore_padding(call: Call) -> Sequence[Typed]:
    return [(call.dtype(0), (*call.shape(1), call.shape(0)[-1]))]


def _relative_bias(call: Call) -> Sequence[Typed]:
    (queries,), (keys,) = call.numbers(1), call.numbers(2)
    return [(call.dtype(0), (1, call.shape(0)[1], queries, keys))]


def _gated_relative_bias(call: Call) -> Sequence[Typed]:
    heads, length = int(call.node.attributes["num_heads"]), call.shape(2)[-1]
    batch = call.shape(6)[0] if call.value(6) is not None else call.shape(0)[0]
    return [(call.dtype(0), (batch, heads, length, length))]


def _gemma_rotary(call: Call) -> Sequence[Typed]:
    return [call.typed(1), call.typed(3)]


def _linear_attention(call: Call) -> Sequence[Typed]:
    batch, tokens, _ = call.shape(0)
    heads, kv_heads = (int(call.node.attributes[n]) for n in ("q_num_heads", "kv_num_heads"))
    key_size = call.shape(0)[-1] // heads
    value_size = call.shape(2)[-1] // kv_heads
    window = int(call.attribute("state_window", 0))
    state: Shape = (batch, kv_heads, key_size, value_size)
    dtype = call.dtype(3) or call.dtype(0)
    return [
        (call.dtype(0), (batch, tokens, max(heads, kv_heads) * value_size)),
        (dtype, (window, *state) if window else state),
    ]


def _gated_delta(call: Call) -> Sequence[Typed]:
    """GatedDeltaNet; packed queries, keys and values need the state to be told apart."""
    query = call.shape(0)
    if call.value(2) is not None:
        value, key = call.shape(2), call.shape(1)
        heads, value_size, key_size = value[1], value[2], key[2]
        out_heads = max(query[1], heads)
        batch = call.shape(3)[0] - 1 if call.value(3) is not None else None
    else:
        batch, heads, value_size, key_size = call.shape(6)
        width = query[-1] if len(query) == 2 else query[-1] * query[-2]
        # width is q heads * dk + k heads * dk + v heads * dv, with as many q as k heads
        out_heads = max((width - heads * value_size) // (2 * key_size), heads)
    state = call.shape(6) if call.value(6) is not None else (batch, heads, value_size, key_size)
    made = (call.dtype(0), (query[0], out_heads, value_size))
    dtype = call.dtype(6) or "float32"
    return [made, (dtype, state) if None not in state else UNKNOWN]  # type: ignore[list-item]


def _causal_convolution(call: Call) -> Sequence[Typed]:
    x, kernel = call.shape(0), call.shape(1)
    carried = (kernel[2] - 1) * int(call.attribute("dilation", 1))
    if call.value(3) is not None:
        state = call.shape(3)
    elif call.attribute("channels_last", 0) or len(x) != 3:
        return [call.typed(0)]
    else:
        state = (x[0], x[1], carried)
    return [call.typed(0), (call.dtype(0), state)]


def _packed_causal_convolution(call: Call) -> Sequence[Typed]:
    batch, channels = call.shape(2)[0] - 1, call.shape(0)[1]
    capacity = int(call.attribute("state_update_capacity", 0))
    return [call.typed(0), call.typed(4), (call.dtype(0), (batch, capacity, channels))]


_MICROSOFT: Mapping[str, Rule] = {
    "Attention": _attention(weight=1, past=4, lengths=6),
    "DecoderMaskedSelfAttention": _attention(weight=1, past=4, lengths=6),
    "QAttention": _attention(weight=1, past=8, typed=3),
    "QOrderedAttention": _ordered_attention,
    "MultiHeadAttention": _multi_head(past=6, lengths=8),
    "DecoderMaskedMultiHeadAttention": _decoder_masked,
    "DecoderAttention": _decoder,
    "GroupQueryAttention": _group_query,
    "SparseAttention": _with_caches(3),
    "PagedAttention": _with_caches(3),
    "SparsePagedAttention": _with_caches(3),
    "DynamicSparseAttention": _dynamic_sparse,
    "LongformerAttention": like(0),
    "QOrderedLongformerAttention": like(0),
    "PackedAttention": _packed_attention,
    "PackedMultiHeadAttention": _packed_multi_head,
    "RemovePadding": _remove_padding,
    "RestorePadding": _restore_padding,
    "RelativePositionBias": _relative_bias,
    "GatedRelativePositionBias": _gated_relative_bias,
    "RotaryEmbedding": like(0),
    "MRotaryEmbedding": like(0),
    "GemmaRotaryEmbedding": _gemma_rotary,
    "LinearAttention": _linear_attention,
    "GatedDeltaNet": _gated_delta,
    "CausalConvWithState": _causal_convolution,
    "VarlenCausalConvWithState": _packed_causal_convolution,
}

RULES: Mapping[Key, Rule] = everywhere(MICROSOFT, _MICROSOFT)
