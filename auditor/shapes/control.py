"""Control flow: which branch runs, how often a body does, and what it hands on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.errors import ShapeError
from auditor.graph import Graph, Node
from auditor.shapes.records import Value
from auditor.shapes.scope import Scope, inside

if TYPE_CHECKING:
    from auditor.shapes.walk import Walk

Inputs = tuple[Value | None, ...]


def subgraph(node: Node, name: str) -> Graph:
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


def run_if(walk: Walk, node: Node, inputs: Inputs, scope: Scope) -> None:
    """Run the branch that is taken where that is known, else the one that costs more."""
    condition = inputs[0] if inputs else None
    branches = [subgraph(node, "then_branch"), subgraph(node, "else_branch")]
    if condition is not None and condition.data is not None:
        branches = branches[:1] if bool(np.asarray(condition.data).all()) else branches[1:]
    inner = walk.open(node, scope)
    scopes = [Scope(inside(inner.values), inner.prefix, inner.base) for _ in branches]
    found = [walk.trial(g, s) for g, s in zip(branches, scopes, strict=True)]
    dearest = max(range(len(found)), key=lambda i: walk.given.price(found[i].operations))
    # A run shows the condition of one at the top: 1 or 0, as a size.
    shown = walk.given.traced.get(node.outputs[0]) if len(found) > 1 else None
    if shown is not None:
        dearest = 0 if shown[0] else 1
    if len(found) > 1:
        # What is in the other branch is in the file, but does not run.
        walk.found.add(found[1 - dearest].repeated(0))
    walk.found.add(found[dearest])
    known = len(branches) == 1
    if not known:
        walk.found.problems.setdefault(
            f"If node {node.name or node.outputs[0]!r}: the condition depends on data; "
            f"the branch that {'costs more' if shown is None else 'the traced run took'} is "
            f"counted ({('then', 'else')[dearest]}_branch)"
        )
    for outer, tensor in zip(node.outputs, branches[dearest].outputs, strict=False):
        value = scopes[dearest].values.get(tensor.name)
        if outer and value is not None:
            scope.values[outer] = value if known else replace(value, data=None)


def run_scan(walk: Walk, node: Node, inputs: Inputs, scope: Scope) -> None:
    """Run the body once for every element along the scanned inputs' axis.

    Until operator set 8 the first input held the sequences' lengths, and the first axis
    of all others was the batch, for each element of which the body ran.
    """
    body = subgraph(node, "body")
    scanned = int(node.attributes.get("num_scan_inputs", 0))
    _require_scan(node, scanned)
    batch = 1
    with_batch = walk.opsets.get("", 1) <= 8
    if with_batch:
        inputs = inputs[1:]
        batch = next((v.shape[0] for v in inputs if v is not None and v.shape), 1)
        inputs = tuple(_without_first(v) for v in inputs)
    states = len(inputs) - scanned
    axes = node.attributes.get("scan_input_axes") or (0,) * scanned
    inner = walk.open(node, scope)
    count, carried = 0, []
    for index, (tensor, value) in enumerate(zip(body.inputs, inputs, strict=False)):
        if value is None:
            continue
        shape = value.shape
        if index >= states and shape:
            axis = axes[index - states] % len(shape)
            count, shape = shape[axis], shape[:axis] + shape[axis + 1 :]
        inner.values[tensor.name] = replace(value, shape=shape, data=None)
        if index < states:
            carried.append(carry(tensor.name, value, inner))
    found = walk.trial(body, inner)
    names = [t.name for t in body.outputs]
    carried += close([t.name for t in body.inputs][:states], names, inner)
    walk.found.add(found.repeated(count * batch))
    walk.found.carried += carried
    body_outputs(node, names, (inner, scope), states, count)
    _move_scanned_axes(node, scope, states, count)
    if with_batch:
        for name in node.outputs:
            value = scope.values.get(name)
            if value is not None and value.shape is not None:
                scope.values[name] = replace(value, shape=(batch, *value.shape))


def _require_scan(node: Node, scanned: int) -> None:
    """Refuse a scan over other inputs than it has.

    Raises:
        ShapeError: `num_scan_inputs` or `scan_input_axes` does not fit the inputs.
    """
    axes = node.attributes.get("scan_input_axes") or ()
    if not 0 <= scanned <= len(node.inputs) or len(axes) not in (0, scanned):
        raise ShapeError(
            f"Scan node {node.name[:80]!r} has {len(node.inputs)} inputs, scans {scanned} of them, "
            f"and names {len(axes)} axes; export the model again"
        )


def _without_first(value: Value | None) -> Value | None:
    return value if value is None or not value.shape else replace(value, shape=value.shape[1:])


def _move_scanned_axes(node: Node, scope: Scope, states: int, count: int) -> None:
    """Put the axis of the steps where `scan_output_axes` wants it."""
    axes = node.attributes.get("scan_output_axes", ())
    for outer, axis in zip(node.outputs[states:], axes, strict=False):
        value = scope.values.get(outer)
        if value is not None and value.shape:
            rest, place = value.shape[1:], axis % len(value.shape)
            shape = (*rest[:place], count, *rest[place:])
            scope.values[outer] = replace(value, shape=shape)


def run_sequence_map(walk: Walk, node: Node, inputs: Inputs, scope: Scope) -> None:
    """Run the body once for every tensor of the sequences."""
    first = inputs[0].elements if inputs and inputs[0] is not None else None
    if first is None:
        walk.add(node, inputs, scope, {})
        return
    body = subgraph(node, "body")
    made: list[list[Value]] = [[] for _ in node.outputs]
    for position in range(len(first)):
        inner = walk.open(node, scope)
        for tensor, value in zip(body.inputs, inputs, strict=False):
            if value is not None:
                held = value.elements
                inner.values[tensor.name] = held[position] if held is not None else value
        walk.run(body, inner)
        for results, tensor in zip(made, body.outputs, strict=False):
            results.append(inner.values[tensor.name])
    for name, results in zip(node.outputs, made, strict=True):
        if name:
            scope.values[name] = Value(scope.prefix + name, "sequence", (), elements=tuple(results))


def carry(name: str, start: Value, inner: Scope) -> tuple[str, str]:
    """Let a state begin as `start`: a value of its own, since later trips give it another.

    It has the first trip's shape, but not its value.  Returns what it starts from, and it.
    """
    inner.values[name] = replace(start, name=inner.prefix + name, origin="activation", data=None)
    return start.name, inner.prefix + name


def close(states: Sequence[str], names: Sequence[str], inner: Scope) -> list[tuple[str, str]]:
    """Return which result of the body is which state of the next trip."""
    return [
        (inner.values[name].name, inner.prefix + state)
        for state, name in zip(states, names, strict=False)
        if state in inner.values and name in inner.values
    ]


def body_outputs(
    node: Node, names: Sequence[str], scopes: tuple[Scope, Scope], states: int, count: int | None
) -> None:
    """Carried values keep their shape, scanned ones gain an axis of `count`, if it is known."""
    inner, scope = scopes
    for index, (outer, name) in enumerate(zip(node.outputs, names, strict=False)):
        value: Any = inner.values.get(name)
        if not outer or value is None:
            continue
        if index >= states and value.shape is not None:
            # Under its own name, so that what reads it is known to depend on the body.
            shape = (count, *value.shape) if count is not None else None
            value = replace(value, shape=shape)
        scope.values[outer] = replace(value, data=None)
