"""Activation memory of small graphs, the live values of every moment added up by hand."""

from __future__ import annotations

import pytest
from builders import DATA, Setting, constant, cost, model, node, profiled, shaped, value, weight
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto

from auditor.memory import ActivationMemory, activation_memory, outstanding
from auditor.shapes import Value
from auditor.training import gradients, parameters

A = 4 * 4 * 8  # bytes of an activation of (4, 8)
SQUARE = weight("w", 8, 8)


def memory(proto: ModelProto, loss_bytes: int = 0) -> ActivationMemory:
    found = shaped(proto)
    grads = gradients(found, parameters(found))
    steps = [(op, cost(op, g), g) for op, g in zip(found.operations, grads, strict=True)]
    return activation_memory(steps, _bytes, found.outputs, loss_bytes)


def _bytes(held: Value) -> int:
    return held.bytes


def test_inference_holds_what_one_operation_reads_and_makes() -> None:
    nodes = [node("Neg", ["x"], ["a"]), node("Neg", ["a"], ["b"]), node("Neg", ["b"], ["y"])]
    found = memory(model(nodes, [value("x", [4, 8])], ["y"]))
    assert (found.peak_bytes, found.saved_bytes) == (2 * A, 0)


def mlp() -> ModelProto:
    nodes = [
        node("MatMul", ["x", "w"], ["h"]),
        node("Relu", ["h"], ["r"]),
        node("MatMul", ["r", "v"], ["y"]),
    ]
    return model(nodes, [value("x", [4, 8])], ["y"], [SQUARE, weight("v", 8, 2)])


def test_a_chain_of_products() -> None:
    """Backward needs x and r.

    forward   x h | x h r | x r y                  at most 3 A
    backward  x r y dr | x r y dr dh | x y dh      at most 4 A and y, a quarter of A
    """
    found = memory(mlp())
    assert (found.peak_bytes, found.saved_bytes) == (4 * A + A // 4, 2 * A)


def test_the_loss_holds_its_own_through_the_backward_pass() -> None:
    assert memory(mlp(), 1000).peak_bytes == 4 * A + A // 4 + 1000


def test_a_large_loss_is_the_peak_between_the_passes() -> None:
    # the output is as large as all the rest together, and the loss twice as large
    nodes = [node("MatMul", ["x", "w"], ["y"])]
    proto = model(nodes, [value("x", [4, 8])], ["y"], [weight("w", 8, 800)])
    assert memory(proto, 200 * A).peak_bytes == A + 100 * A + 200 * A


def test_a_residual_sum() -> None:
    """Both ways' gradients live until the operations that made the values have run.

    forward   x h | x h r | x h r y                  at most 4 A
    backward  x r y dh dr | x y dh | ...             at most 5 A
    """
    nodes = [
        node("MatMul", ["x", "w"], ["h"]),
        node("Relu", ["h"], ["r"]),
        node("Add", ["h", "r"], ["y"]),
    ]
    found = memory(model(nodes, [value("x", [4, 8])], ["y"], [SQUARE]))
    assert (found.peak_bytes, found.saved_bytes) == (5 * A, 2 * A)


def test_views_take_no_memory() -> None:
    nodes = [
        node("Reshape", ["x", "shape"], ["v"]),
        node("Reshape", ["v", "shape"], ["u"]),
        node("Neg", ["u"], ["y"]),
    ]
    proto = model(nodes, [value("x", [4, 8])], ["y"], [constant("shape", [8, -1])])
    assert memory(proto).peak_bytes == 2 * A


def test_a_view_keeps_what_it_views_alive() -> None:
    """The last product saves u, which is a view of r: the memory of r stays."""
    nodes = [
        node("MatMul", ["x", "w"], ["h"]),
        node("Neg", ["h"], ["r"]),
        node("Reshape", ["r", "shape"], ["u"]),
        node("MatMul", ["u", "v"], ["y"]),
    ]
    tensors = [SQUARE, weight("v", 4, 4), constant("shape", [8, -1])]
    found = memory(model(nodes, [value("x", [4, 8])], ["y"], tensors))
    assert found.saved_bytes == 2 * A  # x and r
    # backward of the last: x r y dr; of Neg, which saves nothing: x y dr dh
    assert found.peak_bytes == 4 * A


def test_indices_of_max_pooling_are_kept_beside_values() -> None:
    nodes = [
        node("Conv", ["x", "w"], ["h"]),
        node("MaxPool", ["h"], ["y"], kernel_shape=[2, 2], strides=[2, 2]),
    ]
    proto = model(nodes, [value("x", [1, 1, 4, 4])], ["y"], [weight("w", 1, 1, 1, 1)])
    # x and h of 16 elements each, and 8 bytes for each of 4 outputs
    assert memory(proto).saved_bytes == 64 + 64 + 32


def test_frozen_weights_save_nothing() -> None:
    nodes = [node("MatMul", ["x", "w"], ["h"]), node("Relu", ["h"], ["y"])]
    found = shaped(model(nodes, [value("x", [4, 8])], ["y"], [SQUARE]))
    steps = [(op, cost(op), frozenset[int]()) for op in found.operations]
    got = activation_memory(steps, _bytes, found.outputs)
    assert (got.peak_bytes, got.saved_bytes) == (2 * A, 0)


def batched(batch: int) -> ModelProto:
    proto = mlp()
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = batch
    return proto


@given(st.integers(1, 200), st.integers(1, 200))
def test_memory_grows_with_the_batch(one: int, other: int) -> None:
    low, high = sorted((one, other))
    less, more = memory(batched(low)), memory(batched(high))
    assert less.peak_bytes <= more.peak_bytes
    assert less.saved_bytes * high == more.saved_bytes * low  # in proportion


@pytest.mark.parametrize("name", ["resnet50.torchscript", "bert_base.dynamo"])
def test_a_networks_memory_is_in_proportion_to_the_batch(name: str) -> None:
    path = DATA / "models" / f"{name}.onnx"
    dims = {"sequence": 64} if "bert" in name else {}

    def activations(batch: int) -> int:
        return profiled(path, Setting(batch=batch, dims=dims)).memory.activations_bytes

    assert activations(16) == pytest.approx(4 * activations(4), rel=0.01)


def test_half_precision_halves_the_activations_of_a_plain_network() -> None:
    single = profiled(mlp(), Setting(batch=4)).memory.activations_bytes
    half = profiled(mlp(), Setting(batch=4, precision="bf16")).memory.activations_bytes
    assert 2 * half == single


def test_gradients_come_as_activations_go() -> None:
    """Two dense layers: the first's gradient is made when the second's activations are gone."""
    found = profiled(mlp(), Setting(batch=2)).memory
    apart = found.static_bytes + found.activations_bytes
    assert found.gradients_bytes > 0
    assert found.total_bytes == apart - found.overlap_bytes
    assert 0 <= found.overlap_bytes <= found.gradients_bytes


def test_no_moment_is_less_than_another_in_both() -> None:
    # (3, 1) is less than (4, 1), (1, 2) than (2, 3)
    assert outstanding([(3, 1), (4, 1), (1, 2), (2, 3)]) == ((2, 3), (4, 1))
