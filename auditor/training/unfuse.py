"""Operators that a runtime's optimizer fused for inference, taken apart as they are trained.

onnxruntime writes a convolution with the sum and the activation behind it as one FusedConv,
a dense layer as FusedGemm (microsoft/onnxruntime docs/ContribOperators.md).  A training runs
them one after the other, with normalization between.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import MappingProxyType

from auditor.graph import Node
from auditor.shapes import Operation, ShapedGraph, Value

_PLAIN = {"FusedConv": "Conv", "FusedGemm": "Gemm"}
_SUMMAND = 3  # FusedConv adds its fourth input before the activation


def unfuse(graph: ShapedGraph) -> ShapedGraph:
    """Return the graph with those operators in pieces."""
    if not any(_is_fused(op) for op in graph.operations):
        return graph
    operations: list[Operation] = []
    for operation in graph.operations:
        operations += _pieces(operation) if _is_fused(operation) else (operation,)
    return replace(graph, operations=tuple(operations))


def _is_fused(operation: Operation) -> bool:
    return operation.node.domain == "com.microsoft" and operation.op_type in _PLAIN


def _pieces(operation: Operation) -> Iterable[Operation]:
    out, node = operation.outputs[0], operation.node
    if out is None:
        return (operation,)
    summand = operation.input(_SUMMAND) if operation.op_type == "FusedConv" else None
    activation = str(operation.attribute("activation", ""))
    steps: list[tuple[str, tuple[Value | None, ...]]] = [
        (_PLAIN[operation.op_type], operation.inputs[:_SUMMAND])
    ]
    if summand is not None:
        steps.append(("Add", (summand,)))
    if activation:
        steps.append((activation, ()))
    pieces: list[Operation] = []
    before: tuple[Value, ...] = ()
    for index, (op_type, inputs) in enumerate(steps):
        last = index == len(steps) - 1
        made = out if last else replace(out, name=f"{out.name}/{op_type}")
        attributes = node.attributes if index == 0 else MappingProxyType({})
        names = [v.name if v is not None else "" for v in (*before, *inputs)]
        pieces.append(
            replace(
                operation,
                node=Node(
                    op_type=op_type,
                    domain="",
                    name=node.name,
                    # The file's own names of weight and bias tell whether they were folded.
                    inputs=node.inputs[:_SUMMAND] if index == 0 else tuple(names),
                    outputs=(made.name,),
                    attributes=attributes,
                ),
                inputs=(*before, *inputs),
                outputs=(made,),
            )
        )
        before = (made,)
    return pieces
