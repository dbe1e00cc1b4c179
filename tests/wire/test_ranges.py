"""What is read of a file that is elsewhere: the same bytes, few of them, in few requests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from builders import DATA, model, node, value
from hypothesis import given
from hypothesis import strategies as st
from onnx import numpy_helper

from auditor.errors import ModelLoadError
from auditor.wire import Header, RangeError, Ranges, header_of, read_header
from auditor.wire.ranges import BLOCK_BYTES, MOST_BYTES

EXAMPLES = sorted((DATA.parents[1] / "examples").glob("*.onnx"))


def ranges(content: bytes) -> Ranges:
    return Ranges(len(content), lambda start, stop: content[start:stop])


@given(st.binary(min_size=1, max_size=3 * BLOCK_BYTES), st.data())
def test_it_is_indexed_and_sliced_as_bytes_are(content: bytes, data: st.DataObject) -> None:
    found = ranges(content)
    ends = st.integers(0, len(content) + 5)
    for _ in range(5):
        start, stop = data.draw(ends), data.draw(ends)
        assert found[start:stop] == content[start:stop]
        at = data.draw(st.integers(0, len(content) - 1))
        assert found[at] == content[at]
    assert len(found) == len(content)
    assert found.read_bytes <= len(content)


def test_beyond_the_end_there_is_nothing() -> None:
    with pytest.raises(IndexError):
        ranges(b"abc")[3]


def test_what_follows_comes_in_ever_larger_ranges() -> None:
    """Ranges of 1, 2, 4 ... blocks, the last ones of a megabyte: 1 + 2 + ... + 256 = 511 blocks."""
    found = ranges(bytes(511 * BLOCK_BYTES))
    assert found[0 : found.size] == bytes(found.size)
    assert found.requests == 9
    assert MOST_BYTES == 256 * BLOCK_BYTES


def test_a_jump_makes_them_small_again() -> None:
    found = ranges(bytes(1000 * BLOCK_BYTES))
    for at in (0, BLOCK_BYTES, 500 * BLOCK_BYTES):
        assert found[at] == 0
    assert found.requests == 3
    assert found.read_bytes == (1 + 2 + 1) * BLOCK_BYTES


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_a_header_is_that_of_the_file(path: Path) -> None:
    assert header_of(ranges(path.read_bytes()), path.name) == read_header(path)


def with_weights(count: int, side: int) -> bytes:
    """A chain of products, each with a square matrix of its own."""
    zeros = np.zeros((side, side), np.float32)
    weights = [numpy_helper.from_array(zeros, f"w{i}") for i in range(count)]
    nodes = [node("MatMul", [f"x{i}", f"w{i}"], [f"x{i + 1}"]) for i in range(count)]
    made = model(
        nodes, [value("x0", [1, side])], [value(f"x{count}", [1, side])], initializers=weights
    )
    content: bytes = made.SerializeToString()
    return content


def test_weights_are_jumped_over(tmp_path: Path) -> None:
    content = with_weights(20, 512)  # 20 MiB
    found = ranges(content)
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    assert header_of(found, "model") == read_header(path)
    # Two blocks at most for each tensor's head, and the graph's own.
    assert found.read_bytes <= 50 * BLOCK_BYTES < len(content) / 90


def test_a_server_that_sends_all_is_refused() -> None:
    content = with_weights(2, 64)
    stubborn = Ranges(len(content), lambda *_: content)
    with pytest.raises(RangeError, match="does not serve ranges"):
        header_of(stubborn, "model")


@pytest.mark.parametrize("content", [b"", b"\xff" * 100, EXAMPLES[0].read_bytes()[:-10]])
def test_what_is_no_model_is_named(content: bytes) -> None:
    with pytest.raises(ModelLoadError, match=r"^s3://bucket/model\.onnx: "):
        header_of(ranges(content), "s3://bucket/model.onnx")


def test_a_header_is_that_of_onnx() -> None:
    content = EXAMPLES[0].read_bytes()
    header = header_of(ranges(content), "x")
    assert isinstance(header, Header)
    whole = onnx.load_from_string(content)
    assert len(onnx.load_from_string(header.data).graph.node) == len(whole.graph.node)
