"""Dynamic dimensions: which is the batch, what the user binds, and what is said if it fails."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from builders import FLOAT, INT64, Dims, model, node, value
from builders import bound as bind
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto

from auditor.errors import ShapeError
from auditor.shapes import BoundInputs


def taking(*inputs: Dims | None, names: str = "abcdef", dtype: int = FLOAT) -> ModelProto:
    """A model whose inputs a, b, ... have these dimensions."""
    listed = [value(n, d, dtype) for n, d in zip(names, inputs, strict=False)]
    nodes = [node("Relu", [i.name], ["r" + i.name]) for i in listed]
    return model(nodes, listed, ["ra"])


def bound(
    proto: ModelProto,
    batch: int = 4,
    dims: Mapping[str, int] | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> BoundInputs:
    return bind(proto, batch, dims, shapes)[1]


@pytest.mark.parametrize("name", ["batch", "N", "batch_size", "Batch", "bs", "b", "my_batch_dim"])
def test_the_batch_by_its_name(name: str) -> None:
    found = bound(taking([name, 3, 8, 8]))
    assert found.shapes["a"] == (4, 3, 8, 8)
    assert (found.batch_symbol, found.graph_batch_size, found.batch_fixed) == (name, 4, False)


def test_the_batch_by_its_name_on_any_axis() -> None:
    # (sequence, batch, feature), as recurrent layers have it
    found = bound(taking(["steps", "batch", 10]), dims={"steps": 7})
    assert found.shapes["a"] == (7, 4, 10)
    assert found.graph_batch_size == 4


def test_the_batch_by_the_symbol_that_all_first_axes_share() -> None:
    found = bound(taking(["s0", 3], ["s0", 5]))
    assert (found.shapes["a"], found.shapes["b"]) == ((4, 3), (4, 5))
    assert found.batch_symbol == "s0"


def test_first_axes_that_differ_are_not_taken_for_the_batch() -> None:
    with pytest.raises(ShapeError, match="s0, s1"):
        bound(taking(["s0", 3], ["s1", 5]))


def test_a_named_batch_beats_the_first_axes() -> None:
    found = bound(taking(["time", "batch"], ["time", "batch"]), dims={"time": 9})
    assert found.shapes["a"] == (9, 4)


def test_an_unnamed_first_axis_of_all_inputs_is_the_batch() -> None:
    found = bound(taking([None, 3], [None]))
    assert (found.shapes["a"], found.shapes["b"]) == ((4, 3), (4,))
    assert (found.graph_batch_size, found.batch_fixed) == (4, False)


def test_a_fixed_batch_is_scaled_from() -> None:
    found = bound(taking([8, 3]), batch=32)
    assert found.shapes["a"] == (8, 3)
    assert (found.graph_batch_size, found.batch_fixed) == (8, True)


def test_a_bound_batch_is_the_one_of_the_graph() -> None:
    found = bound(taking(["batch", 3]), batch=4, dims={"batch": 16})
    assert found.shapes["a"] == (16, 3)
    assert found.graph_batch_size == 16


def test_a_given_shape_holds_for_its_input_alone() -> None:
    proto = taking([None, None], ["batch", 5])
    found = bound(proto, shapes={"a": (6, 7)})
    assert found.shapes["a"] == (6, 7)
    assert found.shapes["b"] == (4, 5)


def test_the_batch_of_the_graph_is_the_named_one_beside_a_given_shape() -> None:
    found = bound(taking([None, None], ["batch", 5]), batch=4, shapes={"a": (6, 7)})
    assert found.graph_batch_size == 4


def test_an_input_without_any_shape_can_be_given_one() -> None:
    assert bound(taking(None), shapes={"a": (2, 3)}).shapes["a"] == (2, 3)


@pytest.mark.parametrize(
    ("expression", "size"),
    [
        ("past + sequence", 30),  # 10 + 20
        ("2*past", 20),
        ("past*sequence", 200),
        ("sequence - past", 10),
        ("2*past + 3*sequence - 1", 79),  # 20 + 60 - 1
        ("past+1", 11),
    ],
)
def test_expressions_of_bound_symbols(expression: str, size: int) -> None:
    proto = taking(["batch", "past", "sequence", expression])
    found = bound(proto, dims={"past": 10, "sequence": 20})
    assert found.shapes["a"] == (4, 10, 20, size)


def test_a_symbol_that_occurs_only_in_an_expression_can_be_bound() -> None:
    assert bound(taking(["batch", "past + 1"]), dims={"past": 9}).shapes["a"] == (4, 10)


def test_an_expression_can_be_bound_as_a_whole() -> None:
    assert bound(taking(["batch", "past + 1"]), dims={"past + 1": 6}).shapes["a"] == (4, 6)


@given(st.lists(st.tuples(st.sampled_from("+-*"), st.integers(0, 9)), min_size=1, max_size=5))
def test_expressions_are_those_of_arithmetic(tail: list[tuple[str, int]]) -> None:
    text = "x" + "".join(f" {sign} {number}" for sign, number in tail)
    size = eval(text, {"x": 1000})  # noqa: S307  (made of digits and signs three lines above)
    found = bound(taking(["batch", text]), dims={"x": 1000})
    assert found.shapes["a"] == (4, size)


def refusal(proto: ModelProto, **given_: Mapping[str, object]) -> str:
    with pytest.raises(ShapeError) as caught:
        bound(proto, **given_)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_all_unbound_dimensions_are_listed_at_once() -> None:
    proto = taking(["batch", "height", "width"], ["batch", "tokens"], ["batch", None])
    said = refusal(proto)
    assert said.startswith("unbound dimensions: height, tokens, width; axes without a name in c")


def applied(proto: ModelProto, message: str) -> BoundInputs:
    """Do what the example in the message says."""
    dims = {n: int(v) for n, v in re.findall(r"--dim ([^=]+)=(\d+)", message)}
    shapes = {
        n: tuple(map(int, v.split("x"))) for n, v in re.findall(r"--shape (\S+)=(\S+)", message)
    }
    return bound(proto, dims=dims, shapes=shapes)


@pytest.mark.parametrize(
    "proto",
    [
        taking(["batch", "height", "width"]),
        taking(["batch", "sequence"], ["batch", "past + sequence"]),
        taking([None, None], ["s", 3]),
        taking(None, ["batch", 2]),
    ],
    ids=["symbols", "expression", "two kinds", "no shape at all"],
)
def test_the_example_in_the_message_works(proto: ModelProto) -> None:
    found = applied(proto, refusal(proto))
    assert all(isinstance(d, int) for s in found.shapes.values() for d in s)


def test_the_example_works_for_a_named_and_an_unnamed_axis_in_one_input() -> None:
    proto = taking(["batch", None], ["batch", 2])
    applied(proto, refusal(proto))


def test_a_given_shape_binds_its_symbols_for_the_other_inputs() -> None:
    found = bound(taking(["batch", 3], ["batch", 5]), batch=4, shapes={"a": (8, 3)})
    assert found.shapes["b"] == (8, 5)


def test_an_unknown_dimension_is_refused_with_the_known_ones() -> None:
    said = refusal(taking(["batch", "seq"]), dims={"seqence": 3})
    assert said == "--dim seqence: no such dynamic dimension; the model has: batch, seq"


def test_an_unknown_input_is_refused_with_the_known_ones() -> None:
    said = refusal(taking(["batch", 3]), shapes={"x": (1, 3)})
    assert said == "--shape x: no such input; the model has: a"


@pytest.mark.parametrize("shape", [(4, 5), (4,), (4, 3, 1)])
def test_a_shape_that_contradicts_the_file_is_refused(shape: tuple[int, ...]) -> None:
    said = refusal(taking(["batch", 3]), shapes={"a": shape})
    assert "contradicts the file, which has batchx3" in said


def test_a_model_without_inputs_binds() -> None:
    proto = model([node("Constant", [], ["ra"], value_float=1.0)], [], ["ra"])
    found = bound(proto)
    assert dict(found.shapes) == {}


def test_scalars_stay_scalars() -> None:
    assert bound(taking(["batch", 3], [])).shapes["b"] == ()


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_the_batch_binds_the_batch_and_no_other(batch: int, tokens: int) -> None:
    found = bound(taking(["batch", "tokens"], dtype=INT64), batch=batch, dims={"tokens": tokens})
    assert found.shapes["a"] == (batch, tokens)


def test_shapes_that_give_a_symbol_two_sizes_are_refused() -> None:
    said = refusal(taking(["batch", 3], ["batch", 5]), shapes={"a": (4, 3), "b": (6, 5)})
    assert said == "--shape b: gives batch the size 6, another shape 4; give it one size"
