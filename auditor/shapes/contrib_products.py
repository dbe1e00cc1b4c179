"""Output shapes of com.microsoft's matrix products and quantized operators.

Source: microsoft/onnxruntime docs/ContribOperators.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from auditor.shapes.records import Typed
from auditor.shapes.rules import (
    MICROSOFT,
    Call,
    Key,
    Rule,
    Shape,
    broadcast,
    dtype_of,
    everywhere,
    like,
    matmul_shape,
    reduced,
    with_axis,
)


def operand(call: Call, index: int, letter: str) -> Shape:
    """Shape of an operand of FusedMatMul as it is multiplied, both transpositions done."""
    shape = call.shape(index)
    if call.attribute(f"transBatch{letter}") and len(shape) > 2:
        shape = (*shape[1:-1], shape[0], shape[-1])
    if call.attribute(f"trans{letter}") and len(shape) > 1:
        shape = (*shape[:-2], shape[-1], shape[-2])
    return shape


def _fused_matmul(call: Call) -> Sequence[Typed]:
    left, right = operand(call, 0, "A"), operand(call, 1, "B")
    return [(call.dtype(0), matmul_shape(left, right))]


def _sparse_matmul(call: Call) -> Sequence[Typed]:
    left, right = operand(call, 0, "A"), operand(call, 1, "B")
    return [(call.dtype(1), matmul_shape(left, right))]


def _matmul(dtype: str | None = None, right: int = 1) -> Rule:
    def rule(call: Call) -> Sequence[Typed]:
        return [(dtype or call.dtype(0), matmul_shape(call.shape(0), call.shape(right)))]

    return rule


def _columns(attribute: str = "N") -> Rule:
    """Make the rule for packed weights: the number of columns is an attribute."""

    def rule(call: Call) -> Sequence[Typed]:
        return [(call.dtype(0), (*call.shape(0)[:-1], int(call.node.attributes[attribute])))]

    return rule


def _rows_of_weight(call: Call) -> Sequence[Typed]:
    return [(call.dtype(0), (*call.shape(0)[:-1], call.shape(1)[0]))]


def _mlp(call: Call) -> Sequence[Typed]:
    (columns,) = _columns()(call)
    return [columns, call.typed(0)]


def _qkv(call: Call) -> Sequence[Typed]:
    ((query,), (key,)) = _columns("Nq")(call), _columns("Nkv")(call)
    return [query, key, key, call.typed(0)]


def _float_q4(call: Call) -> Sequence[Typed]:
    return [(call.dtype(0), matmul_shape(call.shape(0), tuple(call.numbers(2))))]


def _gemm(right: int, dtype: int | str | None) -> Rule:
    def rule(call: Call) -> Sequence[Typed]:
        left, other = operand(call, 0, "A"), call.shape(right)
        columns = other[0] if call.attribute("transB") else other[1]
        made = call.dtype(dtype) if isinstance(dtype, int) else dtype
        return [(made, (left[0], columns))]

    return rule


def _quantized_gemm(call: Call) -> Sequence[Typed]:
    return _gemm(3, 8 if call.value(8) is not None else "float32")(call)


def _float8_gemm(call: Call) -> Sequence[Typed]:
    return _gemm(1, dtype_of(int(call.attribute("dtype", 1))))(call)


def _ordered_matmul(call: Call) -> Sequence[Typed]:
    """B is (K, N); in the order of columns it is given as (N, K)."""
    left, right = call.shape(0), call.shape(2)
    columns = right[-2] if right[-2] != left[-1] else right[-1]
    return [(call.dtype(0), (*left[:-1], columns))]


def _dynamic_lstm(call: Call) -> Sequence[Typed]:
    """W is (directions, input, 4 hidden): transposed against the standard's."""
    steps, batch, _ = call.shape(0)
    directions, hidden, _ = call.shape(2)
    state = ("float32", (directions, batch, hidden))
    return [("float32", (steps, directions, batch, hidden)), state, state]


def _pair(second: int) -> Rule:
    def rule(call: Call) -> Sequence[Typed]:
        return [(call.dtype(0), broadcast(call.shape(0), call.shape(second)))]

    return rule


def _where(call: Call) -> Sequence[Typed]:
    return [(call.dtype(1), broadcast(call.shape(0), call.shape(1), call.shape(4)))]


def _concat(call: Call) -> Sequence[Typed]:
    """Y's scale and zero point, then a tensor, its scale and zero point for every input."""
    parts = [call.shape(i) for i in range(2, len(call.inputs), 3)]
    axis = int(call.node.attributes["axis"]) % len(parts[0])
    return [(call.dtype(1), with_axis(parts[0], axis, sum(p[axis] for p in parts)))]


def _reduced(call: Call) -> Sequence[Typed]:
    keep = bool(call.attribute("keepdims", 1))
    return [(call.dtype(0), reduced(call.shape(0), call.attribute("axes"), keep))]


def _reduced_integer(call: Call) -> Sequence[Typed]:
    dtype = "uint32" if str(call.dtype(0)).startswith("uint") else "int32"
    return [(dtype, _reduced(call)[0][1])]


def _quantized(call: Call) -> Sequence[Typed]:
    return [(call.dtype(2) or "uint8", call.shape(0))]


def _dequantized_by_order(call: Call) -> Sequence[Typed]:
    return [(dtype_of(int(call.attribute("to", 1))), call.shape(0))]


def _gather_quantized(call: Call) -> Sequence[Typed]:
    """Rows of a table with values of `bits` bits, packed along the last axis where uint8."""
    shape, bits = call.shape(0), int(call.attribute("bits", 4))
    if call.dtype(0) == "uint8":
        shape = with_axis(shape, -1, shape[-1] * 8 // bits)
    axis = int(call.attribute("gather_axis", 0)) % len(shape)
    return [(call.dtype(2), (*shape[:axis], *call.shape(1), *shape[axis + 1 :]))]


def _block_floating_point(call: Call) -> Sequence[Typed]:
    """Bytes as in BFP's 16-bit box: onnxruntime has the type but no processor of its own."""
    rank = len(call.shape(0))
    return [("uint8", None), ("int64", (rank,)), ("int64", (rank,))]


def _from_block_floating_point(call: Call) -> Sequence[Typed]:
    return [(dtype_of(int(call.attribute("dtype", 1))), tuple(call.numbers(1)))]


_MICROSOFT: Mapping[str, Rule] = {
    "FusedMatMul": _fused_matmul,
    "FusedMatMulActivation": _fused_matmul,
    "TransposeMatMul": _fused_matmul,
    "SparseToDenseMatMul": _sparse_matmul,
    "GemmFastGelu": _matmul(),
    "DynamicQuantizeMatMul": _matmul("float32"),
    "MatMulIntegerToFloat": _matmul("float32"),
    "MatMulInteger16": _matmul("int32"),
    "MatMulNBits": _columns(),
    "MatMulBnb4": _columns(),
    "MatMulFpQ4": _float_q4,
    "MatMulBlockQuantizedFp4Weight": _rows_of_weight,
    "MatMulBlockQuantizedFp8Weight": _rows_of_weight,
    "MatMulNBitsMlp": _mlp,
    "MatMulNBitsQkv": _qkv,
    "FusedGemm": _gemm(1, 0),
    "GemmFloat8": _float8_gemm,
    "QGemm": _quantized_gemm,
    "QOrderedMatMul": _ordered_matmul,
    "DynamicQuantizeLSTM": _dynamic_lstm,
    "QLinearAdd": _pair(3),
    "QLinearMul": _pair(3),
    "MulInteger": lambda call: [("int32", broadcast(call.shape(0), call.shape(2)))],
    "QLinearWhere": _where,
    "QLinearConcat": _concat,
    "QLinearReduceMean": _reduced,
    "ReduceSumInteger": _reduced_integer,
    **dict.fromkeys(
        ("QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax", "QOrderedGelu"), like(0)
    ),
    "QOrderedLayerNormalization": like(0),
    "QuantizeLinear": _quantized,
    "DequantizeLinear": lambda call: [(call.dtype(1), call.shape(0))],
    "QuantizeWithOrder": like(0, "int8"),
    "DequantizeWithOrder": _dequantized_by_order,
    "QuantizeBFP": _block_floating_point,
    "DequantizeBFP": _from_block_floating_point,
    "GatherBlockQuantized": _gather_quantized,
    "MoE": like(0),
    "QMoE": like(0),
}

RULES: Mapping[Key, Rule] = everywhere(MICROSOFT, _MICROSOFT)
