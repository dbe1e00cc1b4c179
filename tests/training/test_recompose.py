"""Operators that an exporter spelled out are one kernel again, if nobody looks inside."""

from __future__ import annotations

import pytest
from builders import constant, model, node, shaped, value, weight
from onnx import ModelProto, NodeProto, TensorProto

from auditor.shapes import ShapedGraph
from auditor.training import recompose

X = [value("x", [2, 8])]


def number(name: str, of: float) -> TensorProto:
    return constant(name, of, "float32")


NUMBERS = [number("root2", 2**0.5), number("one", 1), number("half", 0.5), number("two", 2)]
NUMBERS += [number("epsilon", 1e-5), number("scale", 0.7071)]


def composed(proto: ModelProto) -> tuple[list[str], dict[str, int], ShapedGraph]:
    found, counts = recompose(shaped(proto))
    return [op.op_type for op in found.operations], dict(counts), found


def of(nodes: list[NodeProto], *outputs: str) -> ModelProto:
    return model(nodes, X, list(outputs or ("y",)), [*NUMBERS, weight("g", 8), weight("b", 8)])


def test_swish() -> None:
    nodes = [node("Sigmoid", ["x"], ["s"]), node("Mul", ["x", "s"], ["y"])]
    kinds, counts, found = composed(of(nodes))
    assert (kinds, counts) == (["Swish"], {"Swish": 1})
    only = found.operations[0]
    assert [v.name for v in only.inputs if v] == ["x"]
    assert [v.name for v in only.outputs if v] == ["y"]


def test_a_product_with_another_value_is_no_swish() -> None:
    nodes = [
        node("Sigmoid", ["x"], ["s"]),
        node("Neg", ["x"], ["n"]),
        node("Mul", ["n", "s"], ["y"]),
    ]
    assert composed(of(nodes))[1] == {}


def test_a_sigmoid_that_another_reads_stays() -> None:
    nodes = [
        node("Sigmoid", ["x"], ["s"]),
        node("Mul", ["x", "s"], ["h"]),
        node("Add", ["h", "s"], ["y"]),
    ]
    assert composed(of(nodes))[:2] == (["Sigmoid", "Mul", "Add"], {})


def test_a_sigmoid_that_is_an_output_stays() -> None:
    nodes = [node("Sigmoid", ["x"], ["s"]), node("Mul", ["x", "s"], ["y"])]
    assert composed(of(nodes, "y", "s"))[1] == {}


def gelu(*, half_first: bool, divide: bool = True) -> list[NodeProto]:
    """X (1 + erf(x / sqrt 2)) / 2: the half is taken of x or of the result."""
    inner = node("Div", ["x", "root2"], ["d"]) if divide else node("Mul", ["x", "scale"], ["d"])
    nodes = [inner, node("Erf", ["d"], ["e"]), node("Add", ["e", "one"], ["a"])]
    if half_first:
        return [*nodes, node("Mul", ["x", "half"], ["h"]), node("Mul", ["h", "a"], ["y"])]
    return [*nodes, node("Mul", ["x", "a"], ["p"]), node("Mul", ["p", "half"], ["y"])]


@pytest.mark.parametrize("half_first", [True, False])
@pytest.mark.parametrize("divide", [True, False])
def test_gelu(*, half_first: bool, divide: bool) -> None:
    kinds, counts, found = composed(of(gelu(half_first=half_first, divide=divide)))
    assert (kinds, counts) == (["Gelu"], {"Gelu": 1})
    assert [v.name for v in found.operations[0].inputs if v] == ["x"]


@pytest.mark.parametrize("inside", ["e", "a"])
def test_a_reader_inside_keeps_gelu_in_pieces(inside: str) -> None:
    nodes = [*gelu(half_first=False), node("Neg", [inside], ["z"])]
    assert composed(of(nodes, "y", "z"))[1] == {}


@pytest.mark.parametrize(
    ("inside", "half_first"), [("d", False), ("d", True), ("h", True)], ids=["d", "d half", "h"]
)
def test_a_reader_of_the_first_steps_keeps_gelu_in_pieces(inside: str, *, half_first: bool) -> None:
    nodes = [*gelu(half_first=half_first), node("Neg", [inside], ["z"])]
    kinds, _, found = composed(of(nodes, "y", "z"))
    made = {"x", *(v.name for op in found.operations for v in op.outputs if v)}
    constants = {t.name for t in NUMBERS}
    read = {v.name for op in found.operations for v in op.inputs if v} - constants
    assert read <= made, kinds  # nothing is read that is not made any more


def layer_norm(*, square: str = "Pow", affine: int = 2) -> list[NodeProto]:
    power = ["c", "two"] if square == "Pow" else ["c", "c"]
    nodes = [
        node("ReduceMean", ["x"], ["m"]),
        node("Sub", ["x", "m"], ["c"]),
        node(square, power, ["q"]),
        node("ReduceMean", ["q"], ["v"]),
        node("Add", ["v", "epsilon"], ["ve"]),
        node("Sqrt", ["ve"], ["r"]),
        node("Div", ["c", "r"], ["n"]),
    ]
    tail = [node("Mul", ["n", "g"], ["ng"]), node("Add", ["ng", "b"], ["y"])]
    return nodes + tail[:affine]


@pytest.mark.parametrize("square", ["Pow", "Mul"])
def test_layer_normalization(square: str) -> None:
    kinds, counts, found = composed(of(layer_norm(square=square)))
    assert (kinds, counts) == (["LayerNormalization"], {"LayerNormalization": 1})
    assert [v.name for v in found.operations[0].inputs if v] == ["x", "g", "b"]


@pytest.mark.parametrize(("affine", "out"), [(0, "n"), (1, "ng")])
def test_layer_normalization_without_all_its_parameters(affine: int, out: str) -> None:
    kinds, _, found = composed(of(layer_norm(affine=affine), out))
    assert kinds == ["LayerNormalization"]
    assert len(found.operations[0].inputs) == 1 + affine


def test_a_reader_of_the_root_keeps_normalization_in_pieces() -> None:
    nodes = [*layer_norm(), node("Neg", ["r"], ["z"])]
    assert composed(of(nodes, "y", "z"))[1] == {}


@pytest.mark.parametrize("inside", ["m", "c", "v"])
def test_a_reader_of_the_statistics_keeps_normalization_in_pieces(inside: str) -> None:
    nodes = [*layer_norm(), node("Neg", [inside], ["z"])]
    assert composed(of(nodes, "y", "z"))[1] == {}


def test_another_domain_is_not_looked_into() -> None:
    nodes = [
        node("Sigmoid", ["x"], ["s"], domain="com.example"),
        node("Mul", ["x", "s"], ["y"]),
    ]
    assert composed(of(nodes))[1] == {}
