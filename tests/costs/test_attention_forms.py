"""com.microsoft's attentions, linear attention and positions, counted by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from builders import INT64, Given, act, cost, par, single
from onnx import TensorProto

from auditor.costs import Cost, Work

MS = "com.microsoft"
INT32, UINT8, INT8 = TensorProto.INT32, TensorProto.UINT8, TensorProto.INT8


def of(op_type: str, inputs: list[Given], grads: Any = (), **attributes: Any) -> Cost:
    return cost(single(op_type, inputs, domain=MS, **attributes), grads)


def numbers(*values: int) -> np.ndarray:
    return np.asarray(values, np.int32)


# --- caches -----------------------------------------------------------------------------

GROUPED = {"num_heads": 4, "kv_num_heads": 2}
# 2 batches, a query of 4 heads of 4; caches with room for 9 keys of 2 heads
STEP = [act(2, 1, 16), act(2, 1, 8), act(2, 1, 8), act(2, 2, 9, 4), act(2, 2, 9, 4)]


def test_a_known_total_length_counts_and_not_the_room_in_the_buffer() -> None:
    found = of("GroupQueryAttention", [*STEP, numbers(5, 5), np.asarray(6, np.int32)], **GROUPED)
    assert found.forward.macs == 2 * 4 * 1 * 6 * (4 + 4)


def test_a_local_window_limits_the_keys_that_a_query_meets() -> None:
    inputs = [act(2, 9, 16), act(2, 9, 8), act(2, 9, 8)]
    found = of("GroupQueryAttention", inputs, local_window_size=3, **GROUPED)
    assert found.forward.macs == 2 * 4 * 9 * 3 * (4 + 4)


def test_multi_head_attention_with_a_cache() -> None:
    # 7 keys in the cache and 5 new
    joined, cache = act(2, 5, 12), act(2, 3, 7, 4)
    inputs = [joined, joined, joined, None, None, None, cache, cache]
    found = of("MultiHeadAttention", inputs, num_heads=3)
    assert found.forward.macs == 2 * 3 * 5 * (7 + 5) * (4 + 4)


@pytest.mark.parametrize(("length", "keys"), [(numbers(4), 4 + 5), (act(1, dtype=INT32), 7)])
def test_a_shared_buffer_holds_as_many_keys_as_its_length_says(length: Given, keys: int) -> None:
    # with the length not known it is counted as full
    joined, cache = act(2, 5, 12), act(2, 3, 7, 4)
    inputs = [joined, joined, joined, None, None, None, cache, cache, length]
    found = of("MultiHeadAttention", inputs, num_heads=3)
    assert found.forward.macs == 2 * 3 * 5 * keys * (4 + 4)


def test_one_query_of_a_decoder() -> None:
    joined, cache = act(2, 1, 12), act(2, 3, 7, 4)
    inputs = [joined, joined, joined, None, None, cache, cache]
    found = of("DecoderMaskedMultiHeadAttention", inputs, num_heads=3)
    assert found.forward.macs == 2 * 3 * 1 * (7 + 1) * (4 + 4)
    projected = of(
        "DecoderMaskedSelfAttention",
        [act(2, 1, 12), par(12, 36), par(36), None, act(2, 2, 3, 7, 4)],
        num_heads=3,
    )
    assert projected.forward.macs == 2 * 3 * 8 * 8 + 2 * 12 * 36


FLAGS = {(0, 0): 5, (0, 1): 7 + 5, (1, 0): 9, (1, 1): 7}


@pytest.mark.parametrize(("flags", "keys"), FLAGS.items())
def test_decoder_attention(flags: tuple[int, int], keys: int) -> None:
    # 5 queries, 9 keys of another sequence, 7 in the cache; hidden 12 of 3 heads
    cache = act(2, 3, 7, 4)
    switches = [np.asarray([f], bool) for f in (*flags, 0, 0)]
    inputs = [act(5, 2, 12), act(9, 2, 12), par(12, 12), par(12, 24), par(36), None, cache, cache]
    found = of("DecoderAttention", [*inputs, *switches], num_heads=3)
    made = {(0, 0): 5, (0, 1): 5, (1, 0): 9, (1, 1): 0}[flags]  # keys that are projected
    projection = 2 * (5 * 144 + made * 288)
    assert found.forward.macs == 2 * 3 * 5 * keys * 8 + projection


# --- without padding, quantized, sparse -------------------------------------------------


def test_attention_of_tokens_without_padding() -> None:
    # 7 tokens of 2 sequences of at most 5: each meets at most 5 keys of 3 heads of 4
    offsets, lengths = act(2, 5, dtype=INT32), act(3, dtype=INT32)
    scores = 3 * 7 * 5 * (4 + 4)
    found = of("PackedAttention", [act(7, 12), par(12, 36), par(36), offsets, lengths], num_heads=3)
    assert found.forward.macs == scores + 7 * 12 * 36
    split = of(
        "PackedMultiHeadAttention",
        [act(7, 12), act(7, 12), act(7, 12), None, offsets, lengths],
        num_heads=3,
    )
    packed = of(
        "PackedMultiHeadAttention", [act(7, 3, 3, 4), None, None, None, offsets, lengths],
        num_heads=3,
    )  # fmt: skip
    assert split.forward.macs == packed.forward.macs == scores


def test_padding_is_removed_and_put_back() -> None:
    found = of("RemovePadding", [act(2, 5, 4), numbers(3, 4)], {0}, outputs=4)
    # 3 + 4 tokens of 4 are read and written, the offsets and lengths beside
    assert found.forward.read_bytes == 4 * (7 * 4) + 2 * 4
    assert found.forward.written_bytes == 4 * (7 * 4 + 10 + 3 + 1)
    back = of("RestorePadding", [act(7, 4), act(2, 5, dtype=INT32)], {0})
    assert back.forward.written_bytes == 4 * 2 * 5 * 4


SCALE = np.asarray(np.float32(0.1))


def test_quantized_attention() -> None:
    # 2*3*5*5 scores of 8, projection 2*5*12*36; bytes: 120 of input, 432 of weights
    inputs = [act(2, 5, 12, dtype=UINT8), par(12, 36, dtype=INT8), par(36), SCALE, SCALE]
    found = of("QAttention", inputs, {0, 1}, num_heads=3)
    assert found.forward.macs == 2 * 3 * 25 * 8 + 2 * 5 * 12 * 36
    assert found.forward.read_bytes == 120 + 432 + 4 * 36 + 8
    assert found.backward == Work()


def test_ordered_attention() -> None:
    x, w = act(2, 5, 12, dtype=INT8), par(12, 12, dtype=INT8)
    inputs = [x, *[SCALE] * 4, w, w, w, *[SCALE] * 3, par(12), par(12), par(12), *[SCALE] * 3]
    found = of("QOrderedAttention", inputs, num_heads=3)
    assert found.forward.macs == 2 * 3 * 25 * 8 + 3 * 2 * 5 * 144


def test_longformer_attention() -> None:
    # 20 tokens meet 2 * 3 + 1 = 7 keys; the input is projected 3 times, and 2 for global tokens
    inputs = [act(1, 20, 8), par(8, 24), par(24), act(1, 20), par(8, 24), par(24),
              act(1, 20, dtype=INT32)]  # fmt: skip
    found = of("LongformerAttention", inputs, num_heads=2, window=3)
    assert found.forward.macs == 2 * 20 * 7 * (4 + 4) + 20 * 8 * 40


def test_sparse_attention_meets_the_blocks_of_its_layout() -> None:
    # 4 rows of blocks of 16 list 6 blocks: 24 keys a query on average
    cache = act(1, 2, 64, 4)
    inputs = [act(1, 8, 16), act(1, 8, 8), act(1, 8, 8), cache, cache, act(1, 5, dtype=INT32),
              act(1, 6, dtype=INT32), np.asarray(64, np.int32), act(1, dtype=INT32)]  # fmt: skip
    found = of("SparseAttention", inputs, outputs=3, sparse_block_size=16, **GROUPED)
    assert found.forward.macs == 4 * 8 * 24 * (4 + 4)


def test_paged_attention_reads_as_many_keys_as_are_known_or_its_pages_hold() -> None:
    pages = act(10, 16, 2, 4)
    inputs = [act(7, 16), act(7, 8), act(7, 8), pages, pages]
    table = act(2, 3, dtype=INT32)
    # lengths 3 and 4 behind 20 and 10: the longest is 23
    known = of("PagedAttention", [*inputs, numbers(0, 3, 7), numbers(20, 10), table], **GROUPED)
    assert known.forward.macs == 4 * 7 * 23 * (4 + 4)
    # 3 pages of 16 each
    rest = [act(3, dtype=INT32), act(2, dtype=INT32), table]
    assert of("PagedAttention", [*inputs, *rest], **GROUPED).forward.macs == 4 * 7 * 48 * 8
    local = of("PagedAttention", [*inputs, *rest], local_window_size=5, **GROUPED)
    assert local.forward.macs == 4 * 7 * 5 * 8


def test_selected_keys() -> None:
    # 6 are selected and 4 in the window
    inputs = [act(2, 5, 16), act(2, 5, 8), act(2, 5, 8), None, None, None, None,
              act(10, 6, dtype=INT32), act(10, dtype=INT32), act(2, dtype=INT32),
              act(1, dtype=INT32)]  # fmt: skip
    chosen = of("DynamicSparseAttention", inputs, attention_mode="selected_only", **GROUPED)
    assert chosen.forward.macs == 4 * 10 * 6 * (4 + 4)
    more = of(
        "DynamicSparseAttention", inputs,
        attention_mode="local_plus_selected", local_window_size=4, **GROUPED,
    )  # fmt: skip
    assert more.forward.macs == 4 * 10 * 10 * (4 + 4)


# --- states instead of keys -------------------------------------------------------------

LINEAR = {"q_num_heads": 2, "kv_num_heads": 2}


@pytest.mark.parametrize(
    ("rule", "products"), [("linear", 2), ("gated", 2), ("delta", 3), ("gated_delta", 3)]
)
def test_linear_attention(rule: str, products: int) -> None:
    # 2 batches, 5 tokens, 2 heads: a state of 4 by 6; written, read, and recalled before
    inputs = [act(2, 5, 8), act(2, 5, 8), act(2, 5, 12)]
    found = of("LinearAttention", inputs, {0, 1, 2}, outputs=2, update_rule=rule, **LINEAR)
    assert found.forward.macs == products * 2 * 5 * 2 * 4 * 6
    assert found.backward.macs == 2 * found.forward.macs
    gates = 2 * 5 * 2 * 4 * 6 if "gated" in rule else 0
    assert found.forward.other_flops == gates + (2 * 2 * 5 * 2 * 6 if "delta" in rule else 0)
    assert set(found.saved) == {"i0", "i1", "i2"}


def test_gated_delta_net() -> None:
    inputs = [act(10, 2, 4), act(10, 2, 4), act(10, 2, 6)]
    found = of("GatedDeltaNet", inputs, update_rule="linear")
    assert found.forward.macs == 2 * 10 * 2 * 4 * 6
    # packed: 2 query and 2 key heads of 4, 2 value heads of 6, told by the state
    packed = [act(10, 28), None, None, None, None, None, act(1, 2, 6, 4)]
    assert of("GatedDeltaNet", packed, update_rule="linear").forward.macs == 2 * 10 * 2 * 4 * 6


def test_causal_convolution() -> None:
    # 2*3*7 outputs of 4 taps, and SiLU of 5 operations each
    found = of("CausalConvWithState", [act(2, 3, 7), par(3, 1, 4)], {0, 1}, activation="silu")
    assert (found.forward.macs, found.forward.other_flops) == (42 * 4, 42 * 5)
    assert found.backward.macs == 2 * 42 * 4
    assert found.extra_saved_bytes == 4 * 42  # what goes into the activation


# --- positions --------------------------------------------------------------------------


def test_relative_positions() -> None:
    length = np.asarray(6, np.int64)
    found = of("RelativePositionBias", [par(32, 4), length, length], {0}, max_distance=128)
    # no: the table is a constant and so are the lengths; the bias is made once
    assert found.forward == Work()
    table = of("RelativePositionBias", [act(32, 4), length, length], {0}, max_distance=128)
    assert (table.forward.other_flops, table.forward.written_bytes) == (8 * 36, 4 * 4 * 36)
    assert table.backward.written_bytes == 4 * 32 * 4


def test_gated_relative_positions() -> None:
    # 2*3 tokens of 4 heads of 8: each times (8, 2); gates 12 a head and token; 2*4*9 results
    inputs = [act(2, 3, 32), par(32), act(1, 4, 3, 3), par(8, 2), par(2), par(1, 4, 1, 1)]
    found = of("GatedRelativePositionBias", inputs, num_heads=4)
    assert found.forward.macs == 24 * 16
    assert found.forward.other_flops == 12 * 24 + 72


def test_rotation_by_gemma() -> None:
    query, key = act(1, 2, 5, 4), act(1, 1, 5, 4)
    found = of("GemmaRotaryEmbedding", [act(1, 5, 4), query, query, key, key], outputs=2)
    # sine and cosine of 20 angles, then 3 for each of 40 and 20
    assert found.forward.other_flops == 40 + 3 * 60


def test_mrotary_embedding() -> None:
    positions = act(3, 2, 5, dtype=INT64)
    found = of("MRotaryEmbedding", [act(2, 3, 5, 4), positions, par(9, 2), par(9, 2)],
               mrope_section=[1, 1, 0])  # fmt: skip
    assert found.forward.other_flops == 3 * 120
