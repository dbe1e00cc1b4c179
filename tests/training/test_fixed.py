"""Constants that look like weights and are none, told by what reads them."""

from __future__ import annotations

import pytest
from builders import Setting, constant, model, node, profiled, value, weight
from onnx import ModelProto, TensorProto

B, H, D = 2, 3, 8  # batch, heads, head size


def trained(proto: ModelProto) -> int:
    return profiled(proto, Setting(batch=B)).training_parameter_count


def attention(bias: list[int], positions: int, stored: str = "bias") -> ModelProto:
    """Projections q and k of D x D; `bias` is added to the scores."""
    nodes = [
        node("MatMul", ["x", "q"], ["qx"]),
        node("MatMul", ["x", "k"], ["kx"]),
        node("Transpose", ["kx"], ["kt"], perm=[0, 1, 3, 2]),
        node("MatMul", ["qx", "kt"], ["scores"]),
        node("Add", ["scores", "bias"], ["biased"]),
        node("Softmax", ["biased"], ["y"]),
    ]
    tensors = [weight("q", D, D), weight("k", D, D), weight(stored, *bias)]
    shape = [B, H, positions, positions]
    return model(nodes, [value("x", [B, H, positions, D])], [value("y", shape)], tensors)


PROJECTIONS = 2 * D * D


@pytest.mark.parametrize(
    ("bias", "positions", "rows"),
    [
        ([1, H, 16, 16], 16, 7**2),  # a window of 4 x 4: offsets of -3 to 3 each way
        ([H, 17, 17], 17, 7**2 + 3),  # and a class token: to it, from it, itself
    ],
)
def test_a_table_stored_looked_up_is_trained_as_a_table(
    bias: list[int], positions: int, rows: int
) -> None:
    assert trained(attention(bias, positions)) == PROJECTIONS + H * rows


def test_a_bias_of_no_window_is_trained_as_it_is() -> None:
    assert trained(attention([H, 15, 15], 15)) == PROJECTIONS + H * 15 * 15


def test_what_is_in_the_file_is_counted_as_it_is() -> None:
    found = profiled(attention([1, H, 16, 16], 16), Setting(batch=B))
    assert found.parameter_count == PROJECTIONS + H * 16 * 16


def rotated(turned: str = "turned") -> ModelProto:
    nodes = [
        node("MatMul", ["x", "w"], ["q"]),
        node("Slice", ["q", "zero", "half", "last"], ["a"]),
        node("Slice", ["q", "half", "whole", "last"], ["b"]),
        node("Neg", ["b"], ["minus_b"]),
        node("Concat", ["minus_b", "a"], ["turned"], axis=-1),
        node("Gather", ["cos_table", "positions"], ["cos"]),
        node("Gather", ["sin_table", "positions"], ["sin"]),
        node("Mul", ["q", "cos"], ["qc"]),
        node("Mul", [turned, "sin"], ["ts"]),
        node("Add", ["qc", "ts"], ["y"]),
    ]
    numbers = {"zero": [0], "half": [D // 2], "whole": [D], "last": [-1]}
    tensors = [weight("w", D, D), weight("cos_table", 64, D), weight("sin_table", 64, D)]
    tensors += [constant(name, numbers[name]) for name in numbers]
    inputs = [value("x", [B, 5, D]), value("positions", [5], TensorProto.INT64)]
    return model(nodes, inputs, [value("y", [B, 5, D])], tensors)


def test_sines_and_cosines_of_a_rotation_are_not_trained() -> None:
    assert trained(rotated()) == D * D


def test_two_gated_values_are_no_rotation() -> None:
    # The second product is of the data, not of the first one's other factor.
    assert trained(rotated(turned="x")) == D * D + 2 * 64 * D


def test_a_mask_that_is_compared_is_not_trained() -> None:
    nodes = [
        node("MatMul", ["x", "w"], ["y"]),
        node("Equal", ["mask", "none"], ["free"]),
        node("Where", ["free", "mask", "low"], ["filled"]),
        node("Add", ["y", "filled"], ["out"]),
    ]
    tensors = [weight("w", D, D), weight("mask", 5, D)]
    tensors += [constant("none", 0.0), constant("low", -100.0)]
    proto = model(nodes, [value("x", [5, D])], [value("out", [5, D])], tensors)
    assert trained(proto) == D * D


def test_rows_that_the_export_computed_are_not_trained() -> None:
    # A product of coordinates was folded to 9 x 4 rows: its bias and the next layer are left.
    nodes = [
        node("Add", ["rows", "b"], ["hidden"]),
        node("Relu", ["hidden"], ["active"]),
        node("MatMul", ["active", "w"], ["table"]),
        node("Add", ["x", "table"], ["y"]),
    ]
    tensors = [weight("rows", 9, 4), weight("b", 4), weight("w", 4, H)]
    proto = model(nodes, [value("x", [9, H])], [value("y", [9, H])], tensors)
    assert trained(proto) == 4 + 4 * H


def test_coordinates_of_an_affine_grid_are_not_trained() -> None:
    nodes = [
        node("MatMul", ["x", "w"], ["angles"]),
        node("Reshape", ["angles", "matrices"], ["theta"]),
        node("MatMul", ["base", "theta"], ["places"]),
        node("Reshape", ["places", "square"], ["grid"]),
        node("GridSample", ["picture", "grid"], ["y"]),
    ]
    tensors = [weight("w", D, 6), weight("base", 1, 16, 3)]
    tensors += [constant("matrices", [B, 3, 2]), constant("square", [B, 4, 4, 2])]
    inputs = [value("x", [B, D]), value("picture", [B, 1, 4, 4])]
    proto = model(nodes, inputs, [value("y", [B, 1, 4, 4])], tensors)
    assert trained(proto) == 6 * D


def test_statistics_of_weights_themselves_are_no_second_weight() -> None:
    # Standardised weights: the mean is taken of a copy that was folded for it.
    nodes = [
        node("ReduceMean", ["copy"], ["mean"], axes=[0, 2], keepdims=0),
        node("BatchNormalization", ["w", "scale", "shift", "mean", "variance"], ["standard"]),
        node("Reshape", ["standard", "filter"], ["kernel"]),
        node("Conv", ["x", "kernel"], ["y"]),
    ]
    tensors = [weight("copy", 1, 4, 3), weight("w", 1, 4, 3)]
    tensors += [weight(n, 4) for n in ("scale", "shift", "variance")]
    tensors.append(constant("filter", [4, 3, 1, 1]))
    proto = model(nodes, [value("x", [B, 3, 5, 5])], [value("y", [B, 4, 5, 5])], tensors, opset=13)
    assert trained(proto) == 4 * 3 + 2 * 4
