"""Transforms, samples, boxes, matrices, texts, sequences and the rest, counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from builders import (
    INT64,
    Given,
    act,
    constant,
    cost,
    model,
    node,
    par,
    shaped,
    single,
    value,
    weight,
)
from onnx import TensorProto

from auditor.costs import Cost, Family, Work
from auditor.costs.signal import transform_flops

MS = "com.microsoft"
INT32, BOOL = TensorProto.INT32, TensorProto.BOOL


def of(op_type: str, inputs: list[Given], grads: Any = (), **attributes: Any) -> Cost:
    return cost(single(op_type, inputs, **attributes), grads)


# --- transforms -------------------------------------------------------------------------


def test_flops_of_a_transform() -> None:
    assert transform_flops(8) == 5 * 8 * 3
    assert transform_flops(8, real=True) == 60
    assert transform_flops(1) == 0


@pytest.mark.parametrize(
    ("dims", "attributes", "flops"),
    [
        # 2 lines of 16 complex points: 5 * 16 * 4 each
        ((2, 16, 2), {"axis": 1}, 2 * 320),
        # a real signal takes half
        ((2, 16, 1), {"axis": 1, "onesided": 1}, 2 * 160),
        # 16 lines of 2 points along the first axis: 5 * 2 * 1
        ((2, 16, 2), {"axis": 0}, 16 * 10),
    ],
)
def test_dft_before_operator_set_20(
    dims: tuple[int, ...], attributes: dict[str, int], flops: int
) -> None:
    found = of("DFT", [act(*dims)], {0}, opset=17, **attributes)
    assert (found.forward.other_flops, found.backward.other_flops) == (flops, flops)
    assert found.saved == ()


def test_dft_of_another_length() -> None:
    # padded to 32 points: 5 * 32 * 5
    found = of("DFT", [act(2, 16, 2), np.asarray(32), np.asarray(1)], opset=20)
    assert found.forward.other_flops == 2 * 800
    assert found.forward.written_bytes == 4 * 2 * 32 * 2


def test_stft() -> None:
    # (128 - 16) / 8 + 1 = 15 frames of 16 points: windowed, then half of 5 * 16 * 4
    inputs = [act(1, 128, 1), np.asarray(8), par(16), np.asarray(16)]
    found = of("STFT", inputs, {0}, opset=17)
    assert found.forward.other_flops == 15 * (16 + 160)
    assert found.forward.written_bytes == 4 * 15 * 9 * 2


def test_transforms_of_onnxruntime() -> None:
    there = of("Rfft", [act(2, 16)], {0}, domain=MS, signal_ndim=1)
    assert (there.forward.other_flops, there.forward.written_bytes) == (2 * 160, 4 * 2 * 9 * 2)
    back = of("Irfft", [act(2, 9, 2)], domain=MS, signal_ndim=1)
    assert (back.forward.other_flops, back.forward.written_bytes) == (2 * 160, 4 * 32)


# --- samples ----------------------------------------------------------------------------


@pytest.mark.parametrize(("antialias", "taps"), [(0, 2), (1, 4)])
def test_antialiasing_widens_the_filter_as_it_shrinks(antialias: int, taps: int) -> None:
    # both axes are halved: twice as many neighbours each
    sizes = np.asarray([1, 2, 4, 4])
    found = of("Resize", [act(1, 2, 8, 8), None, None, sizes], mode="linear", antialias=antialias)
    assert found.forward.other_flops == 2 * taps**2 * 32


def test_the_gradient_of_a_grid() -> None:
    # 18 outputs of 4 neighbours; the grid is 18 numbers, the input 32
    inputs = [act(1, 2, 4, 4), act(1, 3, 3, 2)]
    found = of("GridSample", inputs, {0, 1}, mode="linear")
    assert found.backward.other_flops == 2 * (2 * 4 * 18)
    assert found.backward.written_bytes == 4 * (32 + 18)
    assert set(found.saved) == {"i0", "i1"}
    assert of("GridSample", inputs, {0}).saved == ("i1",)


def test_aligned_regions() -> None:
    # 5 regions of 3 channels and 2*2 bins, 2*2 samples each of 8 operations and one to join
    inputs = [act(1, 3, 8, 8), act(5, 4), act(5, dtype=INT64)]
    attributes = {"output_height": 2, "output_width": 2}
    found = of("RoiAlign", inputs, {0}, sampling_ratio=2, **attributes)
    assert found.forward.other_flops == 60 * 4 * 9
    assert of("RoiAlign", inputs, **attributes).forward.other_flops == 60 * 4 * 9
    assert found.backward.written_bytes == 4 * 192


def test_pooled_regions_are_at_most_the_whole_map() -> None:
    found = of("MaxRoiPool", [act(1, 3, 8, 8), act(5, 5)], pooled_shape=[2, 2])
    assert found.forward.other_flops == 5 * 192


def test_cropped_regions() -> None:
    inputs = [act(1, 3, 8, 8), act(5, 4), act(5, dtype=INT32), np.asarray([2, 2], np.int32)]
    assert of("CropAndResize", inputs, domain=MS).forward.other_flops == 8 * 60


def test_deformable_convolution() -> None:
    # 1*6*6*6 outputs of 4*9; columns 4*9*36 of 12 operations, and the mask
    x, w, offset, mask = act(1, 4, 8, 8), par(6, 4, 3, 3), act(1, 18, 6, 6), act(1, 9, 6, 6)
    found = of("DeformConv", [x, w, offset, None, mask], {0, 1, 2, 4})
    macs, columns = 216 * 36, 4 * 9 * 36
    assert (found.forward.macs, found.backward.macs) == (macs, 2 * macs)
    assert found.forward.other_flops == (12 + 1) * columns
    assert found.backward.other_flops == 2 * 13 * columns
    assert set(found.saved) == {"i0", "i2", "i4"}


def test_columns_are_added_to_an_image() -> None:
    size, block = np.asarray([4, 4]), np.asarray([2, 2])
    found = of("Col2Im", [act(1, 12, 9), size, block], {0})
    assert (found.forward.other_flops, found.forward.written_bytes) == (108, 4 * 3 * 16)


def test_unpooling() -> None:
    inputs = [act(1, 1, 2, 2), act(1, 1, 2, 2, dtype=INT64)]
    found = of("MaxUnpool", inputs, {0}, kernel_shape=[2, 2], strides=[2, 2])
    assert found.forward == Work(read_bytes=16 + 32, written_bytes=64)
    assert found.saved == ("i1",)


# --- boxes and selections ---------------------------------------------------------------


def test_suppression_of_boxes() -> None:
    # 3 classes of 8 boxes: sorted (8 * 3 each), 2 kept of each: 8 + 7 less themselves
    most = np.asarray([2])
    op = single("NonMaxSuppression", [act(1, 8, 4), act(1, 3, 8), most])
    assert cost(op).forward.other_flops == 3 * 24 + 17 * 3 * (2 * 8 - 3)
    assert cost(op, {0, 1}).backward == Work()


def test_what_is_not_zero() -> None:
    found = cost(single("NonZero", [act(2, 3)]))
    # at most 6 of them, with two indices of 8 bytes
    assert found.forward == Work(other_flops=6, read_bytes=24, written_bytes=96)


def test_what_a_condition_keeps() -> None:
    found = of("Compress", [act(4, 3), np.asarray([True, False, True, False])], {0}, axis=0)
    assert found.forward.written_bytes == 4 * 6
    assert found.backward.written_bytes == 4 * 12


def test_distinct_elements() -> None:
    # 8 elements: sorted (8 * 3), compared once
    assert cost(single("Unique", [act(8)])).forward.other_flops == 24 + 8
    assert cost(single("Unique", [act(8)], 3, domain=MS)).forward.other_flops == 32


def test_drawn_classes() -> None:
    # 2 rows of 8 classes: 6 each; 5 draws each with a search of 3 steps
    found = of("Multinomial", [act(2, 8)], sample_size=5)
    assert found.forward.other_flops == 6 * 16 + (1 + 3) * 10


# --- matrices ---------------------------------------------------------------------------


def test_determinants_and_inverses() -> None:
    # 2 matrices of 3 rows: 18 and 3, 54
    det = of("Det", [act(2, 3, 3)], {0})
    assert (det.forward.other_flops, det.backward.other_flops) == (2 * (18 + 3), 2 * 54)
    inverse = of("Inverse", [act(2, 3, 3)], {0}, domain=MS)
    assert (inverse.forward.other_flops, inverse.backward.macs) == (108, 2 * 2 * 27)


def test_distances() -> None:
    # 4 by 5 pairs of 3: 60 products; squares of 12 and 15 numbers, 3 a pair and a root
    found = of("CDist", [act(4, 3), act(5, 3)], domain=MS, metric="euclidean")
    assert (found.forward.macs, found.forward.other_flops) == (60, 2 * 27 + 4 * 20)


@pytest.mark.skipif(not onnx.defs.has("CumProd"), reason="newer than the installed onnx")
def test_running_products() -> None:
    found = of("CumProd", [act(2, 3), np.asarray(1)], {0}, opset=26)
    assert (found.forward.other_flops, found.backward.other_flops) == (6, 18)
    assert found.saved == ("i0", "o0")


# --- texts, hashes, sequences -----------------------------------------------------------


def test_ngrams() -> None:
    # 6 words, n-grams of 1 and 2, none or one word skipped; 4 weights
    found = of(
        "TfIdfVectorizer", [act(6, dtype=INT64)], mode="TF", min_gram_length=1, max_gram_length=2,
        max_skip_count=1, ngram_counts=[0, 2], ngram_indexes=[0, 1, 2, 3],
        pool_int64s=[1, 2, 3, 4, 5, 6],
    )  # fmt: skip
    assert found.forward.other_flops == 6 * 2 * 2 + 4


def test_hashes() -> None:
    # 6 numbers of 4 bytes: 11 each round, 7 at the end
    assert of("MurmurHash3", [act(2, 3, dtype=INT32)], domain=MS).forward.other_flops == 6 * 18
    block = of("NGramRepeatBlock", [act(2, 5, dtype=INT64), act(2, 9)], domain=MS, ngram_size=3)
    assert block.forward.other_flops == 10 * 3
    heads = of("NGramHashMapping", [act(2, 5, dtype=INT64), act(3, dtype=INT64),
               act(4, dtype=INT64)], domain=MS, max_ngram_size=3, n_head_per_ngram=2,
               pad_id=0)  # fmt: skip
    assert heads.forward.other_flops == 2 * 3 * 10 + 2 * 40


def test_a_sequence_is_a_list_of_views() -> None:
    nodes = [
        node("SplitToSequence", ["x"], ["s"], axis=0),
        node("SequenceAt", ["s", "i"], ["h"]),
        node("ConcatFromSequence", ["s"], ["y"], axis=0),
    ]
    made = model(nodes, [value("x", [4, 3])], ["h", "y"], [constant("i", 1)])
    split, at, joined = (cost(op, {0}) for op in shaped(made).operations)
    assert split.forward == split.backward == Work(read_bytes=48, written_bytes=48)
    assert (at.forward, at.is_view) == (Work(), True)
    assert joined.forward == Work(read_bytes=48, written_bytes=48)


# --- fused elementwise ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op_type", "inputs", "each"),
    [
        ("ComplexMul", [act(2, 3), act(2, 3)], 3),  # 4 products and 2 sums for two numbers
        ("ScaledSiLU", [act(2, 3)], 6),
        ("GatedAdd", [act(2, 3), act(2, 3), act(2, 1)], 2),
        ("BranchwiseRMSNorm", [act(2, 3), par(3)], 8),
        ("GatedRMSNorm", [act(2, 3), par(3), act(2, 3)], 8 + 5 + 1),
    ],
)
def test_fused_elementwise(op_type: str, inputs: list[Given], each: int) -> None:
    assert of(op_type, inputs, {0}, domain=MS).forward.other_flops == 6 * each


def test_one_half_times_the_activation_of_the_other() -> None:
    # a bias on 12, then GELU and a product on 6
    found = of("BiasSplitGelu", [act(1, 2, 6), par(6)], {0, 1}, domain=MS)
    assert found.forward.other_flops == 12 + 6 * 6
    assert found.saved == ("i0",)


def test_hyper_connections() -> None:
    # 2 rows, 4 branches of 3
    pre = of("HyperConnectionPreMix", [act(2, 4, 3), act(2, 4)], domain=MS)
    assert (pre.forward.other_flops, pre.forward.written_bytes) == (2 * 24, 4 * 6)
    streams, block = act(2, 4, 3), act(2, 3)
    post = of("HyperConnectionPostMix", [streams, block, act(2, 4), act(2, 4, 4)], domain=MS)
    assert post.forward.other_flops == (2 + 2 * 4) * 24


def test_dropout_with_its_bias_and_a_packed_mask() -> None:
    found = of("BitmaskBiasDropout", [act(4, 4), par(4), act(4, 4)], {0, 1, 2}, domain=MS)
    # bias and residual are added; in training random, compare, scale too
    assert found.forward.other_flops == 2 * 16
    assert found.training_forward is not None
    assert found.training_forward.other_flops == (3 + 2) * 16
    assert found.extra_saved_bytes == 2  # 16 bits


def test_a_normalized_sum_that_nobody_asks_for_is_kept() -> None:
    inputs = [act(2, 5, 8), act(2, 5, 8), par(8)]
    hidden = cost(single("SkipLayerNormalization", inputs, domain=MS), {0, 1, 2})
    assert (hidden.saved, hidden.extra_saved_bytes) == ((), 4 * 80)
    shown = cost(single("SkipLayerNormalization", inputs, 4, domain=MS), {0, 1, 2})
    assert (shown.saved, shown.extra_saved_bytes) == (("o3",), 0)


def test_group_normalization_with_an_activation() -> None:
    inputs = [act(2, 4, 4, 8), par(8), par(8)]
    plain = of("GroupNorm", inputs, domain=MS, activation=0, groups=2)
    silu = of("GroupNorm", inputs, domain=MS, activation=1, groups=2)
    assert silu.forward.other_flops - plain.forward.other_flops == 5 * 256


# --- recurrence, optimizers, layouts ----------------------------------------------------


def test_true_lengths_of_sequences_count_where_they_are_known() -> None:
    # 7 steps of 2 sequences, of which 3 + 5 are taken; 16 rows of 5 and 4
    lengths = np.asarray([3, 5], np.int32)
    inputs = [act(7, 2, 5), par(1, 16, 5), par(1, 16, 4), None, lengths]
    found = of("LSTM", inputs, {0, 1, 2}, hidden_size=4)
    assert found.forward.macs == 8 * 16 * 9
    assert found.forward_kernels == 2 * 5  # the longest
    assert found.extra_saved_bytes == 8 * 4 * 5 * 4
    unknown = [*inputs[:4], act(2, dtype=INT32)]
    assert of("LSTM", unknown, hidden_size=4).forward.macs == 14 * 16 * 9


def test_a_recurrent_layer_of_which_only_the_last_state_is_used() -> None:
    nodes = [node("GRU", ["x", "w", "r"], ["", "h"], hidden_size=4)]
    made = model(nodes, [value("x", [7, 2, 5])], ["h"],
                 [weight("w", 1, 12, 5), weight("r", 1, 12, 4)])  # fmt: skip
    found = cost(shaped(made).operations[-1])
    assert found.forward.macs == 14 * 12 * 9
    assert found.forward.written_bytes == 4 * 8


@pytest.mark.parametrize(("op_type", "each", "states"), [("Momentum", 4, 1), ("Adam", 14, 2)])
def test_optimizers_as_operators(op_type: str, each: int, states: int) -> None:
    tensors = [act(5, 3)] * (2 + states)
    op = single(op_type, [act(), act(dtype=INT64), *tensors], 1 + states,
                domain="ai.onnx.preview.training", norm_coefficient=0.1, alpha=0.9, beta=0.9,
                mode="standard")  # fmt: skip
    found = cost(op)
    assert found.family is Family.OPTIMIZER
    assert found.forward.other_flops == (each + 2) * 15
    assert found.forward.written_bytes == 4 * 15 * (1 + states)


NHWC, NCHWC = "com.ms.internal.nhwc", "com.microsoft.nchwc"


@pytest.mark.parametrize(
    ("domain", "op_type", "x"),
    [(MS, "NhwcConv", (1, 8, 8, 4)), (NHWC, "Conv", (1, 8, 8, 4)), (NCHWC, "Conv", (1, 4, 8, 8))],
)
def test_a_convolution_costs_the_same_in_every_layout(
    domain: str, op_type: str, x: tuple[int, ...]
) -> None:
    plain = of("Conv", [act(1, 4, 8, 8), par(6, 2, 3, 3)], {0, 1}, group=2)
    found = of(op_type, [act(*x), par(6, 2, 3, 3)], {0, 1}, domain=domain, group=2)
    assert found == plain


def test_pooling_in_other_layouts() -> None:
    plain = of("MaxPool", [act(1, 4, 8, 8)], {0}, kernel_shape=[2, 2])
    assert of("NhwcMaxPool", [act(1, 8, 8, 4)], {0}, domain=MS, kernel_shape=[2, 2]) == plain
    assert of("MaxPool", [act(1, 8, 8, 4)], {0}, domain=NHWC, kernel_shape=[2, 2]) == plain


def test_experiments_of_caffe2() -> None:
    assert of("Affine", [act(2, 3)], alpha=2.0).forward.other_flops == 2 * 6
    assert of("ScaledTanh", [act(2, 3)]).forward.other_flops == 3 * 6
    assert of("Crop", [act(1, 3, 8, 8)], border=[1, 1, 1, 1]).forward.written_bytes == 4 * 108
