"""Write an ONNX model without its weights.

The files of this repository keep the structure of a network only: names, shapes and types of the
weights stay, their values are declared to lie in a file that is not there.  That is what Auditor
reads anyway, and it turns a hundred megabytes into a hundred kilobytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx

FLOAT_LIMIT = 1024
"""Payload in bytes up to which a floating-point tensor stays in the file."""

OTHER_LIMIT = 8192
"""The same for integers and booleans: shape arithmetic reads those, so more of them stay."""

ITEM_BITS: dict[int, int] = {
    onnx.TensorProto.FLOAT: 32,
    onnx.TensorProto.DOUBLE: 64,
    onnx.TensorProto.FLOAT16: 16,
    onnx.TensorProto.BFLOAT16: 16,
    onnx.TensorProto.INT8: 8,
    onnx.TensorProto.UINT8: 8,
    onnx.TensorProto.INT16: 16,
    onnx.TensorProto.UINT16: 16,
    onnx.TensorProto.INT32: 32,
    onnx.TensorProto.UINT32: 32,
    onnx.TensorProto.INT64: 64,
    onnx.TensorProto.UINT64: 64,
    onnx.TensorProto.BOOL: 8,
}
FLOAT_TYPES = frozenset(
    {
        onnx.TensorProto.FLOAT,
        onnx.TensorProto.DOUBLE,
        onnx.TensorProto.FLOAT16,
        onnx.TensorProto.BFLOAT16,
    }
)
PAYLOAD_FIELDS = (
    "raw_data",
    "float_data",
    "int32_data",
    "int64_data",
    "double_data",
    "uint64_data",
)


def element_count(tensor: onnx.TensorProto) -> int:
    """Number of elements of a tensor, read from its declared shape."""
    count = 1
    for size in tensor.dims:
        count *= size
    return count


def payload_bytes(tensor: onnx.TensorProto) -> int:
    """Bytes that the values of a tensor take when stored raw."""
    return element_count(tensor) * ITEM_BITS[tensor.data_type] // 8


def is_float(tensor: onnx.TensorProto) -> bool:
    """Whether the tensor holds floating-point values."""
    return tensor.data_type in FLOAT_TYPES


def graphs_of(model: onnx.ModelProto) -> Iterator[onnx.GraphProto]:
    """The main graph and every graph nested in an attribute."""
    pending = [model.graph]
    while pending:
        graph = pending.pop()
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.type == onnx.AttributeProto.GRAPH:
                    pending.append(attribute.g)
                pending.extend(attribute.graphs)


def tensors_of(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every stored tensor: initializers first, then the tensors in node attributes."""
    for graph in graphs_of(model):
        yield from graph.initializer
        for node in graph.node:
            yield from _attribute_tensors(node)
    for function in model.functions:
        for node in function.node:
            yield from _attribute_tensors(node)


def op_histogram(model: onnx.ModelProto) -> dict[str, int]:
    """How often each operator occurs, most frequent first."""
    counts: Counter[str] = Counter()
    for graph in graphs_of(model):
        for node in graph.node:
            counts[f"{node.domain}::{node.op_type}" if node.domain else node.op_type] += 1
    return dict(counts.most_common())


def write_structure_only(model: onnx.ModelProto, path: str | Path) -> int:
    """Write a copy of the model without the values of its weights; return the file's size.

    Large tensors become declarations of external data in ``<stem>.weights``, a file that is never
    written.  Small ones stay, as shapes, axes and epsilons are among them.
    """
    target = Path(path)
    stripped = onnx.ModelProto()
    stripped.CopyFrom(model)
    _clear_notes(stripped)
    offset = 0
    for tensor in tensors_of(stripped):
        size = payload_bytes(tensor)
        if size > (FLOAT_LIMIT if is_float(tensor) else OTHER_LIMIT):
            _declare_external(tensor, f"{target.stem}.weights", offset, size)
            offset += size
    data = stripped.SerializeToString(deterministic=True)
    target.write_bytes(data)
    return len(data)


def _attribute_tensors(node: onnx.NodeProto) -> Iterator[onnx.TensorProto]:
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.TENSOR:
            yield attribute.t
        yield from attribute.tensors


def _declare_external(tensor: onnx.TensorProto, location: str, offset: int, length: int) -> None:
    for field in PAYLOAD_FIELDS:
        tensor.ClearField(field)
    tensor.ClearField("external_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)


def _clear_notes(model: onnx.ModelProto) -> None:
    # Exporters put stack traces in here: most of the file's bytes, and paths of the machine.
    _clear(model)
    for function in model.functions:
        _clear(function)
        for node in function.node:
            _clear(node)
    for graph in graphs_of(model):
        _clear(graph)
        parts: list[Any] = [*graph.node, *graph.initializer, *graph.value_info]
        for part in [*parts, *graph.input, *graph.output]:
            _clear(part)
    for tensor in tensors_of(model):
        _clear(tensor)


def _clear(message: Any) -> None:
    for field in ("doc_string", "metadata_props"):
        if field in message.DESCRIPTOR.fields_by_name:
            message.ClearField(field)
