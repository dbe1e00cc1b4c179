"""The hash of the structure sees operators, wiring and dimensions, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from builders import DATA, constant, graph, loaded, model, node, value, weight
from onnx import ModelProto, TensorProto


def network(
    *,
    prefix: str = "",
    target: int = 6,
    alpha: float = 0.5,
    width: int = 4,
    opset: int = 22,
    tensor: TensorProto | None = None,
) -> ModelProto:
    p = prefix
    branch = graph([node("Elu", [p + "h"], [p + "b"], alpha=alpha)], [], [p + "b"])
    other = graph([node("Identity", [p + "h"], [p + "o"])], [], [p + "o"])
    nodes = [
        node("MatMul", [p + "x", p + "w"], [p + "h"], name=p + "first"),
        node("If", [p + "flag"], [p + "r"], name=p + "if", then_branch=branch, else_branch=other),
        node("Reshape", [p + "r", p + "shape"], [p + "y"], name=p + "last"),
    ]
    weights = tensor or constant(p + "w", np.ones((width, 12)), "float32")
    weights.name = p + "w"
    inputs = [value(p + "x", ["batch", width]), value(p + "flag", [], TensorProto.BOOL)]
    return model(nodes, inputs, [p + "y"], [weights, constant(p + "shape", [-1, target])], opset)


def fingerprint(proto: ModelProto) -> str:
    return loaded(proto).structure_sha256


BASE = fingerprint(network())


def test_weights_do_not_count_wherever_they_are() -> None:
    inside = network(tensor=constant("w", np.random.default_rng(1).random((4, 12)), "float32"))
    outside = network(tensor=weight("w", 4, 12))
    stripped = TensorProto(data_type=TensorProto.FLOAT, dims=[4, 12])
    assert {fingerprint(p) for p in (inside, outside, network(tensor=stripped))} == {BASE}


def test_names_do_not_count() -> None:
    assert fingerprint(network(prefix="renamed/")) == BASE


def test_large_weights_do_not_count() -> None:
    def wide(elements: np.ndarray) -> ModelProto:
        return network(width=400, tensor=constant("w", elements, "float32"))

    outside = network(width=400, tensor=weight("w", 400, 12))
    one, two = wide(np.ones((400, 12))), wide(np.zeros((400, 12)))
    assert fingerprint(one) == fingerprint(two) == fingerprint(outside)


@pytest.mark.parametrize(
    "changed",
    [
        network(target=4),
        network(alpha=0.25),
        network(width=5),
        network(opset=21),
        network(tensor=weight("w", 4, 12, dtype=TensorProto.FLOAT16)),
    ],
    ids=["integer constant", "attribute in a branch", "dimension", "opset", "type"],
)
def test_what_is_computed_counts(changed: ModelProto) -> None:
    assert fingerprint(changed) != BASE


def test_wiring_counts() -> None:
    def difference(left: str, right: str) -> ModelProto:
        inputs = [value("a", [2]), value("b", [2])]
        return model([node("Sub", [left, right], ["y"])], inputs, ["y"])

    assert fingerprint(difference("a", "b")) != fingerprint(difference("b", "a"))
    assert fingerprint(difference("a", "a")) != fingerprint(difference("a", "b"))


def test_an_unused_initializer_counts_by_its_type_only() -> None:
    one, two = network(), network()
    one.graph.initializer.append(weight("unused", 3))
    two.graph.initializer.append(weight("another", 3))
    assert fingerprint(one) == fingerprint(two) != BASE


@pytest.mark.parametrize("name", ["resnet50.torchscript", "llama_tiny.dynamo"])
def test_renaming_every_value_of_a_network(name: str) -> None:
    path: Path = DATA / "models" / f"{name}.onnx"
    proto = onnx.load(path, load_external_data=False)
    before = fingerprint(proto)
    for each in proto.graph.node:
        each.name = "n" + each.name
        each.input[:] = ["v" + n if n else n for n in each.input]
        each.output[:] = ["v" + n if n else n for n in each.output]
    for listed in (
        proto.graph.initializer,
        proto.graph.input,
        proto.graph.output,
        proto.graph.value_info,
    ):
        for entry in listed:
            entry.name = "v" + entry.name
    assert fingerprint(proto) == before


def test_exports_of_the_same_network_differ_where_the_graph_does() -> None:
    names = ["resnet50.torchscript", "resnet50.dynamo", "resnet50.torchscript.preserve_eval"]
    paths = [DATA / "models" / f"{n}.onnx" for n in names]
    assert len({loaded(p).structure_sha256 for p in paths}) == 3
