"""Output shapes of com.microsoft's other operators: activations, norms, movement, signals.

Source: microsoft/onnxruntime docs/ContribOperators.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from auditor.shapes.records import Typed
from auditor.shapes.rules import MICROSOFT, Call, Key, Rule, broadcast, everywhere, like, with_axis


def skip_norm(call: Call) -> Sequence[Typed]:
    """Result, mean, inverse deviation, and the sum that was normalized."""
    dtype, shape = call.dtype(0), call.shape(0)
    statistics = ("float32", (*shape[:-1], 1))
    return [(dtype, shape), statistics, statistics, (dtype, shape)]


def simplified_norm(call: Call) -> Sequence[Typed]:
    """Result, and one inverse deviation for everything behind the axis."""
    dtype, shape = call.dtype(0), call.shape(0)
    axis = int(call.attribute("axis", -1)) % len(shape)
    kept = (*shape[:axis], *(1 for _ in shape[axis:]))
    return [(dtype, shape), ("float32", kept)]


def _layer_norm(call: Call) -> Sequence[Typed]:
    made, statistics = simplified_norm(call)
    return [made, statistics, statistics]


def _skip_group_norm(call: Call) -> Sequence[Typed]:
    return [call.typed(0), call.typed(0)]


def _embed_norm(dtype: int | str) -> Rule:
    def rule(call: Call) -> Sequence[Typed]:
        batch, sequence = call.shape(0)
        made = call.dtype(dtype) if isinstance(dtype, int) else dtype
        hidden = (made, (batch, sequence, call.shape(2)[-1]))
        return [hidden, ("int32", (batch,)), hidden]

    return rule


def _bias_split_gelu(call: Call) -> Sequence[Typed]:
    shape = call.shape(0)
    return [(call.dtype(0), (*shape[:-1], shape[-1] // 2))]


def _dropout(call: Call) -> Sequence[Typed]:
    return [call.typed(0), ("bool", call.shape(0))]


def _bitmask_dropout(call: Call) -> Sequence[Typed]:
    return [call.typed(0), ("uint32", ((math.prod(call.shape(0)) + 31) // 32,))]


def _cdist(call: Call) -> Sequence[Typed]:
    return [(call.dtype(0), (call.shape(0)[0], call.shape(1)[0]))]


def _pair(call: Call) -> Sequence[Typed]:
    return [(call.dtype(0), broadcast(call.shape(0), call.shape(1)))]


def _crop_and_resize(call: Call) -> Sequence[Typed]:
    return [(call.dtype(0), (call.shape(1)[0], call.shape(0)[1], *call.numbers(3)))]


def _time_warping(call: Call) -> Sequence[Typed]:
    """The path has at most M + N - 1 steps."""
    rows, columns = call.shape(0)[-2:]
    return [("int32", (2, rows + columns - 1))]


def _expand_dims(call: Call) -> Sequence[Typed]:
    shape, (axis,) = call.shape(0), call.numbers(1)
    axis %= len(shape) + 1
    return [(call.dtype(0), (*shape[:axis], 1, *shape[axis:]))]


def _gather_nd(call: Call) -> Sequence[Typed]:
    data, indices = call.shape(0), call.shape(1)
    return [(call.dtype(0), (*indices[:-1], *data[indices[-1] :]))]


def _embedding(call: Call) -> Sequence[Typed]:
    return [(call.dtype(0), (*call.shape(1), call.shape(0)[1]))]


def _spectrum(call: Call) -> Sequence[Typed]:
    """Real signal to half of its spectrum, real and imaginary part in a last axis."""
    shape = call.shape(0)
    return [(call.dtype(0), (*shape[:-1], shape[-1] // 2 + 1, 2))]


def _signal(call: Call) -> Sequence[Typed]:
    shape = call.shape(0)
    return [(call.dtype(0), (*shape[:-2], 2 * (shape[-2] - 1)))]


def _pad(call: Call) -> Sequence[Typed]:
    shape, pads = call.shape(0), call.numbers(1)
    half = len(pads) // 2
    return [(call.dtype(0), tuple(d + pads[i] + pads[i + half] for i, d in enumerate(shape)))]


def ranged(call: Call) -> Sequence[Typed]:
    """Numbers from start to limit, where both are known."""
    start, limit = call.data(0), call.data(1)
    delta = call.data(2) if call.value(2) is not None else [1]
    if start is None or limit is None or delta is None:
        raise ValueError("a length that depends on data")
    return [(call.dtype(0), (max(0, math.ceil((limit[0] - start[0]) / delta[0])),))]


def _unfold(call: Call) -> Sequence[Typed]:
    shape, axis = call.shape(0), int(call.attribute("dim", -1)) % len(call.shape(0))
    size, step = int(call.node.attributes["size"]), int(call.attribute("step", 1))
    windows = (shape[axis] - size) // step + 1
    return [(call.dtype(0), (*with_axis(shape, axis, windows), size))]


def _hash(call: Call) -> Sequence[Typed]:
    dtype = "uint32" if call.attribute("positive", 1) else "int32"
    return [(dtype, call.shape(0))]


def _ngram_hash(call: Call) -> Sequence[Typed]:
    """Hashed n-grams of every order; the ids behind them, for the next call."""
    ids, orders = call.shape(0), int(call.node.attributes["max_ngram_size"]) - 1
    heads = orders * int(call.node.attributes["n_head_per_ngram"])
    return [(call.dtype(0), (*ids, heads)), (call.dtype(0), (ids[0], orders))]


def _packed_ngram_hash(call: Call) -> Sequence[Typed]:
    (made, _), batch = _ngram_hash(call), call.shape(3)[0] - 1
    orders = int(call.node.attributes["max_ngram_size"]) - 1
    capacity = int(call.attribute("state_update_capacity", 0))
    dtype = call.dtype(0)
    return [made, (dtype, (batch, orders)), ("int32", (batch, orders)),
            (dtype, (batch, capacity, orders))]  # fmt: skip


def _attention_gate(call: Call) -> Sequence[Typed]:
    return [call.typed(0), call.typed(0)]


def _engram_gate(call: Call) -> Sequence[Typed]:
    return [call.typed(0), call.typed(0)]


def _reduced_branches(call: Call) -> Sequence[Typed]:
    """(..., C, H), or (..., C * H) where `num_branches` says C, to (..., H)."""
    shape, branches = call.shape(0), int(call.attribute("num_branches", 0))
    if branches:
        return [(call.dtype(0), (*shape[:-1], shape[-1] // branches))]
    return [(call.dtype(0), (*shape[:-2], shape[-1]))]


def _word_convolution(call: Call) -> Sequence[Typed]:
    return [(call.dtype(1), (*call.shape(0)[:-1], call.shape(1)[0]))]


_SAME = (
    "Gelu", "FastGelu", "QuickGelu", "BiasGelu", "BiasAdd", "BiasSoftmax", "GroupNorm",
    "Inverse", "Trilu", "ScaledSiLU", "GatedAdd", "GatedRMSNorm", "BranchwiseRMSNorm",
    "HyperConnectionPostMix", "SampleOp",
)  # fmt: skip

_MICROSOFT: Mapping[str, Rule] = {
    **dict.fromkeys(_SAME, like(0)),
    "BiasDropout": _dropout,
    "BitmaskDropout": _bitmask_dropout,
    "BitmaskBiasDropout": _bitmask_dropout,
    "BiasSplitGelu": _bias_split_gelu,
    "SkipGroupNorm": _skip_group_norm,
    "LayerNormalization": _layer_norm,
    "SimplifiedLayerNormalization": simplified_norm,
    "SkipLayerNormalization": skip_norm,
    "SkipSimplifiedLayerNormalization": skip_norm,
    "EmbedLayerNormalization": _embed_norm(2),
    "QEmbedLayerNormalization": _embed_norm("float32"),
    "CDist": _cdist,
    "ComplexMul": _pair,
    "ComplexMulConj": _pair,
    "CropAndResize": _crop_and_resize,
    "DynamicTimeWarping": _time_warping,
    "ExpandDims": _expand_dims,
    "GatherND": _gather_nd,
    "TorchEmbedding": _embedding,
    "Rfft": _spectrum,
    "Irfft": _signal,
    "IsAllFinite": lambda _: [("bool", ())],
    "Pad": _pad,
    "Range": ranged,
    "UnfoldTensor": _unfold,
    "MurmurHash3": _hash,
    "NGramRepeatBlock": like(1),
    "NGramHashMapping": _ngram_hash,
    "VarlenNGramHashMapping": _packed_ngram_hash,
    "LinearAttentionGate": _attention_gate,
    "EngramGate": _engram_gate,
    "HyperConnectionPreMix": _reduced_branches,
    "WordConvEmbedding": _word_convolution,
}

RULES: Mapping[Key, Rule] = everywhere(MICROSOFT, _MICROSOFT)
