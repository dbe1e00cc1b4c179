"""Folding of the arithmetic on shapes that exporters leave in the graph.

Only small known values take part (shapes, axes, scales, positions); weights have no
values here and never fold.  Semantics are those of the ONNX operator specification
(https://onnx.ai/onnx/operators/).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from auditor.graph import Node

# Above this a value is no shape any more, and is known by its shape alone.
MAX_ELEMENTS = 8192

Array = np.ndarray[Any, Any]
# What numpy raises for what it does not allow: more than 64 axes, shapes that do not fit.
_REFUSALS = (
    ValueError, TypeError, IndexError, KeyError, AttributeError, ArithmeticError, RuntimeError,
)  # fmt: skip
# Arrays; a left-out optional input is None.
Inputs = Sequence[Any]
Fold = Callable[[Node, Inputs], Any]

_NUMPY_DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64",
    9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64",
}  # fmt: skip


def fold(node: Node, inputs: Inputs) -> tuple[Array, ...] | None:
    """Compute the outputs of `node` from known small inputs, or None where it cannot be.

    A None among `inputs` is a left-out optional input; an unknown value must not be
    passed at all (the caller asks only where all are known).
    """
    function = _FOLDS.get(node.op_type) if not node.domain else None
    if function is None or (len(inputs) > 0 and inputs[0] is None):
        return None
    if any(a is not None and a.size > MAX_ELEMENTS for a in inputs):
        return None
    if node.op_type in _BROADCASTING and _stretched(inputs) > MAX_ELEMENTS:
        return None
    try:
        with np.errstate(all="ignore"):
            result = function(node, inputs)
    except _REFUSALS:
        return None  # not foldable as written: onnx's own inference has the last word
    outputs = tuple(result) if isinstance(result, (list, tuple)) else (result,)
    arrays = tuple(np.asarray(o) for o in outputs)
    return arrays if all(a.size <= MAX_ELEMENTS for a in arrays) else None


def _stretched(inputs: Inputs) -> int:
    """At most how many elements small arrays make when each stretches along others' axes."""
    shapes = [np.shape(a) for a in inputs if a is not None]
    rank = max(map(len, shapes), default=0)
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return math.prod(max(sizes) for sizes in zip(*padded, strict=True))


def _axes(node: Node, inputs: Inputs, index: int = 1) -> tuple[int, ...] | None:
    """Axes from the attribute (older operator sets) or from an input (newer ones)."""
    if "axes" in node.attributes:
        return tuple(node.attributes["axes"])
    given = inputs[index] if len(inputs) > index else None
    return None if given is None else tuple(int(a) for a in given.ravel())


def _unsqueeze(node: Node, inputs: Inputs) -> Any:
    data, axes = inputs[0], _axes(node, inputs)
    return np.expand_dims(data, axes or ())


def _squeeze(node: Node, inputs: Inputs) -> Any:
    data, axes = inputs[0], _axes(node, inputs)
    return np.squeeze(data, axis=axes or None)


def _slice(node: Node, inputs: Inputs) -> Any:
    data = inputs[0]
    if "starts" in node.attributes:
        starts, ends = node.attributes["starts"], node.attributes["ends"]
        axes, steps = node.attributes.get("axes"), None
    else:
        starts, ends, axes, steps = (
            None if a is None else [int(v) for v in a.ravel()]
            for a in (*inputs[1:], None, None)[:4]
        )
    slices = [slice(None)] * data.ndim
    for position, start in enumerate(starts):
        axis = position if axes is None else axes[position]
        step = 1 if steps is None else steps[position]
        slices[axis] = _clamped(start, ends[position], step, data.shape[axis])
    return data[tuple(slices)]


def _clamped(start: int, end: int, step: int, size: int) -> slice:
    """Slice of ONNX: negative positions count from the end, others are moved into range.

    Unlike Python's, a start before the first element walks on from the first.
    """
    start, end = (p + size if p < 0 else p for p in (start, end))
    if step > 0:
        return slice(min(max(start, 0), size), min(max(end, 0), size), step)
    start, end = min(max(start, 0), size - 1), min(max(end, -1), size - 1)
    return slice(start, end if end >= 0 else None, step)


def _gather(node: Node, inputs: Inputs) -> Any:
    data, indices = inputs[0], inputs[1]
    axis = int(node.attributes.get("axis", 0))
    if indices.size * (data.size // max(1, data.shape[axis])) > MAX_ELEMENTS:
        raise ValueError("not a shape")
    return np.take(data, indices.astype(np.int64), axis=axis)


def _cast(node: Node, inputs: Inputs) -> Any:
    data = inputs[0]
    return data.astype(_NUMPY_DTYPES[int(node.attributes["to"])])


def _cast_like(_: Node, inputs: Inputs) -> Any:
    data, like = inputs[0], inputs[1]
    return data.astype(like.dtype)


def _constant(node: Node, _: Inputs) -> Any:
    attributes = node.attributes
    for key, dtype in (("value_int", "int64"), ("value_ints", "int64")):
        if key in attributes:
            return np.asarray(attributes[key], dtype)
    for key in ("value_float", "value_floats"):
        if key in attributes:
            return np.asarray(attributes[key], "float32")
    value = attributes["value"].value
    if value is None:
        raise ValueError("the constant is a weight")
    return np.asarray(value)


def _constant_of_shape(node: Node, inputs: Inputs) -> Any:
    shape = inputs[0]
    tensor = node.attributes.get("value")
    fill = np.zeros(1, "float32") if tensor is None else np.asarray(tensor.value)
    dims = tuple(int(d) for d in shape.ravel())
    if np.prod(dims, dtype=float) > MAX_ELEMENTS:
        raise ValueError("not a shape")
    return np.full(dims, fill.ravel()[0], fill.dtype)


def _reshape(node: Node, inputs: Inputs) -> Any:
    data, shape = inputs[0], inputs[1] if len(inputs) > 1 else None
    wanted = node.attributes["shape"] if shape is None else [int(d) for d in shape.ravel()]
    if not node.attributes.get("allowzero", 0):
        wanted = [data.shape[i] if d == 0 else d for i, d in enumerate(wanted)]
    return data.reshape(tuple(wanted))


def _expand(_: Node, inputs: Inputs) -> Any:
    data, shape = inputs[0], inputs[1]
    dims = np.broadcast_shapes(data.shape, tuple(int(d) for d in shape.ravel()))
    if np.prod(dims, dtype=float) > MAX_ELEMENTS:
        raise ValueError("not a shape")
    return np.broadcast_to(data, dims)


def _tile(_: Node, inputs: Inputs) -> Any:
    data, repeats = inputs[0], tuple(int(r) for r in inputs[1].ravel())
    if data.size * np.prod(repeats, dtype=float) > MAX_ELEMENTS:
        raise ValueError("not a shape")
    return np.tile(data, repeats)


def _range(_: Node, inputs: Inputs) -> Any:
    start, limit, delta = (np.asarray(a).ravel()[0] for a in inputs)
    if (limit - start) / delta > MAX_ELEMENTS:
        raise ValueError("not a shape")
    return np.arange(start, limit, delta, dtype=start.dtype)


def _split(node: Node, inputs: Inputs) -> Any:
    data = inputs[0]
    axis = int(node.attributes.get("axis", 0))
    sizes = _axes_like(node, inputs, "split")
    if sizes is None:
        # All pieces but the last have the size of the first.
        size = -(-data.shape[axis] // len(node.outputs))
        sizes = (size,) * len(node.outputs)
    return np.split(data, np.cumsum(sizes)[:-1], axis)


def _axes_like(node: Node, inputs: Inputs, name: str) -> tuple[int, ...] | None:
    if name in node.attributes:
        return tuple(node.attributes[name])
    given = inputs[1] if len(inputs) > 1 else None
    return None if given is None else tuple(int(a) for a in given.ravel())


def _div(_: Node, inputs: Inputs) -> Any:
    left, right = inputs[0], inputs[1]
    if left.dtype.kind in "iu":  # towards zero, where numpy's goes down; no detour by floats
        quotient = np.floor_divide(left, right)
        inexact_negative = (quotient * right != left) & ((left < 0) != (right < 0))
        return (quotient + inexact_negative).astype(left.dtype)
    return np.asarray(left / right)


def _mod(node: Node, inputs: Inputs) -> Any:
    left, right = inputs[0], inputs[1]
    return np.asarray((np.fmod if node.attributes.get("fmod") else np.mod)(left, right))


def _clip(node: Node, inputs: Inputs) -> Any:
    data, low, high = (*inputs, None, None)[:3]
    low = node.attributes.get("min") if low is None else low
    high = node.attributes.get("max") if high is None else high
    if low is not None:
        data = np.maximum(data, np.asarray(low, data.dtype))
    return data if high is None else np.minimum(data, np.asarray(high, data.dtype))


def _transpose(node: Node, inputs: Inputs) -> Any:
    return np.transpose(inputs[0], node.attributes.get("perm"))


def _concat(node: Node, inputs: Inputs) -> Any:
    parts = [np.asarray(a) for a in inputs if a is not None]
    if sum(a.size for a in parts) > MAX_ELEMENTS:
        raise ValueError("not a shape")
    return np.concatenate(parts, axis=int(node.attributes["axis"]))


def _reduction(function: Callable[..., Any]) -> Fold:
    def apply(node: Node, inputs: Inputs) -> Any:
        data, axes = inputs[0], _axes(node, inputs)
        if not axes and node.attributes.get("noop_with_empty_axes", 0):
            return data
        keep = bool(node.attributes.get("keepdims", 1))
        return np.asarray(function(data, axis=axes or None, keepdims=keep)).astype(data.dtype)

    return apply


def _ufunc(function: Callable[..., Any]) -> Fold:
    def apply(_: Node, inputs: Inputs) -> Array:
        return np.asarray(function(*inputs))

    return apply


def _same_dtype(function: Callable[..., Any]) -> Fold:
    def apply(_: Node, inputs: Inputs) -> Array:
        return np.asarray(function(*inputs)).astype(inputs[0].dtype)

    return apply


def _nary(function: Callable[..., Any]) -> Fold:
    def apply(_: Node, inputs: Inputs) -> Array:
        arrays = [np.asarray(a) for a in inputs]
        result = arrays[0]
        for array in arrays[1:]:
            result = function(result, array)
        return np.asarray(result)

    return apply


_FOLDS: Mapping[str, Fold] = {
    "Constant": _constant,
    "ConstantOfShape": _constant_of_shape,
    "Identity": _ufunc(np.asarray),
    "Cast": _cast,
    "CastLike": _cast_like,
    "Gather": _gather,
    "Slice": _slice,
    "Concat": _concat,
    "Unsqueeze": _unsqueeze,
    "Squeeze": _squeeze,
    "Reshape": _reshape,
    "Expand": _expand,
    "Range": _range,
    "Split": _split,
    "Transpose": _transpose,
    "Tile": _tile,
    "Where": _ufunc(np.where),
    "Size": _ufunc(lambda data: np.asarray(np.size(data), "int64")),
    "Add": _ufunc(np.add),
    "Sub": _ufunc(np.subtract),
    "Mul": _ufunc(np.multiply),
    "Div": _div,
    "Mod": _mod,
    "Pow": _same_dtype(np.power),
    "Neg": _ufunc(np.negative),
    "Abs": _ufunc(np.abs),
    "Relu": _same_dtype(lambda a: np.maximum(a, 0)),
    "Floor": _ufunc(np.floor),
    "Ceil": _ufunc(np.ceil),
    "Round": _ufunc(np.round),
    "Sqrt": _same_dtype(np.sqrt),
    "Exp": _same_dtype(np.exp),
    "Log": _same_dtype(np.log),
    "Reciprocal": _same_dtype(np.reciprocal),
    "Sign": _ufunc(np.sign),
    "Clip": _clip,
    "Min": _nary(np.minimum),
    "Max": _nary(np.maximum),
    "Sum": _nary(np.add),
    "Equal": _ufunc(np.equal),
    "Greater": _ufunc(np.greater),
    "GreaterOrEqual": _ufunc(np.greater_equal),
    "Less": _ufunc(np.less),
    "LessOrEqual": _ufunc(np.less_equal),
    "And": _ufunc(np.logical_and),
    "Or": _ufunc(np.logical_or),
    "Xor": _ufunc(np.logical_xor),
    "Not": _ufunc(np.logical_not),
    "ReduceProd": _reduction(np.prod),
    "ReduceSum": _reduction(np.sum),
    "ReduceMax": _reduction(np.max),
    "ReduceMin": _reduction(np.min),
}
_BROADCASTING = frozenset(
    {
        "Where", "Add", "Sub", "Mul", "Div", "Mod", "Pow", "Clip", "Min", "Max", "Sum", "Equal",
        "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "And", "Or", "Xor",
    }
)  # fmt: skip
