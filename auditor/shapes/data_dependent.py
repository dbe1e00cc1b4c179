"""Sizes that only the data decides: how large they can be, and the shapes that follow.

The bounds are those of the ONNX operator specification (https://onnx.ai/onnx/operators/):
as many non-zero elements as there are elements, as many boxes as there are candidates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from auditor.graph import Node
from auditor.shapes.onnx_inference import Typed
from auditor.shapes.records import Value

Inputs = Sequence[Value | None]


@dataclass(frozen=True, slots=True)
class Bounded:
    """At most `limit`, for a `reason`; `outputs` gives the output types at a size."""

    limit: int
    reason: str
    outputs: Callable[[int], Sequence[Typed]]


def bounded(node: Node, inputs: Inputs) -> Bounded | None:
    """Return what bounds the size of an operator's outputs; None where data does not decide."""
    rule = _RULES.get((node.domain, node.op_type))
    if rule is None or not inputs or inputs[0] is None or inputs[0].shape is None:
        return None
    try:
        return rule(node, inputs, inputs[0].shape)
    except (IndexError, LookupError, TypeError, ValueError):
        return None  # inputs that the operator does not allow


def _data(inputs: Inputs, index: int) -> Any:
    value = inputs[index] if index < len(inputs) else None
    return None if value is None else value.data


def _present(inputs: Inputs, index: int) -> Value | None:
    return inputs[index] if index < len(inputs) else None


def _with(shape: tuple[int, ...], axis: int, size: int) -> tuple[int, ...]:
    axis %= len(shape)
    return (*shape[:axis], size, *shape[axis + 1 :])


def _non_zero(_: Node, __: Inputs, shape: tuple[int, ...]) -> Bounded:
    rank = max(1, len(shape))
    return Bounded(
        math.prod(shape), "every element may be non-zero", lambda n: [("int64", (rank, n))]
    )


def _compress(node: Node, inputs: Inputs, shape: tuple[int, ...]) -> Bounded:
    condition, dtype = inputs[1], inputs[0].dtype if inputs[0] else None
    kept = math.prod(condition.shape) if condition and condition.shape is not None else None
    axis = node.attributes.get("axis")
    whole = math.prod(shape) if axis is None else shape[int(axis)]
    limit = whole if kept is None else min(whole, kept)
    return Bounded(
        limit,
        "the condition may hold for all",
        lambda n: [(dtype, (n,) if axis is None else _with(shape, int(axis), n))],
    )


def _unique(node: Node, inputs: Inputs, shape: tuple[int, ...]) -> Bounded:
    dtype, axis = inputs[0].dtype if inputs[0] else None, node.attributes.get("axis")
    whole = math.prod(shape) if axis is None else shape[int(axis)]

    def outputs(n: int) -> Sequence[Typed]:
        first = (n,) if axis is None else _with(shape, int(axis), n)
        return [(dtype, first), ("int64", (n,)), ("int64", (whole,)), ("int64", (n,))]

    return Bounded(whole, "all elements may differ", outputs)


def _non_max_suppression(_: Node, inputs: Inputs, shape: tuple[int, ...]) -> Bounded:
    scores, most = inputs[1], _data(inputs, 2)
    classes = scores.shape[1] if scores and scores.shape else 1
    batch, boxes = shape[0], shape[1]
    if _present(inputs, 2) is None:
        kept = 0  # the specification's default: none
    else:
        kept = boxes if most is None else min(boxes, max(0, int(np.ravel(most)[0])))
    return Bounded(
        batch * classes * kept,
        f"at most {kept} boxes of each of {classes} classes in each of {batch} images",
        lambda n: [("int64", (n, 3))],
    )


def _slice(_: Node, inputs: Inputs, shape: tuple[int, ...]) -> Bounded | None:
    """A slice is no longer than what it is cut from; here its ends are computed."""
    starts = _present(inputs, 1)
    if starts is None or not starts.shape:
        return None
    dtype = inputs[0].dtype if inputs[0] else None
    axes_value = _present(inputs, 3)
    axes = range(starts.shape[0]) if axes_value is None else np.ravel(axes_value.data).tolist()
    if not axes or any(axis is None for axis in axes):
        return None
    first = int(axes[0])
    return Bounded(
        shape[first],
        "a slice is at most as long as what it is cut from",
        lambda n: [(dtype, _with(shape, first, n))],
    )


def _top_k(node: Node, inputs: Inputs, shape: tuple[int, ...]) -> Bounded:
    dtype, axis = inputs[0].dtype if inputs[0] else None, int(node.attributes.get("axis", -1))
    return Bounded(
        shape[axis],
        "at most every element is among the largest",
        lambda n: [(dtype, _with(shape, axis, n)), ("int64", _with(shape, axis, n))],
    )


_RULES: Mapping[tuple[str, str], Callable[[Node, Inputs, tuple[int, ...]], Bounded | None]] = {
    ("", "NonZero"): _non_zero,
    ("", "Compress"): _compress,
    ("", "Unique"): _unique,
    ("com.microsoft", "Unique"): _unique,
    ("", "NonMaxSuppression"): _non_max_suppression,
    ("", "Slice"): _slice,
    ("", "TopK"): _top_k,
}
