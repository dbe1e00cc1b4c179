"""Products between QuantizeLinear and DequantizeLinear are the quantized product."""

from __future__ import annotations

import numpy as np
import pytest
from builders import Setting, model, node, profiled, value
from onnx import ModelProto, TensorProto, numpy_helper

from auditor.profile import Profile

B, C, K, S = 2, 3, 4, 5  # batch, channels, filters, size of the 1x1 convolution


def integer(name: str, *shape: int) -> TensorProto:
    return numpy_helper.from_array(np.zeros(shape, np.int8), name)


def scale(name: str) -> TensorProto:
    return numpy_helper.from_array(np.asarray(0.5, np.float32), name)


def network(*, quantize_result: bool = True, activation: str | None = None) -> ModelProto:
    nodes = [
        node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
        node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
        node("DequantizeLinear", ["w", "s", "z"], ["wd"]),
        node("Conv", ["xd", "wd"], ["y"]),
    ]
    last = "y"
    if activation:
        nodes.append(node(activation, [last], ["a"]))
        last = "a"
    if quantize_result:
        nodes.append(node("QuantizeLinear", [last, "s", "z"], ["yq"]))
        nodes.append(node("DequantizeLinear", ["yq", "s", "z"], ["out"]))
        last = "out"
    tensors = [scale("s"), integer("z"), integer("w", K, C, 1, 1)]
    return model(nodes, [value("x", [B, C, S, S])], [value(last, [B, K, S, S])], tensors)


def found(proto: ModelProto) -> Profile:
    return profiled(proto, Setting(batch=B))


def types(profile: Profile) -> dict[str, int]:
    return {p.op_type: p.count for p in profile.by_op_type if p.count}


@pytest.mark.parametrize("activation", [None, "Relu"])
def test_a_convolution_between_pairs_runs_on_integers(activation: str | None) -> None:
    profile = found(network(activation=activation))
    # Left are the quantization of the data and the last result's way back.
    assert types(profile) == {"QLinearConv": 1, "QuantizeLinear": 1, "DequantizeLinear": 1}
    assert profile.forward.macs == B * S * S * K * C
    assert profile.quantized_product_count == 1
    assert profile.node_count == 6 + bool(activation)


def test_it_reads_and_writes_bytes() -> None:
    conv = next(p for p in found(network()).by_op_type if p.op_type == "QLinearConv")
    assert conv.forward.read_bytes == B * C * S * S + K * C
    assert conv.forward.written_bytes == B * K * S * S


def test_nothing_of_it_is_trained() -> None:
    profile = found(network())
    assert profile.backward.macs == 0
    assert profile.training_parameter_count == 0


def test_a_result_in_real_numbers_stays_a_product_of_them() -> None:
    profile = found(network(quantize_result=False))
    assert types(profile)["Conv"] == 1
    assert profile.quantized_product_count == 0


def test_matrix_products_go_on_in_real_numbers() -> None:
    # Two products read one DequantizeLinear; the second's result is not quantized again.
    nodes = [
        node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
        node("DequantizeLinear", ["w", "s", "z"], ["wd"]),
        node("DequantizeLinear", ["v", "s", "z"], ["vd"]),
        node("MatMul", ["xd", "wd"], ["a"]),
        node("QuantizeLinear", ["a", "s", "z"], ["aq"]),
        node("MatMul", ["xd", "vd"], ["b"]),
    ]
    proto = model(
        nodes,
        [value("xq", [B, 8], TensorProto.INT8)],
        [value("aq", [B, 4], TensorProto.INT8), value("b", [B, 6])],
        [scale("s"), integer("z"), integer("w", 8, 4), integer("v", 8, 6)],
    )
    profile = found(proto)
    assert types(profile) == {"QLinearMatMul": 1, "com.microsoft.MatMulIntegerToFloat": 1}
    assert profile.forward.macs == B * 8 * (4 + 6)
