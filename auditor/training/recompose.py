"""Single operations of the training framework that exporters write as several.

The training runs x * sigmoid(x), the error-function GELU and layer normalization as one
kernel each, which reads its input once and saves it alone; opset versions without the
operator spell them out.  Found again by their arithmetic, not by names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from auditor.shapes import Operation, ShapedGraph, Value


@dataclass(frozen=True, slots=True)
class _Match:
    """Operations that are one: the last of them makes the result."""

    members: tuple[Operation, ...]
    whole: Operation


class _Wiring:
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
        found = self.makers.get(value.name) if value is not None else None
        return found if found is not None and found.op_type in op_types else None

    def only_reader(self, operation: Operation, *op_types: str) -> Operation | None:
        """The one operation that reads the result, if it is the only one and of these types."""
        out = operation.outputs[0]
        if out is None or out.name in self.outputs:
            return None
        readers = self.readers.get(out.name, [])
        return readers[0] if len(readers) == 1 and readers[0].op_type in op_types else None


def recompose(graph: ShapedGraph) -> tuple[ShapedGraph, Mapping[str, int]]:
    """Return the graph with those operations in one piece again, and how many of each."""
    wiring = _Wiring(graph)
    matches = [m for op in graph.operations if (m := _match(op, wiring)) is not None]
    inside = {id(member) for m in matches for member in m.members}
    last = {id(m.members[-1]): m.whole for m in matches}
    operations = tuple(
        last.get(id(op), op) for op in graph.operations if id(op) not in inside or id(op) in last
    )
    counts: dict[str, int] = {}
    for match in matches:
        counts[match.whole.op_type] = counts.get(match.whole.op_type, 0) + 1
    return replace(graph, operations=operations), MappingProxyType(counts)


def _match(operation: Operation, wiring: _Wiring) -> _Match | None:
    find = _FINDERS.get(operation.op_type) if not operation.node.domain else None
    found = find(operation, wiring) if find is not None else None
    return found if found is not None and _is_closed(found, wiring) else None


def _is_closed(match: _Match, wiring: _Wiring) -> bool:
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


def _other(operation: Operation, value: Value | None) -> Value | None:
    """The operand of a two-operand operation that is not `value`."""
    left, right = operation.input(0), operation.input(1)
    if value is None or left is None or right is None:
        return None
    if left.name == value.name:
        return right
    return left if right.name == value.name else None


def _swish(sigmoid: Operation, wiring: _Wiring) -> _Match | None:
    """X * sigmoid(x)."""
    x, product = sigmoid.inputs[0], wiring.only_reader(sigmoid, "Mul")
    if x is None or product is None:
        return None
    other = _other(product, sigmoid.outputs[0])
    if other is None or other.name != x.name:
        return None
    return _Match((sigmoid, product), product.becoming("Swish", (x,), product.result))


def _gelu(erf: Operation, wiring: _Wiring) -> _Match | None:
    """X (1 + erf(x / sqrt 2)) / 2, the half before or after."""
    scaled = wiring.maker(erf.inputs[0], "Div", "Mul")
    shifted = wiring.only_reader(erf, "Add")
    product = wiring.only_reader(shifted, "Mul") if shifted is not None else None
    if scaled is None or shifted is None or product is None:
        return None
    x = next((v for v in scaled.inputs if v is not None and not v.is_constant), None)
    other = _other(product, shifted.outputs[0])
    if x is None or other is None:
        return None
    half = wiring.maker(other, "Mul")
    if half is not None and any(v is not None and v.name == x.name for v in half.inputs):
        return _Match(
            (scaled, erf, half, shifted, product), product.becoming("Gelu", (x,), product.result)
        )
    halved = wiring.only_reader(product, "Mul")
    if other.name != x.name or halved is None:
        return None
    return _Match(
        (scaled, erf, shifted, product, halved), halved.becoming("Gelu", (x,), halved.result)
    )


def _layer_normalization(root: Operation, wiring: _Wiring) -> _Match | None:
    """(x - mean) / sqrt(mean((x - mean)^2) + epsilon) * gamma + beta."""
    epsilon = wiring.maker(root.inputs[0], "Add")
    variance = _made_by_any(epsilon, wiring, "ReduceMean")
    square = wiring.maker(variance.inputs[0], "Pow", "Mul") if variance is not None else None
    centered = wiring.maker(square.inputs[0], "Sub") if square is not None else None
    mean = wiring.maker(centered.input(1), "ReduceMean") if centered is not None else None
    quotient = wiring.only_reader(root, "Div")
    if not (epsilon and variance and square and centered and mean and quotient):
        return None
    x = centered.inputs[0]
    if x is None or mean.inputs[0] is None or mean.inputs[0].name != x.name:
        return None
    parameters, last = _affine(quotient, wiring)
    members = (mean, centered, square, variance, epsilon, root, quotient, *last)
    end = members[-1]
    return _Match(members, end.becoming("LayerNormalization", (x, *parameters), end.result))


def _made_by_any(operation: Operation | None, wiring: _Wiring, op_type: str) -> Operation | None:
    """The operation of that type which makes either operand."""
    if operation is None:
        return None
    found = (wiring.maker(v, op_type) for v in operation.inputs)
    return next((f for f in found if f is not None), None)


def _affine(quotient: Operation, wiring: _Wiring) -> tuple[Sequence[Value], Sequence[Operation]]:
    """Scale and shift after the division, where there are any."""
    values: list[Value] = []
    operations: list[Operation] = []
    at = quotient
    for op_type in ("Mul", "Add"):
        reader = wiring.only_reader(at, op_type)
        parameter = _other(reader, at.outputs[0]) if reader is not None else None
        if reader is None or parameter is None or not parameter.is_constant:
            break
        values.append(parameter)
        operations.append(reader)
        at = reader
    return values, operations


_FINDERS = {"Sigmoid": _swish, "Erf": _gelu, "Sqrt": _layer_normalization}
