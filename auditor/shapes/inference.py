"""Propagation of shapes and shape values through the whole graph, subgraphs included."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from auditor.errors import ShapeError
from auditor.graph import Graph, Model
from auditor.shapes.bindings import BoundInputs
from auditor.shapes.records import Operation, ShapedGraph, Value
from auditor.shapes.scope import Given, Scope, Sizes, bind_shape
from auditor.shapes.walk import Walk


def infer_shapes(model: Model, bound: BoundInputs, given: Given | None = None) -> ShapedGraph:
    """Return the operations that one pass runs, in order, with the shapes they run at.

    Never fails on an operator it does not know: its outputs are then of unknown shape,
    and `problems` says so.

    Raises:
        ShapeError: a size is assumed for something that the data does not decide.
    """
    given = given or Given()
    walk = _walk_model(model, bound, given, {})
    hints = _hints(model, bound, walk)
    if hints:
        walk = _walk_model(model, bound, given, hints)
    _require_used(given.assumed, walk)
    scope, found = walk.outermost, walk.found
    initializers = {n: scope.values[n] for n in model.graph.initializers}
    return ShapedGraph(
        operations=tuple(found.operations),
        inputs=tuple(scope.values[t.name] for t in model.graph.inputs),
        outputs=tuple(scope.values[t.name] for t in model.graph.outputs if t.name in scope.values),
        initializers=MappingProxyType({**initializers, **found.inner_initializers}),
        problems=tuple(found.problems),
        data_sizes=tuple(found.data_sizes),
        carried=tuple(found.carried),
    )


def _walk_model(model: Model, bound: BoundInputs, given: Given, hints: Mapping[str, Sizes]) -> Walk:
    walk = Walk(model.opset_imports, bound.symbols, given, len(model.graph.nodes))
    walk.hints = hints
    for tensor in model.graph.inputs:
        shape = bound.shapes[tensor.name]
        known = bool(shape) or tensor.shape is not None  # an empty one may be a scalar's
        value = Value(tensor.name, tensor.dtype, shape if known else None, "input")
        walk.outermost.values[tensor.name] = value
    walk.run(model.graph, walk.outermost)
    return walk


def _hints(model: Model, bound: BoundInputs, walk: Walk) -> Mapping[str, Sizes]:
    """Shapes of values that only what reads them tells."""
    unknown = any(
        v is not None and v.shape is None for op in walk.found.operations for v in op.outputs
    )
    if not unknown:
        return {}
    # Imported only here: most graphs leave nothing open.
    from auditor.shapes.refine import shapes_from_consumers

    stated = {}
    for tensor in model.graph.outputs:
        value = walk.outermost.values.get(tensor.name)
        shape = bind_shape(tensor, bound.symbols)
        if value is not None and shape is not None:
            stated[value.name] = shape
    return shapes_from_consumers(walk.found.operations, stated)


def _require_used(assumed: Mapping[str, Sizes], walk: Walk) -> None:
    for name in assumed:
        if name not in walk.used:
            known = ", ".join(dict.fromkeys(s.node for s in walk.found.data_sizes)) or "none"
            raise ShapeError(
                f"--assume {name}: the data decides no size of that name; the model has: {known}"
            )


def run_graph(
    graph: Graph, values: Mapping[str, Value], prefix: str, opsets: Mapping[str, int]
) -> tuple[Operation, ...]:
    """Return the operations of a graph that starts from `values`; what it makes has `prefix`."""
    walk = Walk(opsets, {}, Given(), len(graph.nodes))
    walk.run(graph, Scope(dict(values), prefix, prefix))
    return tuple(walk.found.operations)
