"""Control flow: which branch runs, how often a body does, and what it hands on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from auditor.errors import ShapeError
from auditor.graph import Graph, Node
from auditor.shapes.records import Value

if TYPE_CHECKING:
    from auditor.shapes.inference import Scope, Walk

# A loop's body takes the trip number and the condition, then the states.
FIRST_STATE = 2
# Exporters write the largest integer for a loop that only its condition ends.
UNBOUNDED = 2**31 - 1


def _alias(node: Node, graph: Graph, inner: Scope, scope: Scope) -> None:
    """Let the node's outputs stand for the values its subgraph ends with."""
    for outer, name in zip(node.outputs, (t.name for t in graph.outputs), strict=False):
        if outer and name in inner.values:
            scope.values[outer] = inner.values[name]


def _if(walk: Walk, node: Node, inputs: tuple[Value | None, ...], scope: Scope) -> None:
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
    inner = walk.open(node, scope)
    walk.run(graph, inner)
    _alias(node, graph, inner, scope)


def _loop(walk: Walk, node: Node, inputs: tuple[Value | None, ...], scope: Scope) -> None:
    """Run the body as often as the trip count says, where it is known."""
    body = _subgraph(node, "body")
    trips = inputs[0].data if inputs and inputs[0] is not None else None
    condition = inputs[1].data if len(inputs) > 1 and inputs[1] is not None else None
    if condition is not None and not np.asarray(condition).all():
        trips = 0  # a loop that never starts
    if trips is None or not np.size(trips) > 0 or abs(np.ravel(trips)[0]) >= UNBOUNDED:
        walk.problems.append(
            f"Loop node {node.name or node.outputs[0]!r}: the trip count depends on data; "
            "its body is not counted"
        )
        walk.add(node, inputs, scope, {})
        return
    count = max(0, int(np.ravel(trips)[0]))
    inner = walk.open(node, scope)
    carried = inputs[2:]
    starts = (
        Value("i", "int64", (), "activation"),
        Value("c", "bool", (), "activation"),
        *carried,
    )
    for index, (tensor, value) in enumerate(zip(body.inputs, starts, strict=False)):
        if value is not None:
            inner.values[tensor.name] = replace(value, data=None)
            if index >= FIRST_STATE:
                _carry(walk, tensor.name, value, inner)
    _run_body(walk, body, inner, count)
    # The body's first output is the condition, which the node does not give out.
    names = [t.name for t in body.outputs][1:]
    _close(walk, [t.name for t in body.inputs][FIRST_STATE:], names, inner)
    _body_outputs(node, names, (inner, scope), len(carried), count)


def _scan(walk: Walk, node: Node, inputs: tuple[Value | None, ...], scope: Scope) -> None:
    """Run the body once for every element along the scanned inputs' first axis."""
    body = _subgraph(node, "body")
    scanned = int(node.attributes.get("num_scan_inputs", 0))
    states = len(inputs) - scanned
    axes = node.attributes.get("scan_input_axes", (0,) * scanned)
    inner = walk.open(node, scope)
    count = 0
    for index, (tensor, value) in enumerate(zip(body.inputs, inputs, strict=False)):
        if value is None:
            continue
        shape = value.shape
        if index >= states and shape:
            axis = axes[index - states] % len(shape)
            count, shape = shape[axis], shape[:axis] + shape[axis + 1 :]
        inner.values[tensor.name] = replace(value, shape=shape, data=None)
        if index < states:
            _carry(walk, tensor.name, value, inner)
    _run_body(walk, body, inner, count)
    names = [t.name for t in body.outputs]
    _close(walk, [t.name for t in body.inputs][:states], names, inner)
    _body_outputs(node, names, (inner, scope), states, count)
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


def _move_scanned_axes(node: Node, scope: Scope, states: int, count: int) -> None:
    """Put the axis of the steps where `scan_output_axes` wants it."""
    axes = node.attributes.get("scan_output_axes", ())
    for outer, axis in zip(node.outputs[states:], axes, strict=False):
        value = scope.values.get(outer)
        if value is not None and value.shape:
            rest, place = value.shape[1:], axis % len(value.shape)
            shape = (*rest[:place], count, *rest[place:])
            scope.values[outer] = replace(value, shape=shape)


def _carry(walk: Walk, name: str, start: Value, inner: Scope) -> None:
    """Let a state begin as `start`: a value of its own, since later trips give it another.

    It has the first trip's shape, but not its value.
    """
    inner.values[name] = Value(inner.prefix + name, start.dtype, start.shape)
    walk.carried.append((start.name, inner.prefix + name))


def _close(walk: Walk, states: Sequence[str], names: Sequence[str], inner: Scope) -> None:
    """Note which result of the body is the state of the next trip."""
    for state, name in zip(states, names, strict=False):
        if state in inner.values and name in inner.values:
            walk.carried.append((inner.values[name].name, inner.prefix + state))


def _run_body(walk: Walk, body: Graph, inner: Scope, count: int) -> None:
    before = walk.repeats
    walk.repeats = before * count
    walk.run(body, inner)
    walk.repeats = before


def _body_outputs(
    node: Node, names: Sequence[str], scopes: tuple[Scope, Scope], states: int, count: int
) -> None:
    """Carried values keep their shape, scanned ones gain an axis of `count`."""
    inner, scope = scopes
    for index, (outer, name) in enumerate(zip(node.outputs, names, strict=False)):
        value = inner.values.get(name)
        if not outer or value is None:
            continue
        if index >= states and value.shape is not None:
            # Under its own name, so that what reads it is known to depend on the body.
            value = replace(value, shape=(count, *value.shape))
        scope.values[outer] = replace(value, data=None)


CONTROL: Mapping[str, Callable[[Walk, Node, tuple[Value | None, ...], Scope], None]] = {
    "If": _if,
    "Loop": _loop,
    "Scan": _scan,
}
