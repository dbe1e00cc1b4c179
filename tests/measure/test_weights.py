"""Weights that are made up: right in shape, type and scale; and what never is made up."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from builders import constant, model, node, value
from onnx import ModelProto, TensorProto, numpy_helper

from auditor.errors import ModelLoadError
from auditor.measure.weights import runnable

ROOT = Path(__file__).resolve().parents[2]


def missing(name: str, *shape: int, dtype: int = TensorProto.FLOAT, file: str = "gone.bin") -> Any:
    """A tensor whose elements are declared to lie in a file."""
    made = TensorProto(name=name, dims=shape, data_type=dtype)
    made.data_location = TensorProto.EXTERNAL
    size = math.prod(shape) * np.dtype(onnx.helper.tensor_dtype_to_np_dtype(dtype)).itemsize
    for key, text in (("location", file), ("offset", "0"), ("length", str(size))):
        entry = made.external_data.add()
        entry.key, entry.value = key, text
    return made


def saved(tmp_path: Path, nodes: list[Any], tensors: list[Any], x: Any = None) -> Path:
    proto: ModelProto = model(nodes, [x or value("x", [2, 64])], ["y"], tensors)
    path = tmp_path / "net.onnx"
    path.write_bytes(proto.SerializeToString())
    return path


def test_a_file_with_its_weights_is_run_as_it_is(tmp_path: Path) -> None:
    w = numpy_helper.from_array(np.ones((64, 8), np.float32), "w")
    found = runnable(saved(tmp_path, [node("MatMul", ["x", "w"], ["y"])], [w]), {})
    assert (found.weights, found.made_up_count) == ({}, 0)
    held = onnx.ModelProto.FromString(found.serialized).graph.initializer[0]
    assert numpy_helper.to_array(held).tolist() == [[1.0] * 8] * 64


@pytest.mark.parametrize(
    ("made", "shape", "std"),
    [
        # The deviation is sqrt(gain / fan-in), the fan-in counted by hand.
        (node("MatMul", ["x", "w"], ["y"]), (64, 400), math.sqrt(1 / 64)),
        (node("Gemm", ["x", "w"], ["y"]), (64, 400), math.sqrt(1 / 64)),
        (node("Gemm", ["x", "w"], ["y"], transB=1), (400, 64), math.sqrt(1 / 64)),
        (node("Conv", ["x", "w"], ["y"]), (64, 32, 3, 3), math.sqrt(2 / (32 * 9))),
        (node("Conv", ["x", "w"], ["y"], group=64), (64, 1, 7, 7), math.sqrt(2 / 49)),
        (node("ConvTranspose", ["x", "w"], ["y"]), (64, 32, 2, 2), math.sqrt(2 / (64 * 4))),
        (node("Gather", ["w", "i"], ["y"]), (500, 64), 0.02),
        (node("LSTM", ["x", "w", "r"], ["y"]), (1, 256, 64), math.sqrt(1 / 64)),
    ],
)
def test_products_keep_the_scale_of_what_goes_through(
    tmp_path: Path, made: Any, shape: tuple[int, ...], std: float
) -> None:
    found = runnable(saved(tmp_path, [made], [missing("w", *shape)]), {})
    w = found.weights["w"]
    assert (w.shape, w.dtype) == (shape, np.float32)
    assert float(np.std(w)) == pytest.approx(std, rel=0.05)
    assert abs(float(np.mean(w))) < 0.1 * std
    assert found.made_up_bytes == math.prod(shape) * 4


def test_a_weight_that_comes_transposed_is_seen_through(tmp_path: Path) -> None:
    nodes = [
        node("Cast", ["w"], ["c"], to=TensorProto.FLOAT),
        node("Transpose", ["c"], ["t"], perm=[1, 0]),
        node("MatMul", ["x", "t"], ["y"]),
    ]
    found = runnable(saved(tmp_path, nodes, [missing("w", 900, 64)]), {})
    assert float(np.std(found.weights["w"])) == pytest.approx(math.sqrt(1 / 64), rel=0.05)


def test_normalization_has_variances_above_zero(tmp_path: Path) -> None:
    names = ["scale", "bias", "mean", "var"]
    nodes = [node("BatchNormalization", ["x", *names], ["y"])]
    found = runnable(saved(tmp_path, nodes, [missing(n, 64) for n in names]), {})
    assert {n: set(found.weights[n].tolist()) for n in names} == {
        "scale": {1.0},
        "bias": {0.0},
        "mean": {0.0},
        "var": {1.0},
    }


def test_the_same_name_gives_the_same_weights(tmp_path: Path) -> None:
    path = saved(tmp_path, [node("MatMul", ["x", "w"], ["y"])], [missing("w", 64, 8)])
    first, second = runnable(path, {}), runnable(path, {})
    assert np.array_equal(first.weights["w"], second.weights["w"])


@pytest.mark.parametrize(
    ("dtype", "name"), [(TensorProto.FLOAT16, "float16"), (TensorProto.BFLOAT16, "bfloat16")]
)
def test_half_precision_comes_as_such(tmp_path: Path, dtype: int, name: str) -> None:
    tensors = [missing("w", 64, 8, dtype=dtype)]
    found = runnable(saved(tmp_path, [node("MatMul", ["x", "w"], ["y"])], tensors), {})
    assert found.weights["w"].dtype.name == name
    assert np.isfinite(found.weights["w"].astype(np.float32)).all()


def test_indices_stay_within_their_table(tmp_path: Path) -> None:
    nodes = [node("Gather", ["x", "i"], ["y"])]
    tensors = [missing("i", 3000, dtype=TensorProto.INT64)]
    path = saved(tmp_path, nodes, tensors)
    known = runnable(path, {"i": 7}).weights["i"]
    assert set(known.tolist()) == set(range(7))
    # Where the table is not known, its first row: every table has one.
    assert set(runnable(path, {}).weights["i"].tolist()) == {0}


def test_masks_have_both_values_in_every_row(tmp_path: Path) -> None:
    nodes = [node("Where", ["m", "x", "x"], ["y"])]
    found = runnable(saved(tmp_path, nodes, [missing("m", 2, 64, dtype=TensorProto.BOOL)]), {})
    assert found.weights["m"].any(axis=1).all() and not found.weights["m"].all(axis=1).any()


def test_quantized_weights_use_their_whole_range(tmp_path: Path) -> None:
    nodes = [node("DequantizeLinear", ["w", "s"], ["f"]), node("MatMul", ["x", "f"], ["y"])]
    tensors = [missing("w", 64, 999, dtype=TensorProto.INT8), constant("s", 0.1, "float32")]
    w = runnable(saved(tmp_path, nodes, tensors), {}).weights["w"]
    assert (w.dtype, w.min(), w.max()) == (np.int8, 0, 127)


@pytest.mark.parametrize("dtype", [TensorProto.INT64, TensorProto.INT32])
@pytest.mark.parametrize(
    "nodes",
    [
        [node("Reshape", ["x", "bad"], ["y"])],
        [node("Gather", ["x", "bad"], ["a"]), node("Add", ["a", "bad"], ["y"])],
        [node("Add", ["x", "bad"], ["y"])],
        [node("Identity", ["bad"], ["s"]), node("Reshape", ["x", "s"], ["y"])],
    ],
)
def test_whole_numbers_that_may_be_shapes_are_refused(
    tmp_path: Path, nodes: list[Any], dtype: int
) -> None:
    path = saved(tmp_path, nodes, [missing("bad", 4000, dtype=dtype)])
    with pytest.raises(ModelLoadError, match=r"shapes or indices: bad; put the file"):
        runnable(path, {})


def test_many_are_counted(tmp_path: Path) -> None:
    nodes = [node("Concat", [f"s{i}" for i in range(9)], ["y"], axis=0)]
    tensors = [missing(f"s{i}", 2000, dtype=TensorProto.INT64) for i in range(9)]
    with pytest.raises(ModelLoadError, match="s0, s1, s2, s3, s4 and 4 more"):
        runnable(saved(tmp_path, nodes, tensors), {})


@pytest.mark.parametrize("location", ["/etc/passwd", "../secret.bin", "a/../../b", "C:\\x", ""])
def test_weights_outside_the_folder_are_not_opened(tmp_path: Path, location: str) -> None:
    tensors = [missing("w", 64, 8, file=location)]
    path = saved(tmp_path, [node("MatMul", ["x", "w"], ["y"])], tensors)
    with pytest.raises(ModelLoadError, match="outside the model's folder and not opened"):
        runnable(path, {})


def test_a_link_that_leads_outside_is_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(4096))
    (folder / "w.bin").symlink_to(tmp_path / "secret.bin")
    path = saved(folder, [node("MatMul", ["x", "w"], ["y"])], [missing("w", 64, 8, file="w.bin")])
    with pytest.raises(ModelLoadError, match="outside the model's folder"):
        runnable(path, {})


def test_weights_that_are_there_are_used_and_a_short_file_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, [node("MatMul", ["x", "w"], ["y"])], [missing("w", 64, 8, file="w.bin")])
    (tmp_path / "w.bin").write_bytes(np.ones((64, 8), np.float32).tobytes())
    assert runnable(path, {}).made_up_count == 0
    (tmp_path / "w.bin").write_bytes(bytes(100))
    with pytest.raises(ModelLoadError, match="has 100 of the 2048 bytes"):
        runnable(path, {})


def test_a_constant_in_a_subgraph_is_made_up_in_the_file(tmp_path: Path) -> None:
    made = node("Constant", [], ["w"], value=missing("", 64, 8))
    path = saved(tmp_path, [made, node("MatMul", ["x", "w"], ["y"])], [])
    found = runnable(path, {})
    assert found.made_up_count == 1 and not found.weights
    proto = onnx.ModelProto.FromString(found.serialized)
    array = numpy_helper.to_array(proto.graph.node[0].attribute[0].t)
    assert float(np.std(array)) == pytest.approx(math.sqrt(1 / 64), rel=0.1)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"no model")
    with pytest.raises(ModelLoadError, match=r"no\.onnx: cannot be loaded"):
        runnable(tmp_path / "no.onnx", {})
