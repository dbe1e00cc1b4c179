"""Sizes that one run on onnxruntime's CPU shows, against sizes counted by hand."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from builders import INT64, constant, graph, model, node, untyped, value, weight
from onnx import ModelProto, TensorProto

from auditor.cli import run

A100 = ("--hardware", "a100-sxm4-80gb")
RESNET = Path(__file__).resolve().parents[2] / "examples" / "resnet50.onnx"
BOOL = TensorProto.BOOL
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder in which the command runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def save(proto: ModelProto, name: str = "net.onnx") -> str:
    Path(name).write_bytes(proto.SerializeToString())
    return name


def save_inputs(**arrays: Any) -> str:
    np.savez("inputs.npz", **arrays)
    return "inputs.npz"


def audit(capsys: Capture, *arguments: object) -> tuple[int, str, str]:
    """Run the command; return its exit code and what it said on stdout and stderr."""
    capsys.readouterr()
    code = run([*map(str, arguments), *A100])
    out, err = capsys.readouterr()
    return code, out, err


def document(capsys: Capture, *arguments: object) -> dict[str, Any]:
    code, out, err = audit(capsys, *arguments, "--format", "json")
    assert (code, err) == (0, "")
    parsed: dict[str, Any] = json.loads(out)
    return parsed


def sizes(found: Mapping[str, Any]) -> list[tuple[str, str, int | None]]:
    listed = found["profile"]["data_dependent_sizes"]
    return [(size["node"], size["basis"], size["count"]) for size in listed]


def error(capsys: Capture, *arguments: object) -> str:
    code, out, err = audit(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    return err


def floats(*rows: Sequence[float]) -> Any:
    return np.asarray(rows, np.float32)


# --- one operator ---------------------------------------------------------------------------


def rectified() -> ModelProto:
    """Indices of what a rectifier lets through, and a product over them."""
    nodes = [
        node("Relu", ["x"], ["r"]),
        node("NonZero", ["r"], ["at"], name="nz"),
        node("Cast", ["at"], ["f"], to=TensorProto.FLOAT),
        node("MatMul", ["w", "f"], ["y"], name="product"),
    ]
    tensors = [onnx.numpy_helper.from_array(np.ones((8, 2), np.float32), "w")]
    return model(nodes, [value("x", [2, 6])], ["y"], tensors)


# Above zero: 1, 2 and 3 in the first row, 4 in the second.
RECTIFIED = floats([-1, 1, 2, 3, 0, -5], [0, 0, 4, -1, -1, -1])


def test_non_zero_elements_are_counted(capsys: Capture) -> None:
    net = save(rectified())
    arrays = save_inputs(x=RECTIFIED)
    found = document(capsys, net, "--trace-inputs", arrays, "--batch-size", "2")
    assert sizes(found) == [("nz", "traced", 4)]
    # (8, 2) times (2, 4)
    assert found["profile"]["forward"]["macs"] == 8 * 2 * 4


def test_a_trace_and_the_same_assumed_give_the_same(capsys: Capture) -> None:
    net = save(rectified())
    seen = document(capsys, net, "--trace-inputs", save_inputs(x=RECTIFIED))
    said = document(capsys, net, "--assume", "nz=4")
    assert sizes(said) == [("nz", "assumed", 4)]
    for found in (seen, said):
        found["profile"].pop("data_dependent_sizes")
        found.pop("warnings")
        found["assumptions"] = [a for a in found["assumptions"] if not a.startswith("traced")]
    assert seen == said


def test_boxes_that_are_kept_are_counted(capsys: Capture) -> None:
    # The second box lies on the first, the third apart: two of three are kept.
    boxes = floats([0, 0, 1, 1], [0, 0, 1, 0.95], [5, 5, 6, 6])[np.newaxis]
    scores = floats([0.9, 0.8, 0.7])[np.newaxis]
    tensors = [constant("most", [10]), constant("overlap", [0.5], "float32")]
    nodes = [node("NonMaxSuppression", ["b", "s", "most", "overlap"], ["kept"], name="nms")]
    inputs = [value("b", [1, 3, 4]), value("s", [1, 1, 3])]
    net = save(model(nodes, inputs, ["kept"], tensors))
    bounded = document(capsys, net)
    assert sizes(bounded) == [("nms", "upper bound", 3)]
    found = document(capsys, net, "--trace-inputs", save_inputs(b=boxes, s=scores))
    assert sizes(found) == [("nms", "traced", 2)]


def test_an_axis_says_what_is_counted(capsys: Capture) -> None:
    nodes = [
        node("Compress", ["x", "c"], ["some"], name="compress", axis=1),
        node("Unique", ["some"], ["rows", "first", "back", "counts"], name="unique", axis=0),
    ]
    inputs = [value("x", [3, 4]), value("c", [4], BOOL)]
    net = save(model(nodes, inputs, ["rows", "counts"]))
    # Columns 0 and 3 stay; then the rows (1, 4), (1, 4) and (2, 4) are two different ones.
    x = floats([1, 9, 9, 4], [1, 8, 8, 4], [2, 7, 7, 4])
    arrays = save_inputs(x=x, c=np.asarray([True, False, False, True]))
    found = document(capsys, net, "--trace-inputs", arrays)
    assert sizes(found) == [("compress", "traced", 2), ("unique", "traced", 2)]


def test_a_shape_computed_from_data_is_taken_whole(capsys: Capture) -> None:
    nodes = [node("Expand", ["x", "to"], ["wide"], name="wide"), node("Relu", ["wide"], ["y"])]
    net = save(model(nodes, [value("x", [1, 2]), value("to", [2], INT64)], ["y"]))
    arrays = save_inputs(x=floats([1, 2]), to=np.asarray([5, 2]))
    found = document(capsys, net, "--trace-inputs", arrays, "--batch-size", "1")
    assert sizes(found) == [("wide", "traced", None)]
    # A rectifier of 5 * 2 elements
    assert found["profile"]["forward"]["flops"] == 5 * 2


# --- control flow ---------------------------------------------------------------------------


def doubling() -> ModelProto:
    """Doubles its state until the sum is at least 100."""
    body = graph(
        [
            node("Mul", ["s", "two"], ["s2"]),
            node("ReduceSum", ["s2"], ["sum"], keepdims=0),
            node("Less", ["sum", "most"], ["go"]),
        ],
        [value("i", [], INT64), value("k", [], BOOL), value("s", [2, 2])],
        [value("go", [], BOOL), value("s2", [2, 2])],
        [constant("two", 2, "float32"), constant("most", 100, "float32")],
        "body",
    )
    loop = node("Loop", ["", "yes", "x"], ["last"], name="loop", body=body)
    return model([loop], [value("x", [2, 2])], ["last"], [constant("yes", True, "bool")])


def test_trips_of_a_loop_are_counted(capsys: Capture) -> None:
    net = save(doubling())
    assert sizes(document(capsys, net)) == [("loop", "unknown", None)]
    # The sum is 4 at first, and at least 100 after the fifth doubling: 4 * 2**5 = 128.
    arrays = save_inputs(x=np.ones((2, 2), np.float32))
    found = document(capsys, net, "--trace-inputs", arrays)
    assert sizes(found) == [("loop", "traced", 5)]
    said = document(capsys, net, "--assume", "loop=5")
    assert found["estimate"] == said["estimate"]
    assert found["profile"]["forward"] == said["profile"]["forward"]


def test_a_loop_that_does_not_start_has_no_trips(capsys: Capture) -> None:
    proto = doubling()
    proto.graph.node[0].input[1] = "start"
    proto.graph.input.append(value("start", [], BOOL))
    net = save(proto)
    arrays = save_inputs(x=np.ones((2, 2), np.float32), start=np.asarray(False))
    found = document(capsys, net, "--trace-inputs", arrays)
    assert sizes(found) == [("loop", "traced", 0)]


def test_outputs_of_a_loop_may_be_left_out(capsys: Capture) -> None:
    """The body hands out each trip's state as well, which the node does not ask for."""
    proto = doubling()
    body = proto.graph.node[0].attribute[0].g
    body.node.append(node("Identity", ["s2"], ["each"]))
    body.output.append(value("each", [2, 2]))
    arrays = save_inputs(x=np.ones((2, 2), np.float32))
    found = document(capsys, save(proto), "--trace-inputs", arrays)
    assert sizes(found) == [("loop", "traced", 5)]


def test_a_body_without_a_trip_number_is_an_error(capsys: Capture) -> None:
    nodes = [node("Identity", ["on"], ["go"]), node("Identity", ["on"], ["each"])]
    outputs = [value("go", [], BOOL), value("each", [], BOOL)]
    body = graph(nodes, [], outputs, name="body")
    loop = node("Loop", ["", "on"], ["y"], name="loop", body=body)
    proto = model([loop], [value("on", [], BOOL)], ["y"])
    assert "cannot be traced: the trip number" in error(capsys, save(proto), "--trace")


def branching() -> ModelProto:
    """A product where the sum of the input is above 0, else a rectifier."""
    heavy = graph([node("MatMul", ["x", "x"], ["a"])], [], [untyped("a")], name="then")
    light = graph([node("Relu", ["x"], ["b"])], [], [untyped("b")], name="else")
    nodes = [
        node("ReduceSum", ["x"], ["sum"], keepdims=0),
        node("Greater", ["sum", "zero"], ["positive"]),
        node("If", ["positive"], ["y"], name="if", then_branch=heavy, else_branch=light),
    ]
    return model(nodes, [value("x", [4, 4])], ["y"], [constant("zero", 0, "float32")])


@pytest.mark.parametrize(("sign", "branch", "macs"), [(1, "then", 4 * 4 * 4), (-1, "else", 0)])
def test_the_branch_that_a_run_takes_is_counted(
    capsys: Capture, sign: int, branch: str, macs: int
) -> None:
    net = save(branching())
    arrays = save_inputs(x=np.full((4, 4), sign, np.float32))
    found = document(capsys, net, "--trace-inputs", arrays, "--batch-size", "4")
    assert found["profile"]["forward"]["macs"] == macs
    assert any(f"the traced run took is counted ({branch}_branch)" in w for w in found["warnings"])


def test_a_size_inside_a_branch_keeps_its_bound_and_is_named(capsys: Capture) -> None:
    proto = branching()
    proto.graph.node[2].attribute[0].g.node[0].CopyFrom(node("NonZero", ["x"], ["a"], name="inner"))
    arrays = save_inputs(x=np.ones((4, 4), np.float32))
    found = document(capsys, save(proto), "--trace-inputs", arrays)
    assert ("inner", "upper bound", 16) in sizes(found)
    (note,) = [a for a in found["assumptions"] if a.startswith("traced sizes")]
    assert note.endswith("; 1 inside subgraphs not traced")


def test_a_size_that_another_brings_up_is_traced_as_well(capsys: Capture) -> None:
    # How long the range is, nobody can say, nor so what of it is not zero: of 0, 1, 2, 3 three.
    nodes = [
        node("Range", ["zero", "end", "one"], ["r"], name="range"),
        node("NonZero", ["r"], ["at"], name="nz"),
    ]
    tensors = [constant("zero", 0), constant("one", 1)]
    net = save(model(nodes, [value("end", [], INT64)], ["at"], tensors))
    found = document(capsys, net, "--trace-inputs", save_inputs(end=np.asarray(4)))
    assert sizes(found) == [("range", "traced", 4), ("nz", "traced", 3)]


def test_a_size_in_a_function_of_the_models_own_is_traced(capsys: Capture) -> None:
    inside = [node("Relu", ["a"], ["r"]), node("NonZero", ["r"], ["b"])]
    opsets = [onnx.helper.make_opsetid("", 22)]
    function = onnx.helper.make_function("my", "Positive", ["a"], ["b"], inside, opsets)
    nodes = [node("Positive", ["x"], ["y"], domain="my")]
    net = save(model(nodes, [value("x", [2, 6])], ["y"], functions=[function]))
    found = document(capsys, net, "--trace-inputs", save_inputs(x=RECTIFIED))
    assert sizes(found) == [("y", "traced", 4)]


def test_nodes_out_of_order_and_constants_among_the_inputs(capsys: Capture) -> None:
    proto = rectified()
    first = onnx.NodeProto.FromString(proto.graph.node[0].SerializeToString())
    del proto.graph.node[0]
    proto.graph.node.append(first)
    proto.graph.initializer.append(constant("least", 2, "float32"))
    proto.graph.input.append(value("least", []))
    proto.graph.node[-1].op_type = "Max"
    proto.graph.node[-1].input.append("least")
    found = document(capsys, save(proto), "--trace-inputs", save_inputs(x=RECTIFIED))
    # None is below 2.
    assert sizes(found) == [("nz", "traced", 12)]


# --- inputs that are made up -----------------------------------------------------------------


def test_made_up_inputs_are_the_same_each_time_and_said_so(capsys: Capture) -> None:
    net = save(rectified())
    first, second = (document(capsys, net, "--trace") for _ in range(2))
    assert first == second
    ((name, basis, count),) = sizes(first)
    assert (name, basis) == ("nz", "traced")
    # Twelve numbers, normal around 0.
    assert count is not None and 0 < count < 12
    (note,) = [a for a in first["assumptions"] if a.startswith("traced sizes")]
    assert "random inputs (floats standard normal" in note and "seed 0" in note


def test_indices_stay_within_the_table(capsys: Capture) -> None:
    """An index outside would be an error of onnxruntime's."""
    nodes = [
        node("Unsqueeze", ["ids", "axis"], ["wide"]),
        node("Gather", ["table", "wide"], ["rows"]),
        node("NonZero", ["rows"], ["at"], name="nz"),
    ]
    table = onnx.numpy_helper.from_array(np.ones((3, 2), np.float32), "table")
    inputs = [value("ids", [50], INT64)]
    net = save(model(nodes, inputs, ["at"], [table, constant("axis", [0])]))
    # 50 rows of two ones
    assert sizes(document(capsys, net, "--trace")) == [("nz", "traced", 100)]


def test_a_model_without_such_sizes_is_not_run(capsys: Capture) -> None:
    found = document(capsys, RESNET, "--trace")
    notes = [text for text in found["assumptions"] if text.startswith("--trace")]
    assert len(notes) == 1 and "the model was not run, no size" in notes[0]
    assert found["estimate"] == document(capsys, RESNET)["estimate"]


def test_a_type_that_cannot_be_made_up_is_an_error(capsys: Capture) -> None:
    nodes = [node("Equal", ["x", "x"], ["e"]), node("NonZero", ["e"], ["y"])]
    net = save(model(nodes, [value("x", [3], TensorProto.STRING)], ["y"]))
    assert "input 'x' is of type object" in error(capsys, net, "--trace")


# --- weights ---------------------------------------------------------------------------------


def weighted(location: str) -> ModelProto:
    """What is not zero of a product with weights in a file; the head's are beside the point."""
    nodes = [
        node("MatMul", ["x", "w"], ["p"]),
        node("NonZero", ["p"], ["at"], name="nz"),
        node("MatMul", ["p", "head"], ["y"]),
    ]
    tensors = [weight("w", 2, 2), weight("head", 2, 2)]
    proto = model(nodes, [value("x", [2, 2])], ["at", "y"], tensors)
    proto.graph.initializer[0].external_data[0].value = location
    proto.graph.initializer[0].external_data.add(key="length", value="16")
    return proto


def write_weights(path: Path) -> None:
    path.write_bytes(floats([1, 0], [0, 0]).tobytes())


def test_weights_beside_the_model_are_read(folder: Path, capsys: Capture) -> None:
    (folder / "data").mkdir()
    write_weights(folder / "data" / "w.bin")
    net = save(weighted("data/w.bin"))
    arrays = save_inputs(x=floats([1, 1], [1, 1]))
    # The product has its first column alone; the head's weights are nowhere, and not missed.
    found = document(capsys, net, "--trace-inputs", arrays)
    assert sizes(found) == [("nz", "traced", 2)]


def test_missing_weights_are_an_error_with_a_remedy(capsys: Capture) -> None:
    message = error(capsys, save(weighted("w.bin")), "--trace")
    assert "'w' in 'w.bin', which is not there" in message and "--assume NODE=N" in message


def test_weights_cut_short_are_an_error(folder: Path, capsys: Capture) -> None:
    (folder / "w.bin").write_bytes(bytes(15))
    assert "15 of the 16 bytes" in error(capsys, save(weighted("w.bin")), "--trace")


@pytest.mark.parametrize("how", ["absolute", "upwards", "link", "windows"])
def test_weights_outside_the_folder_are_not_opened(folder: Path, capsys: Capture, how: str) -> None:
    inside, outside = folder / "inside", folder / "outside.bin"
    inside.mkdir()
    write_weights(outside)
    (inside / "link.bin").symlink_to(outside)
    location = {
        "absolute": str(outside),
        "upwards": "../outside.bin",
        "link": "link.bin",
        "windows": "..\\outside.bin",
    }[how]
    net = save(weighted(location), "inside/net.onnx")
    assert "outside the model's folder and not opened" in error(capsys, net, "--trace")


# --- errors ----------------------------------------------------------------------------------


def test_without_a_runtime_the_remedy_is_named(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_installed(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr("auditor.measure.runtime.require_runtime.__defaults__", (none_installed,))
    assert "install auditor[gpu] or auditor[cpu]" in error(capsys, save(rectified()), "--trace")


def test_what_onnxruntime_refuses_is_one_line(capsys: Capture) -> None:
    nodes = [
        node("Mystery", ["x"], ["m"], domain="com.example"),
        node("NonZero", ["m"], ["y"], name="nz"),
        node("NonZero", ["x"], ["z"], name="other"),
    ]
    net = save(model(nodes, [value("x", [2])], ["y", "z"]))
    # What is known of the operator's result is nothing, so that only the other can be traced.
    assert sizes(document(capsys, net, "--trace")) == [("other", "traced", 2)]
    broken = rectified()
    broken.graph.node[0].op_type = "Sqeeze"
    broken.graph.value_info.append(value("r", [2, 6]))
    assert "onnxruntime cannot run it" in error(capsys, save(broken), "--trace")


BAD_INPUTS: dict[str, tuple[Callable[[], object], str]] = {
    "missing": (save_inputs, "input 'x' is missing"),
    "unknown": (lambda: save_inputs(x=RECTIFIED, z=RECTIFIED), "z: no such input"),
    "shape": (lambda: save_inputs(x=RECTIFIED[:1]), "is float32 1x6, but the audit is of"),
    "type": (lambda: save_inputs(x=RECTIFIED.astype("f8")), "is float64 2x6, but the audit is of"),
    "none": (lambda: None, "cannot be read: No such file"),
    "no archive": (lambda: Path("inputs.npz").write_bytes(b"PK\x03\x04no"), "not a file of named"),
    "text": (lambda: Path("inputs.npz").write_text("x = 1"), "not a file of named arrays"),
    "empty": (lambda: Path("inputs.npz").touch(), "not a file of named arrays"),
    "one array": (
        lambda: Path("inputs.npz").write_bytes(_npy(RECTIFIED)),
        "one array without a name",
    ),
    "objects": (
        lambda: np.savez("inputs.npz", x=np.asarray([{}], dtype=object)),
        "not a file of named arrays",
    ),
}


def _npy(array: Any) -> bytes:
    np.save("array.npy", array)
    return Path("array.npy").read_bytes()


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_inputs_that_do_not_fit_are_an_error(capsys: Capture, case: str) -> None:
    make, said = BAD_INPUTS[case]
    make()
    assert said in error(capsys, save(rectified()), "--trace-inputs", "inputs.npz")


def test_an_array_that_is_cut_short_is_an_error(capsys: Capture) -> None:
    with zipfile.ZipFile("inputs.npz", "w") as file:
        file.writestr("x.npy", _npy(RECTIFIED)[:-4])
    message = error(capsys, save(rectified()), "--trace-inputs", "inputs.npz")
    assert "not a file of named arrays" in message
