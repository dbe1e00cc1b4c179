"""Attention, recurrence, normalization, pooling, elementwise and movement, counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from builders import INT64, Given, act, cost, par, single
from onnx import TensorProto

from auditor.costs import Cost, Family, Work

MS = "com.microsoft"
INT32 = TensorProto.INT32


def facts(work: Work) -> tuple[int, int, int]:
    """FLOPs beside products, and elements of four bytes read and written."""
    assert work.read_bytes % 4 == work.written_bytes % 4 == 0
    return work.other_flops, work.read_bytes // 4, work.written_bytes // 4


def of(op_type: str, inputs: list[Given], grads: Any = (), **attributes: Any) -> Cost:
    return cost(single(op_type, inputs, **attributes), grads)


# --- attention --------------------------------------------------------------------------

QKV = {0, 1, 2}
# 2 batches, 3 heads, 5 queries, 7 keys, heads of 4 elements and values of 6:
# 2*3*5*7 = 210 scores, each 4 multiply-accumulates for Q K^T and 6 for scores V.
SPLIT = [act(2, 3, 5, 4), act(2, 3, 7, 4), act(2, 3, 7, 6)]
JOINED = [act(2, 5, 12), act(2, 7, 12), act(2, 7, 18)]
HEADS = {"q_num_heads": 3, "kv_num_heads": 3}


@pytest.mark.parametrize(("inputs", "attributes"), [(SPLIT, {}), (JOINED, HEADS)])
def test_attention(inputs: list[Given], attributes: dict[str, int]) -> None:
    found = of("Attention", inputs, QKV, opset=23, **attributes)
    assert found.family is Family.BATCHED_MATMUL
    assert found.forward.macs == 210 * (4 + 6)
    assert found.backward.macs == 2 * 210 * (4 + 6)  # dV, dScores, dQ, dK
    # softmax: 5 a score forward, 4 backward; reads Q 120, K 168, V 252, writes 2*3*5*6
    assert facts(found.forward) == (5 * 210, 120 + 168 + 252, 180)
    assert facts(found.backward) == (4 * 210, 540 + 2 * 180, 540)


def test_attention_with_a_cache_of_keys_and_values() -> None:
    inputs = [*SPLIT, None, act(2, 3, 6, 4), act(2, 3, 6, 6)]
    found = of("Attention", inputs, opset=23)
    assert found.forward.macs == 2 * 3 * 5 * (6 + 7) * (4 + 6)


def test_attention_with_fewer_key_heads_than_query_heads() -> None:
    # every one of the 4 query heads meets 7 keys of 4 elements, 2 of them sharing a head
    inputs = [act(2, 5, 16), act(2, 7, 8), act(2, 7, 8)]
    found = of("Attention", inputs, opset=23, q_num_heads=4, kv_num_heads=2)
    assert found.forward.macs == 2 * 4 * 5 * 7 * (4 + 4)


def test_microsoft_attention_projects_first() -> None:
    inputs = [act(2, 5, 12), par(12, 36), par(36)]
    found = of("Attention", inputs, QKV, domain=MS, num_heads=3)
    scores, projection = 2 * 3 * 5 * 5 * (4 + 4), 2 * 5 * 12 * 36
    assert found.forward.macs == scores + projection
    assert found.backward.macs == 2 * (scores + projection)


def test_microsoft_attention_with_a_cache() -> None:
    # past of 6 keys and values for each of 3 heads of 4
    inputs = [act(2, 5, 12), par(12, 36), par(36), None, act(2, 2, 3, 6, 4)]
    found = of("Attention", inputs, domain=MS, num_heads=3)
    assert found.forward.macs == 2 * 3 * 5 * (6 + 5) * (4 + 4) + 2 * 5 * 12 * 36


@pytest.mark.parametrize(
    "inputs", [JOINED, [act(2, 5, 12), act(2, 3, 7, 4), act(2, 3, 7, 6)]], ids=["3-D", "4-D"]
)
def test_multi_head_attention(inputs: list[Given]) -> None:
    found = of("MultiHeadAttention", inputs, QKV, domain=MS, num_heads=3)
    assert (found.forward.macs, found.backward.macs) == (2100, 4200)


@pytest.mark.parametrize(
    ("inputs", "keys"),
    [([act(2, 5, 3, 3, 4)], 5), ([act(2, 5, 12), act(2, 7, 3, 2, 4)], 7)],
    ids=["all packed", "keys and values packed"],
)
def test_packed_multi_head_attention(inputs: list[Given], keys: int) -> None:
    # 2 batches, 3 heads, 5 queries; 4 multiply-accumulates for Q K^T and 4 for scores V
    found = of("MultiHeadAttention", inputs, {0}, domain=MS, num_heads=3)
    assert found.forward.macs == 2 * 3 * 5 * keys * (4 + 4)


GROUPED = {"num_heads": 4, "kv_num_heads": 2, "domain": MS}


@pytest.mark.parametrize(
    ("inputs", "keys"),
    [
        ([act(2, 5, 16), act(2, 5, 8), act(2, 5, 8)], 5),
        ([act(2, 5, 32)], 5),
        ([act(2, 5, 16), act(2, 5, 8), act(2, 5, 8), act(2, 2, 3, 4), act(2, 2, 3, 4)], 8),
    ],
    ids=["separate", "packed", "with a cache of 3"],
)
def test_group_query_attention(inputs: list[Given], keys: int) -> None:
    found = of("GroupQueryAttention", inputs, **GROUPED)
    assert found.forward.macs == 2 * 4 * 5 * keys * (4 + 4)
    assert found.backward == Work()


def test_rotary_embedding() -> None:
    # two products and a sum for each of 2*3*5*4 elements
    found = of("RotaryEmbedding", [act(2, 3, 5, 4), par(5, 2), par(5, 2)], {0}, opset=23)
    assert facts(found.forward) == (360, 120 + 10 + 10, 120)
    assert found.backward == found.forward


# --- recurrent layers -------------------------------------------------------------------

# 7 steps, batch 2, 5 inputs, 4 hidden; gates * 4 rows of 5 and of 4 each step
SEQUENCE = act(7, 2, 5)


@pytest.mark.parametrize(("op_type", "gates"), [("RNN", 1), ("GRU", 3), ("LSTM", 4)])
@pytest.mark.parametrize("directions", [1, 2])
def test_recurrent_layer(op_type: str, gates: int, directions: int) -> None:
    weights = [par(directions, gates * 4, 5), par(directions, gates * 4, 4)]
    way = "bidirectional" if directions == 2 else "forward"
    found = of(op_type, [SEQUENCE, *weights], {0, 1, 2}, hidden_size=4, direction=way)
    count = 7 * 2 * directions * gates * 4 * (5 + 4)
    assert found.family is Family.RECURRENT
    # The state before the first step is zero and needs no gradient: for it one product less.
    first = 2 * directions * gates * 4 * 4
    assert (found.forward.macs, found.backward.macs) == (count, 2 * count - first)
    assert found.backward.other_flops == 2 * found.forward.other_flops > 0
    assert found.forward_kernels == 2 * 7 * directions
    # of every step: the gates and the state, 4 bytes each
    assert found.extra_saved_bytes == 7 * 2 * directions * 4 * (gates + 1) * 4


def test_a_first_recurrent_layer_needs_no_gradient_of_its_input() -> None:
    weights = [par(1, 16, 5), par(1, 16, 4)]
    found = of("LSTM", [SEQUENCE, *weights], {1, 2}, hidden_size=4)
    # both weights' gradients, and the state's through R at every step but the first
    assert found.backward.macs == 7 * 2 * (16 * 5 + 16 * 4) + 6 * 2 * 16 * 4


def test_a_state_that_comes_from_elsewhere_needs_its_gradient() -> None:
    given = [SEQUENCE, par(1, 16, 5), par(1, 16, 4), None, None, act(1, 2, 4)]
    found = of("LSTM", given, {1, 2, 5}, hidden_size=4)
    assert found.backward.macs == 7 * 2 * (16 * 5 + 16 * 4 + 16 * 4)


def test_traffic_of_a_recurrent_layer() -> None:
    inputs = [SEQUENCE, par(1, 16, 5), par(1, 16, 4), par(1, 32)]
    found = of("LSTM", inputs, hidden_size=4)
    # the recurrent weight is read at each of 7 steps
    assert found.forward.read_bytes == 4 * (70 + 80 + 64 + 32 + 6 * 64)
    assert found.forward.written_bytes == 4 * 7 * 1 * 2 * 4


def test_batch_first_layout() -> None:
    inputs = [act(2, 7, 5), par(1, 16, 5), par(1, 16, 4)]
    found = of("LSTM", inputs, hidden_size=4, layout=1)
    assert found.forward.macs == 7 * 2 * 16 * 9
    assert found.forward_kernels == 14


# --- normalization and softmax ----------------------------------------------------------


def test_batch_normalization() -> None:
    # 2*3*4*4 = 96 elements, vectors of 3
    inputs = [act(2, 3, 4, 4), par(3), par(3), par(3), par(3)]
    found = of("BatchNormalization", inputs, {0, 1, 2})
    assert found.training_forward is not None
    assert facts(found.forward) == (2 * 96, 96 + 4 * 3, 96)  # a scale and a shift
    # mean 1, variance 3, normalize 2, scale and shift 2; the input is read once more
    assert facts(found.training_forward) == (8 * 96, 2 * 96 + 2 * 3, 96)
    # input and output gradient twice each, scale; gradients of input, scale and shift
    assert facts(found.backward) == (11 * 96, 4 * 96 + 3, 96 + 2 * 3)
    assert found.saved == ("i0",)


@pytest.mark.parametrize("op_type", ["LayerNormalization", "RMSNormalization"])
def test_layer_normalization(op_type: str) -> None:
    # 2*5*8 = 80 elements; scale and, if there, shift of 8
    shift = [par(8)] if op_type == "LayerNormalization" else []
    found = of(op_type, [act(2, 5, 8), par(8), *shift], {0, 1}, opset=23)
    vectors = 8 * (1 + len(shift))
    assert facts(found.forward) == (8 * 80, 80 + vectors, 80)
    assert facts(found.backward) == (11 * 80, 4 * 80 + vectors, 80 + vectors)
    assert found.backward_kernels == 2


@pytest.mark.parametrize("op_type", ["GroupNormalization", "InstanceNormalization"])
def test_normalization_of_images(op_type: str) -> None:
    groups = {"num_groups": 2} if op_type == "GroupNormalization" else {}
    found = of(op_type, [act(2, 4, 3, 3), par(4), par(4)], {0, 1, 2}, **groups)
    assert facts(found.forward) == (8 * 72, 72 + 8, 72)


def test_normalization_of_a_sum() -> None:
    inputs = [act(2, 5, 8), act(2, 5, 8), par(8), par(8), par(8)]
    found = of("SkipLayerNormalization", inputs, {0, 1, 2, 3, 4}, domain=MS)
    assert facts(found.forward) == (8 * 80 + 80, 2 * 80 + 3 * 8, 80)


def test_normalization_of_a_sum_that_is_also_given_out() -> None:
    inputs = [act(2, 5, 8), act(2, 5, 8), par(8)]
    op = single("SkipSimplifiedLayerNormalization", inputs, outputs=4, domain=MS)
    assert cost(op).forward.written_bytes == 2 * 4 * 80


def test_embedding_with_normalization() -> None:
    ids = act(2, 5, dtype=INT32)
    inputs = [ids, ids, par(100, 8), par(16, 8), par(2, 8), par(8), par(8)]
    found = of("EmbedLayerNormalization", inputs, {2, 3, 4, 5, 6}, outputs=2, domain=MS)
    # three rows of 8 for each of 10 tokens: two sums; the tables are not read whole
    assert facts(found.forward) == ((8 + 2) * 80, 10 + 10 + 3 * 80, 80)
    assert found.backward.written_bytes == 4 * 8 * (100 + 16 + 2)


def test_local_response_normalization() -> None:
    # 5 squares and 5 sums, and 4 for the scale, the power and the quotient
    found = of("LRN", [act(1, 3, 2, 2)], {0}, size=5)
    assert facts(found.forward) == (14 * 12, 12, 12)


@pytest.mark.parametrize("op_type", ["Softmax", "LogSoftmax"])
def test_softmax(op_type: str) -> None:
    # max, subtract, exp, sum, divide; backward y (dy - sum(dy y))
    found = of(op_type, [act(2, 10)], {0})
    assert facts(found.forward) == (5 * 20, 20, 20)
    assert facts(found.backward) == (4 * 20, 40, 20)
    assert found.saved == ("o0",)


# --- pooling, reductions, resampling ----------------------------------------------------


def test_max_pooling() -> None:
    # 1*2*2*2 = 8 outputs of 2*2 compared; 8 bytes of index for each
    found = of("MaxPool", [act(1, 2, 4, 4)], {0}, kernel_shape=[2, 2], strides=[2, 2])
    assert facts(found.forward) == (32, 32, 8)
    assert facts(found.backward) == (32, 8 + 2 * 8, 32)
    assert found.extra_saved_bytes == 64


def test_average_pooling_keeps_no_indices() -> None:
    found = of("AveragePool", [act(1, 2, 4, 4)], {0}, kernel_shape=[2, 2], strides=[2, 2])
    assert found.extra_saved_bytes == 0
    assert facts(found.backward) == (32, 8, 32)


def test_pooling_of_an_inference_keeps_nothing() -> None:
    found = of("MaxPool", [act(1, 2, 4, 4)], kernel_shape=[2, 2])
    assert (found.backward, found.saved, found.extra_saved_bytes) == (Work(), (), 0)


def test_global_average_pooling() -> None:
    found = of("GlobalAveragePool", [act(2, 3, 4, 4)], {0})
    assert facts(found.forward) == (96, 96, 6)
    assert facts(found.backward) == (96, 6, 96)
    assert found.saved == ()


def test_reductions_by_what_each_element_takes() -> None:
    axes = np.asarray([1])
    assert of("ReduceMean", [act(2, 6), axes]).forward.other_flops == 12
    assert of("ReduceSumSquare", [act(2, 6), axes]).forward.other_flops == 24  # square, add
    assert of("ReduceMax", [act(2, 6), axes], {0}).saved == ("i0", "o0")
    assert of("ReduceSumSquare", [act(2, 6), axes], {0}).saved == ("i0",)
    assert of("ReduceMean", [act(2, 6), axes], {0}).saved == ()


@pytest.mark.parametrize(
    ("mode", "flops"),
    # 1*2*8*8 = 128 outputs; per axis 1, 2 or 4 neighbours, each a product and a sum
    [("nearest", 0), ("linear", 2 * 2**2 * 128), ("cubic", 2 * 4**2 * 128)],
)
def test_resizing(mode: str, flops: int) -> None:
    sizes = np.asarray([1, 2, 8, 8])
    found = of("Resize", [act(1, 2, 4, 4), None, None, sizes], {0}, mode=mode)
    assert facts(found.forward) == (flops, 32, 128)


def test_sampling_a_grid() -> None:
    # 1*2*3*3 = 18 outputs of 2*2 neighbours
    found = of("GridSample", [act(1, 2, 4, 4), act(1, 3, 3, 2)], mode="linear")
    assert found.forward.other_flops == 2 * 4 * 18


def test_top_k() -> None:
    # 20 elements, log2 of 3 rounded up is 2
    found = of("TopK", [act(2, 10), np.asarray([3])], outputs=2)
    assert found.forward.other_flops == 40


def test_top_k_of_a_large_batch_compares_as_often_a_sample() -> None:
    found = of("TopK", [act(64, 10), np.asarray([3])], outputs=2)
    assert found.forward.other_flops == 64 * 10 * 2


# --- elementwise ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op_type", "forward"),
    [
        ("Relu", 1),  # max
        ("LeakyRelu", 2),  # compare, multiply
        ("Sigmoid", 4),  # negate, exp, add, divide
        ("Tanh", 1),
        ("Exp", 1),
        ("Gelu", 5),  # divide, erf, add, multiply, multiply
        ("HardSigmoid", 4),  # multiply, add, max, min
        ("Elu", 4),  # compare, exp, subtract, multiply
        ("Softplus", 3),  # exp, add, log
        ("Cast", 0),
    ],
)
def test_elementary_operations_of_an_activation(op_type: str, forward: int) -> None:
    attributes = {"to": TensorProto.FLOAT} if op_type == "Cast" else {}
    found = of(op_type, [act(2, 3)], **attributes)
    assert facts(found.forward) == (forward * 6, 6, 6)
    assert found.backward == Work()


def test_what_activations_keep_for_the_backward_pass() -> None:
    relu, gelu = of("Relu", [act(2, 3)], {0}), of("Gelu", [act(2, 3)], {0})
    neg = of("Neg", [act(2, 3)], {0})
    assert (relu.saved, gelu.saved, neg.saved) == (("o0",), ("i0",), ())
    assert facts(relu.backward) == (6, 12, 6)
    assert facts(neg.backward) == (6, 6, 6)


@pytest.mark.parametrize(
    ("op_type", "flops"), [("BiasGelu", 6), ("FastGelu", 10), ("QuickGelu", 6), ("Gelu", 5)]
)
def test_fused_gelu(op_type: str, flops: int) -> None:
    # 0.5 x (1 + tanh(c (x + 0.044715 x^3))) is 9; x sigmoid(1.702 x) 6; a bias adds one
    bias = [par(3)] if op_type in ("BiasGelu", "FastGelu") else []
    found = of(op_type, [act(2, 3), *bias], {0}, domain=MS)
    assert facts(found.forward) == (6 * flops, 6 + 3 * len(bias), 6)


def test_a_broadcast_sum() -> None:
    # 24 additions; the bias' gradient sums 24 values into 4, the input's is the output's
    found = of("Add", [act(2, 3, 4), par(4)], {0, 1})
    assert facts(found.forward) == (24, 28, 24)
    assert facts(found.backward) == (24, 24, 4)
    assert (found.backward_kernels, found.saved) == (1, ())


def test_a_product_needs_the_other_operand() -> None:
    found = of("Mul", [act(2, 3), act(2, 3)], {0, 1})
    assert facts(found.backward) == (12, 4 * 6, 12)
    assert set(found.saved) == {"i0", "i1"}


def test_a_quotient() -> None:
    numerator = of("Div", [act(2, 3), act(2, 3)], {0})
    assert numerator.saved == ("i1",)
    both = of("Div", [act(2, 3), act(2, 3)], {0, 1})
    assert set(both.saved) == {"i0", "i1"}
    # dy / b is 1 an element, -dy a / b / b is 3
    assert both.backward.other_flops == (1 + 3) * 6


def test_a_sum_of_three() -> None:
    found = of("Sum", [act(2, 3), act(2, 3), act(2, 3)], {0, 1, 2})
    assert facts(found.forward) == (12, 18, 6)
    assert found.backward == Work()


def test_a_choice() -> None:
    found = of("Where", [act(2, 3, dtype=TensorProto.BOOL), act(2, 3), act(2, 3)], {1, 2})
    # a mask is one byte an element
    assert (found.forward.other_flops, found.forward.read_bytes) == (6, 6 + 4 * 12)
    assert (found.backward.other_flops, found.backward.read_bytes) == (12, 2 * (24 + 6))
    assert (found.backward.written_bytes, found.saved) == (2 * 24, ("i0",))


def test_dropout_costs_in_training_only() -> None:
    found = of("Dropout", [act(2, 3)], {0})
    assert found.forward == Work()
    # random, compare, multiply; one byte of mask
    assert found.training_forward == Work(
        other_flops=18, read_bytes=24, written_bytes=24 + 6, weight_read_bytes=0
    )
    assert found.extra_saved_bytes == 6
    # mask and scale; reads the gradient and the mask
    assert found.backward == Work(other_flops=12, read_bytes=24 + 6, written_bytes=24)


def test_a_running_sum() -> None:
    assert facts(of("CumSum", [act(2, 3), np.asarray(1)], {0}).backward) == (6, 6, 6)


# --- movement ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op_type", "extra", "attributes"),
    [
        ("Identity", [], {}),
        ("Reshape", [np.asarray([6])], {}),
        ("Flatten", [], {}),
        ("Unsqueeze", [np.asarray([0])], {}),
    ],
)
def test_views_cost_nothing(op_type: str, extra: list[Given], attributes: dict[str, Any]) -> None:
    found = of(op_type, [act(2, 3), *extra], {0}, **attributes)
    assert (found.forward, found.backward) == (Work(), Work())
    assert (found.is_view, found.forward_kernels, found.backward_kernels) == (True, 0, 0)


def test_an_expanded_view_sums_its_gradient() -> None:
    found = of("Expand", [act(2, 1), np.asarray([2, 5])], {0})
    assert found.forward == Work()
    assert facts(found.backward) == (10, 10, 2)


@pytest.mark.parametrize(
    ("op_type", "inputs", "attributes", "moved"),
    [
        ("Transpose", [act(2, 3)], {"perm": [1, 0]}, 6),
        ("Concat", [act(2, 3), act(4, 3)], {"axis": 0}, 18),
        ("Slice", [act(4, 3), np.asarray([0]), np.asarray([1])], {}, 3),
        ("Tile", [act(2, 3), np.asarray([2, 2])], {}, 24),
        ("Pad", [act(2, 3), np.asarray([1, 0, 1, 0])], {}, 12),
    ],
)
def test_copies_read_and_write_what_they_make(
    op_type: str, inputs: list[Given], attributes: dict[str, Any], moved: int
) -> None:
    found = of(op_type, inputs, {0}, **attributes)
    assert facts(found.forward) == (0, moved, moved)
    first = inputs[0]
    assert first is not None
    # the whole gradient of the input is written, zero where nothing was taken
    assert found.backward.written_bytes == 4 * int(np.prod(first.dims))  # type: ignore[union-attr]


def test_a_split_writes_all_its_parts() -> None:
    op = single("Split", [act(4, 6), np.asarray([2, 4])], outputs=2, axis=1)
    assert facts(cost(op, {0}).forward) == (0, 24, 24)


def test_an_embedding_reads_rows_and_not_the_table() -> None:
    # 10 indices of 8 bytes, 10 rows of 8 elements; backward writes the table's gradient
    found = of("Gather", [par(100, 8), act(2, 5, dtype=INT64)], {0})
    assert found.family is Family.EMBEDDING
    assert facts(found.forward) == (0, 20 + 80, 80)
    assert facts(found.backward) == (80, 80 + 20, 800)
    assert found.saved == ("i1",)


def test_picking_from_an_activation_is_movement() -> None:
    found = of("Gather", [act(2, 5, 8), np.asarray([0])], axis=1)
    assert found.family is Family.MOVEMENT
    assert found.forward.written_bytes == 4 * 2 * 8


def test_scattering() -> None:
    # data of 20, 2 indices of 8 bytes, updates of 10: the data is copied, the updates put in
    inputs = [act(4, 5), act(2, 1, dtype=INT64), act(2, 5)]
    found = of("ScatterND", inputs, {0, 2})
    assert facts(found.forward) == (0, 20 + 4 + 10, 20 + 10)
    assert found.backward.written_bytes == 4 * (20 + 10)


def test_quantization() -> None:
    scale, zero = np.asarray(np.float32(0.1)), np.asarray(np.uint8(0))
    found = of("QuantizeLinear", [act(4, 8), scale, zero], {0})
    # scale and round; 4 bytes in, 1 out, scale 4 and zero point 1
    assert (found.forward.other_flops, found.forward.read_bytes) == (64, 4 * 32 + 5)
    assert found.forward.written_bytes == 32


def test_sources_read_nothing() -> None:
    # a draw and two operations that make it normal
    found = of("RandomNormalLike", [act(2, 3)])
    assert facts(found.forward) == (3 * 6, 0, 6)


def test_a_projection_costs_once_for_each_gradient_that_is_needed() -> None:
    # batch 2, 5 tokens, 12 wide, to three times 12: 2 * 5 * 12 * 36 a product; two
    # products of 3 heads, 25 scores each, 4 wide, cost twice their forward pass.
    inputs = [act(2, 5, 12), par(12, 36), par(36)]
    products = 2 * (2 * 3 * 25 * (4 + 4))
    op = single("Attention", inputs, domain=MS, num_heads=3)
    for grads, projections in (({1, 2}, 1), ({0, 1, 2}, 2)):
        assert cost(op, grads).backward.macs == products + projections * 2 * 5 * 12 * 36
