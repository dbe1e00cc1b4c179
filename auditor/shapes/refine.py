"""Shapes of values that nothing but what becomes of them tells.

An operator that nobody knows leaves its output without a shape; where the operators
behind it keep shapes, and the file states the shape at their end, the shape is known
after all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from auditor.shapes.records import Operation, Value
from auditor.shapes.scope import Sizes

# Their first input has the shape of their output.
_KEEP_SHAPE = frozenset(
    {
        "Relu", "LeakyRelu", "Elu", "Selu", "Sigmoid", "HardSigmoid", "HardSwish", "Swish",
        "Mish", "Gelu", "Softplus", "Softsign", "Tanh", "Erf", "Exp", "Log", "Sqrt", "Neg",
        "Abs", "Clip", "Cast", "Identity", "Dropout", "Softmax", "LogSoftmax",
        "LayerNormalization", "BatchNormalization", "InstanceNormalization",
        "GroupNormalization", "RMSNormalization",
    }
)  # fmt: skip


def shapes_from_consumers(
    operations: Sequence[Operation], stated: Mapping[str, Sizes]
) -> Mapping[str, Sizes]:
    """Return shapes of values that have none, told by the operations that read them.

    `stated` are the shapes that the file gives for the graph's outputs.
    """
    found: dict[str, Sizes] = {}
    shapes = dict(stated)
    for operation in reversed(operations):
        out = operation.outputs[0] if operation.outputs else None
        shape = (out.shape or shapes.get(out.name)) if out is not None else None
        if out is None or shape is None:
            continue
        if out.shape is None:
            found[out.name] = shape
        before = _INPUT_SHAPES.get(operation.op_type, _kept)
        for value, told in before(operation, shape):
            if value is not None and value.shape is None and value.name not in shapes:
                shapes[value.name] = found[value.name] = told
    return found


Told = Sequence[tuple[Value | None, Sizes]]


def _kept(operation: Operation, shape: Sizes) -> Told:
    return [(operation.input(0), shape)] if operation.op_type in _KEEP_SHAPE else []


def _broadcast(operation: Operation, shape: Sizes) -> Told:
    """The operand beside a smaller one has the shape of the result."""
    left, right = operation.input(0), operation.input(1)
    told = []
    for value, other in ((left, right), (right, left)):
        if other is not None and other.shape is not None and _is_smaller(other.shape, shape):
            told.append((value, shape))
    return told


def _is_smaller(shape: Sizes, result: Sizes) -> bool:
    """Whether it is stretched along every axis that is more than one long."""
    if len(shape) > len(result):
        return False
    padded = (1,) * (len(result) - len(shape)) + shape
    return all(size == 1 or whole == 1 for size, whole in zip(padded, result, strict=True)) or (
        len(shape) == 1 and len(result) > 1  # a vector of biases
    )


def _transposed(operation: Operation, shape: Sizes) -> Told:
    order = operation.attribute("perm", tuple(reversed(range(len(shape)))))
    if sorted(order) != list(range(len(shape))):
        return []
    before = [0] * len(shape)
    for size, axis in zip(shape, order, strict=True):
        before[axis] = size
    return [(operation.input(0), tuple(before))]


def _multiplied(operation: Operation, shape: Sizes) -> Told:
    """Rows of the result are rows of the left operand, as wide as the weight is high."""
    weight = operation.input(1)
    if weight is None or weight.shape is None or len(weight.shape) != 2 or not shape:
        return []
    if operation.op_type == "Gemm" and operation.attribute("transA", 0):
        return []
    turned = bool(operation.attribute("transB", 0))
    return [(operation.input(0), (*shape[:-1], weight.shape[1 if turned else 0]))]


_INPUT_SHAPES: Mapping[str, Callable[[Operation, Sizes], Told]] = {
    "Add": _broadcast,
    "Sub": _broadcast,
    "Mul": _broadcast,
    "Div": _broadcast,
    "Transpose": _transposed,
    "MatMul": _multiplied,
    "Gemm": _multiplied,
}
