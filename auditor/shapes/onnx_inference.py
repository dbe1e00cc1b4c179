"""One node's output types from onnx's own per-operator shape inference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, TypeProto
from onnx.defs import OpSchema, SchemaError

from auditor.graph import Node, array_to_proto
from auditor.shapes.records import Typed, Value
from auditor.shapes.screening import is_safe

# What onnx raises where a node is not what its schema says; the caller goes on without it.
_REFUSALS = (
    onnx.shape_inference.InferenceError,
    onnx.checker.ValidationError,
    RuntimeError,
    ValueError,
    KeyError,
    IndexError,
)

# Operators whose output types are those of another, which onnx has a shape function for.
_RELATED_SCHEMA = {
    # Defined by a function body, which per-operator inference does not look into.
    ("", "GreaterOrEqual"): "Greater",
    ("", "LessOrEqual"): "Less",
}
# Likewise; these have the type of their first input.
_AS_FIRST_INPUT = frozenset(
    {"GroupNormalization", "MeanVarianceNormalization", "InstanceNormalization"}
)


@lru_cache(maxsize=4096)
def schema(op_type: str, domain: str, opset: int) -> OpSchema | None:
    """Return onnx's schema of an operator at an operator-set version, None if it has none."""
    related = _RELATED_SCHEMA.get((domain, op_type))
    if related is not None:
        op_type, domain, opset = related, "", onnx.defs.onnx_opset_version()
    if not _is_version(opset):
        return None
    try:
        return onnx.defs.get_schema(op_type, opset, domain)
    except SchemaError:
        return None


def _is_version(opset: int) -> bool:
    """Whether it is a version that onnx could have."""
    return 0 < opset < 2**31


def infer(
    node: Node, inputs: Sequence[Value | None], opsets: Mapping[str, int]
) -> tuple[Typed, ...] | None:
    """Return (dtype, shape) of every output, or None where onnx cannot tell.

    A dimension that is not known is -1.
    """
    if not node.domain and node.op_type in _AS_FIRST_INPUT and inputs and inputs[0] is not None:
        return ((inputs[0].dtype, inputs[0].shape),) * len(node.outputs)
    found = schema(node.op_type, node.domain, opsets.get(node.domain, 1))
    if found is None or any(v is not None and v.dtype is None for v in inputs):
        return None
    if not is_safe(node, inputs):
        return None
    types = {v_name: type_proto(v.dtype, v.shape) for v_name, v in _named(node, inputs)}
    data = {
        v_name: array_to_proto(np.asarray(v.data), v_name)
        for v_name, v in _named(node, inputs)
        if v.data is not None and np.asarray(v.data).dtype.kind in "iufb"
    }
    imports = [onnx.helper.make_opsetid(d, v) for d, v in opsets.items() if _is_version(v)]
    try:
        result = onnx.shape_inference.infer_node_outputs(
            found, _proto(node, found), types, data, None, imports
        )
    except _REFUSALS:
        return None
    return tuple(_typed(result.get(name)) for name in node.outputs)


def _named(node: Node, inputs: Sequence[Value | None]) -> list[tuple[str, Value]]:
    return [(n, v) for n, v in zip(node.inputs, inputs, strict=True) if v is not None]


def _proto(node: Node, found: OpSchema) -> NodeProto:
    proto: NodeProto = node.proto
    if found.domain == node.domain and found.name == node.op_type:
        return proto
    known = [a for a in proto.attribute if a.name in found.attributes]
    related = onnx.helper.make_node(found.name, proto.input[: len(found.inputs)], proto.output)
    related.attribute.extend(known)
    return related


@lru_cache(maxsize=16384)
def type_proto(dtype: str | None, shape: tuple[int, ...] | None) -> TypeProto:
    """Write a tensor type as onnx has it, undefined where it is not known."""
    elem_type = _ELEM_TYPES.get(dtype or "", TensorProto.UNDEFINED)
    return onnx.helper.make_tensor_type_proto(elem_type, shape)


def _elem_types() -> dict[str, int]:
    types: dict[str, int] = {}
    for name, number in TensorProto.DataType.items():
        if name != "UNDEFINED":
            types[str(onnx.helper.tensor_dtype_to_np_dtype(number))] = number
    return types


_ELEM_TYPES = _elem_types()
_DTYPES = {number: name for name, number in _ELEM_TYPES.items()}


def _typed(proto: Any) -> Typed:
    if proto is None or not proto.HasField("tensor_type"):
        return None, None
    tensor = proto.tensor_type
    dtype = _DTYPES.get(tensor.elem_type)
    if not tensor.HasField("shape"):
        return dtype, None
    dims = tuple(d.dim_value if d.HasField("dim_value") else -1 for d in tensor.shape.dim)
    return dtype, dims
