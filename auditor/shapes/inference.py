"""Propagation of shapes and shape values through the whole graph, subgraphs included."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from auditor.errors import ShapeError
from auditor.graph import Graph, Model, Node, Tensor
from auditor.shapes.bindings import BoundInputs
from auditor.shapes.contrib import infer_contrib
from auditor.shapes.folding import MAX_ELEMENTS, fold
from auditor.shapes.onnx_inference import Typed, infer
from auditor.shapes.records import Operation, ShapedGraph, Value

# These make a value from nothing but their attributes or shapes.
_SOURCES = frozenset({"Constant", "Shape", "Size"})


def infer_shapes(model: Model, bound: BoundInputs) -> ShapedGraph:
    """Return the operations that one pass runs, in order, with the shapes they run at.

    Never fails on an operator it does not know: its outputs are then of unknown shape,
    and `problems` says so.
    """
    walk = _Walk(model.opset_imports, bound.symbols)
    scope = _Scope({}, "")
    for tensor in model.graph.inputs:
        shape = bound.shapes[tensor.name] if tensor.shape is not None else None
        shape = bound.shapes[tensor.name] if bound.shapes[tensor.name] else shape
        scope.values[tensor.name] = Value(tensor.name, tensor.dtype, shape, "input")
    walk.run(model.graph, scope)
    initializers = {n: scope.values[n] for n in model.graph.initializers}
    return ShapedGraph(
        operations=tuple(walk.operations),
        inputs=tuple(scope.values[t.name] for t in model.graph.inputs),
        outputs=tuple(scope.values[t.name] for t in model.graph.outputs if t.name in scope.values),
        initializers=MappingProxyType({**initializers, **walk.inner_initializers}),
        problems=tuple(walk.problems),
    )


def run_graph(
    graph: Graph, values: Mapping[str, Value], prefix: str, opsets: Mapping[str, int]
) -> tuple[Operation, ...]:
    """Return the operations of a graph that starts from `values`; what it makes has `prefix`."""
    walk = _Walk(opsets, {})
    walk.run(graph, _Scope(dict(values), prefix))
    return tuple(walk.operations)


class _Scope:
    """Names visible in one graph; those made in it carry its prefix, so all are unique."""

    def __init__(self, values: dict[str, Value], prefix: str) -> None:
        self.values = values
        self.prefix = prefix

    def inner(self, name: str) -> _Scope:
        return _Scope(dict(self.values), f"{self.prefix}{name}/")


class _Walk:
    """Collects operations while it walks the graph once, in order."""

    def __init__(self, opsets: Mapping[str, int], symbols: Mapping[str, int]) -> None:
        self.opsets = opsets
        self.symbols = symbols
        self.operations: list[Operation] = []
        self.inner_initializers: dict[str, Value] = {}
        self.problems: list[str] = []
        self.repeats = 1

    def run(self, graph: Graph, scope: _Scope) -> None:
        for name, tensor in graph.initializers.items():
            value = _initializer(tensor, scope.prefix)
            scope.values[name] = value
            if scope.prefix:
                self.inner_initializers[value.name] = value
        for node in graph.nodes:
            inputs = tuple(scope.values.get(n) for n in node.inputs)
            if node.domain == "" and node.op_type in _CONTROL:
                _CONTROL[node.op_type](self, node, inputs, scope)
                continue
            self.add(node, inputs, scope, graph.value_info)

    def add(
        self,
        node: Node,
        inputs: tuple[Value | None, ...],
        scope: _Scope,
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
        dims = [self.symbols.get(d) if isinstance(d, str) else d for d in tensor.shape]
        numbers = tuple(d for d in dims if d is not None)
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


def _alias(node: Node, graph: Graph, inner: _Scope, scope: _Scope) -> None:
    """Let the node's outputs stand for the values its subgraph ends with."""
    for outer, name in zip(node.outputs, (t.name for t in graph.outputs), strict=False):
        if outer and name in inner.values:
            scope.values[outer] = inner.values[name]


def _if(walk: _Walk, node: Node, inputs: tuple[Value | None, ...], scope: _Scope) -> None:
    """Run the branch that is taken where that is known, else the one with more operators."""
    condition = inputs[0] if inputs else None
    then, other = _subgraph(node, "then_branch"), _subgraph(node, "else_branch")
    if condition is not None and condition.data is not None:
        graph = then if bool(np.asarray(condition.data).all()) else other
    else:
        graph = then if len(then.nodes) >= len(other.nodes) else other
        walk.problems.append(
            f"If node {node.name or node.outputs[0]!r}: the condition depends on data; "
            "the branch with more operators is counted"
        )
    inner = scope.inner(node.name or node.outputs[0])
    walk.run(graph, inner)
    _alias(node, graph, inner, scope)


def _loop(walk: _Walk, node: Node, inputs: tuple[Value | None, ...], scope: _Scope) -> None:
    """Run the body as often as the trip count says, where it is known."""
    body = _subgraph(node, "body")
    trips = inputs[0].data if inputs and inputs[0] is not None else None
    condition = inputs[1].data if len(inputs) > 1 and inputs[1] is not None else None
    if condition is not None and not np.asarray(condition).all():
        trips = 0  # a loop that never starts
    if trips is None:
        walk.problems.append(
            f"Loop node {node.name or node.outputs[0]!r}: the trip count depends on data; "
            "its body is not counted"
        )
        walk.add(node, inputs, scope, {})
        return
    count = int(np.asarray(trips).ravel()[0])
    inner = scope.inner(node.name or node.outputs[0])
    carried = inputs[2:]
    starts = (
        Value("i", "int64", (), "activation"),
        Value("c", "bool", (), "activation"),
        *carried,
    )
    for tensor, value in zip(body.inputs, starts, strict=False):
        if value is not None:
            # What a later trip carries has the first one's shape, but not its value.
            inner.values[tensor.name] = replace(value, data=None)
    _run_body(walk, body, inner, count)
    # The body's first output is the condition, which the node does not give out.
    names = [t.name for t in body.outputs][1:]
    _body_outputs(node, names, (inner, scope), len(carried), count)


def _scan(walk: _Walk, node: Node, inputs: tuple[Value | None, ...], scope: _Scope) -> None:
    """Run the body once for every element along the scanned inputs' first axis."""
    body = _subgraph(node, "body")
    scanned = int(node.attributes.get("num_scan_inputs", 0))
    states = len(inputs) - scanned
    axes = node.attributes.get("scan_input_axes", (0,) * scanned)
    inner = scope.inner(node.name or node.outputs[0])
    count = 0
    for index, (tensor, value) in enumerate(zip(body.inputs, inputs, strict=False)):
        if value is None:
            continue
        shape = value.shape
        if index >= states and shape:
            axis = axes[index - states] % len(shape)
            count, shape = shape[axis], shape[:axis] + shape[axis + 1 :]
        inner.values[tensor.name] = replace(value, shape=shape, data=None)
    _run_body(walk, body, inner, count)
    _body_outputs(node, [t.name for t in body.outputs], (inner, scope), states, count)
    _move_scanned_axes(node, scope, states, count)


def _subgraph(node: Node, name: str) -> Graph:
    """Return a subgraph attribute.

    Raises:
        ShapeError: the node has none of that name, so what it runs is not known.
    """
    graph = node.attributes.get(name)
    if not isinstance(graph, Graph):
        raise ShapeError(
            f"{node.op_type} node {node.name!r} has no subgraph {name!r}; export the model again"
        )
    return graph


def _move_scanned_axes(node: Node, scope: _Scope, states: int, count: int) -> None:
    """Put the axis of the steps where `scan_output_axes` wants it."""
    axes = node.attributes.get("scan_output_axes", ())
    for outer, axis in zip(node.outputs[states:], axes, strict=False):
        value = scope.values.get(outer)
        if value is not None and value.shape:
            rest, place = value.shape[1:], axis % len(value.shape)
            shape = (*rest[:place], count, *rest[place:])
            scope.values[outer] = replace(value, shape=shape)


def _run_body(walk: _Walk, body: Graph, inner: _Scope, count: int) -> None:
    before = walk.repeats
    walk.repeats = before * count
    walk.run(body, inner)
    walk.repeats = before


def _body_outputs(
    node: Node, names: Sequence[str], scopes: tuple[_Scope, _Scope], states: int, count: int
) -> None:
    """Carried values keep their shape, scanned ones gain an axis of `count`."""
    inner, scope = scopes
    for index, (outer, name) in enumerate(zip(node.outputs, names, strict=False)):
        value = inner.values.get(name)
        if not outer or value is None:
            continue
        if index >= states and value.shape is not None:
            value = replace(value, name=scope.prefix + outer, shape=(count, *value.shape))
        scope.values[outer] = replace(value, data=None)


_CONTROL = {"If": _if, "Loop": _loop, "Scan": _scan}
