"""Gradients flow between parameters and outputs, and nowhere else."""

from __future__ import annotations

from builders import INT64, constant, model, node, shaped, value, weight
from onnx import ModelProto, TensorProto

from auditor.training import gradients, parameters


def wanted(proto: ModelProto) -> dict[str, list[int]]:
    """Inputs of each operation that need a gradient, by the operation's output."""
    found = shaped(proto)
    grads = gradients(found, parameters(found))
    return {op.node.outputs[0]: sorted(g) for op, g in zip(found.operations, grads, strict=True)}


def test_the_first_layers_input_needs_none() -> None:
    nodes = [
        node("MatMul", ["x", "w"], ["h"]),
        node("Relu", ["h"], ["r"]),
        node("MatMul", ["r", "v"], ["y"]),
    ]
    proto = model(nodes, [value("x", [2, 8])], ["y"], [weight("w", 8, 8), weight("v", 8, 4)])
    assert wanted(proto) == {"h": [1], "r": [0], "y": [0, 1]}


def test_without_parameters_there_are_none() -> None:
    proto = model([node("Relu", ["x"], ["y"])], [value("x", [2])], ["y"])
    assert wanted(proto) == {"y": []}


def test_none_flows_into_a_branch_that_no_output_depends_on() -> None:
    nodes = [node("MatMul", ["x", "w"], ["y"]), node("MatMul", ["x", "v"], ["dead"])]
    proto = model(nodes, [value("x", [2, 8])], ["y"], [weight("w", 8, 8), weight("v", 8, 4)])
    assert wanted(proto) == {"y": [1], "dead": []}


def test_none_flows_through_integers() -> None:
    nodes = [
        node("MatMul", ["x", "w"], ["h"]),
        node("ArgMax", ["h"], ["i"], axis=1, keepdims=0),
        node("Gather", ["t", "i"], ["y"]),
    ]
    proto = model(nodes, [value("x", [2, 8])], ["y"], [weight("w", 8, 8), weight("t", 8, 4)])
    assert wanted(proto) == {"h": [], "i": [], "y": [0]}


def test_none_flows_through_rounding() -> None:
    nodes = [
        node("MatMul", ["x", "w"], ["h"]),
        node("Floor", ["h"], ["f"]),
        node("MatMul", ["f", "v"], ["y"]),
    ]
    proto = model(nodes, [value("x", [2, 8])], ["y"], [weight("w", 8, 8), weight("v", 8, 4)])
    assert wanted(proto) == {"h": [], "f": [], "y": [1]}


def test_a_mask_made_of_integers_needs_none() -> None:
    nodes = [
        node("Cast", ["m"], ["mask"], to=TensorProto.FLOAT),
        node("MatMul", ["x", "w"], ["h"]),
        node("Add", ["h", "mask"], ["y"]),
    ]
    inputs = [value("x", [2, 8]), value("m", [2, 8], INT64)]
    assert wanted(model(nodes, inputs, ["y"], [weight("w", 8, 8)])) == {
        "mask": [],
        "h": [1],
        "y": [0],
    }


def test_both_ways_of_a_residual_sum_need_one() -> None:
    nodes = [
        node("MatMul", ["x", "w"], ["h"]),
        node("Relu", ["h"], ["r"]),
        node("Add", ["h", "r"], ["y"]),
    ]
    proto = model(nodes, [value("x", [2, 8])], ["y"], [weight("w", 8, 8)])
    assert wanted(proto) == {"h": [1], "r": [0], "y": [0, 1]}


def test_a_cast_of_a_weight_passes_its_gradient_on() -> None:
    nodes = [
        node("Cast", ["w"], ["half"], to=TensorProto.FLOAT16),
        node("MatMul", ["x", "half"], ["y"]),
    ]
    proto = model(nodes, [value("x", [2, 8], TensorProto.FLOAT16)], ["y"], [weight("w", 8, 8)])
    assert wanted(proto) == {"half": [0], "y": [1]}


def test_positions_need_none() -> None:
    nodes = [node("Reshape", ["x", "shape"], ["r"]), node("MatMul", ["r", "w"], ["y"])]
    proto = model(
        nodes, [value("x", [2, 8])], ["y"], [weight("w", 4, 4), constant("shape", [-1, 4])]
    )
    assert wanted(proto) == {"r": [], "y": [1]}
