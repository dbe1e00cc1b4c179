"""Operators that a runtime's optimizer fused for inference, taken apart as they are trained.

onnxruntime writes a convolution with the sum and the activation behind it as one FusedConv,
a dense layer as FusedGemm (microsoft/onnxruntime docs/ContribOperators.md).  A training runs
them one after the other, with normalization between.
"""

from __future__ import annotations

from dataclasses import replace

from auditor.shapes import Operation, ShapedGraph

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
    fused = operation.node.domain == "com.microsoft" and operation.op_type in _PLAIN
    return fused and operation.outputs[0] is not None


def _pieces(operation: Operation) -> list[Operation]:
    """The product, then the summand's addition and the activation, where there are any."""
    summand = operation.input(_SUMMAND) if operation.op_type == "FusedConv" else None
    activation = str(operation.attribute("activation", ""))
    types = [_PLAIN[operation.op_type], *(("Add",) if summand else ()), activation]
    *inner, last = [t for t in types if t]
    made = {t: replace(operation.result, name=f"{operation.result.name}/{t}") for t in inner}
    made[last] = operation.result
    node = operation.node
    product = operation.becoming(
        types[0],
        operation.inputs[:_SUMMAND],
        made[types[0]],
        # The file's own names of weight and bias tell whether they were folded.
        inputs=node.inputs[:_SUMMAND],
        attributes=node.attributes,
    )
    pieces = [product]
    if summand is not None:
        pieces.append(operation.becoming("Add", (pieces[-1].result, summand), made["Add"]))
    if activation:
        pieces.append(operation.becoming(activation, (pieces[-1].result,), made[activation]))
    return pieces
