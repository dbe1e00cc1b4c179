"""Finding operations by how they are connected, and putting others in their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from auditor.shapes import Operation, ShapedGraph, Value


@dataclass(frozen=True, slots=True)
class Match:
    """Operations that are one: the last of them makes the result."""

    members: tuple[Operation, ...]
    whole: Operation


class Wiring:
    """Who makes a value, and who reads it."""

    def __init__(self, graph: ShapedGraph) -> None:
        self.makers: dict[str, Operation] = {}
        self.readers: dict[str, list[Operation]] = {}
        self.outputs = {v.name for v in graph.outputs}
        for operation in graph.operations:
            for value in operation.outputs:
                if value is not None:
                    self.makers[value.name] = operation
            for value in operation.inputs:
                if value is not None:
                    self.readers.setdefault(value.name, []).append(operation)

    def maker(self, value: Value | None, *op_types: str) -> Operation | None:
        """Return the operation that makes a value, if it is of one of these types."""
        found = self.makers.get(value.name) if value is not None else None
        return found if found is not None and found.op_type in op_types else None

    def only_reader(self, operation: Operation, *op_types: str) -> Operation | None:
        """The one operation that reads the result, if it is the only one and of these types."""
        out = operation.outputs[0]
        if out is None or out.name in self.outputs:
            return None
        readers = self.readers.get(out.name, [])
        return readers[0] if len(readers) == 1 and readers[0].op_type in op_types else None


def replaced(graph: ShapedGraph, matches: Sequence[Match]) -> ShapedGraph:
    """Return the graph with every match as the one operation that it is."""
    inside = {id(member) for m in matches for member in m.members}
    last = {id(m.members[-1]): m.whole for m in matches}
    operations = tuple(
        last.get(id(op), op) for op in graph.operations if id(op) not in inside or id(op) in last
    )
    return replace(graph, operations=operations)


def is_closed(match: Match, wiring: Wiring) -> bool:
    """Whether nothing outside reads what the inner operations make: it would not be made."""
    members = {id(m) for m in match.members}
    for member in match.members[:-1]:
        for value in member.outputs:
            if value is None:
                continue
            readers = wiring.readers.get(value.name, [])
            if value.name in wiring.outputs or any(id(r) not in members for r in readers):
                return False
    return True
