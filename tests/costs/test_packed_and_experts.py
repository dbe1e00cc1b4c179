"""Quantized operators, packed weights, mixtures of experts and fused products, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from builders import Given, act, cost, par, single
from onnx import TensorProto

from auditor.costs import Cost, Family, Work

MS = "com.microsoft"
INT8, UINT8, INT32 = TensorProto.INT8, TensorProto.UINT8, TensorProto.INT32
SCALE, ZERO = np.asarray(np.float32(0.1)), np.asarray(np.uint8(3))
Q = [SCALE, ZERO]


def of(op_type: str, inputs: list[Given], grads: Any = (), **attributes: Any) -> Cost:
    return cost(single(op_type, inputs, domain=MS, **attributes), grads)


def byte(*dims: int) -> Given:
    return act(*dims, dtype=UINT8)


# --- quantized --------------------------------------------------------------------------

# dequantize 2 an operand, quantize 3, and the operation between
ELEMENTWISE = [
    ("QLinearAdd", [byte(2, 3), *Q, byte(3), *Q, *Q], {}, 2 + 2 + 1 + 3),
    ("QLinearMul", [byte(2, 3), *Q, byte(3), *Q, *Q], {}, 2 + 2 + 1 + 3),
    ("QLinearSigmoid", [byte(2, 3), *Q, *Q], {}, 2 + 4 + 3),
    ("QLinearLeakyRelu", [byte(2, 3), *Q, *Q], {}, 2 + 2 + 3),
    ("QLinearSoftmax", [byte(2, 3), *Q, *Q], {"opset": 13}, 2 + 5 + 3),
    ("QLinearConcat", [*Q, byte(1, 3), *Q, byte(1, 3), *Q], {"axis": 0}, 2 + 3),
    ("QLinearWhere", [act(2, 3, dtype=TensorProto.BOOL), byte(2, 3), *Q, byte(3), *Q, *Q], {}, 8),
    ("MulInteger", [byte(2, 3), ZERO, byte(3), ZERO], {}, 3),
    ("QOrderedGelu", [act(2, 3, dtype=INT8), SCALE, SCALE], {}, 2 + 5 + 3),
    ("QOrderedLayerNormalization", [act(2, 3, dtype=INT8), SCALE, par(3), None, SCALE], {}, 13),
    ("QuantizeLinear", [act(2, 3), *Q], {}, 2),
    ("DequantizeLinear", [byte(2, 3), *Q], {}, 2),
]


@pytest.mark.parametrize(("op_type", "inputs", "attributes", "each"), ELEMENTWISE)
def test_quantized_elementwise(
    op_type: str, inputs: list[Given], attributes: dict[str, Any], each: int
) -> None:
    found = of(op_type, inputs, **attributes)
    assert found.forward.other_flops == 6 * each
    assert found.backward == Work()


def test_quantized_pooling() -> None:
    # 2*2 windows of 9, 4 channels; scaled by 5 operations each
    found = of("QLinearAveragePool", [byte(1, 5, 5, 4), *Q, *Q], kernel_shape=[3, 3],
               strides=[2, 2], channels_last=1)  # fmt: skip
    assert found.forward.other_flops == (9 + 5) * 16
    assert found.forward.written_bytes == 16
    whole = of("QLinearGlobalAveragePool", [byte(1, 4, 5, 5), *Q, *Q], channels_last=0)
    assert whole.forward.other_flops == 100 + 5 * 4


def test_quantized_reductions() -> None:
    mean = of("QLinearReduceMean", [byte(2, 3, 4), *Q, *Q], axes=[1], keepdims=0)
    assert mean.forward.other_flops == 24 + 5 * 8
    total = of("ReduceSumInteger", [act(2, 3, dtype=INT8)], axes=[1], keepdims=1)
    assert (total.forward.other_flops, total.forward.written_bytes) == (6, 4 * 2)


PRODUCTS = [
    ("MatMulInteger16", [act(2, 3, dtype=TensorProto.INT16), par(3, 4, dtype=TensorProto.INT16)]),
    ("DynamicQuantizeMatMul", [act(2, 3), par(3, 4, dtype=UINT8), SCALE, ZERO]),
    ("MatMulIntegerToFloat", [byte(2, 3), par(3, 4, dtype=UINT8), SCALE, SCALE]),
    ("QGemm", [byte(2, 3), *Q, par(3, 4, dtype=UINT8), *Q]),
    ("QOrderedMatMul", [act(1, 2, 3, dtype=INT8), SCALE, par(3, 4, dtype=INT8), SCALE, SCALE]),
]


@pytest.mark.parametrize(("op_type", "inputs"), PRODUCTS)
def test_quantized_products(op_type: str, inputs: list[Given]) -> None:
    found = of(op_type, inputs, {0, 1})
    assert (found.family, found.forward.macs) == (Family.MATMUL, 2 * 3 * 4)
    assert found.backward == Work()


def test_a_bias_of_a_quantized_product_is_added() -> None:
    inputs = [act(2, 3), par(3, 4, dtype=UINT8), SCALE, ZERO, par(4)]
    found = of("DynamicQuantizeMatMul", inputs)
    # 24 bytes of activations, 12 of weights, 16 of bias
    assert (found.forward.other_flops, found.forward.read_bytes) == (8, 24 + 12 + 16)


def test_quantized_lstm() -> None:
    # as LSTM: 7 steps, batch 2, 16 rows of 5 and 4; weights of one byte, R again 6 times
    inputs = [act(7, 2, 5), par(1, 5, 16, dtype=UINT8), par(1, 4, 16, dtype=UINT8)]
    found = of("DynamicQuantizeLSTM", [*inputs, None, None, None, None, None, SCALE, ZERO])
    assert found.forward.macs == 14 * 16 * 9
    assert found.forward.other_flops == 14 * 4 * 27
    assert found.forward.read_bytes == 4 * 70 + 80 + 64 + 6 * 64


def test_a_gather_of_packed_rows_reads_the_rows() -> None:
    # 10 rows of 32 values of 4 bits are 16 bytes each; indices of 8 bytes
    inputs = [par(100, 16, dtype=UINT8), act(2, 5, dtype=TensorProto.INT64), par(100, 2)]
    found = of("GatherBlockQuantized", inputs, bits=4, block_size=16, quantize_axis=1)
    assert found.forward.read_bytes == 10 * 8 + 10 * 16
    assert (found.forward.other_flops, found.forward.written_bytes) == (2 * 320, 4 * 320)


def test_quantized_embedding() -> None:
    ids = act(2, 5, dtype=INT32)
    tables = [par(100, 8, dtype=UINT8), par(16, 8, dtype=UINT8), par(2, 8, dtype=UINT8)]
    found = of("QEmbedLayerNormalization", [ids, ids, *tables], outputs=2)
    # three rows dequantized (2 each), two sums, 8 for the normalization
    assert found.forward.other_flops == (6 + 2 + 8) * 80
    assert found.forward.read_bytes == 4 * 20 + 3 * 80


# --- packed weights ---------------------------------------------------------------------


def test_four_bit_weights() -> None:
    # 6 rows of 64 times 32 columns; the gradient of the activations alone
    packed = [act(2, 3, 64), par(32, 2, 16, dtype=UINT8), par(64)]
    found = of("MatMulNBits", packed, {0, 1}, K=64, N=32, bits=4, block_size=32)
    assert found.forward.macs == found.backward.macs == 6 * 64 * 32
    # 1536 bytes of activations, 1024 of weights, 64 scales
    assert found.forward.read_bytes == 4 * 384 + 1024 + 4 * 64
    other = of("MatMulBnb4", [act(6, 64), par(1024, dtype=UINT8), par(64)], K=64, N=32,
               quant_type=1, block_size=32)  # fmt: skip
    assert other.forward.macs == 6 * 64 * 32
    shape = np.asarray([64, 32])
    assert of("MatMulFpQ4", [act(6, 64), par(1200, dtype=UINT8), shape]).forward.macs == 6 * 2048


@pytest.mark.parametrize(
    "op_type", ["MatMulBlockQuantizedFp4Weight", "MatMulBlockQuantizedFp8Weight"]
)
def test_block_quantized_weights(op_type: str) -> None:
    inner = 32 if "Fp4" in op_type else 64
    found = of(op_type, [act(6, 64), par(32, inner, dtype=UINT8), par(32, 4)])
    assert found.forward.macs == 6 * 64 * 32


def test_fused_projections_of_packed_weights() -> None:
    # 2 rows of 64: a normalization of 8 an element before
    w, s = par(32, 2, 16, dtype=UINT8), par(32, 2)
    mlp = of("MatMulNBitsMlp", [act(2, 64), None, par(64), w, s, None, w, s], K=64, N=32, bits=4,
             block_size=32, activation="silu")  # fmt: skip
    assert mlp.forward.macs == 2 * 2 * 64 * 32
    assert mlp.forward.other_flops == (5 + 1) * 64 + 8 * 128
    inputs = [act(2, 64), None, par(64), w, s, None, w, s, None, w, s]
    qkv = of("MatMulNBitsQkv", inputs, outputs=3, K=64, Nq=32, Nkv=16, bits=4, block_size=32)
    assert qkv.forward.macs == 2 * 64 * (32 + 16 + 16)


# --- experts ----------------------------------------------------------------------------


def test_mixture_of_experts() -> None:
    # 6 tokens of 8 through 2 of 4 experts: 8 by 16 and back
    inputs = [act(2, 3, 8), act(6, 4), par(4, 16, 8), None, par(4, 8, 16)]
    found = of("MoE", inputs, {0, 2, 4}, k=2)
    assert found.forward.macs == 6 * 2 * (8 * 16 + 16 * 8)
    assert found.backward.macs == 2 * found.forward.macs
    # softmax of 6*4 scores (5), relu of 12*16, products and sums of 12*8
    assert found.forward.other_flops == 5 * 24 + 192 + 2 * 96


def test_weights_of_experts_that_nobody_chose_are_not_read() -> None:
    # one token, one of 4 experts: a quarter of 2 * 4 * 8 * 16 weights
    inputs = [act(1, 8), act(1, 4), par(4, 16, 8), None, par(4, 8, 16)]
    found = of("MoE", inputs, k=1)
    assert found.forward.weight_read_bytes == 4 * 256
    assert found.forward.read_bytes == 4 * (256 + 8 + 4)


def test_gated_experts() -> None:
    # fused: the first layer has twice the rows, of which one half is the gate
    fused = [act(6, 8), act(6, 4), par(4, 32, 8), None, par(4, 8, 16)]
    found = of("MoE", fused, k=1, activation_type="swiglu", swiglu_fusion=1)
    apart = of("MoE", [act(6, 8), act(6, 4), par(4, 16, 8), None, par(4, 8, 16), None,
                       par(4, 16, 8)], k=1, activation_type="silu")  # fmt: skip
    assert found.forward.macs == apart.forward.macs == 6 * 8 * (32 + 16)


def test_quantized_experts() -> None:
    # weights of 4 bits: 8 elements are 4 bytes
    w1, w2 = par(4, 16, 4, dtype=UINT8), par(4, 8, 8, dtype=UINT8)
    found = of("QMoE", [act(6, 8), act(6, 4), w1, par(4, 16), None, w2, par(4, 8)], {0}, k=2)
    assert found.forward.macs == 6 * 2 * (8 * 16 + 16 * 8)
    assert found.backward == Work()


# --- fused products ---------------------------------------------------------------------


def test_a_product_with_its_batch_behind_the_rows() -> None:
    # A (6, 2, 4) is (2, 6, 4); A (4, 2, 6) transposed as well: 2 * 6 * 4 * 5
    for dims, transposed in (((6, 2, 4), 0), ((4, 2, 6), 1)):
        found = of("FusedMatMul", [act(*dims), act(2, 4, 5)], transBatchA=1, transA=transposed)
        assert found.forward.macs == 2 * 6 * 4 * 5


def test_a_product_with_an_activation() -> None:
    # GELU is 5 forward, 9 backward, and needs its input
    found = of("FusedMatMulActivation", [act(2, 3), par(3, 4)], {0, 1}, activation="Gelu")
    assert (found.forward.macs, found.forward.other_flops) == (24, 5 * 8)
    assert (found.backward.macs, found.backward.other_flops) == (48, 9 * 8)
    assert found.extra_saved_bytes == 4 * 8


def test_a_dense_layer_with_gelu() -> None:
    found = of("GemmFastGelu", [act(2, 3), par(3, 4), par(4)])
    assert (found.forward.macs, found.forward.other_flops) == (24, (9 + 1) * 8)


def test_a_dense_layer_in_float8() -> None:
    found = of("GemmFloat8", [act(2, 3), par(4, 3), par(4)], transB=1, activation="NONE")
    assert (found.forward.macs, found.forward.other_flops) == (24, 8)


def test_a_sparse_product_is_counted_as_dense() -> None:
    assert of("SparseToDenseMatMul", [act(2, 3), par(3, 4)]).forward.macs == 24
