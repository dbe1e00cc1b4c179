"""Products between DequantizeLinear and QuantizeLinear: run on integers, not on real numbers.

Quantizers write a network in real numbers with a pair of the two around every tensor, and the
runtime joins them with the products (https://onnxruntime.ai/docs/performance/
model-optimizations/quantization.html, "ONNX quantization representation format").
"""

from __future__ import annotations

from dataclasses import replace

from auditor.shapes import Operation, ShapedGraph, Value
from auditor.training.wiring import Wiring

_MICROSOFT = "com.microsoft"
# The operator that does the same on integers, and its domain.
_QUANTIZED = {
    "Conv": ("QLinearConv", ""),
    "MatMul": ("QLinearMatMul", ""),
    "Gemm": ("QGemm", _MICROSOFT),
}
# Saturation does what these do, where the integers' range ends at their bounds.
_SATURATIONS = frozenset({"Relu", "Clip"})
_BIAS = 2


def quantized_products(graph: ShapedGraph) -> tuple[ShapedGraph, int]:
    """Return the graph with such products as the quantized operator, and how many there are."""
    if not any(op.op_type == "DequantizeLinear" for op in graph.operations):
        return graph, 0
    wiring = Wiring(graph)
    joined: dict[int, Operation] = {}
    gone: set[int] = set()
    for operation in graph.operations:
        if operation.node.domain == "" and operation.op_type in _QUANTIZED:
            tail = _tail(operation, wiring)
            whole = _joined(operation, tail, wiring)
            if whole is not None:
                joined[id(operation)] = whole
                gone.update(map(id, tail))
    gone |= _unread(wiring, joined)
    operations = tuple(joined.get(id(op), op) for op in graph.operations if id(op) not in gone)
    return replace(graph, operations=operations), len(joined)


def _tail(product: Operation, wiring: Wiring) -> tuple[Operation, ...]:
    """What follows the product up to its QuantizeLinear; nothing where there is none."""
    found: list[Operation] = []
    current = product
    while True:
        follower = wiring.only_reader(current, "QuantizeLinear", *_SATURATIONS)
        if follower is None:
            return ()
        found.append(follower)
        if follower.op_type == "QuantizeLinear":
            return tuple(found)
        current = follower


def _joined(product: Operation, tail: tuple[Operation, ...], wiring: Wiring) -> Operation | None:
    sources = [wiring.maker(v, "DequantizeLinear") for v in product.inputs[:_BIAS]]
    if len(sources) < _BIAS or None in sources:
        return None
    quantized = [_three(op) for op in sources if op is not None]
    if tail:
        op_type, domain = _QUANTIZED[product.op_type]
        scale = _three(tail[-1])[1:]
        out = tail[-1].outputs[0]
    elif product.op_type == "MatMul":
        return _as(product, ("MatMulIntegerToFloat", _MICROSOFT), _to_float(quantized), None)
    else:
        return None  # the runtime leaves it in real numbers
    bias = product.input(_BIAS)
    made = wiring.maker(bias, "DequantizeLinear")
    bias = made.inputs[0] if made is not None else bias
    inputs = [v for three in quantized for v in three]
    if op_type == "QLinearConv":
        inputs += [*scale, bias]
    elif op_type == "QGemm":
        inputs += [bias, *scale]
    else:
        inputs += scale
    return _as(product, (op_type, domain), inputs, out)


def _three(operation: Operation) -> list[Value | None]:
    """The tensor, its scale and its zero point."""
    return [operation.input(index) for index in range(3)]


def _to_float(quantized: list[list[Value | None]]) -> list[Value | None]:
    """A, B, their scales, their zero points, as MatMulIntegerToFloat takes them."""
    return [three[index] for index in range(3) for three in quantized]


def _as(
    product: Operation,
    key: tuple[str, str],
    inputs: list[Value | None],
    out: Value | None,
) -> Operation:
    op_type, domain = key
    return product.becoming(
        op_type, inputs, out or product.result, domain=domain, attributes=product.node.attributes
    )


def _unread(wiring: Wiring, joined: dict[int, Operation]) -> set[int]:
    """The DequantizeLinear that only joined products read."""
    found = set()
    for operation in wiring.makers.values():
        out = operation.outputs[0]
        if operation.op_type == "DequantizeLinear" and out is not None:
            readers = wiring.readers.get(out.name, [])
            if out.name not in wiring.outputs and all(id(r) in joined for r in readers):
                found.add(id(operation))
    return found
