"""Operators that the standard defines by others are costed as those."""

from __future__ import annotations

from typing import Any

import pytest
from builders import INT64, Act, act, bound, constant, graph, model, node, value
from onnx import ModelProto, TensorProto

from auditor.costs import UnknownCost, cost_of, has_formula
from auditor.shapes import ShapedGraph, infer_shapes
from auditor.shapes.functions import expand_functions

LOGITS, LABELS = act(4, 10), act(4, dtype=INT64)

ALIGN = {"align_corners": 0}  # which is its default


def taking(op_type: str, inputs: list[Act], **attributes: Any) -> ModelProto:
    names = [f"i{k}" for k in range(len(inputs))]
    listed = [value(n, given.dims, given.dtype) for n, given in zip(names, inputs, strict=True)]
    return model([node(op_type, names, ["y"], **attributes)], listed, ["y"])


def expanded(proto: ModelProto) -> ShapedGraph:
    read, inputs = bound(proto)
    return expand_functions(infer_shapes(read, inputs), read.opset_imports, has_formula)


@pytest.mark.parametrize("op_type", ["SoftmaxCrossEntropyLoss", "NegativeLogLikelihoodLoss"])
def test_a_loss_becomes_operators_with_costs(op_type: str) -> None:
    found = expanded(taking(op_type, [LOGITS, LABELS]))
    kinds = [op.op_type for op in found.operations]
    assert kinds[-1] == "ReduceMean"
    assert ("LogSoftmax" in kinds) is (op_type == "SoftmaxCrossEntropyLoss")
    costs = [cost_of(op, frozenset()) for op in found.operations]
    assert not any(isinstance(c, UnknownCost) for c in costs)


def test_what_the_body_makes_has_the_name_that_others_read() -> None:
    found = expanded(taking("SoftmaxCrossEntropyLoss", [LOGITS, LABELS]))
    last = found.operations[-1].outputs[0]
    assert last is not None
    assert (last.name, last.shape) == ("y", ())
    made = [v.name for op in found.operations for v in op.outputs if v is not None]
    assert len(made) == len(set(made))


def test_values_inside_two_bodies_do_not_collide() -> None:
    labels = value("t", [4], INT64)
    nodes = [
        node("SoftmaxCrossEntropyLoss", ["x", "t"], ["a"]),
        node("SoftmaxCrossEntropyLoss", ["x", "t"], ["b"]),
        node("Add", ["a", "b"], ["y"]),
    ]
    found = expanded(model(nodes, [value("x", [4, 10]), labels], ["y"]))
    made = [v.name for op in found.operations for v in op.outputs if v is not None]
    assert len(made) == len(set(made))


def test_operators_with_a_formula_stay_as_they_are() -> None:
    proto = taking("Gelu", [act(2, 3)])
    assert [op.op_type for op in expanded(proto).operations] == ["Gelu"]


def test_operators_without_a_body_stay_as_they_are() -> None:
    for attributes in ({}, {"domain": "com.example"}):
        found = expanded(taking("NonZero", [act(2, 3)], **attributes))
        assert [op.op_type for op in found.operations] == ["NonZero"]


def test_a_body_runs_as_often_as_its_operator() -> None:
    nodes = [
        node("SoftmaxCrossEntropyLoss", ["x", "t"], ["loss"]),
        node("Identity", ["k"], ["k2"]),
    ]
    inputs = [value("i", [], INT64), value("k", [], TensorProto.BOOL)]
    outputs = [value("k2", [], TensorProto.BOOL), value("loss", [])]
    loop = node("Loop", ["n", ""], ["y"], body=graph(nodes, inputs, outputs))
    listed = [value("x", [4, 10]), value("t", [4], INT64)]
    found = expanded(model([loop], listed, ["y"], [constant("n", 5)]))
    assert {op.repeats for op in found.operations} == {5}


def test_attributes_left_out_have_their_default_in_the_body() -> None:
    left_out, given = (
        taking("AffineGrid", [act(2, 2, 3)], **attributes) for attributes in ({}, ALIGN)
    )
    for proto in (left_out, given):
        proto.graph.node[0].input.append("size")
        proto.graph.initializer.append(constant("size", [2, 1, 5, 7]))
    one, other = expanded(left_out), expanded(given)
    assert one.problems == other.problems == ()
    assert [op.op_type for op in one.operations] == [op.op_type for op in other.operations]
    shapes = [v.shape for op in one.operations for v in op.outputs if v is not None]
    assert None not in shapes
