"""The sums over a graph: totals, rows, what is unknown, the optimizer and static memory."""

from __future__ import annotations

import pytest
from builders import (
    DATA,
    INT64,
    Setting,
    constant,
    graph,
    model,
    node,
    profiled,
    value,
    weight,
)
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, TensorProto

from auditor.costs import Family, Work
from auditor.profile import Profile

BOOL = TensorProto.BOOL


def layer(batch: int | str = "batch") -> ModelProto:
    """One Gemm of 8 x 5 weights and 5 biases: 45 parameters."""
    made = node("Gemm", ["x", "w", "b"], ["y"], name="only")
    return model([made], [value("x", [batch, 8])], ["y"], [weight("w", 8, 5), weight("b", 5)])


def test_a_step_of_one_layer() -> None:
    found = profiled(layer(), Setting(batch=2))
    # 2*5 outputs of 8, and a bias each
    assert (found.forward.macs, found.forward.other_flops) == (80, 10)
    # the step adds softmax cross-entropy, 5 a logit forward and 2 backward
    assert found.training_forward.other_flops == 10 + 5 * 10
    # the weight's gradient 80, the bias' 10; the input needs none
    assert (found.backward.macs, found.backward.other_flops) == (80, 10 + 2 * 10)
    assert found.parameter_count == found.training_parameter_count == 45
    assert found.product_parameter_count == 40
    assert (found.node_count, found.known_node_count, found.coverage) == (1, 1, 1.0)


def test_operations_of_a_step() -> None:
    gemm, loss = profiled(layer()).operations
    assert (gemm.name, gemm.op_type, gemm.family) == ("only", "Gemm", Family.MATMUL)
    assert (loss.op_type, loss.family, loss.fp32_in_autocast) == ("(loss)", Family.LOSS, True)
    assert (gemm.forward_kernels, gemm.backward_kernels) == (1, 2)


UPDATES = [
    # flops, reads and writes a parameter in values: parameter and gradient, then states
    ("sgd", 2, 2, 1),
    ("momentum", 4, 3, 2),
    ("adam", 14, 4, 3),
    ("adamw", 16, 4, 3),
    ("adadelta", 16, 4, 3),
]


@pytest.mark.parametrize(("precision", "width"), [("fp32", 4), ("amp", 4), ("bf16", 2)])
@pytest.mark.parametrize(("optimizer", "flops", "reads", "writes"), UPDATES)
def test_the_optimizers_update(  # noqa: PLR0917
    optimizer: str, flops: int, reads: int, writes: int, precision: str, width: int
) -> None:
    found = profiled(layer(), Setting(precision=precision, optimizer=optimizer))
    assert found.optimizer_update == Work(
        other_flops=45 * flops, read_bytes=45 * reads * width, written_bytes=45 * writes * width
    )


def test_no_optimizer_updates_nothing() -> None:
    found = profiled(layer(), Setting(optimizer="none"))
    assert found.optimizer_update == Work()
    assert found.memory.optimizer_bytes == 0


@pytest.mark.parametrize(
    ("precision", "held"),
    # parameters, gradients, two states; mixed precision keeps a copy of the 40 in two bytes
    [("fp32", (180, 180, 360)), ("amp", (180 + 80, 180, 360)), ("bf16", (90, 90, 180))],
)
def test_static_memory(precision: str, held: tuple[int, int, int]) -> None:
    found = profiled(layer(), Setting(precision=precision, optimizer="adamw")).memory
    assert (found.parameters_bytes, found.gradients_bytes, found.optimizer_bytes) == held
    assert found.static_bytes == sum(held)
    assert found.total_bytes == sum(held) + found.activations_bytes


def test_activations_of_one_layer() -> None:
    # x of 16 saved, y of 10, log-probabilities and gradient of y as large
    assert profiled(layer()).memory.activations_bytes == 4 * (16 + 10 + 10 + 10)


def test_gradients_of_a_value_read_twice_are_summed() -> None:
    nodes = [
        node("MatMul", ["x", "w"], ["h"]),
        node("Relu", ["h"], ["r"]),
        node("Add", ["h", "r"], ["y"]),
    ]
    found = profiled(model(nodes, [value("x", ["batch", 8])], ["y"], [weight("w", 8, 8)]))
    (sums,) = [o for o in found.operations if o.op_type == "(sums of gradients)"]
    # one addition of 16 values: two are read, one written
    assert sums.backward == Work(other_flops=16, read_bytes=128, written_bytes=64)
    assert sums.forward == Work()


# --- what is unknown --------------------------------------------------------------------


def with_custom(first: bool = False) -> ModelProto:
    nodes = [
        node("MatMul", ["x", "w"], ["h"]),
        node("Relu", ["h"], ["r"]),
        node("Magic", ["r"], ["m"], domain="com.example"),
        node("Magic", ["m"], ["y"], domain="com.example"),
    ]
    if first:
        nodes = [
            node("Magic", ["x"], ["z"], domain="com.example"),
            node("MatMul", ["z", "w"], ["h"]),
            node("Relu", ["h"], ["y"]),
        ]
    return model(nodes, [value("x", ["batch", 8])], ["y"], [weight("w", 8, 8)])


def test_unknown_operators_are_listed_by_name_and_counted() -> None:
    found = profiled(with_custom())
    (unknown,) = [u for u in found.unknown if u.reason == "no formula for this operator"]
    assert (unknown.op_type, unknown.count) == ("com.example.Magic", 2)
    assert unknown.share == 0.5
    assert (found.node_count, found.known_node_count, found.coverage) == (4, 2, 0.5)
    assert found.forward.macs == 2 * 8 * 8


def test_what_follows_an_unknown_operator_is_unknown_too() -> None:
    found = profiled(with_custom(first=True))
    # z has no shape: the product's cost is not known, and is not zero
    assert found.coverage == 0
    assert sum(u.count for u in found.unknown) == 3


def test_shape_arithmetic_counts_as_known() -> None:
    nodes = [
        node("Shape", ["x"], ["s"]),
        node("Reshape", ["x", "s"], ["r"]),
        node("Magic", ["r"], ["y"], domain="com.example"),
    ]
    found = profiled(model(nodes, [value("x", ["batch", 8])], ["y"]))
    assert found.coverage == pytest.approx(2 / 3)


# --- batches ----------------------------------------------------------------------------


@given(st.integers(1, 256))
def test_arithmetic_is_linear_in_the_batch(batch: int) -> None:
    one, many = profiled(layer(), Setting(batch=1)), profiled(layer(), Setting(batch=batch))
    for part in ("forward", "training_forward", "backward"):
        assert getattr(many, part).flops == batch * getattr(one, part).flops
    assert many.optimizer_update == one.optimizer_update


@given(st.integers(1, 16), st.integers(1, 64))
def test_a_fixed_batch_is_scaled_to_the_one_asked_for(fixed: int, batch: int) -> None:
    scaled = profiled(layer(fixed), Setting(batch=batch))
    ran = profiled(layer(), Setting(batch=batch))
    assert (scaled.batch_size, scaled.graph_batch_size) == (batch, fixed)
    for part in ("forward", "training_forward", "backward"):
        assert getattr(scaled, part) == getattr(ran, part)
    assert scaled.memory == ran.memory


def test_a_network_exported_at_a_fixed_batch() -> None:
    folder = DATA / "models"
    fixed = profiled(folder / "resnet50.torchscript.fixedbatch.onnx", Setting(batch=32))
    free = profiled(folder / "resnet50.torchscript.onnx", Setting(batch=32))
    assert fixed.graph_batch_size != 32
    for part in ("forward", "training_forward", "backward"):
        assert getattr(fixed, part).flops == getattr(free, part).flops
    assert fixed.training_forward.read_bytes == pytest.approx(free.training_forward.read_bytes)


# --- rows -------------------------------------------------------------------------------

NETWORKS = [
    "resnet50.torchscript",
    "bert_base.ortfused",
    "efficientnet_b0.dynamo",
    "llama_tiny.dynamo",
]


@pytest.fixture(scope="module", params=NETWORKS)
def network(request: pytest.FixtureRequest) -> Profile:
    dims = {"sequence": 16} if request.param.startswith(("bert", "llama")) else {}
    return profiled(DATA / "models" / f"{request.param}.onnx", Setting(batch=4, dims=dims))


def total(works: list[Work]) -> Work:
    result = Work()
    for each in works:
        result += each
    return result


@pytest.mark.parametrize("part", ["forward", "training_forward", "backward"])
def test_rows_add_up_to_the_totals(network: Profile, part: str) -> None:
    assert total([getattr(row, part) for row in network.by_op_type]) == getattr(network, part)


def test_operations_add_up_to_the_totals(network: Profile) -> None:
    assert total([o.forward for o in network.operations]) == network.training_forward
    assert total([o.backward for o in network.operations]) == network.backward


def test_rows_are_sorted_by_the_steps_arithmetic(network: Profile) -> None:
    flops = [r.training_forward.flops + r.backward.flops for r in network.by_op_type]
    assert flops == sorted(flops, reverse=True)


def test_counts_of_rows_are_those_of_the_nodes(network: Profile) -> None:
    constants = network.node_count - sum(r.count for r in network.by_op_type)
    assert 0 <= constants < network.node_count
    assert network.coverage == 1.0


# --- loops ------------------------------------------------------------------------------


def recurrence() -> ModelProto:
    """Five times over, c becomes c W."""
    nodes = [node("MatMul", ["c", "w"], ["c2"]), node("Identity", ["k"], ["k2"])]
    inputs = [value("i", [], INT64), value("k", [], BOOL), value("c", [None, 8])]
    body = graph(nodes, inputs, [value("k2", [], BOOL), value("c2", [None, 8])])
    made = node("Loop", ["n", "", "x"], ["y"], body=body)
    tensors = [weight("w", 8, 8), constant("n", 5)]
    return model([made], [value("x", ["batch", 8])], [value("y", None)], tensors)


def test_a_loops_body_costs_as_often_as_it_runs() -> None:
    found = profiled(recurrence(), Setting(batch=2))
    assert found.forward.macs == 5 * 2 * 8 * 8
    assert found.parameter_count == 64


def test_gradients_flow_back_from_trip_to_trip() -> None:
    found = profiled(recurrence(), Setting(batch=2))
    # the weight's gradient in 5 trips, the state's in all but the first
    assert 9 * 2 * 8 * 8 <= found.backward.macs <= 10 * 2 * 8 * 8


def scanned() -> ModelProto:
    """Each of seven rows times a weight, collected; behind it a layer."""
    nodes = [node("MatMul", ["e", "w"], ["o"]), node("Identity", ["s"], ["s2"])]
    inputs = [value("s", [1]), value("e", [1, 8])]
    body = graph(nodes, inputs, [value("s2", [1]), value("o", [1, 8])])
    scan = node("Scan", ["start", "x"], ["end", "all"], num_scan_inputs=1, body=body)
    tensors = [weight("w", 8, 8), weight("v", 8, 8), weight("start", 1)]
    listed = [value("x", [7, 1, 8])]
    return model([scan, node("MatMul", ["all", "v"], ["y"])], listed, ["y"], tensors)


def test_a_scans_body_costs_as_often_as_it_runs() -> None:
    assert profiled(scanned(), Setting(batch=7)).forward.macs == 7 * 64 + 7 * 64


def test_gradients_flow_into_a_scan() -> None:
    # behind it: weight and input; inside: the weight
    assert profiled(scanned(), Setting(batch=7)).backward.macs == 2 * 7 * 64 + 7 * 64
