"""Every operator with a cost formula has its output's shape found out, or the cost is void."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from builders import INT64, Given, act, par, single
from onnx import TensorProto

from auditor.costs import formulas
from auditor.costs.elementwise import BINARY, UNARY
from auditor.costs.movement import MOVEMENT

BOOL, UINT8, UINT32 = TensorProto.BOOL, TensorProto.UINT8, TensorProto.UINT32
IMAGE = [act(2, 4, 8, 8)]
PAIR = [act(2, 3), act(2, 3)]
SCALE, ZERO = np.asarray(np.float32(0.1)), np.asarray(np.uint8(0))
Q = [SCALE, ZERO]
RECURRENT = [act(7, 2, 5)]
Sample = tuple[list[Given], dict[str, Any]]

# Operators whose inputs are neither one nor two alike tensors, and what they take.
SAMPLES: dict[str, Sample] = {
    "MatMul": ([act(2, 3), par(3, 4)], {}),
    "Gemm": ([act(2, 3), par(3, 4), par(4)], {}),
    "MatMulInteger": ([act(2, 3, dtype=UINT8), par(3, 4, dtype=UINT8)], {}),
    "QLinearMatMul": ([act(2, 3, dtype=UINT8), *Q, par(3, 4, dtype=UINT8), *Q, *Q], {}),
    "Einsum": ([act(2, 3), act(3, 4)], {"equation": "ij,jk->ik"}),
    "Conv": ([*IMAGE, par(6, 4, 3, 3), par(6)], {}),
    "ConvTranspose": ([*IMAGE, par(4, 6, 3, 3)], {}),
    "ConvInteger": ([act(1, 4, 8, 8, dtype=UINT8), par(6, 4, 3, 3, dtype=UINT8)], {}),
    "QLinearConv": (
        [act(1, 4, 8, 8, dtype=UINT8), *Q, par(6, 4, 3, 3, dtype=UINT8), *Q, *Q],
        {},
    ),
    "Attention": ([act(2, 5, 12)] * 3, {"q_num_heads": 3, "kv_num_heads": 3}),
    "RotaryEmbedding": ([act(2, 3, 5, 4), par(5, 2), par(5, 2)], {}),
    "RNN": ([*RECURRENT, par(1, 4, 5), par(1, 4, 4)], {"hidden_size": 4}),
    "GRU": ([*RECURRENT, par(1, 12, 5), par(1, 12, 4)], {"hidden_size": 4}),
    "LSTM": ([*RECURRENT, par(1, 16, 5), par(1, 16, 4)], {"hidden_size": 4}),
    "BatchNormalization": ([*IMAGE, *([par(4)] * 4)], {}),
    "InstanceNormalization": ([*IMAGE, par(4), par(4)], {}),
    "GroupNormalization": ([*IMAGE, par(4), par(4)], {"num_groups": 2}),
    "LayerNormalization": ([*IMAGE, par(8), par(8)], {}),
    "RMSNormalization": ([*IMAGE, par(8)], {}),
    "LRN": (IMAGE, {"size": 3}),
    **{op: (IMAGE, {"kernel_shape": [2, 2]}) for op in ("MaxPool", "AveragePool", "LpPool")},
    **{op: (IMAGE, {}) for op in ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")},
    "MeanVarianceNormalization": (IMAGE, {}),
    "Resize": ([*IMAGE, None, np.asarray([1, 1, 2, 2], np.float32)], {}),
    "Upsample": ([*IMAGE, np.asarray([1, 1, 2, 2], np.float32)], {"opset": 9}),
    "GridSample": ([*IMAGE, act(2, 3, 3, 2)], {}),
    "TopK": ([act(2, 9), np.asarray([3])], {"outputs": 2}),
    "Cast": ([act(2, 3)], {"to": TensorProto.FLOAT16}),
    "CastLike": (PAIR, {}),
    "BitCast": ([act(2, 3)], {"to": TensorProto.INT32, "opset": 26}),
    "Not": ([act(2, 3, dtype=BOOL)], {}),
    "BitwiseNot": ([act(2, 3, dtype=UINT8)], {}),
    **{op: ([act(2, 3, dtype=BOOL)] * 2, {}) for op in ("And", "Or", "Xor")},
    **{f"Bitwise{op}": ([act(2, 3, dtype=UINT8)] * 2, {}) for op in ("And", "Or", "Xor")},
    "BitShift": ([act(2, 3, dtype=UINT32)] * 2, {"direction": "LEFT"}),
    "Where": ([act(2, 3, dtype=BOOL), *PAIR], {}),
    "Reshape": ([act(2, 3), np.asarray([3, -1])], {}),
    "Squeeze": ([act(1, 3), np.asarray([0])], {}),
    "Unsqueeze": ([act(2, 3), np.asarray([0])], {}),
    "Expand": ([act(2, 1), np.asarray([2, 5])], {}),
    "Slice": ([act(4, 3), np.asarray([0]), np.asarray([2])], {}),
    "Split": ([act(4, 3), np.asarray([1, 3])], {"outputs": 2}),
    "Pad": ([act(2, 3), np.asarray([1, 0, 1, 0])], {}),
    "Tile": ([act(2, 3), np.asarray([2, 2])], {}),
    "Concat": (PAIR, {"axis": 1}),
    "CenterCropPad": ([act(5, 5), np.asarray([3, 3])], {}),
    "DepthToSpace": (IMAGE, {"blocksize": 2}),
    "SpaceToDepth": (IMAGE, {"blocksize": 2}),
    "Gather": ([par(9, 4), act(2, 5, dtype=INT64)], {}),
    "GatherElements": ([act(2, 3), act(2, 3, dtype=INT64)], {}),
    "GatherND": ([act(2, 3), act(2, 1, dtype=INT64)], {}),
    "Scatter": ([act(2, 3), act(1, 3, dtype=INT64), act(1, 3)], {"opset": 9}),
    "ScatterElements": ([act(2, 3), act(1, 3, dtype=INT64), act(1, 3)], {}),
    "ScatterND": ([act(4, 5), act(2, 1, dtype=INT64), act(2, 5)], {}),
    "TensorScatter": ([act(2, 3, 4, 5), act(2, 3, 1, 5), act(2, dtype=INT64)], {"opset": 24}),
    "ReverseSequence": ([act(5, 5), act(5, dtype=INT64)], {}),
    "OneHot": ([act(5, dtype=INT64), np.asarray(9), np.asarray([0, 1], np.float32)], {}),
    "Range": ([np.asarray(0), np.asarray(5), np.asarray(1)], {}),
    "ConstantOfShape": ([np.asarray([2, 3])], {}),
    "Constant": ([], {"value_ints": [2, 3]}),
    "EyeLike": ([act(4, 4)], {}),
    "RandomNormal": ([], {"shape": [2, 3]}),
    "RandomUniform": ([], {"shape": [2, 3]}),
    "CumSum": ([act(2, 3), np.asarray(1)], {}),
    "CumProd": ([act(2, 3), np.asarray(1)], {"opset": 26}),
    "Swish": ([act(2, 3)], {"opset": 24}),
    "QuantizeLinear": ([act(2, 3), *Q], {}),
    "DequantizeLinear": ([act(2, 3, dtype=UINT8), *Q], {}),
    "DynamicQuantizeLinear": ([act(2, 3)], {"outputs": 3}),
}


def sample(op_type: str) -> Sample:
    if op_type in SAMPLES:
        return SAMPLES[op_type]
    found = onnx.defs.get_schema(op_type)
    return ([act(2, 3)] if found.min_input == 1 else PAIR), {}


SIMPLE = (*UNARY, *BINARY, *MOVEMENT, *SAMPLES)
# The others have their shapes compared with those of onnx's own cases, tests/test_backend_cases.py.
CLAIMED = sorted(
    n
    for d, n in formulas()
    if d == "" and onnx.defs.has(n) and (n in SIMPLE or n.startswith("Reduce"))
)


@pytest.mark.parametrize("op_type", CLAIMED)
def test_the_shape_of_what_it_makes_is_known(op_type: str) -> None:
    inputs, attributes = sample(op_type)
    newest = min(onnx.defs.onnx_opset_version(), 23)
    op = single(op_type, inputs, **{"opset": newest, **attributes})
    assert all(v is not None and v.shape is not None for v in op.outputs)


@pytest.mark.parametrize("op_type", ["GreaterOrEqual", "LessOrEqual"])
def test_comparisons_before_operator_set_16(op_type: str) -> None:
    out = single(op_type, [act(2, 1), act(3)], opset=13).outputs[0]
    assert out is not None
    assert out.shape == (2, 3)


def test_group_normalization_as_of_operator_set_18() -> None:
    op = single("GroupNormalization", [*IMAGE, par(2), par(2)], num_groups=2, opset=18)
    assert op.outputs[0] is not None
    assert op.outputs[0].shape == (2, 4, 8, 8)
