"""Operators that the ONNX standard defines by others: replaced by their own function body."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import onnx
import onnx.inliner

from auditor.graph import Graph, graph_from_proto
from auditor.shapes.inference import run_graph
from auditor.shapes.onnx_inference import schema, type_proto
from auditor.shapes.records import Operation, ShapedGraph, Value
from auditor.shapes.screening import is_safe


def expand_functions(
    graph: ShapedGraph, opsets: Mapping[str, int], has_cost: Callable[[str, str], bool]
) -> ShapedGraph:
    """Replace operations without a cost of their own by what their definition consists of.

    `has_cost` tells, by domain and operator type, which to leave alone.  One whose
    standard gives no body, or whose input types are not known, stays as it is.
    """
    operations: list[Operation] = []
    # A body may hold operators that are themselves defined by others.
    pending = list(reversed(graph.operations))
    while pending:
        operation = pending.pop()
        known = has_cost(operation.node.domain, operation.op_type)
        body = None if known else _body(operation, opsets)
        if body is None:
            operations.append(operation)
        else:
            pending += reversed(_expanded(operation, body, opsets))
    return replace(graph, operations=tuple(operations))


def _expanded(
    operation: Operation, body: Graph, opsets: Mapping[str, int]
) -> tuple[Operation, ...]:
    node = operation.node
    prefix = f"{node.name or node.outputs[0]}#{node.op_type}/"
    values = {n: v for n, v in zip(node.inputs, operation.inputs, strict=True) if v is not None}
    inside = run_graph(body, values, prefix, opsets)
    # What the body gives out stands for the node's outputs, which others read.
    names = {
        prefix + n: v.name
        for n, v in zip(node.outputs, operation.outputs, strict=True)
        if v is not None
    }
    return tuple(_renamed(op, names, operation.repeats) for op in inside)


def _renamed(operation: Operation, names: Mapping[str, str], repeats: int) -> Operation:
    def named(value: Value | None) -> Value | None:
        if value is None or value.name not in names:
            return value
        return replace(value, name=names[value.name])

    return replace(
        operation,
        inputs=tuple(map(named, operation.inputs)),
        outputs=tuple(map(named, operation.outputs)),
        repeats=operation.repeats * repeats,
    )


def _body(operation: Operation, opsets: Mapping[str, int]) -> Graph | None:
    """Let onnx inline the one node; None where its schema has no body."""
    node = operation.node
    if any(v is not None and v.dtype is None for v in operation.inputs):
        return None
    if not is_safe(node, operation.inputs):
        return None
    inputs = [
        onnx.helper.make_value_info(n, type_proto(v.dtype, v.shape))
        for n, v in zip(node.inputs, operation.inputs, strict=True)
        if v is not None
    ]
    outputs = [onnx.ValueInfoProto(name=n) for n in node.outputs if n]
    proto = onnx.helper.make_graph([_with_defaults(operation, opsets)], "body", inputs, outputs)
    imports = [onnx.helper.make_opsetid(d, v) for d, v in opsets.items()]
    try:
        inlined = onnx.inliner.inline_selected_functions(
            onnx.helper.make_model(proto, opset_imports=imports),
            [(node.domain, node.op_type)],
            inline_schema_functions=True,
        )
    except (RuntimeError, ValueError, onnx.checker.ValidationError):
        return None
    if any(n.op_type == node.op_type and n.domain == node.domain for n in inlined.graph.node):
        return None
    return graph_from_proto(inlined.graph, node.key)


def _with_defaults(operation: Operation, opsets: Mapping[str, int]) -> onnx.NodeProto:
    """Write out the attributes that the node leaves to their default: a body refers to them."""
    node = operation.node
    proto = onnx.NodeProto()
    proto.CopyFrom(node.proto)
    found = schema(node.op_type, node.domain, opsets.get(node.domain, 1))
    for name, attribute in found.attributes.items() if found is not None else ():
        if name not in node.attributes and attribute.default_value.name:
            proto.attribute.append(attribute.default_value)
    return proto
