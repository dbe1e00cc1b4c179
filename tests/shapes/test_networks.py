"""Every shape of every test network is known, and equal to onnx's where onnx knows it."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from builders import DATA, bound, values
from onnx import ModelProto, shape_inference

from auditor.shapes import infer_shapes

ORACLE = json.loads((DATA / "oracle.json").read_text(encoding="utf-8"))
FILES = [DATA / "models" / f["file"] for n in ORACLE["networks"].values() for f in n["files"]]
BATCH, SEQUENCE = 2, 64


def sizes(path: Path) -> dict[str, int]:
    """Bind every dimension but the batch to the sequence length."""
    inputs = onnx.load(path, load_external_data=False).graph.input
    symbols = {d.dim_param for i in inputs for d in i.type.tensor_type.shape.dim if d.dim_param}
    return dict.fromkeys(symbols - {"batch"}, SEQUENCE)


def concrete(path: Path, shapes: dict[str, tuple[int, ...]]) -> ModelProto:
    """The file with its inputs' dimensions as numbers and nothing else stated."""
    proto = onnx.load(path, load_external_data=False)
    for listed in proto.graph.input:
        for dim, size in zip(listed.type.tensor_type.shape.dim, shapes[listed.name], strict=True):
            dim.dim_value = size
    del proto.graph.value_info[:]
    for listed in proto.graph.output:
        listed.type.tensor_type.ClearField("shape")
    return proto


def known_to_onnx(proto: ModelProto) -> dict[str, tuple[int, ...]]:
    inferred = shape_inference.infer_shapes(proto, strict_mode=False, data_prop=True).graph
    found = {}
    for listed in (*inferred.value_info, *inferred.output):
        tensor = listed.type.tensor_type
        if tensor.HasField("shape") and all(d.HasField("dim_value") for d in tensor.shape.dim):
            found[listed.name] = tuple(d.dim_value for d in tensor.shape.dim)
    return found


def test_all_test_networks_are_looked_at() -> None:
    assert sorted(FILES) == sorted((DATA / "models").glob("*.onnx"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_shapes_of_a_network(path: Path) -> None:
    read, inputs = bound(path, BATCH, sizes(path))
    found = infer_shapes(read, inputs)
    mine = {name: v.shape for name, v in values(found).items()}
    unknown = [name for name, shape in mine.items() if shape is None]
    assert unknown == []
    theirs = known_to_onnx(concrete(path, dict(inputs.shapes)))
    assert len(theirs) > 0.1 * len(mine)  # else nothing is compared
    different = {n: (mine[n], s) for n, s in theirs.items() if n in mine and mine[n] != s}
    assert different == {}


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_nothing_of_a_network_is_left_as_a_problem(path: Path) -> None:
    found = infer_shapes(*bound(path, BATCH, sizes(path)))
    assert found.problems == ()
