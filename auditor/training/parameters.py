"""Which of a file's tensors are parameters: what the optimizer updates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from auditor.shapes import Operation, ShapedGraph, Value
from auditor.training.fixed import SETTINGS, Fixed

# Here even a single element is a weight or a bias.
_WEIGHT_SLOTS = frozenset(
    {"Conv", "ConvTranspose", "Gemm", "BatchNormalization", "LayerNormalization", "PRelu"}
)
# The same tensor under another name or layout.
_RELABELS = frozenset({"Identity", "Transpose", "Reshape", "Cast", "Squeeze", "Unsqueeze"})


def parameters(graph: ShapedGraph) -> Mapping[str, Value]:
    """Return the parameters by name, each once however often it is used.

    A parameter is a floating-point constant of the file in a position where it can be
    learned.  Single numbers are settings (scales, epsilons), unless they stand where a
    bias does or carry the name of a module's parameter.
    """
    found: dict[str, Value] = {}
    sources: dict[str, Value] = dict(graph.initializers)
    frequencies = Fixed(graph).frequencies()
    for operation in graph.operations:
        if operation.op_type == "Constant" and operation.outputs[0] is not None:
            out = operation.outputs[0]
            sources[out.name] = out
        if _relabels_constant(operation, sources):
            continue
        for index, value in enumerate(operation.inputs):
            root = _root(value, sources)
            if (
                root is not None
                and root.name not in frequencies
                and _is_learned(operation, index, root)
            ):
                found[root.name] = root
    return MappingProxyType(found)


def _relabels_constant(operation: Operation, sources: dict[str, Value]) -> bool:
    """Follow a constant through relabelling; its use is what decides."""
    if operation.op_type not in _RELABELS or not operation.inputs or not operation.outputs:
        return False
    root, out = _root(operation.inputs[0], sources), operation.outputs[0]
    if root is None or out is None:
        return False
    sources[out.name] = root
    return True


def _root(value: Value | None, sources: Mapping[str, Value]) -> Value | None:
    return None if value is None else sources.get(value.name)


def _is_learned(operation: Operation, index: int, root: Value) -> bool:
    if not root.is_float or index in SETTINGS.get(operation.op_type, ()):
        return False
    if root.size != 1:
        return root.size > 0
    if operation.op_type in _WEIGHT_SLOTS:
        return True
    # A Constant node's value is a setting; a stored one with a module's name is not.
    return bool(root.shape) and "." in root.name and root.origin == "initializer"


def learned(graph: ShapedGraph, stored: Mapping[str, Value]) -> Mapping[str, Value]:
    """Return those of the `stored` parameters that a training updates, as it has them.

    Without masks, tables of fixed positions and what the export computed; a table that it
    stored looked up has the size of the table.
    """
    fixed = Fixed(graph)
    names, tables = fixed.names(), fixed.gathered()
    return MappingProxyType({n: tables.get(n, v) for n, v in stored.items() if n not in names})


def parameter_count(values: Iterable[Value]) -> int:
    """Number of elements of all of them."""
    return sum(v.size for v in values)


def possible_tie(graph: ShapedGraph, found: Mapping[str, Value]) -> tuple[Value, Value] | None:
    """Find an output projection that is as large as an embedding table turned over.

    Where a network ties the two, the TorchScript exporter writes them as two tensors.
    """
    tables = {
        table.shape: table
        for op in graph.operations
        if op.op_type == "Gather" and (table := op.input(0)) is not None and table.name in found
    }
    for op in reversed(graph.operations):
        if op.op_type != "MatMul":
            continue
        weight = op.input(1)
        if weight is None or weight.name not in found or not weight.shape:
            return None
        tied = tables.get(tuple(reversed(weight.shape)))
        return (tied, weight) if tied is not None else None
    return None
