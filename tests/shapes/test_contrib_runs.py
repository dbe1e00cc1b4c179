"""Shape rules of onnxruntime's operators against what onnxruntime makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from builders import model, node, shaped, untyped, value
from onnx import helper

onnxruntime = pytest.importorskip("onnxruntime")
state = onnxruntime.capi.onnxruntime_pybind11_state

MS, ML = "com.microsoft", "ai.onnx.ml"
RANDOM = np.random.default_rng(0)


def real(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def byte(*shape: int) -> np.ndarray:
    return RANDOM.integers(0, 9, shape).astype(np.uint8)


def whole(*elements: Any, dtype: str = "int32") -> np.ndarray:
    return np.asarray(elements, dtype)


def ids(*shape: int) -> np.ndarray:
    return RANDOM.integers(0, 2, shape).astype(np.int32)


SCALE, ZERO = np.asarray(np.float32(0.1)), np.asarray(np.uint8(3))
Q = [SCALE, ZERO]
LENGTH = np.asarray(5, np.int32)
Sample = tuple[str, list[Any], int, dict[str, Any]]  # operator, inputs, outputs, attributes

HEADS = {"num_heads": 4}
GROUPED = {"num_heads": 4, "kv_num_heads": 2}
QKV = [real(2, 5, 12), real(12, 36), real(36)]
CACHE = [real(2, 4, 3, 8), real(2, 4, 3, 8)]
IMAGE = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}

SAMPLES: list[Sample] = [
    ("Attention", QKV, 1, {"num_heads": 3}),
    ("Attention", [real(2, 5, 12), real(12, 32), real(32)], 1,
     {"num_heads": 2, "qkv_hidden_sizes": [8, 8, 16]}),
    ("Attention", [*QKV, None, real(2, 2, 3, 7, 4)], 2, {"num_heads": 3, "unidirectional": 1}),
    ("MultiHeadAttention", [real(2, 5, 32), real(2, 7, 32), real(2, 7, 16)], 1, HEADS),
    ("MultiHeadAttention", [real(2, 5, 32), real(2, 4, 7, 8), real(2, 4, 7, 8)], 1, HEADS),
    ("MultiHeadAttention",
     [real(2, 5, 32), real(2, 5, 32), real(2, 5, 32), None, None, None, *CACHE], 3, HEADS),
    ("GroupQueryAttention",
     [real(2, 5, 32), real(2, 5, 16), real(2, 5, 16), None, None, whole(4, 4), LENGTH], 3, GROUPED),
    ("GroupQueryAttention", [real(2, 5, 64), None, None, None, None, whole(4, 4), LENGTH], 3,
     GROUPED),
    ("GroupQueryAttention",
     [real(2, 1, 32), real(2, 1, 16), real(2, 1, 16), real(2, 2, 9, 8), real(2, 2, 9, 8),
      whole(5, 5), np.asarray(6, np.int32)], 3, GROUPED),
    ("QAttention",
     [byte(2, 5, 12), byte(12, 36), real(36), SCALE, SCALE, None, ZERO, ZERO], 1, {"num_heads": 3}),
    ("RotaryEmbedding",
     [real(2, 5, 32), np.zeros((2, 5), np.int64), real(9, 4), real(9, 4)], 1, {}),
    ("FusedMatMul", [real(2, 3, 4), real(2, 5, 4)], 1, {"transB": 1}),
    ("FusedMatMul", [real(6, 2, 4), real(2, 4, 5)], 1, {"transBatchA": 1}),
    ("FusedMatMul", [real(4, 2, 6), real(2, 4, 5)], 1, {"transBatchA": 1, "transA": 1}),
    ("FusedGemm", [real(3, 4), real(5, 4), real(5)], 1, {"transB": 1, "activation": "Relu"}),
    ("MatMulNBits", [real(2, 5, 64), byte(32, 2, 16), real(64)], 1,
     {"K": 64, "N": 32, "bits": 4, "block_size": 32}),
    ("MatMulNBits", [real(2, 5, 64), byte(32, 2, 16), real(32, 2)], 1,
     {"K": 64, "N": 32, "bits": 4, "block_size": 32}),
    ("MatMulBnb4", [real(5, 64), byte(1024), real(64)], 1,
     {"K": 64, "N": 32, "quant_type": 1, "block_size": 32}),
    ("DynamicQuantizeMatMul", [real(2, 5, 8), byte(8, 6), SCALE, ZERO], 1, {}),
    ("MatMulIntegerToFloat", [byte(2, 5, 8), byte(8, 6), SCALE, SCALE, ZERO, ZERO], 1, {}),
    ("QGemm", [byte(3, 4), *Q, byte(4, 5), *Q, None, *Q], 1, {}),
    ("QGemm", [byte(3, 4), *Q, byte(5, 4), *Q], 1, {"transB": 1}),
    ("DynamicQuantizeLSTM",
     [real(7, 2, 5), byte(1, 5, 16), byte(1, 4, 16), real(1, 32), None, None, None, None,
      real(1) ** 2, byte(1), real(1) ** 2, byte(1)], 3, {"hidden_size": 4}),
    ("QLinearAdd", [byte(2, 3, 4), *Q, byte(3, 1), *Q, *Q], 1, {}),
    ("QLinearMul", [byte(2, 3), *Q, byte(3), *Q, *Q], 1, {}),
    ("QLinearSigmoid", [byte(2, 3), *Q, *Q], 1, {}),
    ("QLinearLeakyRelu", [byte(2, 3), *Q, *Q], 1, {}),
    ("QLinearSoftmax", [byte(2, 3), *Q, *Q], 1, {"opset": 13}),
    ("QLinearConcat", [*Q, byte(2, 3), *Q, byte(2, 5), *Q], 1, {"axis": 1}),
    ("QLinearAveragePool", [byte(1, 8, 9, 3), *Q, *Q], 1, {**IMAGE, "channels_last": 1}),
    ("QLinearAveragePool", [byte(1, 3, 8, 9), *Q, *Q], 1, {**IMAGE, "ceil_mode": 1}),
    ("QLinearGlobalAveragePool", [byte(1, 3, 8, 9), *Q, *Q], 1, {"channels_last": 0}),
    ("QLinearWhere", [np.ones((3, 1), bool), byte(3, 4), *Q, byte(4), *Q, *Q], 1, {}),
    ("QLinearConv", [byte(1, 8, 9, 3), *Q, byte(6, 3, 3, 3), *Q, *Q], 1,
     {**IMAGE, "channels_last": 1}),
    ("QuantizeLinear", [real(2, 3), *Q], 1, {}),
    ("DequantizeLinear", [byte(2, 3), *Q], 1, {}),
    ("GatherBlockQuantized", [byte(9, 16), ids(2, 5).astype(np.int64), real(9, 2)], 1,
     {"block_size": 16, "quantize_axis": 1}),
    ("NhwcMaxPool", [byte(1, 9, 8, 3)], 1, IMAGE),
    ("FusedConv", [real(1, 3, 8, 9), real(6, 3, 3, 3), real(6)], 1,
     {**IMAGE, "activation": "Relu"}),
    ("MaxpoolWithMask", [real(1, 3, 8, 9), np.ones((1, 3, 8, 9), np.int32)], 1, IMAGE),
    ("ConvTransposeWithDynamicPads",
     [real(1, 3, 4, 4), real(3, 6, 3, 3), whole(0, 1, 0, 1, dtype="int64")], 1,
     {"strides": [2, 2]}),
    ("SkipLayerNormalization", [real(2, 5, 8), real(2, 5, 8), real(8)], 4, {}),
    ("SkipSimplifiedLayerNormalization", [real(2, 5, 8), real(2, 5, 8), real(8)], 4, {}),
    ("EmbedLayerNormalization",
     [ids(2, 5), ids(2, 5), real(10, 8), real(5, 8), real(2, 8), real(8), real(8), ids(2, 5)], 3,
     {}),
    ("BiasGelu", [real(2, 5, 8), real(8)], 1, {}),
    ("FastGelu", [real(2, 5, 8), real(8)], 1, {}),
    ("QuickGelu", [real(2, 5, 8)], 1, {}),
    ("Inverse", [real(2, 3, 3) + 3 * np.eye(3, dtype=np.float32)], 1, {}),
    ("CDist", [real(4, 3), real(5, 3)], 1, {"metric": "euclidean"}),
    ("CropAndResize", [real(2, 3, 8, 8), real(4, 4), whole(0, 1, 0, 1), whole(5, 6)], 1, {}),
    ("GatherND", [real(4, 3, 2), np.zeros((5, 2), np.int64)], 1, {}),
    ("Trilu", [real(3, 4), np.asarray(1, np.int64)], 1, {}),
    ("Pad", [real(2, 3), whole(1, 0, 2, 1, dtype="int64")], 1, {}),
    ("Range", [np.asarray(1, np.int64), np.asarray(8, np.int64), np.asarray(3, np.int64)], 1, {}),
    ("UnfoldTensor", [real(2, 9)], 1, {"size": 4, "step": 2}),
    ("MurmurHash3", [ids(2, 3)], 1, {}),
    ("NGramRepeatBlock", [np.ones((2, 5), np.int64), real(2, 9)], 1, {"ngram_size": 2}),
    ("DynamicTimeWarping", [real(1, 1) * np.eye(4, dtype=np.float32)], 1, {}),
    ("MoE",
     [real(2, 5, 8), real(10, 3), real(3, 16, 8), None, real(3, 8, 16)], 1, {"k": 2}),
    ("WordConvEmbedding", [1 + ids(2, 6), real(4, 1, 3, 5), real(4), real(9, 5)], 1, {}),
    ("Unique", [real(5)], 3, {}),
]  # fmt: skip
# Of these the rule gives the most that there can be, at the first output.
AT_MOST = {"DynamicTimeWarping", "Unique"}


def run(sample: Sample, domain: str) -> tuple[list[Any], list[Any]]:
    """(types as inferred, arrays as onnxruntime makes them)."""
    op_type, inputs, outputs, attributes = sample
    names = [f"i{k}" if v is not None else "" for k, v in enumerate(inputs)]
    made = [f"o{k}" for k in range(outputs)]
    acts, constants, feeds = [], [], {}
    for index, (name, given) in enumerate(zip(names, inputs, strict=True)):
        if given is None:
            continue
        if index == 0 and op_type != "Range":
            dtype = helper.np_dtype_to_tensor_dtype(given.dtype)
            acts.append(value(name, given.shape, dtype))
            feeds[name] = given
        else:
            constants.append(onnx.numpy_helper.from_array(np.asarray(given), name))
    single = node(op_type, names, made, domain=domain, **attributes)
    whole_model = model([single], acts, [untyped(m) for m in made], constants, 20)
    if domain == ML:
        next(o for o in whole_model.opset_import if o.domain == ML).version = 3
    return list(shaped(whole_model).operations[-1].outputs), executed(whole_model, feeds)


def executed(whole_model: onnx.ModelProto, feeds: dict[str, Any]) -> list[Any]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            whole_model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except (state.Fail, state.NotImplemented, state.InvalidGraph) as error:
        pytest.skip(f"this onnxruntime does not know it: {str(error)[:120]}")
    made: Sequence[Any] = session.run(None, feeds)
    return list(made)


def compare(sample: Sample, domain: str) -> None:
    inferred, made = run(sample, domain)
    for index, (found, array) in enumerate(zip(inferred, made, strict=True)):
        assert found is not None
        if array is None or not np.size(array):
            continue
        assert found.shape is not None, (index, array.shape)
        if sample[0] in AT_MOST and index != 1:
            assert all(m <= f for m, f in zip(array.shape, found.shape, strict=True))
        else:
            assert (index, found.shape) == (index, array.shape)
        if array.dtype != object:
            assert (index, found.dtype) == (index, str(array.dtype))


@pytest.mark.parametrize("sample", SAMPLES, ids=[f"{i}-{s[0]}" for i, s in enumerate(SAMPLES)])
def test_a_contrib_operator_makes_what_its_rule_says(sample: Sample) -> None:
    compare(sample, MS)


LABELS = {"classlabels_ints": [0, 1, 2]}
MODELS: list[Sample] = [
    ("LinearClassifier", [real(4, 3)], 2,
     {"coefficients": [0.5] * 9, "intercepts": [0.1] * 3, **LABELS}),
    ("LinearRegressor", [real(4, 3)], 1, {"coefficients": [0.5] * 6, "targets": 2}),
    ("Normalizer", [real(4, 3)], 1, {"norm": "L2"}),
    ("Scaler", [real(4, 3)], 1, {"offset": [0.0], "scale": [2.0]}),
    ("Binarizer", [real(4, 3)], 1, {"threshold": 0.5}),
    ("Imputer", [real(4, 3)], 1, {"imputed_value_floats": [1.0]}),
    ("OneHotEncoder", [ids(4, 1).astype(np.int64)], 1, {"cats_int64s": [0, 1, 2]}),
    ("ArrayFeatureExtractor", [real(4, 3), whole(0, 2, dtype="int64")], 1, {}),
    ("FeatureVectorizer", [real(4, 3)], 1, {"inputdimensions": [3]}),
    ("LabelEncoder", [ids(4).astype(np.int64)], 1,
     {"keys_int64s": [0, 1], "values_floats": [0.5, 1.5]}),
    ("SVMRegressor", [real(4, 3)], 1,
     {"kernel_type": "RBF", "kernel_params": [0.1, 0.0, 3.0], "support_vectors": [0.5] * 6,
      "coefficients": [1.0, -1.0], "rho": [0.2], "n_supports": 2}),
    ("TreeEnsembleRegressor", [real(4, 3)], 1,
     {"nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_featureids": [0, 0, 0],
      "nodes_values": [0.5, 0.0, 0.0], "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
      "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 0, 0],
      "target_treeids": [0, 0], "target_nodeids": [1, 2], "target_ids": [0, 1],
      "target_weights": [1.0, 2.0], "n_targets": 2}),
]  # fmt: skip


@pytest.mark.parametrize("sample", MODELS, ids=[s[0] for s in MODELS])
def test_an_operator_of_machine_learning_makes_what_its_rule_says(sample: Sample) -> None:
    compare(sample, ML)
