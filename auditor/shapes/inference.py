"""Propagation of shapes and shape values through the whole graph, subgraphs included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from auditor.graph import Graph, Model, Node, Tensor
from auditor.shapes.bindings import BoundInputs, evaluate
from auditor.shapes.contrib import infer_contrib
from auditor.shapes.control import CONTROL
from auditor.shapes.folding import MAX_ELEMENTS, fold
from auditor.shapes.onnx_inference import Typed, infer
from auditor.shapes.records import Operation, ShapedGraph, Value


def infer_shapes(model: Model, bound: BoundInputs) -> ShapedGraph:
    """Return the operations that one pass runs, in order, with the shapes they run at.

    Never fails on an operator it does not know: its outputs are then of unknown shape,
    and `problems` says so.
    """
    walk = Walk(model.opset_imports, bound.symbols)
    scope = Scope({}, "")
    for tensor in model.graph.inputs:
        shape = bound.shapes[tensor.name]
        known = bool(shape) or tensor.shape is not None  # an empty one may be a scalar's
        value = Value(tensor.name, tensor.dtype, shape if known else None, "input")
        scope.values[tensor.name] = value
    walk.run(model.graph, scope)
    initializers = {n: scope.values[n] for n in model.graph.initializers}
    return ShapedGraph(
        operations=tuple(walk.operations),
        inputs=tuple(scope.values[t.name] for t in model.graph.inputs),
        outputs=tuple(scope.values[t.name] for t in model.graph.outputs if t.name in scope.values),
        initializers=MappingProxyType({**initializers, **walk.inner_initializers}),
        problems=tuple(walk.problems),
        carried=tuple(walk.carried),
    )


def run_graph(
    graph: Graph, values: Mapping[str, Value], prefix: str, opsets: Mapping[str, int]
) -> tuple[Operation, ...]:
    """Return the operations of a graph that starts from `values`; what it makes has `prefix`."""
    walk = Walk(opsets, {})
    walk.run(graph, Scope(dict(values), prefix))
    return tuple(walk.operations)


class Scope:
    """Names visible in one graph; those made in it carry its prefix, so all are unique."""

    def __init__(self, values: dict[str, Value], prefix: str) -> None:
        self.values = values
        self.prefix = prefix


class Walk:
    """Collects operations while it walks the graph once, in order."""

    def __init__(self, opsets: Mapping[str, int], symbols: Mapping[str, int]) -> None:
        self.opsets = opsets
        self.symbols = symbols
        self.operations: list[Operation] = []
        self.inner_initializers: dict[str, Value] = {}
        self.problems: list[str] = []
        self.carried: list[tuple[str, str]] = []
        self.repeats = 1
        self.opened: set[str] = set()

    def open(self, node: Node, scope: Scope) -> Scope:
        """Open a subgraph of `node`, which sees all that is visible where the node stands."""
        base = prefix = f"{scope.prefix}{node.name or node.outputs[0]}/"
        while prefix in self.opened:  # names of nodes need not be unique
            prefix = f"{base[:-1]}#{len(self.opened)}/"
        self.opened.add(prefix)
        return Scope(dict(scope.values), prefix)

    def run(self, graph: Graph, scope: Scope) -> None:
        """Append the operations of a graph whose inputs are in `scope` already."""
        for name, tensor in graph.initializers.items():
            value = _initializer(tensor, scope.prefix)
            scope.values[name] = value
            if scope.prefix:
                self.inner_initializers[value.name] = value
        for node in graph.nodes:
            if not node.outputs:
                self.problems.append(f"{node.op_type} node {node.name!r} makes nothing: left out")
                continue
            inputs = tuple(scope.values.get(n) for n in node.inputs)
            if node.domain == "" and node.op_type in CONTROL:
                CONTROL[node.op_type](self, node, inputs, scope)
                continue
            self.add(node, inputs, scope, graph.value_info)

    def add(
        self,
        node: Node,
        inputs: tuple[Value | None, ...],
        scope: Scope,
        value_info: Mapping[str, Tensor],
    ) -> None:
        """Append one plain operation, with its outputs' types found out."""
        outputs = self._outputs(node, inputs, scope.prefix, value_info)
        for name, value in zip(node.outputs, outputs, strict=True):
            if value is not None:
                scope.values[name] = value
        operation = Operation(
            node=node,
            inputs=inputs,
            outputs=outputs,
            opset=self.opsets.get(node.domain, 1),
            repeats=self.repeats,
        )
        self.operations.append(operation)

    def _outputs(
        self,
        node: Node,
        inputs: tuple[Value | None, ...],
        prefix: str,
        value_info: Mapping[str, Tensor],
    ) -> tuple[Value | None, ...]:
        constant = node.op_type == "Constant" or (
            bool(inputs) and all(v is None or v.is_constant for v in inputs)
        )
        origin = "constant" if constant else "activation"
        arrays = self._folded(node, inputs)
        if arrays is not None:
            typed: list[Typed] = [(str(a.dtype), a.shape) for a in arrays]
            datas: Sequence[Any] = arrays
        else:
            typed = list(self._typed(node, inputs, value_info))
            datas = (None,) * len(typed)
        return tuple(
            Value(prefix + name, dtype, shape, origin, data) if name else None
            for name, (dtype, shape), data in zip(node.outputs, typed, datas, strict=False)
        ) + (None,) * (len(node.outputs) - len(typed))

    def _folded(self, node: Node, inputs: Sequence[Value | None]) -> tuple[Any, ...] | None:
        if node.op_type == "Shape" and inputs and inputs[0] is not None:
            shape = inputs[0].shape
            start, end = node.attributes.get("start", 0), node.attributes.get("end")
            return None if shape is None else (np.asarray(shape[start:end], np.int64),)
        if node.op_type == "Size" and inputs and inputs[0] is not None and inputs[0].known:
            return (np.asarray(inputs[0].size, np.int64),)
        if any(v is not None and v.data is None for v in inputs):
            return None
        return fold(node, [None if v is None else v.data for v in inputs])

    def _typed(
        self, node: Node, inputs: Sequence[Value | None], value_info: Mapping[str, Tensor]
    ) -> tuple[Typed, ...]:
        if node.op_type == "Constant" and isinstance(node.attributes.get("value"), Tensor):
            tensor = node.attributes["value"]
            return ((tensor.dtype, tensor.shape),)
        found = infer_contrib(node, inputs) if node.domain or _no_schema(node) else None
        found = found or infer(node, inputs, self.opsets) or ((None, None),) * len(node.outputs)
        return tuple(
            typed if typed[1] is not None else self._stated(value_info.get(name), typed)
            for name, typed in zip(node.outputs, found, strict=True)
        )

    def _stated(self, tensor: Tensor | None, found: Typed) -> Typed:
        """Fall back on the shape that the file states for a value, its symbols bound."""
        if tensor is None or tensor.shape is None:
            return found[0] or (tensor.dtype if tensor else None), None
        dims = [
            self.symbols.get(d, evaluate(d, self.symbols)) if isinstance(d, str) else d
            for d in tensor.shape
        ]
        numbers = tuple(d for d in dims if isinstance(d, int))
        return found[0] or tensor.dtype, numbers if len(numbers) == len(dims) else None


def _no_schema(node: Node) -> bool:
    # onnxruntime writes these into the default domain, where onnx does not know them.
    return node.op_type in ("SimplifiedLayerNormalization", "SkipSimplifiedLayerNormalization")


def _initializer(tensor: Tensor, prefix: str) -> Value:
    shape = tuple(d for d in tensor.shape or () if isinstance(d, int))
    data = tensor.value
    if data is not None and data.size > MAX_ELEMENTS:
        data = None
    return Value(prefix + tensor.name, tensor.dtype, shape, "initializer", data)
