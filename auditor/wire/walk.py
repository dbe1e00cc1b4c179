"""Protobuf wire format, walked over a memory map without the weights.

A serialized ``ModelProto`` is cut down to what a static audit needs: every tensor
keeps its name, type and dimensions; the payload of a large one is skipped and never
touched, so its pages are never read from disk.  What is left is small enough for
protobuf, which refuses anything over 2 GB, to parse.

Field numbers are those of onnx.proto3 (https://github.com/onnx/onnx, Apache-2.0);
the wire format is https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from auditor.wire.ranges import Ranges

# A message this small cannot hold a payload worth skipping: kept as it is.
VERBATIM_BYTES = 1024
# Integer tensors up to this size carry shapes, axes, indices: their values are kept.
KEPT_INTEGER_BYTES = 8192
# protobuf itself gives up at 100 nested messages.
MAX_NESTING = 100

# Dropped tensors between two calls of `release`: one touched page may map a megabyte.
RELEASE_EVERY = 16

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5

# message kind -> field number -> kind of the message inside
_CHILDREN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_DOC_STRING = {"model": 6, "graph": 10, "node": 6, "attribute": 13, "function": 8}

_TENSOR_PAYLOAD = frozenset({4, 5, 6, 7, 9, 10, 11})
_TENSOR_DATA_TYPE = 2
_DATA_LOCATION_EXTERNAL = b"\x70\x01"  # field 14, varint 1
# uint8 int8 uint16 int16 int32 int64 bool uint32 uint64
_INTEGER_TYPES = frozenset({2, 3, 4, 5, 6, 7, 9, 12, 13})


class WireError(ValueError):
    """The bytes are not a protobuf message; `offset` says where."""

    def __init__(self, reason: str, offset: int) -> None:
        super().__init__(f"{reason} at byte {offset}")
        self.offset = offset


def without_weights(data: memoryview | Ranges, release: Callable[[], None] | None = None) -> bytes:
    """Return the serialized model in `data` with the payload of large tensors left out.

    `release` is called every so often, at moments when nothing refers to `data` but the
    position of the walk, so that its owner can let go of pages.

    A tensor that lost its payload is marked as external data (``data_location``), which
    is how its reader knows that only type and dimensions are there.

    Raises:
        WireError: a field is malformed or runs past the end of the data.
    """
    return b"".join(_Walk(data, release).pieces(0, len(data), "model", 0))


def _varint(data: memoryview | Ranges, at: int, end: int) -> tuple[int, int]:
    """Decode one varint; return it and the offset after it."""
    if at < end and data[at] < 0x80:  # by far the commonest case
        return data[at], at + 1
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
    raise WireError("truncated or overlong varint", at)


def _fields(
    data: memoryview | Ranges, start: int, end: int
) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield (field number, wire type, start of field, start of value, end of value)."""
    at = start
    while at < end:
        key, value_start = _varint(data, at, end)
        number, wire_type = key >> 3, key & 7
        if wire_type == _LENGTH:
            length, value_start = _varint(data, value_start, end)
            stop = value_start + length
        elif wire_type == _VARINT:
            _, stop = _varint(data, value_start, end)
        elif wire_type == _FIXED32:
            stop = value_start + 4
        elif wire_type == _FIXED64:
            stop = value_start + 8
        else:
            raise WireError(f"unknown wire type {wire_type}", at)
        if number == 0:
            raise WireError("field number 0", at)
        if stop > end:
            raise WireError(f"a field of {stop - value_start} bytes runs past the end", at)
        yield number, wire_type, at, value_start, stop
        at = stop


def _encode_varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class _Walk:
    """Cuts large payloads out of one serialized model.

    Chunks are copied, not sliced: what is kept is small, and a slice would hold its page.
    """

    def __init__(self, data: memoryview | Ranges, release: Callable[[], None] | None) -> None:
        self.data = data
        self.release = release
        self.dropped = 0

    def pieces(self, start: int, end: int, kind: str, depth: int) -> list[bytes]:
        """Return the chunks that make up the message data[start:end] without large payloads."""
        if depth > MAX_NESTING:
            raise WireError(f"messages nested more than {MAX_NESTING} deep", start)
        if kind == "tensor":
            return self._tensor(start, end)
        data, children, doc_string = self.data, _CHILDREN[kind], _DOC_STRING.get(kind)
        out: list[bytes] = []
        kept_from = start  # runs of verbatim fields are copied as one chunk
        for number, wire_type, at, value_start, stop in _fields(data, start, end):
            if wire_type != _LENGTH or stop - value_start <= VERBATIM_BYTES:
                continue
            if number == doc_string:
                out.append(bytes(data[kept_from:at]))
                kept_from = stop
            elif number in children:
                out.append(bytes(data[kept_from:at]))
                inner = self.pieces(value_start, stop, children[number], depth + 1)
                out.append(_encode_varint(number << 3 | _LENGTH))
                out.append(_encode_varint(sum(map(len, inner))))
                out.extend(inner)
                kept_from = stop
        out.append(bytes(data[kept_from:end]))
        return out

    def _tensor(self, start: int, end: int) -> list[bytes]:
        """Return a tensor's chunks: whole if it carries shapes, else without its payload."""
        data = self.data
        fields = list(_fields(data, start, end))
        data_type = next(
            (
                _varint(data, v, s)[0]
                for n, w, _, v, s in fields
                if n == _TENSOR_DATA_TYPE and not w
            ),
            0,
        )
        payload_bytes = sum(s - at for number, _, at, _, s in fields if number in _TENSOR_PAYLOAD)
        if payload_bytes <= (KEPT_INTEGER_BYTES if data_type in _INTEGER_TYPES else VERBATIM_BYTES):
            return [bytes(data[start:end])]
        kept = [bytes(data[at:s]) for n, _, at, _, s in fields if n not in _TENSOR_PAYLOAD]
        self.dropped += 1
        if self.release is not None and self.dropped % RELEASE_EVERY == 0:
            self.release()
        return [*kept, _DATA_LOCATION_EXTERNAL]
