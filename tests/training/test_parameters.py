"""Which tensors of a file are learned, each counted once."""

from __future__ import annotations

import numpy as np
import pytest
from builders import INT64, constant, graph, model, node, shaped, value, weight
from onnx import ModelProto, NodeProto, TensorProto

from auditor.training import parameter_count, parameters, possible_tie


def found(proto: ModelProto) -> dict[str, int]:
    return {name: v.size for name, v in parameters(shaped(proto)).items()}


def of(nodes: list[NodeProto], *tensors: TensorProto, dims: tuple[int, ...] = (2, 8)) -> ModelProto:
    return model(nodes, [value("x", dims)], [nodes[-1].output[0]], tensors)


def test_weights_and_biases() -> None:
    made = node("Gemm", ["x", "w", "b"], ["y"])
    assert found(of([made], weight("w", 8, 5), weight("b", 5))) == {"w": 40, "b": 5}


def test_a_shared_weight_counts_once() -> None:
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("MatMul", ["h", "w"], ["y"])]
    assert found(of(nodes, weight("w", 8, 8))) == {"w": 64}


@pytest.mark.parametrize(
    ("relabel", "dims"), [("Identity", (8, 8)), ("Transpose", (8, 8)), ("Cast", (8, 8))]
)
def test_a_weight_shared_through_relabelling_counts_once(
    relabel: str, dims: tuple[int, ...]
) -> None:
    attributes = {"to": TensorProto.FLOAT} if relabel == "Cast" else {}
    nodes = [
        node(relabel, ["w"], ["v"], **attributes),
        node("MatMul", ["x", "w"], ["h"]),
        node("MatMul", ["h", "v"], ["y"]),
    ]
    assert found(of(nodes, weight("w", *dims))) == {"w": 64}


def test_a_relabelled_weight_that_nobody_uses_is_none() -> None:
    nodes = [node("Identity", ["w"], ["v"]), node("Relu", ["x"], ["y"])]
    assert found(of(nodes, weight("w", 8, 8))) == {}


def test_a_table_and_its_transpose_are_one() -> None:
    nodes = [
        node("Gather", ["w", "ids"], ["e"]),
        node("Transpose", ["w"], ["t"], perm=[1, 0]),
        node("MatMul", ["e", "t"], ["y"]),
    ]
    proto = model(nodes, [value("ids", [2, 5], INT64)], ["y"], [weight("w", 100, 8)])
    assert found(proto) == {"w": 800}


def test_statistics_of_batch_normalization_are_not_learned() -> None:
    names = ["scale", "shift", "mean", "variance"]
    made = node("BatchNormalization", ["x", *names], ["y"])
    proto = of([made], *(weight(n, 8) for n in names))
    assert found(proto) == {"scale": 8, "shift": 8}


def test_single_numbers_are_settings() -> None:
    nodes = [node("Mul", ["x", "c"], ["h"]), node("Add", ["h", "d"], ["y"])]
    proto = of(nodes, constant("c", 0.5, "float32"), constant("d", [1e-5], "float32"))
    assert found(proto) == {}


def test_a_single_bias_of_a_layer_is_a_parameter() -> None:
    made = node("Gemm", ["x", "w", "b"], ["y"])
    assert found(of([made], weight("w", 8, 1), weight("b", 1))) == {"w": 8, "b": 1}


def test_a_single_number_with_a_modules_name_is_a_parameter() -> None:
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("Add", ["h", "head.bias"], ["y"])]
    assert found(of(nodes, weight("w", 8, 1), weight("head.bias", 1)))["head.bias"] == 1


def test_integers_are_not_learned() -> None:
    made = node("Gather", ["t", "i"], ["y"])
    proto = model([made], [value("i", [3], INT64)], ["y"], [constant("t", np.arange(50))])
    assert found(proto) == {}


def test_weights_in_constant_nodes_count() -> None:
    nodes = [
        node("Constant", [], ["w"], value=constant("", np.ones((8, 5)), "float32")),
        node("MatMul", ["x", "w"], ["y"]),
    ]
    assert found(of(nodes)) == {"w": 40}


def test_weights_in_a_branch_count() -> None:
    branch = graph([node("MatMul", ["x", "w"], ["b"])], [], ["b"], [weight("w", 8, 5)])
    made = node("If", ["c"], ["y"], name="if", then_branch=branch, else_branch=branch)
    assert list(found(of([made], constant("c", True, "bool"))).values()) == [40]


def test_scales_and_bounds_are_not_learned() -> None:
    nodes = [
        node("Clip", ["x", "low", "high"], ["c"]),
        node("Resize", ["c", "", "scales"], ["y"]),
    ]
    tensors = [constant(n, v, "float32") for n, v in (("low", 0), ("high", 6), ("scales", [1, 2]))]
    assert found(of(nodes, *tensors)) == {}


def rotary(frequencies: str = "inv_freq") -> ModelProto:
    """Angles are positions times frequencies; their cosine multiplies the activation."""
    nodes = [
        node("Cast", ["ids"], ["positions"], to=TensorProto.FLOAT),
        node("Unsqueeze", ["positions", "last"], ["column"]),
        node("Mul", ["column", frequencies], ["angles"]),
        node("Cos", ["angles"], ["cos"]),
        node("MatMul", ["x", "w"], ["h"]),
        node("Mul", ["h", "cos"], ["y"]),
    ]
    inputs = [value("ids", [6], INT64), value("x", [6, 8])]
    tensors = [weight(frequencies, 4), weight("w", 8, 4), constant("last", [-1])]
    return model(nodes, inputs, ["y"], tensors)


def test_fixed_frequencies_of_positions_are_buffers() -> None:
    assert found(rotary()) == {"w": 32}


def test_a_weight_before_a_sine_is_learned() -> None:
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("Sin", ["h"], ["y"])]
    assert found(of(nodes, weight("w", 8, 4))) == {"w": 32}


def test_count_of_parameters() -> None:
    made = node("Gemm", ["x", "w", "b"], ["y"])
    proto = of([made], weight("w", 8, 5), weight("b", 5))
    assert parameter_count(parameters(shaped(proto)).values()) == 45


def language(rows: int = 100, head: str = "MatMul") -> ModelProto:
    nodes = [node("Gather", ["table", "ids"], ["e"]), node(head, ["e", "out"], ["y"])]
    tensors = [weight("table", rows, 8), weight("out", 8, 100)]
    return model(nodes, [value("ids", [2, 5], INT64)], ["y"], tensors)


def test_a_projection_as_large_as_the_table_may_be_tied_to_it() -> None:
    graph_ = shaped(language())
    pair = possible_tie(graph_, parameters(graph_))
    assert pair is not None
    assert [v.name for v in pair] == ["table", "out"]


def test_a_projection_of_another_size_is_not() -> None:
    graph_ = shaped(language(rows=90))
    assert possible_tie(graph_, parameters(graph_)) is None
