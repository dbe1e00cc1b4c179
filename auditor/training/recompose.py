"""Single operations of the training framework that exporters write as several.

The training runs x * sigmoid(x), the error-function GELU and layer normalization as one
kernel each, which reads its input once and saves it alone; opset versions without the
operator spell them out.  Found again by their arithmetic, not by names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from auditor.shapes import Operation, ShapedGraph, Value
from auditor.training.wiring import Match, Wiring, is_closed, replaced


def recompose(graph: ShapedGraph) -> tuple[ShapedGraph, Mapping[str, int]]:
    """Return the graph with those operations in one piece again, and how many of each."""
    wiring = Wiring(graph)
    matches = [m for op in graph.operations if (m := _match(op, wiring)) is not None]
    counts: dict[str, int] = {}
    for match in matches:
        counts[match.whole.op_type] = counts.get(match.whole.op_type, 0) + 1
    return replaced(graph, matches), MappingProxyType(counts)


def _match(operation: Operation, wiring: Wiring) -> Match | None:
    find = _FINDERS.get(operation.op_type) if not operation.node.domain else None
    found = find(operation, wiring) if find is not None else None
    return found if found is not None and is_closed(found, wiring) else None


def _other(operation: Operation, value: Value | None) -> Value | None:
    """The operand of a two-operand operation that is not `value`."""
    left, right = operation.input(0), operation.input(1)
    if value is None or left is None or right is None:
        return None
    if left.name == value.name:
        return right
    return left if right.name == value.name else None


def _swish(sigmoid: Operation, wiring: Wiring) -> Match | None:
    """X * sigmoid(x)."""
    x, product = sigmoid.input(0), wiring.only_reader(sigmoid, "Mul")
    if x is None or product is None:
        return None
    other = _other(product, sigmoid.outputs[0])
    if other is None or other.name != x.name:
        return None
    return Match((sigmoid, product), product.becoming("Swish", (x,), product.result))


def _gelu(erf: Operation, wiring: Wiring) -> Match | None:
    """X (1 + erf(x / sqrt 2)) / 2, the half before or after."""
    scaled = wiring.maker(erf.input(0), "Div", "Mul")
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
        return Match(
            (scaled, erf, half, shifted, product), product.becoming("Gelu", (x,), product.result)
        )
    halved = wiring.only_reader(product, "Mul")
    if other.name != x.name or halved is None:
        return None
    return Match(
        (scaled, erf, shifted, product, halved), halved.becoming("Gelu", (x,), halved.result)
    )


def _layer_normalization(root: Operation, wiring: Wiring) -> Match | None:
    """(x - mean) / sqrt(mean((x - mean)^2) + epsilon) * gamma + beta."""
    epsilon = wiring.maker(root.input(0), "Add")
    variance = _made_by_any(epsilon, wiring, "ReduceMean")
    square = wiring.maker(variance.input(0), "Pow", "Mul") if variance is not None else None
    centered = wiring.maker(square.input(0), "Sub") if square is not None else None
    mean = wiring.maker(centered.input(1), "ReduceMean") if centered is not None else None
    quotient = wiring.only_reader(root, "Div")
    if not (epsilon and variance and square and centered and mean and quotient):
        return None
    x = centered.input(0)
    averaged = mean.input(0)
    if x is None or averaged is None or averaged.name != x.name:
        return None
    parameters, last = _affine(quotient, wiring)
    members = (mean, centered, square, variance, epsilon, root, quotient, *last)
    end = members[-1]
    return Match(members, end.becoming("LayerNormalization", (x, *parameters), end.result))


def _made_by_any(operation: Operation | None, wiring: Wiring, op_type: str) -> Operation | None:
    """The operation of that type which makes either operand."""
    if operation is None:
        return None
    found = (wiring.maker(v, op_type) for v in operation.inputs)
    return next((f for f in found if f is not None), None)


def _affine(quotient: Operation, wiring: Wiring) -> tuple[Sequence[Value], Sequence[Operation]]:
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
