"""Output shapes of com.microsoft operators, which onnx has no schema for.

Source: the operators' documentation, microsoft/onnxruntime docs/ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from auditor.graph import Node
from auditor.shapes.records import Value

Typed = tuple[str | None, tuple[int, ...] | None]
Rule = Callable[[Node, Sequence[Value | None]], Sequence[Typed]]

UNKNOWN: Typed = (None, None)


def infer_contrib(node: Node, inputs: Sequence[Value | None]) -> tuple[Typed, ...] | None:
    """Return (dtype, shape) of every output of a com.microsoft operator, None if unknown."""
    rule = RULES.get(node.op_type)
    if rule is None or not inputs or inputs[0] is None or inputs[0].shape is None:
        return None
    try:
        types = tuple(rule(node, inputs))
    except (AttributeError, IndexError, ValueError, TypeError):
        return None  # inputs that the operator does not allow
    return (*types, *(UNKNOWN,) * len(node.outputs))[: len(node.outputs)]


def _first(_: Node, inputs: Sequence[Value | None]) -> Sequence[Typed]:
    return [_typed(inputs, 0)]


def _typed(inputs: Sequence[Value | None], index: int) -> Typed:
    value = inputs[index]
    return UNKNOWN if value is None else (value.dtype, value.shape)


def _shape(inputs: Sequence[Value | None], index: int) -> tuple[int, ...]:
    value = inputs[index]
    if value is None or value.shape is None:
        raise ValueError("an input of unknown shape")
    return value.shape


def _skip_norm(_: Node, inputs: Sequence[Value | None]) -> Sequence[Typed]:
    dtype, shape = _typed(inputs, 0)
    statistics = ("float32", (*(shape or ())[:-1], 1))
    return [(dtype, shape), statistics, statistics, (dtype, shape)]


def _simplified_norm(_: Node, inputs: Sequence[Value | None]) -> Sequence[Typed]:
    dtype, shape = _typed(inputs, 0)
    return [(dtype, shape), ("float32", (*(shape or ())[:-1], 1))]


def _embed_norm(_: Node, inputs: Sequence[Value | None]) -> Sequence[Typed]:
    batch, sequence = _shape(inputs, 0)
    word = inputs[2]
    dtype = word.dtype if word is not None else None
    hidden = (dtype, (batch, sequence, _shape(inputs, 2)[-1]))
    return [hidden, ("int32", (batch,)), hidden]


def _attention(node: Node, inputs: Sequence[Value | None]) -> Sequence[Typed]:
    dtype, _ = _typed(inputs, 0)
    batch, sequence, _ = _shape(inputs, 0)
    sizes = node.attributes.get("qkv_hidden_sizes")
    value_size = sizes[2] if sizes else _shape(inputs, 1)[-1] // 3
    return [(dtype, (batch, sequence, value_size))]


def _multi_head_attention(_: Node, inputs: Sequence[Value | None]) -> Sequence[Typed]:
    dtype, query = _typed(inputs, 0)
    query = query or ()
    if len(query) == 5:  # packed: batch, sequence, heads, 3, head size
        return [(dtype, (query[0], query[1], query[2] * query[4]))]
    value = inputs[2] if len(inputs) > 2 else None
    if value is None or value.shape is None:
        return [(dtype, query)]
    wide = value.shape[-1] if len(value.shape) == 3 else value.shape[1] * value.shape[3]
    return [(dtype, (query[0], query[1], wide))]


def _group_query_attention(node: Node, inputs: Sequence[Value | None]) -> Sequence[Typed]:
    dtype, query = _typed(inputs, 0)
    if query is None:
        return [UNKNOWN]
    heads, kv_heads = int(node.attributes["num_heads"]), int(node.attributes["kv_num_heads"])
    packed = len(inputs) < 2 or inputs[1] is None
    width = query[-1] // (heads + 2 * kv_heads) * heads if packed else query[-1]
    return [(dtype, (*query[:-1], width))]


def matmul_shape(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of numpy's matmul: (..., M, K) x (..., K, N) -> (..., M, N)."""
    a = left if len(left) > 1 else (1, *left)
    b = right if len(right) > 1 else (*right, 1)
    rank = max(len(a), len(b)) - 2
    pad_a, pad_b = (1,) * (rank - len(a) + 2) + a[:-2], (1,) * (rank - len(b) + 2) + b[:-2]
    batch = tuple(max(m, n) for m, n in zip(pad_a, pad_b, strict=True))
    rows = () if len(left) == 1 else (a[-2],)
    columns = () if len(right) == 1 else (b[-1],)
    return (*batch, *rows, *columns)


def _fused_matmul(node: Node, inputs: Sequence[Value | None]) -> Sequence[Typed]:
    left, right = _shape(inputs, 0), _shape(inputs, 1)
    if node.attributes.get("transA") and len(left) > 1:
        left = (*left[:-2], left[-1], left[-2])
    if node.attributes.get("transB") and len(right) > 1:
        right = (*right[:-2], right[-1], right[-2])
    return [(_typed(inputs, 0)[0], matmul_shape(left, right))]


def _quantized_matmul(_: Node, inputs: Sequence[Value | None]) -> Sequence[Typed]:
    return [("float32", matmul_shape(_shape(inputs, 0), _shape(inputs, 1)))]


def _matmul_n_bits(node: Node, inputs: Sequence[Value | None]) -> Sequence[Typed]:
    dtype, shape = _typed(inputs, 0)
    return [(dtype, (*(shape or ())[:-1], int(node.attributes["N"])))]


def _bias_split_gelu(_: Node, inputs: Sequence[Value | None]) -> Sequence[Typed]:
    dtype, shape = _typed(inputs, 0)
    shape = shape or ()
    return [(dtype, (*shape[:-1], shape[-1] // 2))]


def _bias_dropout(_: Node, inputs: Sequence[Value | None]) -> Sequence[Typed]:
    dtype, shape = _typed(inputs, 0)
    return [(dtype, shape), ("bool", shape)]


RULES: Mapping[str, Rule] = {
    "Gelu": _first,
    "FastGelu": _first,
    "QuickGelu": _first,
    "BiasGelu": _first,
    "BiasAdd": _first,
    "BiasSoftmax": _first,
    "BiasDropout": _bias_dropout,
    "BiasSplitGelu": _bias_split_gelu,
    "RotaryEmbedding": _first,
    "GroupNorm": _first,
    "SkipGroupNorm": _first,
    "LayerNormalization": _skip_norm,
    "SimplifiedLayerNormalization": _simplified_norm,
    "SkipLayerNormalization": _skip_norm,
    "SkipSimplifiedLayerNormalization": _skip_norm,
    "EmbedLayerNormalization": _embed_norm,
    "Attention": _attention,
    "MultiHeadAttention": _multi_head_attention,
    "GroupQueryAttention": _group_query_attention,
    "FusedMatMul": _fused_matmul,
    "TransposeMatMul": _fused_matmul,
    "DynamicQuantizeMatMul": _quantized_matmul,
    "MatMulIntegerToFloat": _quantized_matmul,
    "MatMulNBits": _matmul_n_bits,
}
