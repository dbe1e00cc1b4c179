"""Output shapes of the first versions of operators, for which onnx has no inference.

Source: https://github.com/onnx/onnx/blob/main/docs/Changelog.md, operator sets 1 to 6: an
operand was broadcast only where `broadcast` says so, into the first one; settings that are
inputs now were attributes.  They hold as well where dimensions are so large that onnx, which
computes them in 64 bits, is not asked (`auditor.shapes.screening`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from auditor.shapes.records import Typed
from auditor.shapes.rules import Call, Key, Rule, broadcast, everywhere, like, windows, with_axis


def _into_first(call: Call) -> Sequence[Typed]:
    if call.attribute("broadcast", 0):
        return [call.typed(0)]
    return [(call.dtype(0), broadcast(call.shape(0), call.shape(1)))]


def _all_alike(call: Call) -> Sequence[Typed]:
    shapes = [call.shape(i) for i in range(len(call.inputs))]
    return [(call.dtype(0), broadcast(*shapes))]


def _cast(call: Call) -> Sequence[Typed]:
    """`to` was the name of a type."""
    names = {"FLOAT": "float32", "DOUBLE": "float64", "STRING": "object", "BFLOAT16": "bfloat16"}
    to = str(call.node.attributes["to"])
    return [(names.get(to, to.lower()), call.shape(0))]


def _reshape(call: Call) -> Sequence[Typed]:
    """Zero copies a dimension, -1 takes what is left."""
    shape = call.shape(0)
    asked = call.attribute("shape") or call.numbers(1)
    keeps_zero = call.attribute("allowzero", 0)
    wanted = [shape[i] if d == 0 and not keeps_zero else d for i, d in enumerate(asked)]
    if -1 in wanted:
        rest = math.prod(d for d in wanted if d != -1)
        wanted[wanted.index(-1)] = math.prod(shape) // rest
    if math.prod(wanted) != math.prod(shape):
        raise ValueError("another number of elements")
    return [(call.dtype(0), tuple(wanted))]


def _flatten(call: Call) -> Sequence[Typed]:
    shape = call.shape(0)
    axis = int(call.attribute("axis", 1))
    return [(call.dtype(0), (math.prod(shape[:axis]), math.prod(shape[axis:])))]


def _tile(call: Call) -> Sequence[Typed]:
    shape, repeats = call.shape(0), call.numbers(1)
    return [(call.dtype(0), tuple(d * r for d, r in zip(shape, repeats, strict=True)))]


def _upsample(call: Call) -> Sequence[Typed]:
    *rest, height, width = call.shape(0)
    scales = (call.node.attributes["height_scale"], call.node.attributes["width_scale"])
    return [(call.dtype(0), (*rest, int(height * scales[0]), int(width * scales[1])))]


def _pad(call: Call) -> Sequence[Typed]:
    shape, pads = call.shape(0), call.node.attributes["paddings"]
    half = len(shape)
    return [(call.dtype(0), tuple(d + pads[i] + pads[i + half] for i, d in enumerate(shape)))]


def _concat(call: Call) -> Sequence[Typed]:
    shapes, axis = [call.shape(i) for i in range(len(call.inputs))], int(call.attribute("axis", 1))
    return [(call.dtype(0), with_axis(shapes[0], axis, sum(s[axis] for s in shapes)))]


def _split(call: Call) -> Sequence[Typed]:
    """By an attribute, by an input, or in equal parts."""
    shape, axis = call.shape(0), int(call.attribute("axis", 0))
    count = len(call.node.outputs)
    sizes = call.attribute("split") or (
        call.numbers(1) if call.value(1) else (shape[axis] // count,) * count
    )
    return [(call.dtype(0), with_axis(shape, axis, s)) for s in sizes]


def _gemm(call: Call) -> Sequence[Typed]:
    left, right = call.shape(0), call.shape(1)
    rows = left[1] if call.attribute("transA", 0) else left[0]
    columns = right[0] if call.attribute("transB", 0) else right[1]
    return [(call.dtype(0), (rows, columns))]


def _pool(call: Call) -> Sequence[Typed]:
    shape = call.shape(0)
    counts = windows(call, shape[2:], call.node.attributes["kernel_shape"])
    return [(call.dtype(0), (*shape[:2], *counts))]


def _global_pool(call: Call) -> Sequence[Typed]:
    shape = call.shape(0)
    return [(call.dtype(0), (*shape[:2], *(1 for _ in shape[2:])))]


def _batch_norm(call: Call) -> Sequence[Typed]:
    statistics = (call.dtype(0), (call.shape(0)[1],))
    return [call.typed(0), *(statistics for _ in range(4))]


def _gru(call: Call) -> Sequence[Typed]:
    steps, batch, _ = call.shape(0)
    directions, _, hidden = call.shape(2)
    dtype = call.dtype(0)
    return [(dtype, (steps, directions, batch, hidden)), (dtype, (directions, batch, hidden))]


def _dropout(call: Call) -> Sequence[Typed]:
    return [call.typed(0), call.typed(0)]


_UNARY = (
    "Abs", "Ceil", "Clip", "Elu", "Exp", "Floor", "HardSigmoid", "InstanceNormalization",
    "LeakyRelu", "Log", "Neg", "PRelu", "Reciprocal", "Relu", "Selu", "Sigmoid", "Sqrt", "Tanh",
    "MeanVarianceNormalization",
)  # fmt: skip

_RULES: Mapping[str, Rule] = {
    **dict.fromkeys(_UNARY, like(0)),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div"), _into_first),
    **dict.fromkeys(("Max", "Min", "Mean", "Sum"), _all_alike),
    "Cast": _cast,
    "Reshape": _reshape,
    "Flatten": _flatten,
    "Tile": _tile,
    "Upsample": _upsample,
    "Pad": _pad,
    "Concat": _concat,
    "Split": _split,
    "Gemm": _gemm,
    "LpPool": _pool,
    "GlobalLpPool": _global_pool,
    "BatchNormalization": _batch_norm,
    "Dropout": _dropout,
    "GRU": _gru,
}

RULES: Mapping[Key, Rule] = everywhere("", _RULES)
