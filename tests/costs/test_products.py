"""Matrix products and convolutions: arithmetic and traffic counted by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from builders import Given, act, cost, par, single
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto

from auditor.costs import PRODUCTS, Cost, Family, Work

MS = "com.microsoft"
UINT8, INT8, INT32 = TensorProto.UINT8, TensorProto.INT8, TensorProto.INT32


def macs(op_type: str, inputs: list[Given], grads: Any = (), **attributes: Any) -> tuple[int, int]:
    found = cost(single(op_type, inputs, **attributes), grads)
    return found.forward.macs, found.backward.macs


# --- matrix products --------------------------------------------------------------------


def test_matmul_with_weights() -> None:
    # (4, 8) x (8, 5): 4*5 outputs, each 8 multiply-accumulates; 4 bytes an element
    found = cost(single("MatMul", [act(4, 8), par(8, 5)]), {0, 1})
    assert found == Cost(
        family=Family.MATMUL,
        forward=Work(
            macs=160,
            read_bytes=4 * (4 * 8 + 8 * 5),
            written_bytes=4 * 4 * 5,
            weight_read_bytes=4 * 8 * 5,
        ),
        # dA = dC B^T reads 20 + 40 and writes 32; dB = A^T dC reads 20 + 32 and writes 40
        backward=Work(
            macs=2 * 160,
            read_bytes=4 * (20 + 40 + 20 + 32),
            written_bytes=4 * (32 + 40),
            weight_read_bytes=4 * 40,
            weight_written_bytes=4 * 40,
        ),
        backward_kernels=2,
        saved=("i0",),
    )


def test_the_first_layer_needs_no_gradient_of_its_input() -> None:
    found = cost(single("MatMul", [act(4, 8), par(8, 5)]), {1})
    assert found.backward.macs == 160
    assert found.saved == ("i0",)


def test_a_frozen_weight_needs_no_saved_input() -> None:
    found = cost(single("MatMul", [act(4, 8), par(8, 5)]), {0})
    assert found.backward.macs == 160
    assert found.saved == ()


def test_a_product_of_activations_saves_both() -> None:
    found = cost(single("MatMul", [act(2, 3, 4), act(2, 4, 5)]), {0, 1})
    assert found.family is Family.BATCHED_MATMUL
    assert found.saved == ("i0", "i1")


@pytest.mark.parametrize(
    ("left", "right", "count"),
    [
        (act(3, 4, 8), par(8, 5), 3 * 4 * 5 * 8),
        (act(2, 1, 4, 8), act(3, 8, 5), 2 * 3 * 4 * 5 * 8),  # (2, 3, 4, 5) outputs
        (act(8), par(8, 5), 5 * 8),
        (act(3, 4, 8), act(8), 3 * 4 * 8),
        (act(8), act(8), 8),
        (par(5, 8), act(8, 4), 5 * 4 * 8),
    ],
)
def test_matmul_of_any_rank(left: Given, right: Given, count: int) -> None:
    assert macs("MatMul", [left, right], {0, 1}) == (count, 2 * count)


@pytest.mark.parametrize("trans_a", [0, 1])
@pytest.mark.parametrize("trans_b", [0, 1])
def test_gemm_with_bias(trans_a: int, trans_b: int) -> None:
    # 4*5 outputs, each 8 multiply-accumulates and one addition of the bias
    a, b = (8, 4) if trans_a else (4, 8), (5, 8) if trans_b else (8, 5)
    op = single("Gemm", [act(*a), par(*b), par(5)], transA=trans_a, transB=trans_b)
    found = cost(op, {0, 1, 2})
    assert (found.forward.macs, found.forward.other_flops) == (160, 20)
    assert found.forward.read_bytes == 4 * (32 + 40 + 5)
    # twice the product; the bias' gradient sums 20 values into 5
    assert (found.backward.macs, found.backward.other_flops) == (320, 20)
    assert found.backward.written_bytes == 4 * (32 + 40 + 5)
    assert found.backward_kernels == 3


def test_flops_are_two_a_multiply_accumulate_plus_the_rest() -> None:
    assert cost(single("Gemm", [act(4, 8), par(8, 5), par(5)])).forward.flops == 2 * 160 + 20


def test_half_precision_halves_the_traffic_and_not_the_arithmetic() -> None:
    half = TensorProto.FLOAT16
    found = cost(single("MatMul", [act(4, 8, dtype=half), par(8, 5, dtype=half)])).forward
    assert (found.macs, found.read_bytes, found.written_bytes) == (160, 2 * 72, 2 * 20)


@pytest.mark.parametrize(
    ("attributes", "left", "right"),
    [
        ({}, act(2, 3, 8), act(2, 8, 5)),
        ({"transA": 1}, act(2, 8, 3), act(2, 8, 5)),
        ({"transB": 1}, act(2, 3, 8), act(2, 5, 8)),
        ({"transA": 1, "transB": 1, "alpha": 0.125}, act(2, 8, 3), act(2, 5, 8)),
    ],
)
def test_fused_matmul(attributes: dict[str, Any], left: Given, right: Given) -> None:
    # 2*3*5 outputs of 8
    assert macs("FusedMatMul", [left, right], {0, 1}, domain=MS, **attributes) == (240, 480)


def test_matmul_of_packed_weights() -> None:
    # 2*5 rows of 32 outputs, each over K = 64; 32*2*16 bytes of packed weights
    inputs = [act(2, 5, 64), par(32, 2, 16, dtype=UINT8), par(64)]
    op = single("MatMulNBits", inputs, domain=MS, K=64, N=32, bits=4, block_size=32)
    found = cost(op)
    assert found.forward.macs == 2 * 5 * 32 * 64
    assert found.forward.read_bytes >= 4 * 2 * 5 * 64 + 32 * 2 * 16
    assert found.forward.written_bytes == 4 * 2 * 5 * 32


SCALE, ZERO = np.float32(0.1), np.uint8(0)


def quantized(*inputs: Given) -> list[Given]:
    """Follow each input by its scale and zero point."""
    return [x for given_ in inputs for x in (given_, np.asarray(SCALE), np.asarray(ZERO))]


def test_quantized_matmul() -> None:
    inputs = [*quantized(act(4, 8, dtype=UINT8), par(8, 5, dtype=UINT8))]
    op = single("QLinearMatMul", [*inputs, np.asarray(SCALE), np.asarray(ZERO)])
    found = cost(op, {0})
    # one byte an element, and no training of it
    assert (found.forward.macs, found.forward.read_bytes) == (160, 32 + 40)
    assert found.forward.written_bytes == 20
    assert found.backward == Work()


def test_integer_matmul_writes_32_bits() -> None:
    found = cost(single("MatMulInteger", [act(4, 8, dtype=UINT8), par(8, 5, dtype=UINT8)]))
    assert (found.forward.macs, found.forward.written_bytes) == (160, 4 * 20)


def test_dynamically_quantized_matmul() -> None:
    inputs = [act(4, 8), par(8, 5, dtype=UINT8), np.asarray(SCALE), np.asarray(ZERO)]
    found = cost(single("DynamicQuantizeMatMul", inputs, domain=MS))
    assert (found.forward.macs, found.forward.read_bytes) == (160, 4 * 32 + 40)


# --- einsum -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("equation", "left", "right", "count"),
    [
        ("bij,bjk->bik", act(2, 3, 4), act(2, 4, 5), 2 * 3 * 4 * 5),
        ("b i j , b k j -> b i k", act(2, 3, 4), act(2, 5, 4), 2 * 3 * 4 * 5),
        ("ij,jk", act(3, 4), par(4, 5), 3 * 4 * 5),
        ("bhid,bhjd->bhij", act(2, 3, 5, 4), act(2, 3, 7, 4), 2 * 3 * 5 * 7 * 4),
    ],
)
def test_einsum_of_two_operands(equation: str, left: Given, right: Given, count: int) -> None:
    assert macs("Einsum", [left, right], {0, 1}, equation=equation) == (count, 2 * count)


def test_einsum_that_sums_nothing_is_elementwise() -> None:
    found = cost(single("Einsum", [act(3), act(4)], equation="i,j->ij"), {0, 1})
    assert (found.forward.macs, found.forward.other_flops) == (0, 12)
    # d left: 12 products, reads 12 + 4, writes 3; d right: reads 12 + 3, writes 4
    assert (found.backward.read_bytes, found.backward.written_bytes) == (4 * 31, 4 * 7)


def test_einsum_of_one_operand() -> None:
    found = cost(single("Einsum", [act(3, 4)], equation="ij->j"), {0})
    assert (found.forward.macs, found.forward.other_flops) == (0, 12)
    assert (found.forward.read_bytes, found.forward.written_bytes) == (4 * 12, 4 * 4)


def test_einsum_without_gradients_has_no_backward() -> None:
    assert cost(single("Einsum", [act(3, 4)], equation="ij->j")).backward == Work()


# --- convolutions -----------------------------------------------------------------------

CONVOLUTIONS = [
    # input, weight, attributes, output elements times filter elements, family
    ((2, 3, 8, 8), (16, 3, 3, 3), {"pads": [1] * 4}, 2 * 16 * 8 * 8 * 27, Family.CONVOLUTION),
    ((2, 4, 10), (6, 4, 3), {}, 2 * 6 * 8 * 12, Family.CONVOLUTION),
    ((1, 2, 5, 5, 5), (4, 2, 3, 3, 3), {}, 4 * 27 * 54, Family.CONVOLUTION),
    ((1, 1, 9, 9), (1, 1, 3, 3), {"dilations": [2, 2]}, 5 * 5 * 9, Family.CONVOLUTION),
    ((1, 3, 8, 8), (4, 3, 2, 2), {"strides": [2, 2]}, 4 * 16 * 12, Family.CONVOLUTION),
    ((2, 8, 6, 6), (12, 8, 1, 1), {}, 2 * 12 * 36 * 8, Family.POINTWISE_CONVOLUTION),
    ((2, 8, 6, 6), (12, 4, 1, 1), {"group": 2}, 2 * 12 * 36 * 4, Family.GROUPED_CONVOLUTION),
    (
        (2, 8, 6, 6),
        (8, 1, 3, 3),
        {"group": 8, "pads": [1] * 4},
        2 * 8 * 36 * 9,
        Family.DEPTHWISE_CONVOLUTION,
    ),
    ((1, 3, 7, 7), (2, 3, 3, 3), {"auto_pad": "SAME_UPPER"}, 2 * 49 * 27, Family.CONVOLUTION),
]


@pytest.mark.parametrize(("x", "w", "attributes", "count", "family"), CONVOLUTIONS)
def test_convolution(
    x: tuple[int, ...], w: tuple[int, ...], attributes: dict[str, Any], count: int, family: Family
) -> None:
    found = cost(single("Conv", [act(*x), par(*w)], **attributes), {0, 1})
    assert (found.forward.macs, found.backward.macs) == (count, 2 * count)
    assert found.family is family
    assert found.family in PRODUCTS


def test_traffic_of_a_convolution_with_bias() -> None:
    # input 2*3*8*8 = 384, weight 16*27 = 432, bias 16, output 2*16*6*6 = 1152
    found = cost(single("Conv", [act(2, 3, 8, 8), par(16, 3, 3, 3), par(16)]), {1, 2})
    assert found.forward.other_flops == 1152
    assert found.forward.read_bytes == 4 * (384 + 432 + 16)
    assert found.forward.weight_read_bytes == 4 * (432 + 16)
    assert found.forward.written_bytes == 4 * 1152
    # dW reads dY and X; db reads dY again
    assert found.backward.macs == 1152 * 27
    assert found.backward.other_flops == 1152
    assert found.backward.read_bytes == 4 * (1152 + 384 + 1152)
    assert found.backward.written_bytes == found.backward.weight_written_bytes == 4 * (432 + 16)
    assert found.saved == ("i0",)


@pytest.mark.parametrize(
    ("weight", "group", "out_channels"), [((4, 6, 3, 3), 1, 6), ((4, 3, 3, 3), 2, 6)]
)
def test_transposed_convolution(weight: Any, group: int, out_channels: int) -> None:
    # every input element 1*4*5*5 meets out_channels / group * 3*3 elements of its filter
    count = 100 * out_channels // group * 9
    op = single("ConvTranspose", [act(1, 4, 5, 5), par(*weight)], group=group)
    found = cost(op, {0, 1})
    assert (found.forward.macs, found.backward.macs) == (count, 2 * count)
    assert found.forward.written_bytes == 4 * out_channels * 7 * 7
    kinds = {1: Family.CONVOLUTION, 2: Family.GROUPED_CONVOLUTION}
    assert found.family is kinds[group]
    without = {} if group == 1 else {"group": group}
    assert (
        cost(single("ConvTranspose", [act(1, 4, 5, 5), par(*weight)], **without), {0, 1}) == found
    )


def test_a_transposed_convolution_is_a_convolution_turned_round() -> None:
    # one takes (1, 6, 7, 7) to (1, 4, 5, 5), the other back, with the same weight
    forth = macs("Conv", [act(1, 6, 7, 7), par(4, 6, 3, 3)])
    back = macs("ConvTranspose", [act(1, 4, 5, 5), par(4, 6, 3, 3)])
    assert forth == back


def test_fused_convolution_costs_its_convolution() -> None:
    inputs = [act(2, 3, 8, 8), par(16, 3, 3, 3), par(16)]
    plain = cost(single("Conv", inputs), {0, 1, 2})
    assert cost(single("FusedConv", inputs, domain=MS), {0, 1, 2}) == plain
    # the activation is one operation for each of 2*16*6*6 outputs, in the same pass
    fused = cost(single("FusedConv", inputs, domain=MS, activation="Relu"), {0, 1, 2})
    assert fused.forward.other_flops == plain.forward.other_flops + 1152
    assert fused.forward.read_bytes == plain.forward.read_bytes
    assert fused.saved == ("i0", "o0")


def test_a_summand_is_read_and_added_in_the_same_pass() -> None:
    inputs = [act(2, 3, 8, 8), par(16, 3, 3, 3), None, act(2, 16, 6, 6)]
    found = cost(single("FusedConv", inputs, domain=MS))
    assert found.forward.other_flops == 1152
    assert found.forward.read_bytes == 4 * (384 + 432 + 1152)


def test_quantized_convolution() -> None:
    x, w = act(1, 3, 5, 5, dtype=UINT8), par(4, 3, 3, 3, dtype=INT8)
    zero = np.asarray(np.int8(0))
    inputs = [*quantized(x), w, np.asarray(SCALE), zero, np.asarray(SCALE), np.asarray(ZERO)]
    found = cost(single("QLinearConv", [*inputs, par(4, dtype=INT32)]), {0})
    # 4*3*3 outputs of 27; bytes: 75 of input, 108 of weight, 4*4 of bias
    assert (found.forward.macs, found.forward.read_bytes) == (36 * 27, 75 + 108 + 16)
    assert found.forward.written_bytes == 36
    assert found.backward == Work()


def test_integer_convolution() -> None:
    found = cost(
        single("ConvInteger", [act(1, 3, 5, 5, dtype=UINT8), par(4, 3, 3, 3, dtype=UINT8)])
    )
    assert (found.forward.macs, found.forward.written_bytes) == (36 * 27, 4 * 36)


# --- relations --------------------------------------------------------------------------

SMALL = st.integers(1, 6)


@given(batch=st.integers(1, 64), channels=SMALL, filters=SMALL, kernel=st.integers(1, 3))
def test_convolutions_are_linear_in_the_batch(
    batch: int, channels: int, filters: int, kernel: int
) -> None:
    def of(samples: int) -> Work:
        weight = par(filters, channels, kernel, kernel)
        return cost(single("Conv", [act(samples, channels, 5, 5), weight, par(filters)])).forward

    one, many = of(1), of(batch)
    assert many.macs == batch * one.macs
    assert many == one.at_batch(batch, 1)


@given(groups=SMALL, inner=SMALL, outer=SMALL)
def test_groups_divide_the_cost(groups: int, inner: int, outer: int) -> None:
    channels, filters = groups * inner, groups * outer
    dense = macs("Conv", [act(2, channels, 5, 5), par(filters, channels, 3, 3)], {0, 1})
    grouped = macs(
        "Conv", [act(2, channels, 5, 5), par(filters, inner, 3, 3)], {0, 1}, group=groups
    )
    assert grouped == (dense[0] // groups, dense[1] // groups)


@given(m=SMALL, k=SMALL, n=SMALL)
def test_gemm_without_bias_is_matmul(m: int, k: int, n: int) -> None:
    inputs = [act(m, k), par(k, n)]
    assert cost(single("Gemm", inputs), {0, 1}) == cost(single("MatMul", inputs), {0, 1})


@given(b=SMALL, i=SMALL, j=SMALL, k=st.integers(2, 6))
def test_einsum_is_the_matmul_it_writes_out(b: int, i: int, j: int, k: int) -> None:
    inputs = [act(b, i, k), act(b, k, j)]
    written = cost(single("Einsum", inputs, equation="bik,bkj->bij"), {0, 1})
    assert written == cost(single("MatMul", inputs), {0, 1})


@given(kernel=st.integers(1, 4), channels=SMALL, filters=SMALL)
def test_a_convolution_over_the_whole_image_is_a_product(
    kernel: int, channels: int, filters: int
) -> None:
    whole = macs("Conv", [act(3, channels, kernel, kernel), par(filters, channels, kernel, kernel)])
    size = channels * math.prod((kernel, kernel))
    assert whole == macs("MatMul", [act(3, size), par(size, filters)])
