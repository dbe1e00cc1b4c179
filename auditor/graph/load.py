"""Loading: a file becomes a `Model`, its weights left where they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper

from auditor.errors import ModelLoadError
from auditor.graph.local_functions import inlined
from auditor.graph.order import ordered as _ordered
from auditor.graph.records import Dim, Graph, Model, Node, Shape, Tensor
from auditor.graph.standard import require_standard
from auditor.graph.structure import structure_sha256
from auditor.wire import EXPORT_HINT, Header, read_header


def load_model(path: Path) -> Model:
    """Read the structure of the ONNX file at `path`.

    External data is never opened, present or absent; weights inside the file are skipped.

    Raises:
        ModelLoadError: no such file, not ONNX, truncated, or without a graph.
    """
    return model_of(read_header(path), path)


def model_of(header: Header, path: Path) -> Model:
    """Read the structure out of a file's bytes without weights; `path` is for its name alone.

    Raises:
        ModelLoadError: not ONNX, or without a graph.
    """
    proto = _parsed(header, path)
    if not proto.HasField("graph"):
        raise ModelLoadError(f"{path}: no graph in the file; {EXPORT_HINT}")
    if not proto.graph.node:
        raise ModelLoadError(f"{path}: the graph has no nodes; {EXPORT_HINT}")
    proto = inlined(proto, path)
    graph = _graph(proto.graph, path)
    graph = _ordered(graph, path)
    _require_text(path, *(o.domain for o in proto.opset_import))
    opset_imports = {_domain(o.domain): int(o.version) for o in proto.opset_import}
    return Model(
        path=os.fsencode(path).decode("utf-8", "replace"),
        file_bytes=header.file_bytes,
        graph=graph,
        opset_imports=MappingProxyType(opset_imports),
        ir_version=int(proto.ir_version),
        producer=f"{_said(proto.producer_name)} {_said(proto.producer_version)}".strip(),
        structure_sha256=structure_sha256(graph, opset_imports),
    )


def _parsed(header: Header, path: Path) -> ModelProto:
    """Parse what the walk over the file left of it.

    Raises:
        ModelLoadError: it is no ModelProto.
    """
    try:
        parsed: ModelProto = ModelProto.FromString(header.data)
    except DecodeError as error:
        raise ModelLoadError(
            f"{path}: not an ONNX model (protobuf cannot parse it); {EXPORT_HINT}"
        ) from error
    return parsed


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name


def dtype_name(data_type: int) -> str | None:
    """Return numpy's name of an ONNX element type, or None if the number is not one."""
    try:
        return str(onnx.helper.tensor_dtype_to_np_dtype(data_type))
    except (KeyError, ValueError, TypeError):
        return None


def tensor_from_proto(proto: TensorProto) -> Tensor:
    """Describe a TensorProto; its elements come along only if they are in it."""
    held = proto.data_location != TensorProto.EXTERNAL and proto.data_type != TensorProto.STRING
    value = None
    if held:
        try:
            value = numpy_helper.to_array(proto)
        except (ValueError, TypeError, KeyError):  # elements and dimensions disagree
            value = None
    dims = tuple(int(d) for d in proto.dims)
    return Tensor(_said(proto.name), dtype_name(proto.data_type), dims, value)


def _dim(dim: Any) -> Dim:
    kind = dim.WhichOneof("value")
    if kind == "dim_value":
        # Some exporters write a dynamic dimension as -1 or 0.
        return int(dim.dim_value) if dim.dim_value > 0 else None
    return _said(dim.dim_param) if kind == "dim_param" and dim.dim_param else None


def _value_info(info: Any) -> Tensor:
    tensor_type = info.type.tensor_type if info.type.HasField("tensor_type") else None
    if tensor_type is None:
        return Tensor(info.name, None, None)
    shape: Shape | None = None
    if tensor_type.HasField("shape"):
        shape = tuple(_dim(d) for d in tensor_type.shape.dim)
    return Tensor(info.name, dtype_name(tensor_type.elem_type), shape)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _said(value: str | bytes) -> str:
    """What nothing is looked up by: bytes that are no UTF-8 are marked in it."""
    return _text(value) if isinstance(value, bytes) else value


_ATTRIBUTES: Mapping[int, Callable[[AttributeProto, Path], Any]] = {
    AttributeProto.TENSOR: lambda a, path: _require_sizes(tensor_from_proto(a.t), path),
    AttributeProto.GRAPH: lambda a, path: _graph(a.g, path),
    AttributeProto.GRAPHS: lambda a, path: tuple(_graph(g, path) for g in a.graphs),
    AttributeProto.STRING: lambda a, _: _text(a.s),
    AttributeProto.STRINGS: lambda a, _: tuple(map(_text, a.strings)),
    AttributeProto.INT: lambda a, _: int(a.i),
    AttributeProto.FLOAT: lambda a, _: float(a.f),
    AttributeProto.INTS: lambda a, _: tuple(a.ints),
    AttributeProto.FLOATS: lambda a, _: tuple(a.floats),
}


def _attribute(proto: AttributeProto, path: Path) -> Any:
    """Python value of an attribute; None for sparse tensors and types, which cost nothing."""
    read = _ATTRIBUTES.get(proto.type)
    return None if read is None else read(proto, path)


def _require_text(path: Path, *names: str | bytes) -> None:
    """Refuse names that are no UTF-8, which protobuf hands out as bytes.

    Raises:
        ModelLoadError: one of them is.
    """
    for name in names:
        if isinstance(name, bytes):
            raise ModelLoadError(
                f"{path}: the name {name[:40]!r} is not UTF-8; rename it, or export the model again"
            )


def _require_sizes(tensor: Tensor, path: Path) -> Tensor:
    """Return a stored tensor, unless it is of a size that no tensor has.

    Raises:
        ModelLoadError: a dimension is negative.
    """
    if any(isinstance(d, int) and d < 0 for d in tensor.shape or ()):
        raise ModelLoadError(
            f"{path}: the tensor {tensor.name[:80]!r} has the shape {tensor.shape}, of which a "
            "part is negative; export the model again"
        )
    return tensor


def _node(proto: NodeProto, path: Path) -> Node:
    _require_text(path, proto.op_type, proto.domain, proto.name, *proto.input, *proto.output)
    _require_text(path, *(a.name for a in proto.attribute))
    node = Node(
        op_type=proto.op_type,
        domain=_domain(proto.domain),
        name=proto.name,
        inputs=tuple(proto.input),
        outputs=tuple(proto.output),
        attributes=MappingProxyType(
            # Without a type it has no value that could be taken.
            {a.name: _attribute(a, path) for a in proto.attribute if a.type}
        ),
        proto=proto,
    )
    require_standard(node, path)
    return node


def _initializers(proto: GraphProto) -> Mapping[str, Tensor]:
    tensors = {t.name: tensor_from_proto(t) for t in proto.initializer}
    for sparse in proto.sparse_initializer:
        values = sparse.values
        tensors[values.name] = Tensor(values.name, dtype_name(values.data_type), tuple(sparse.dims))
    return MappingProxyType(tensors)


def _graph(proto: GraphProto, path: Path) -> Graph:
    infos = (*proto.input, *proto.output, *proto.value_info)
    _require_text(path, proto.name, *(i.name for i in (*proto.initializer, *infos)))
    _require_text(path, *(s.values.name for s in proto.sparse_initializer))
    initializers = _initializers(proto)
    for tensor in initializers.values():
        _require_sizes(tensor, path)
    return Graph(
        name=proto.name,
        nodes=tuple(_node(n, path) for n in proto.node),
        # Before IR version 4 every initializer was listed among the inputs as well.
        inputs=tuple(_value_info(i) for i in proto.input if i.name not in initializers),
        outputs=tuple(_value_info(o) for o in proto.output),
        initializers=initializers,
        value_info=MappingProxyType({v.name: _value_info(v) for v in proto.value_info}),
    )


def graph_from_proto(proto: GraphProto, origin: str) -> Graph:
    """Read a graph that another library made; `origin` names it in errors.

    Raises:
        ModelLoadError: a value is used that nothing makes, or that depends on itself.
    """
    graph = _graph(proto, Path(origin))
    return _ordered(graph, Path(origin))


def array_to_proto(value: np.ndarray[Any, Any], name: str) -> TensorProto:
    """Wrap a small constant for onnx's shape inference."""
    return numpy_helper.from_array(value, name)
