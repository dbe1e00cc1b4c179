"""Calls that onnx's shape inference answers by ending the process, by hanging or by wrapping round.

It is C++ that trusts some attributes and computes in 64 bits: an axis beyond the rank of
LayerNormalization or GatherND reads foreign memory, a Split into other parts than it has outputs
writes it, an unknown Einsum loops for long, and a product of dimensions beyond 2^63 comes out as
something else.  Such calls are not made: the operator's own rules tell, or the shape stays
unknown.  `tests/hostile/test_refused.py` has one of each.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from auditor.graph import Node
from auditor.shapes.records import Value

# No export has more axes: numpy's own limit.
MAX_RANK = 64
# What onnx multiplies and adds up stays below 2^63 where this bounds it.
_MOST = 2**62
# Every dimension of these is one of an input's, so that nothing is multiplied or added.
_KEEPS_DIMENSIONS = frozenset(
    {
        "Abs", "Add", "And", "BatchNormalization", "Cast", "CastLike", "Ceil", "Clip", "Cos", "Div",
        "Dropout", "Elu", "Equal", "Erf", "Exp", "Expand", "Floor", "Gather", "GatherElements",
        "Gelu", "Gemm", "Greater", "HardSigmoid", "HardSwish", "Identity", "LayerNormalization",
        "LeakyRelu", "Less", "Log", "LogSoftmax", "MatMul", "Max", "Mean", "Min", "Mish", "Mod",
        "Mul", "Neg", "Not", "Or", "PRelu", "Pow", "QuantizeLinear", "DequantizeLinear",
        "RMSNormalization", "Reciprocal", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin",
        "ReduceProd", "ReduceSum", "Relu", "ScatterElements", "ScatterND", "Selu", "Shape",
        "Sigmoid", "Sign", "Sin", "Slice", "Softmax", "Softplus", "Split", "Sqrt", "Squeeze", "Sub",
        "Sum", "Swish", "Tanh", "Transpose", "Unsqueeze", "Where", "Xor",
    }
)  # fmt: skip
# The output's size is the product of numbers in the node, whatever comes in.
_SHAPES_BY_NUMBERS = frozenset({"Reshape", "ConstantOfShape", "Col2Im", "AffineGrid"})
_BLOCKS = frozenset({"DepthToSpace", "SpaceToDepth"})  # multiply by the square of an attribute
# The elements of this input are the output's dimensions, or one for each of them.
_SHAPE_INPUTS: Mapping[str, int] = {
    "ConstantOfShape": 0, "Expand": 1, "Reshape": 1, "Resize": 3, "Tile": 1, "Unsqueeze": 1,
    "AffineGrid": 1, "CenterCropPad": 1, "Col2Im": 1, "MaxUnpool": 2, "Upsample": 1, "Pad": 1,
}  # fmt: skip


def is_safe(node: Node, inputs: Sequence[Value | None]) -> bool:
    """Whether onnx's inference may be asked for the types of what `node` makes."""
    if any(not _is_plain(v) for v in inputs if v is not None):
        return False
    special = _SPECIAL.get(node.op_type)
    if special is not None and not special(node, inputs):
        return False
    return _axis_is_near(node, inputs) and _shape_is_short(node, inputs) and _is_small(node, inputs)


def _is_plain(value: Value) -> bool:
    """Whether the dimensions are numbers that 64 bits hold, and not more than anybody has."""
    shape = value.shape or ()
    return len(shape) <= MAX_RANK and all(0 <= d < 2**63 for d in shape)


def _axis_is_near(node: Node, inputs: Sequence[Value | None]) -> bool:
    """Whether `axis` is one of the first input's or the one behind; the rank may be unknown."""
    axis = node.attributes.get("axis", 0)
    ranks = [len(v.shape) for v in inputs if v is not None and v.shape is not None]
    return isinstance(axis, int) and abs(axis) <= max(ranks, default=MAX_RANK) + 1


def _shape_is_short(node: Node, inputs: Sequence[Value | None]) -> bool:
    index = _SHAPE_INPUTS.get(node.op_type)
    value = inputs[index] if index is not None and index < len(inputs) else None
    return value is None or not value.shape or value.shape[0] <= 2 * MAX_RANK


def _is_small(node: Node, inputs: Sequence[Value | None]) -> bool:
    """Whether no arithmetic on the dimensions can go beyond 64 bits."""
    if node.op_type in _KEEPS_DIMENSIONS:
        return True
    shapes = [v.shape for v in inputs if v is not None and v.shape is not None]
    elements = sum(math.prod(d or 1 for d in shape) for shape in shapes)
    numbers = [abs(n) for n in _numbers(node, inputs)]
    if node.op_type in _SHAPES_BY_NUMBERS:
        return elements < _MOST and math.prod(n or 1 for n in numbers) < _MOST
    largest = max(numbers, default=1) or 1
    power = 2 if node.op_type in _BLOCKS else 1
    return elements * largest**power < _MOST and largest**2 < _MOST


def _numbers(node: Node, inputs: Sequence[Value | None]) -> list[float]:
    found: list[float] = []
    for value in node.attributes.values():
        if isinstance(value, int | float):
            found.append(value)
        elif isinstance(value, tuple):
            found += (v for v in value if isinstance(v, int | float))
    for given in inputs:
        if given is not None and given.data is not None:
            array = np.asarray(given.data)
            if array.dtype.kind in "iuf":
                found += array.ravel().tolist()
    return found


def _never(_: Node, __: Sequence[Value | None]) -> bool:
    return False  # its own rule tells, or nothing does


def _axis_within(node: Node, inputs: Sequence[Value | None]) -> bool:
    shape = _shape(inputs, 0)
    axis = node.attributes.get("axis", -1)
    return shape is not None and isinstance(axis, int) and -len(shape) <= axis < len(shape)


def _batch_within(node: Node, inputs: Sequence[Value | None]) -> bool:
    data, indices = _shape(inputs, 0), _shape(inputs, 1)
    batch = node.attributes.get("batch_dims", 0)
    if data is None or indices is None or not isinstance(batch, int):
        return False
    return 0 <= batch < min(len(data), len(indices)) and indices[-1] + batch <= len(data)


def _parts_are_outputs(node: Node, _: Sequence[Value | None]) -> bool:
    return bool(node.attributes.get("num_outputs", len(node.outputs)) == len(node.outputs))


def _shape(inputs: Sequence[Value | None], index: int) -> tuple[int, ...] | None:
    value = inputs[index] if index < len(inputs) else None
    return None if value is None else value.shape


_SPECIAL: Mapping[str, Callable[[Node, Sequence[Value | None]], bool]] = {
    "Einsum": _never,
    "GatherND": _batch_within,
    "LayerNormalization": _axis_within,
    "RMSNormalization": _axis_within,
    "Split": _parts_are_outputs,
}
