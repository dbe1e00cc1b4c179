"""Which values need a gradient: those between a parameter and an output."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.costs import Grads, is_differentiable
from auditor.shapes import ShapedGraph, Value


def gradients(graph: ShapedGraph, parameters: Mapping[str, Value]) -> tuple[Grads, ...]:
    """Return, for every operation, the positions of the inputs that need a gradient.

    An input needs one if it is a parameter or depends on one; none flows through
    integers, nor into a branch that no output depends on.
    """
    differentiable = _depends_on(graph, set(parameters))
    wanted = {v.name for v in graph.outputs if v.name in differentiable}
    # A loop's start and its body's results may be wanted by a later trip alone.
    wanted |= {source for source, state in graph.carried if state in differentiable}
    result: list[Grads] = []
    for operation in reversed(graph.operations):
        made = {v.name for v in operation.outputs if v is not None}
        if not made & wanted:
            result.append(frozenset())
            continue
        grads = frozenset(
            i
            for i, v in enumerate(operation.inputs)
            if v is not None and v.is_float and v.name in differentiable
        )
        wanted |= {v.name for i in grads if (v := operation.inputs[i]) is not None}
        result.append(grads)
    return tuple(reversed(result))


def _depends_on(graph: ShapedGraph, names: set[str]) -> set[str]:
    """Names of the values that gradients flow through, `names` among them."""
    made: dict[str, list[str]] = {}  # by a value's name, what is made of it
    for operation in graph.operations:
        if not is_differentiable(operation.node.domain, operation.op_type):
            continue  # constant almost everywhere, or no function of its inputs
        outputs = [v.name for v in operation.outputs if v is not None and v.is_float]
        # All through one name, which no value has: inputs times outputs could be many.
        own = f"\0{id(operation)}"
        made[own] = outputs
        for value in operation.inputs:
            if value is not None:
                made.setdefault(value.name, []).append(own)
    for source, state in graph.carried:
        # What depends on a parameter in one trip does in the next.
        made.setdefault(source, []).append(state)
    reached, pending = set(names), list(names)
    while pending:
        for name in made.get(pending.pop(), ()):
            if name not in reached:
                reached.add(name)
                pending.append(name)
    return reached
