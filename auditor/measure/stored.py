"""Every tensor that a model stores, and those of them that lie beside it brought in.

What is handed to the runtime afterwards names no file any more: it has nothing to open.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import EncodeError
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto

from auditor.errors import ModelLoadError
from auditor.measure.external import Place, read_below

# A location that is no file's: of tensors whose elements are handed over beside the model.
_HANDED_OVER = "handed over by auditor"
_SHOWN = 200
# Types of which several elements share a byte, by a part of their name, and their bits.
_PACKED = {"INT4": 4, "FLOAT4": 4, "INT2": 2, "FLOAT6": 6}


@dataclass(frozen=True, slots=True)
class Brought:
    """Elements by the name of a top-level initializer, and tensors whose file is not there."""

    arrays: dict[str, Any]
    missing: list[tuple[str, TensorProto]]


def bring_in(proto: ModelProto, path: Path, needed_by: str = "") -> Brought:
    """Read all that `proto`, a model read from `path`, declares to lie in other files.

    Elements of top-level initializers are returned; all others are put into `proto`.
    `needed_by` names who wants them, in errors.

    Raises:
        ModelLoadError: a file is outside the model's folder, too short, or cannot be read; or
            a tensor says no size that it could have.
    """
    proto.ClearField("training_info")  # never run
    arrays: dict[str, Any] = {}
    missing = []
    # Held as long as they are told apart by identity: protobuf makes the objects anew.
    every = tensors(proto)
    top = {id(tensor) for tensor in proto.graph.initializer}
    for name, tensor in every:
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        try:
            found = read_below(_place(name, tensor, path, needed_by))
        except FileNotFoundError:
            missing.append((name, tensor))
            continue
        dtype = dtype_of(tensor)
        if id(tensor) in top and dtype is not None and _is_whole(dtype):
            arrays[name] = found.view(dtype).reshape(tuple(tensor.dims))
            hand_over(tensor)
        else:
            _put_in(tensor, found.tobytes())
    return Brought(arrays, missing)


def hand_over(tensor: TensorProto) -> None:
    """Let a tensor name no file: its elements are handed to the runtime beside the model."""
    del tensor.external_data[:]
    tensor.external_data.add(key="location", value=_HANDED_OVER)


def serialized(proto: ModelProto, path: Path) -> bytes:
    """Return the bytes of a model that was read from `path`.

    Raises:
        ModelLoadError: there are more of them than protobuf allows.
    """
    try:
        return bytes(proto.SerializeToString())
    except (EncodeError, ValueError) as error:
        raise ModelLoadError(
            f"{path}: more than 2 GB of weights inside subgraphs; export them as initializers"
        ) from error


def _put_in(tensor: TensorProto, elements: bytes) -> None:
    del tensor.external_data[:]
    tensor.ClearField("data_location")
    tensor.raw_data = elements


def _place(name: str, tensor: TensorProto, path: Path, needed_by: str) -> Place:
    said = {entry.key: entry.value for entry in tensor.external_data}
    location = str(said.get("location", ""))
    byte_count = _byte_count(tensor, path)
    where = f"{path}: {needed_by}the weights {name[:_SHOWN]!r} in {location[:_SHOWN]!r}, "
    length = said.get("length")
    if length is not None and (not length.isdecimal() or int(length) != byte_count):
        raise ModelLoadError(
            f"{where}should have {byte_count} bytes by their shape, and {length[:_SHOWN]!r} by the "
            "file; export the model again"
        )
    offset = said.get("offset", "0")
    if not offset.isdecimal():
        raise ModelLoadError(f"{where}begin at {offset[:_SHOWN]!r}; export the model again")
    return Place(
        where=where,
        folder=path.parent,
        location=location,
        offset=int(offset),
        byte_count=byte_count,
    )


def _byte_count(tensor: TensorProto, path: Path) -> int:
    dtype = dtype_of(tensor)
    if dtype is None or any(d < 0 for d in tensor.dims):
        raise ModelLoadError(
            f"{path}: the weights {str(tensor.name)[:_SHOWN]!r} are of no type or size that a file "
            "could hold; export the model again"
        )
    return (math.prod(map(int, tensor.dims)) * _bits(tensor.data_type, dtype) + 7) // 8


def _bits(data_type: int, dtype: np.dtype[Any]) -> int:
    name = str(TensorProto.DataType.Name(data_type))
    packed = next((b for word, b in _PACKED.items() if word in name), None)
    return 8 * int(dtype.itemsize) if packed is None else int(packed)


def _is_whole(dtype: np.dtype[Any]) -> bool:
    """Whether numpy has the type, or onnxruntime takes it: bfloat16."""
    return (dtype.kind in "fiub" and dtype.isbuiltin == 1) or dtype.name == "bfloat16"


def dtype_of(tensor: TensorProto) -> np.dtype[Any] | None:
    """Return numpy's type of the elements; None where it has none."""
    try:
        found = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))
    except (KeyError, ValueError, TypeError):
        return None
    return None if found.kind == "O" else found


def tensors(proto: ModelProto) -> list[tuple[str, TensorProto]]:
    """Every stored tensor by the name of its value; a list, for identity tells them apart."""
    found = list(_of_graph(proto.graph))
    for function in proto.functions:
        found += _of_nodes(function.node)
        found += (t for a in function.attribute_proto for t in _of_attribute(a, function.name))
    return found


def _of_graph(graph: GraphProto) -> Iterator[tuple[str, TensorProto]]:
    yield from ((tensor.name, tensor) for tensor in graph.initializer)
    for sparse in graph.sparse_initializer:
        yield from ((sparse.values.name, t) for t in (sparse.values, sparse.indices))
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: Sequence[NodeProto]) -> Iterator[tuple[str, TensorProto]]:
    for node in nodes:
        name = node.output[0] if node.op_type == "Constant" and node.output else node.name
        for attribute in node.attribute:
            yield from _of_attribute(attribute, name)


def _of_attribute(attribute: AttributeProto, name: str) -> Iterator[tuple[str, TensorProto]]:
    # Whatever its type says: a reader may look at the field.
    if attribute.HasField("t"):
        yield name, attribute.t
    yield from ((name, tensor) for tensor in attribute.tensors)
    sparse = [attribute.sparse_tensor] if attribute.HasField("sparse_tensor") else []
    for held in (*sparse, *attribute.sparse_tensors):
        yield from ((name, t) for t in (held.values, held.indices))
    graphs = [attribute.g] if attribute.HasField("g") else []
    for graph in (*graphs, *attribute.graphs):
        yield from _of_graph(graph)
