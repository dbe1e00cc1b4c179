"""Loops: how often the body runs, and whether every trip costs the same.

A loop whose trips are all alike is walked once and counted as often as it runs.  One
whose states grow, or that ends by a condition on numbers that are known, is walked trip
by trip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.errors import ShapeError
from auditor.graph import Graph, Node
from auditor.shapes.control import body_outputs, carry, close, subgraph
from auditor.shapes.records import Operation, Value
from auditor.shapes.scope import Found, Scope, inside

if TYPE_CHECKING:
    from auditor.shapes.walk import Walk

# A loop's body takes the trip number and the condition, then the states.
FIRST_STATE = 2
# Exporters write the largest integer for a loop that only its condition ends.
UNBOUNDED = 2**31 - 1
# Walking trip by trip stops here: no export has been seen that needs more.
MAX_UNROLLED_OPERATIONS = 100_000


@dataclass(frozen=True, slots=True)
class _Loop:
    """A loop about to run: `most` is its trip count as far as it is a number."""

    node: Node
    body: Graph
    most: int | None
    states: tuple[Value | None, ...]

    @property
    def name(self) -> str:
        return self.node.name or self.node.outputs[0]

    @property
    def results(self) -> list[str]:
        """What the body hands on: all but its first output, the condition."""
        return [t.name for t in self.body.outputs][1:]


def run_loop(walk: Walk, node: Node, inputs: tuple[Value | None, ...], scope: Scope) -> None:
    """Append what a loop runs, as often as it does, where that can be known."""
    most = _number(inputs[0].data) if inputs and inputs[0] is not None else None
    if most is not None and most >= UNBOUNDED:
        most = None
    condition = inputs[1].data if len(inputs) > 1 and inputs[1] is not None else None
    if condition is not None and not np.asarray(condition).all():
        most = 0  # a loop that never starts
    loop = _Loop(node, subgraph(node, "body"), most, inputs[FIRST_STATE:])
    if not loop.body.outputs:
        raise ShapeError(
            f"Loop node {loop.name[:80]!r} has a body without outputs, so nothing says whether it "
            "goes on; export the model again"
        )
    told = walk.told(node)[0]
    first = _first_trip(walk, loop, scope)
    # Nothing but the count ends it: where that is not known, no walking finds the end.
    endless = first.goes_on and most is None
    unclear = first.stable and not first.known
    if most == 0 or (first.goes_on and first.stable and first.known and most is not None):
        _alike(walk, loop, first, scope, most)
    elif told is None and not endless and _by_trips(walk, loop, scope, demand_known=unclear):
        pass
    elif first.goes_on and first.stable and most is not None:
        _alike(walk, loop, first, scope, most)
    else:
        _by_data(walk, loop, first, scope, inputs)


def _number(data: Any) -> int | None:
    return max(0, int(np.ravel(data)[0])) if data is not None and np.size(data) else None


def _by_data(
    walk: Walk, loop: _Loop, first: _Trip, scope: Scope, inputs: tuple[Value | None, ...]
) -> None:
    """Count the trips that somebody tells, or at most can be; else one, the loop left standing."""
    reason = "trips of a loop whose condition, or count, depends on data"
    taken = walk.decided_by_data(loop.node, loop.most, reason)
    if taken is None:
        # The loop stands for the trips that are not known; one is counted, with its weights.
        nothing = (None,) * len(loop.node.outputs)
        standing = Operation(node=loop.node, inputs=inputs, outputs=nothing, opset=0)
        walk.found.operations.append(standing)
    trips = taken[0] if taken is not None else None
    count = 1 if trips is None else trips
    if not first.stable:
        if _by_trips(walk, replace(loop, most=count), scope, forced=True):
            return
        walk.found.problems.setdefault(
            f"Loop node {loop.name!r}: its states change their shape; every trip counts as the "
            "first"
        )
    walk.found.add(first.found.repeated(count))
    body_outputs(loop.node, loop.results, (first.inner, scope), len(loop.states), trips)


@dataclass(frozen=True, slots=True)
class _Trip:
    """The first trip, walked aside.

    `goes_on`: the loop does whatever the data; `stable`: the states keep their shapes, so
    that each trip is like this one; `known`: every shape in it is.
    """

    inner: Scope
    found: Found
    goes_on: bool
    stable: bool
    known: bool


def _first_trip(walk: Walk, loop: _Loop, scope: Scope) -> _Trip:
    inner = walk.open(loop.node, scope)
    names = [t.name for t in loop.body.inputs]
    # The body runs only where the condition held.
    starts = (Value("i", "int64", ()), Value("c", "bool", (), data=np.asarray(True)))
    inner.values.update(zip(names, starts, strict=False))
    carried = [
        carry(name, state, inner)
        for name, state in zip(names[FIRST_STATE:], loop.states, strict=False)
        if state is not None
    ]
    found = walk.trial(loop.body, inner)
    found.carried += carried + close(names[FIRST_STATE:], loop.results, inner)
    results = [inner.values.get(name) for name in loop.results]
    condition = inner.values.get(loop.body.outputs[0].name) if loop.body.outputs else None
    held = None if condition is None else condition.data
    return _Trip(
        inner,
        found,
        goes_on=held is not None and bool(np.asarray(held).all()),
        stable=all(
            state is not None and result is not None and _same_type(state, result)
            for state, result in zip(loop.states, results, strict=False)
        ),
        known=_all_known(found),
    )


def _same_type(one: Value, other: Value) -> bool:
    if (one.elements is None) != (other.elements is None):
        return False
    if one.elements is not None and other.elements is not None:
        return [e.shape for e in one.elements] == [e.shape for e in other.elements]
    return one.shape == other.shape


def _all_known(found: Found) -> bool:
    return all(v is None or v.known for op in found.operations for v in op.outputs)


def _alike(walk: Walk, loop: _Loop, first: _Trip, scope: Scope, count: int) -> None:
    """Count the body `count` times, every trip like the first."""
    walk.found.add(first.found.repeated(count))
    body_outputs(loop.node, loop.results, (first.inner, scope), len(loop.states), count)


def _by_trips(
    walk: Walk, loop: _Loop, scope: Scope, *, forced: bool = False, demand_known: bool = False
) -> bool:
    """Walk trip by trip, values carried along; False, and nothing kept, where that fails.

    `forced` goes on for the trips that were told whatever the condition says;
    `demand_known` gives up where a shape stays unknown even so.
    """
    if loop.most is None and all(s is None or s.data is None for s in loop.states):
        return False  # nothing that could end it
    base = walk.open(loop.node, scope)
    whole, states, scanned = Found(), list(loop.states), list[list[Value]]()
    trip = 0
    while loop.most is None or trip < loop.most:
        inner = Scope(inside(scope.values), f"{base.prefix}{trip}/", base.base)
        starts = (
            Value(f"{inner.prefix}i", "int64", (), "constant", np.asarray(trip, np.int64)),
            Value(f"{inner.prefix}c", "bool", (), "constant", np.asarray(True)),
            *states,
        )
        for tensor, value in zip(loop.body.inputs, starts, strict=False):
            if value is not None:
                inner.values[tensor.name] = value
        found = walk.trial(loop.body, inner)
        whole.add(found)
        unknown = demand_known and not _all_known(found)
        if unknown or len(whole.operations) > MAX_UNROLLED_OPERATIONS:
            return False
        condition, *results = [inner.values.get(t.name) for t in loop.body.outputs]
        states = results[: len(loop.states)]
        scanned.append([v for v in results[len(loop.states) :] if v is not None])
        trip += 1
        goes_on = condition.data if condition is not None else None
        if goes_on is None and not forced:
            return False
        if not forced and not np.asarray(goes_on).all():
            break
    walk.found.add(whole)
    _hand_out(loop, scope, states, scanned)
    return True


def _hand_out(
    loop: _Loop, scope: Scope, states: Sequence[Value | None], scanned: Sequence[Sequence[Value]]
) -> None:
    """The last trip's states, and what every trip gave, one after the other."""
    outputs = loop.node.outputs
    for name, value in zip(outputs, states, strict=False):
        if name and value is not None:
            scope.values[name] = value
    for position, name in enumerate(outputs[len(states) :]):
        trips = [values[position] for values in scanned if len(values) > position]
        if not name or not trips:
            continue
        last = trips[-1]
        shape = (len(trips), *last.shape) if last.shape is not None else None
        scope.values[name] = replace(last, shape=shape, data=None)
