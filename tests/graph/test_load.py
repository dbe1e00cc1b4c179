"""Loading: what comes in, what is refused and how it is said, and what is never opened."""

from __future__ import annotations

import os
import random
import sys
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import onnx
import pytest
from builders import (
    DATA,
    INT64,
    bound,
    constant,
    graph,
    loaded,
    model,
    node,
    shaped,
    value,
    values,
    weight,
)
from onnx import ModelProto, TensorProto, helper

from auditor.errors import AuditError, ModelLoadError
from auditor.graph import Graph, Tensor, load_model
from auditor.shapes import infer_shapes


def small() -> ModelProto:
    """A model with an attribute, a shape constant, a branch and a weight."""
    branch = graph([node("Relu", ["h"], ["b"])], [], ["b"])
    nodes = [
        node("MatMul", ["x", "w"], ["h"], name="dense"),
        node("If", ["flag"], ["r"], then_branch=branch, else_branch=branch),
        node("Reshape", ["r", "shape"], ["y"], allowzero=0),
    ]
    tensors = [constant("w", np.zeros((4, 6)), "float32"), constant("shape", [-1, 3])]
    flag = value("flag", [], TensorProto.BOOL)
    return model(nodes, [value("x", ["batch", 4]), flag], [value("y", [None, 3])], tensors)


# --- what comes in ----------------------------------------------------------------------


def test_a_model_as_records() -> None:
    read = loaded(small())
    assert read.opset == 22
    assert [n.op_type for n in read.graph.nodes] == ["MatMul", "If", "Reshape"]
    assert read.graph.nodes[0].name == "dense"
    assert read.graph.nodes[2].attributes["allowzero"] == 0
    assert isinstance(read.graph.nodes[1].attributes["then_branch"], Graph)
    assert read.graph.inputs[0] == Tensor("x", "float32", ("batch", 4))
    assert read.graph.outputs[0].shape == (None, 3)
    assert read.graph.initializers["shape"].value.tolist() == [-1, 3]
    assert read.graph.initializers["w"] == Tensor("w", "float32", (4, 6))


FILES = sorted((DATA / "models").glob("*.onnx"))


@pytest.mark.parametrize("path", FILES[::6], ids=lambda p: p.name)
def test_records_hold_what_onnx_reads(path: Path) -> None:
    proto, read = onnx.load(path, load_external_data=False).graph, load_model(path).graph
    assert [(n.op_type, n.name, n.inputs, n.outputs) for n in read.nodes] == [
        (n.op_type, n.name, tuple(n.input), tuple(n.output)) for n in proto.node
    ]
    types = {t.name: helper.tensor_dtype_to_np_dtype(t.data_type).name for t in proto.initializer}
    assert {n: t.dtype for n, t in read.initializers.items()} == types
    dims = {t.name: tuple(t.dims) for t in proto.initializer}
    assert {n: t.shape for n, t in read.initializers.items()} == dims
    for mine, theirs in zip(read.nodes, proto.node, strict=True):
        assert set(mine.attributes) == {a.name for a in theirs.attribute}
        for attribute in theirs.attribute:
            if attribute.type in (onnx.AttributeProto.INT, onnx.AttributeProto.FLOAT):
                wanted = helper.get_attribute_value(attribute)
                assert mine.attributes[attribute.name] == wanted


def test_attributes_of_every_kind() -> None:
    made = node(
        "Custom",
        ["x"],
        ["y"],
        domain="local",
        i=3,
        f=0.5,
        s="text",
        ints=[1, 2],
        floats=[0.25],
        strings=["a", "b"],
        t=constant("t", [7]),
        graphs=[graph([node("Relu", ["x"], ["z"])], [], ["z"])],
    )
    found = loaded(model([made], [value("x", [1])], ["y"])).graph.nodes[0].attributes
    assert (found["i"], found["f"], found["s"]) == (3, 0.5, "text")
    assert (found["ints"], found["floats"], found["strings"]) == ((1, 2), (0.25,), ("a", "b"))
    assert found["t"].value.tolist() == [7]
    assert found["graphs"][0].nodes[0].op_type == "Relu"


def test_initializers_listed_among_the_inputs_are_no_inputs() -> None:
    proto = model([node("MatMul", ["x", "w"], ["y"])], [value("x", [2, 3])], ["y"])
    proto.graph.input.append(value("w", [3, 4]))
    proto.graph.initializer.append(weight("w", 3, 4))
    assert [t.name for t in loaded(proto).graph.inputs] == ["x"]


@pytest.mark.parametrize("size", [0, -1])
def test_a_dimension_that_is_no_size_is_dynamic(size: int) -> None:
    proto = model([node("Relu", ["x"], ["y"])], [value("x", [size, 3])], ["y"])
    assert loaded(proto).graph.inputs[0].shape == (None, 3)


def test_ai_onnx_is_the_default_domain() -> None:
    proto = model([node("Relu", ["x"], ["y"], domain="ai.onnx")], [value("x", [1])], ["y"])
    assert loaded(proto).graph.nodes[0].domain == ""


def test_local_functions_are_inlined() -> None:
    body = [node("Mul", ["a", "a"], ["s"]), node("Relu", ["s"], ["o"])]
    call = node("Square", ["x"], ["y"], domain="local")
    proto = model([call], [value("x", [2, 3])], ["y"])
    imports = [helper.make_opsetid("", 22)]
    proto.functions.append(helper.make_function("local", "Square", ["a"], ["o"], body, imports))
    found = shaped(proto)
    assert [op.op_type for op in found.operations] == ["Mul", "Relu"]
    assert found.outputs[0].shape == (2, 3)


def test_size_of_the_file_is_that_on_disk(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(small().SerializeToString())
    assert load_model(path).file_bytes == path.stat().st_size


# --- what is never opened ---------------------------------------------------------------


def test_external_data_that_does_not_exist_is_not_missed() -> None:
    proto = model([node("MatMul", ["x", "w"], ["y"])], [value("x", [2, 3])], ["y"])
    proto.graph.initializer.append(weight("w", 3, 4))
    assert shaped(proto).outputs[0].shape == (2, 4)


OPENED: list[str] = []
WATCHING = [False]


def _hook(event: str, arguments: Any) -> None:
    if WATCHING[0] and event == "open":
        OPENED.append(os.fspath(arguments[0]) if not isinstance(arguments[0], int) else "")


@pytest.fixture
def opened() -> Iterator[list[str]]:
    """Paths of the files opened in a test; a hook cannot be taken away, so it is switched."""
    if not WATCHING[0] and _hook not in HOOKS:
        sys.addaudithook(_hook)
        HOOKS.append(_hook)
    OPENED.clear()
    WATCHING[0] = True
    yield OPENED
    WATCHING[0] = False


HOOKS: list[Any] = []


def test_external_data_that_exists_is_not_opened(tmp_path: Path, opened: list[str]) -> None:
    proto = model([node("MatMul", ["x", "w"], ["y"])], [value("x", [2, 3])], ["y"])
    tensor = weight("w", 3, 4)
    tensor.external_data[0].value = "w.bin"
    proto.graph.initializer.append(tensor)
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    os.mkfifo(tmp_path / "w.bin")  # opening it would wait for ever
    opened.clear()
    infer_shapes(*bound(path))
    mine = [p for p in opened if str(tmp_path) in p]
    assert mine == [str(path)]


def sparse_file(path: Path, payload_bytes: int) -> None:
    """A model with one weight whose elements are a hole in the file."""

    def head(number: int, length: int) -> bytes:
        out = bytearray([number << 3 | 2])
        while length >= 0x80:
            out.append(length & 0x7F | 0x80)
            length >>= 7
        return bytes(out) + bytes([length])

    elements = payload_bytes // 4
    tensor = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[elements // 4, 4])
    front = tensor.SerializeToString() + head(9, payload_bytes)
    proto = model([node("MatMul", ["x", "w"], ["y"])], [value("x", ["n", elements // 4])], ["y"])
    rest = proto.graph.SerializeToString()
    initializer = head(5, len(front) + payload_bytes)
    length = len(rest) + len(initializer) + len(front) + payload_bytes
    del proto.graph.node[:]
    proto.ClearField("graph")
    start = proto.SerializeToString() + head(7, length) + rest + initializer + front
    with path.open("wb") as file:
        file.write(start)
        file.truncate(len(start) + payload_bytes)


def test_weights_beyond_two_gigabytes_are_never_read(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    sparse_file(path, 2_500_000_000)
    assert path.stat().st_blocks * 512 < 1_000_000  # the hole takes no disk
    load_model_once_to_warm_up()
    tracemalloc.start()
    started, resident = perf_counter(), resident_bytes()
    read = load_model(path)
    seconds, growth = perf_counter() - started, resident_bytes() - resident
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert read.graph.initializers["w"].shape == (156_250_000, 4)  # 2.5e9 / 4 bytes / 4
    assert seconds < 1
    assert peak < 5_000_000
    assert growth < 50_000_000


def load_model_once_to_warm_up() -> None:
    loaded(small())


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


# --- what is refused, and how it is said ------------------------------------------------


def refusal(path: Path) -> str:
    with pytest.raises(ModelLoadError) as caught:
        load_model(path)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty"),
        (PNG, "not an ONNX model"),
        (small().SerializeToString()[:-7], "truncated"),
        (ModelProto(ir_version=10).SerializeToString(), "no graph in the file"),
        (model([], [value("x", [1])], ["x"]).SerializeToString(), "the graph has no nodes"),
    ],
    ids=["empty", "png", "truncated", "no graph", "no nodes"],
)
def test_files_that_are_no_models(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    assert said in refusal(path)


def test_a_path_without_a_file(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "absent.onnx")


def test_a_folder(tmp_path: Path) -> None:
    assert "cannot be read" in refusal(tmp_path)


def written(tmp_path: Path, nodes: list[Any]) -> Path:
    path = tmp_path / "m.onnx"
    path.write_bytes(model(nodes, [value("x", [1])], ["y"]).SerializeToString())
    return path


def test_a_cycle(tmp_path: Path) -> None:
    path = written(tmp_path, [node("Add", ["x", "y"], ["z"]), node("Relu", ["z"], ["y"])])
    assert "Add node '' depends on itself: the graph has a cycle" in refusal(path)


def test_nodes_out_of_order_are_put_in_order(tmp_path: Path) -> None:
    """As onnxruntime's float16 converter leaves them: casts at the end."""
    nodes = [
        node("Relu", ["b"], ["c"]),
        node("Neg", ["c"], ["y"]),
        node("Abs", ["x"], ["b"]),
    ]
    read = load_model(written(tmp_path, nodes))
    assert [n.op_type for n in read.graph.nodes] == ["Abs", "Relu", "Neg"]


def test_a_value_captured_by_a_subgraph_comes_first(tmp_path: Path) -> None:
    """What a branch reads from outside is made before the If, wherever the file has it."""
    branches = {
        f"{b}_branch": graph([node("Neg", ["late"], [b])], [], [b], name=b)
        for b in ("then", "else")
    }
    nodes = [node("If", ["c"], ["y"], **branches), node("Relu", ["x"], ["late"])]
    nodes.append(node("IsNaN", ["x"], ["c"]))
    read = load_model(written(tmp_path, nodes))
    assert [n.op_type for n in read.graph.nodes] == ["Relu", "IsNaN", "If"]


def test_an_input_that_nothing_makes(tmp_path: Path) -> None:
    path = written(tmp_path, [node("Add", ["x", "ghost"], ["y"], name="sum")])
    said = refusal(path)
    assert "value 'ghost', input of Add node 'sum', is made by nothing in the graph" in said


def test_an_input_of_a_branch_that_nothing_makes(tmp_path: Path) -> None:
    branch = graph([node("Relu", ["ghost"], ["b"])], [], ["b"])
    path = written(tmp_path, [node("If", ["x"], ["y"], then_branch=branch, else_branch=branch)])
    assert "'ghost'" in refusal(path)


def test_names_with_line_breaks_stay_in_one_line(tmp_path: Path) -> None:
    refusal(written(tmp_path, [node("Add", ["x", "gho\nst"], ["y"], name="a\r\nb")]))


def test_every_truncation_loads_or_is_refused(tmp_path: Path) -> None:
    data = small().SerializeToString()
    assert len(data) < 1000  # so that all cut points are quick
    path, refused = tmp_path / "m.onnx", 0
    for end in range(len(data)):
        path.write_bytes(data[:end])
        try:
            load_model(path)
        except ModelLoadError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 0.9 * len(data)  # whole fields at the end of the file may be missing


def damaged(data: bytes, rng: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        out[rng.randrange(len(out))] = rng.randrange(256)
    return bytes(out)


@pytest.mark.parametrize("seed", range(4))
def test_damaged_files_end_in_an_audit_error_at_worst(tmp_path: Path, seed: int) -> None:
    """Loading, binding and shape inference of what is left of a model after byte flips."""
    rng, path = random.Random(seed), tmp_path / "m.onnx"  # noqa: S311
    data, survived = small().SerializeToString(), 0
    for _ in range(250):
        path.write_bytes(damaged(data, rng))
        try:
            infer_shapes(*bound(path))
            survived += 1
        except AuditError as error:
            assert "\n" not in str(error)
    assert 0 < survived < 250  # both happen, or the test shows nothing


def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    data = small().SerializeToString().replace(b"then_branch", b"then\xffbranch")
    path = tmp_path / "m.onnx"
    path.write_bytes(data)
    refusal(path)


@pytest.mark.parametrize("version", [2**31, -(2**40)])
def test_an_impossible_operator_set_version_is_no_crash(version: int) -> None:
    proto = small()
    proto.opset_import[0].version = version
    try:
        shaped(proto)
    except AuditError as error:
        assert "\n" not in str(error)


def test_values_of_the_test_model_are_known() -> None:
    # (2, 4) x (4, 6) = (2, 6), relabelled to rows of 3: 2*6/3 = 4 rows
    found = values(shaped(small()))
    assert (found["h"].shape, found["y"].shape) == ((2, 6), (4, 3))


def test_int_inputs_keep_their_type() -> None:
    proto = model([node("Identity", ["x"], ["y"])], [value("x", [2], INT64)], ["y"])
    assert loaded(proto).graph.inputs[0].dtype == "int64"


def test_loading_takes_memory_in_proportion_to_the_nodes(tmp_path: Path) -> None:
    def peak_bytes(count: int) -> int:
        names = [f"v{i}" for i in range(count + 1)]
        chain = [node("Relu", [a], [b]) for a, b in pairwise(names)]
        proto = model(chain, [value("v0", [1])], [names[-1]])
        path = tmp_path / f"{count}.onnx"
        path.write_bytes(proto.SerializeToString())
        tracemalloc.start()
        try:
            load_model(path)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak_bytes(10)  # what is loaded once
    assert peak_bytes(2000) < 6 * peak_bytes(500)  # four times as many; squared would be sixteen
