"""Shape rules beside onnx's inference: what the specification says, derived by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from builders import INT64, Given, act, par, single
from onnx import TensorProto

from auditor.costs import formulas
from auditor.shapes.contrib import RULES

MS, NHWC, NCHWC = "com.microsoft", "com.ms.internal.nhwc", "com.microsoft.nchwc"
INT32, UINT8, INT8 = TensorProto.INT32, TensorProto.UINT8, TensorProto.INT8
SCALE, ZERO = np.asarray(np.float32(0.1)), np.asarray(np.uint8(3))
Q = [SCALE, ZERO]
IMAGE = act(1, 9, 8, 3)  # channels last
WINDOW = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}
Shapes = list[tuple[int, ...]]


def shapes(op_type: str, inputs: list[Given], outputs: int, **attributes: Any) -> list[Any]:
    op = single(op_type, inputs, outputs, **attributes)
    return [v.shape for v in op.outputs if v is not None]


def test_every_formula_for_a_domain_that_onnx_does_not_know_has_a_shape_rule() -> None:
    costed = {key for key in formulas() if key[0] in (MS, NHWC, NCHWC, "ai.onnx.ml")}
    # the data decides how many elements these make
    assert costed - set(RULES) == {(MS, "Unique"), (MS, "Tokenizer")}


Sample = tuple[str, list[Given], dict[str, Any], Shapes]

ATTENTIONS: list[Sample] = [
    ("MultiHeadAttention", [act(2, 5, 4, 3, 8)], {"num_heads": 4}, [(2, 5, 32)]),
    ("MultiHeadAttention", [act(2, 5, 32), act(2, 7, 4, 2, 8)], {"num_heads": 4}, [(2, 5, 32)]),
    # a cache of 3, and 5 new keys; the scores as well
    (
        "MultiHeadAttention",
        [act(2, 5, 32)] * 3 + [None] * 3 + [act(2, 4, 3, 8)] * 2,
        {"num_heads": 4},
        [(2, 5, 32), (2, 4, 8, 8), (2, 4, 8, 8), (2, 4, 5, 8)],
    ),
    (
        "DecoderMaskedMultiHeadAttention",
        [act(2, 1, 32)] * 3 + [None] * 2 + [act(2, 4, 3, 8)] * 2,
        {"num_heads": 4},
        [(2, 1, 32), (2, 4, 4, 8), (2, 4, 4, 8)],
    ),
    ("DecoderMaskedMultiHeadAttention", [act(2, 1, 96)], {"num_heads": 4}, [(2, 1, 32)]),
    (
        "Attention",
        [act(2, 5, 12), par(12, 36), par(36), None, act(2, 2, 3, 9, 4), None, act(1, dtype=INT32)],
        {"num_heads": 3, "past_present_share_buffer": 1},
        [(2, 5, 12), (2, 2, 3, 9, 4)],
    ),
    (
        "PackedAttention",
        [act(7, 12), par(12, 40), par(40), act(2, 5, dtype=INT32), act(3, dtype=INT32)],
        {"num_heads": 2, "qkv_hidden_sizes": [8, 8, 24]},
        [(7, 24)],
    ),
    ("PackedMultiHeadAttention", [act(7, 4, 3, 8)], {"num_heads": 4}, [(7, 32)]),
    ("LongformerAttention", [act(2, 5, 8)], {"num_heads": 2, "window": 2}, [(2, 5, 8)]),
    ("RemovePadding", [act(2, 5, 4), np.asarray([3, 4], np.int32)], {},
     [(7, 4), (2, 5), (3,), (1,)]),
    # the most that there can be
    ("RemovePadding", [act(2, 5, 4), act(2, dtype=INT32)], {}, [(10, 4)]),
    ("RestorePadding", [act(7, 4), act(2, 5, dtype=INT32)], {}, [(2, 5, 4)]),
    ("RelativePositionBias", [act(32, 4), np.asarray(6), np.asarray(6)], {"max_distance": 8},
     [(1, 4, 6, 6)]),
    ("PagedAttention", [act(7, 32), None, None, act(3, 16, 2, 4), act(3, 16, 2, 4)],
     {"num_heads": 4, "kv_num_heads": 2}, [(7, 16), (3, 16, 2, 4), (3, 16, 2, 4)]),
    ("LinearAttention", [act(2, 5, 8), act(2, 5, 8), act(2, 5, 12)],
     {"q_num_heads": 2, "kv_num_heads": 2}, [(2, 5, 12), (2, 2, 4, 6)]),
    ("CausalConvWithState", [act(2, 3, 7), par(3, 1, 4)], {}, [(2, 3, 7), (2, 3, 3)]),
    ("VarlenCausalConvWithState",
     [act(7, 3), par(3, 1, 4), act(3, dtype=INT32), None, act(2, 3, 3)], {}, [(7, 3), (2, 3, 3)]),
]  # fmt: skip

OTHERS: list[Sample] = [
    ("MatMulNBitsQkv", [act(2, 64)], {"K": 64, "Nq": 32, "Nkv": 16}, [(2, 32), (2, 16), (2, 16)]),
    ("MatMulFpQ4", [act(5, 64), par(900, dtype=UINT8), np.asarray([64, 32])], {}, [(5, 32)]),
    ("GemmFloat8", [act(3, 4), par(5, 4)], {"transB": 1, "dtype": 10}, [(3, 5)]),
    ("QLinearReduceMean", [act(2, 3, 4, dtype=UINT8), *Q, *Q], {"axes": [1], "keepdims": 0},
     [(2, 4)]),
    ("QOrderedMatMul", [act(1, 2, 3, dtype=INT8), SCALE, par(4, 3, dtype=INT8), SCALE, SCALE], {},
     [(1, 2, 4)]),
    ("BitmaskDropout", [act(5, 7)], {}, [(5, 7), (2,)]),  # 35 bits are two words
    ("Rfft", [act(2, 9)], {"signal_ndim": 1}, [(2, 5, 2)]),
    ("Irfft", [act(2, 5, 2)], {"signal_ndim": 1}, [(2, 8)]),
    ("ExpandDims", [act(2, 3), np.asarray(1, np.int32)], {}, [(2, 1, 3)]),
    ("TorchEmbedding", [par(9, 4), act(2, 5, dtype=INT64)], {}, [(2, 5, 4)]),
    ("SkipGroupNorm", [act(2, 4, 4, 8), par(8), par(8), act(2, 8)], {"groups": 2, "activation": 0},
     [(2, 4, 4, 8), (2, 4, 4, 8)]),
    ("IsAllFinite", [act(2, 3), act(4)], {}, [()]),
    ("HyperConnectionPreMix", [act(2, 4, 3), act(2, 4)], {}, [(2, 3)]),
    ("HyperConnectionPreMix", [act(2, 12), act(2, 4)], {"num_branches": 4}, [(2, 3)]),
    ("NGramHashMapping", [act(2, 5, dtype=INT64)],
     {"max_ngram_size": 3, "n_head_per_ngram": 2, "pad_id": 0}, [(2, 5, 4), (2, 2)]),
    ("DequantizeBFP", [act(99, dtype=UINT8), np.asarray([4, 8])], {"bfp_type": 0}, [(4, 8)]),
]  # fmt: skip


@pytest.mark.parametrize(("op_type", "inputs", "attributes", "expected"), ATTENTIONS + OTHERS)
def test_operators_of_onnxruntime(
    op_type: str, inputs: list[Given], attributes: dict[str, Any], expected: Shapes
) -> None:
    assert shapes(op_type, inputs, len(expected), domain=MS, **attributes) == expected


LAYOUTS: list[tuple[str, str, list[Given], dict[str, Any], tuple[int, ...]]] = [
    # (9 + 2 - 3) / 2 + 1 = 5 rows, (8 + 2 - 3) / 2 + 1 = 4 columns
    (MS, "NhwcMaxPool", [IMAGE], WINDOW, (1, 5, 4, 3)),
    (MS, "NhwcConv", [IMAGE, par(6, 3, 3, 3)], WINDOW, (1, 5, 4, 6)),
    (MS, "NhwcFusedConv", [IMAGE, par(6, 3, 3, 3)], {"auto_pad": "SAME_UPPER"}, (1, 9, 8, 6)),
    (NHWC, "Conv", [IMAGE, par(6, 3, 3, 3)], {"dilations": [2, 2]}, (1, 5, 4, 6)),
    (NHWC, "ConvTranspose", [IMAGE, par(3, 6, 3, 3)], {"strides": [2, 2]}, (1, 19, 17, 6)),
    (NHWC, "AveragePool", [IMAGE], {**WINDOW, "ceil_mode": 1}, (1, 5, 5, 3)),
    (NHWC, "GlobalAveragePool", [IMAGE], {}, (1, 1, 1, 3)),
    (NHWC, "DepthToSpace", [act(1, 2, 2, 12)], {"blocksize": 2}, (1, 4, 4, 3)),
    (NHWC, "SpaceToDepth", [act(1, 4, 4, 3)], {"blocksize": 2}, (1, 2, 2, 12)),
    (NHWC, "GridSample", [IMAGE, act(1, 5, 6, 2)], {}, (1, 5, 6, 3)),
    (NHWC, "MaxUnpool", [act(1, 2, 2, 3), act(1, 2, 2, 3, dtype=INT64)],
     {"kernel_shape": [2, 2], "strides": [2, 2]}, (1, 4, 4, 3)),
    (NHWC, "Resize", [IMAGE, None, np.asarray([1, 2, 2, 1], np.float32)], {}, (1, 18, 16, 3)),
    (NHWC, "QLinearConv", [act(1, 9, 8, 3, dtype=UINT8), *Q, par(6, 3, 3, 3, dtype=UINT8), *Q, *Q],
     WINDOW, (1, 5, 4, 6)),
    (NHWC, "LRN", [IMAGE], {"size": 3}, (1, 9, 8, 3)),
    (NCHWC, "Conv", [act(1, 16, 9, 8), par(32, 16, 3, 3)], WINDOW, (1, 32, 5, 4)),
    (NCHWC, "MaxPool", [act(1, 16, 9, 8)], WINDOW, (1, 16, 5, 4)),
    (NCHWC, "GlobalMaxPool", [act(1, 16, 9, 8)], {}, (1, 16, 1, 1)),
    (NCHWC, "Upsample", [act(1, 16, 3, 4)], {"scales": [1, 1, 2, 2]}, (1, 16, 6, 8)),
    (NCHWC, "ReorderInput", [IMAGE], {"channels_last": 1}, (1, 3, 9, 8)),
    (NCHWC, "ReorderOutput", [act(1, 16, 9, 8)], {"channels": 3, "channels_last": 1},
     (1, 9, 8, 3)),
]  # fmt: skip


@pytest.mark.parametrize(("domain", "op_type", "inputs", "attributes", "expected"), LAYOUTS)
def test_images_in_other_layouts(
    domain: str,
    op_type: str,
    inputs: list[Given],
    attributes: dict[str, Any],
    expected: tuple[int, ...],
) -> None:
    assert shapes(op_type, inputs, 1, domain=domain, **attributes) == [expected]


# Forms that the first operator sets had, for which onnx has no inference.
FIRST: list[tuple[str, list[Given], dict[str, Any], tuple[int, ...]]] = [
    ("Relu", [act(2, 3)], {}, (2, 3)),
    # broadcast into the first operand, from an axis on
    ("Add", [act(2, 3, 4), par(3)], {"broadcast": 1, "axis": 1}, (2, 3, 4)),
    ("Sum", [act(2, 3), act(2, 3)], {}, (2, 3)),
    ("Cast", [act(2, 3)], {"to": "FLOAT16"}, (2, 3)),
    ("Reshape", [act(2, 3, 4)], {"shape": [0, -1]}, (2, 12)),
    ("Upsample", [act(1, 2, 3, 4)], {"height_scale": 2.0, "width_scale": 3.0}, (1, 2, 6, 12)),
    ("Pad", [act(2, 3)], {"paddings": [1, 0, 1, 2]}, (4, 5)),
    ("Concat", [act(2, 3), act(2, 4)], {}, (2, 7)),
    ("Split", [act(4, 3)], {"axis": 0}, (4, 3)),
    ("Gemm", [act(3, 2), par(4, 3), par(4)], {"transA": 1, "transB": 1, "broadcast": 1}, (2, 4)),
    ("LpPool", [act(1, 2, 6, 6)], {"kernel_shape": [2, 2], "strides": [2, 2]}, (1, 2, 3, 3)),
    ("GlobalLpPool", [act(1, 2, 6, 6)], {}, (1, 2, 1, 1)),
    ("BatchNormalization", [act(2, 3, 4, 4), *([par(3)] * 4)], {"consumed_inputs": [0] * 5},
     (2, 3, 4, 4)),
    ("Dropout", [act(2, 3)], {}, (2, 3)),
    ("GRU", [act(7, 2, 5), par(1, 12, 5), par(1, 12, 4)], {"hidden_size": 4}, (7, 1, 2, 4)),
]  # fmt: skip


@pytest.mark.parametrize(("op_type", "inputs", "attributes", "expected"), FIRST)
def test_operators_of_the_first_operator_set(
    op_type: str, inputs: list[Given], attributes: dict[str, Any], expected: tuple[int, ...]
) -> None:
    op = single(op_type, inputs, opset=1, **attributes)
    assert op.result.shape == expected
    assert op.result.dtype == ("float16" if op_type == "Cast" else "float32")


def test_an_operator_of_a_foreign_domain_has_no_rule() -> None:
    op = single("Attention", [act(2, 5, 12), par(12, 36)], domain="com.example", num_heads=3)
    assert op.result.shape is None


def test_inputs_that_the_operator_does_not_allow_are_of_unknown_shape() -> None:
    op = single("CDist", [act(2), act(3)], domain=MS)
    assert op.result.shape == (2, 3)  # says nothing against it
    assert single("Inverse", [act(2, 3, 3)], domain=MS).result.shape == (2, 3, 3)
    assert single("Attention", [act(2, 5)], domain=MS, num_heads=3).result.shape is None
