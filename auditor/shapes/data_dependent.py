"""Sizes that only the data decides: how large they can be, and the shapes that follow.

The bounds are those of the ONNX operator specification (https://onnx.ai/onnx/operators/):
as many non-zero elements as there are elements, as many boxes as there are candidates.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from auditor.graph import Node
from auditor.shapes.records import Typed, Value
from auditor.shapes.rules import MICROSOFT, Call, Key, Shape, with_axis


@dataclass(frozen=True, slots=True)
class Bounded:
    """At most `limit`, for a `reason`; `outputs` gives the output types at a size."""

    limit: int
    reason: str
    outputs: Callable[[int], Sequence[Typed]]


def bounded(node: Node, inputs: Sequence[Value | None]) -> Bounded | None:
    """Return what bounds the size of an operator's outputs; None where data does not decide."""
    rule = _RULES.get((node.domain, node.op_type))
    if rule is None:
        return None
    call = Call(node, inputs)
    try:
        return rule(call, call.shape(0))
    except (IndexError, LookupError, TypeError, ValueError):
        return None  # inputs that the operator does not allow, or of unknown shape


def _along(call: Call, shape: Shape) -> tuple[int, Callable[[int], Shape]]:
    """The size along `axis`, and the shape at another; all elements in a row without one."""
    axis = call.attribute("axis")
    if axis is None:
        return math.prod(shape), lambda n: (n,)
    return shape[axis], lambda n: with_axis(shape, axis, n)


def _non_zero(_: Call, shape: Shape) -> Bounded:
    rank = max(1, len(shape))
    return Bounded(
        math.prod(shape), "every element may be non-zero", lambda n: [("int64", (rank, n))]
    )


def _compress(call: Call, shape: Shape) -> Bounded:
    whole, cut = _along(call, shape)
    condition, dtype = call.typed(1)[1], call.dtype(0)
    limit = whole if condition is None else min(whole, math.prod(condition))
    return Bounded(limit, "the condition may hold for all", lambda n: [(dtype, cut(n))])


def _unique(call: Call, shape: Shape) -> Bounded:
    whole, cut = _along(call, shape)
    dtype = call.dtype(0)

    def outputs(n: int) -> Sequence[Typed]:
        return [(dtype, cut(n)), ("int64", (n,)), ("int64", (whole,)), ("int64", (n,))]

    return Bounded(whole, "all elements may differ", outputs)


def _non_max_suppression(call: Call, shape: Shape) -> Bounded:
    scores, most = call.typed(1)[1], call.data(2)
    classes = scores[1] if scores else 1
    batch, boxes = shape[0], shape[1]
    if call.value(2) is None:
        kept = 0  # the specification's default: none
    else:
        kept = boxes if most is None else min(boxes, max(0, int(most[0])))
    return Bounded(
        batch * classes * kept,
        f"at most {kept} boxes of each of {classes} classes in each of {batch} images",
        lambda n: [("int64", (n, 3))],
    )


def _slice(call: Call, shape: Shape) -> Bounded | None:
    """A slice is no longer than what it is cut from; here its ends are computed."""
    (count,) = call.shape(1)
    axes = range(count) if call.value(3) is None else call.numbers(3)
    if not axes:
        return None
    dtype, first = call.dtype(0), axes[0]
    return Bounded(
        shape[first],
        "a slice is at most as long as what it is cut from",
        lambda n: [(dtype, with_axis(shape, first, n))],
    )


def _top_k(call: Call, shape: Shape) -> Bounded:
    dtype, axis = call.dtype(0), call.attribute("axis", -1)
    return Bounded(
        shape[axis],
        "at most every element is among the largest",
        lambda n: [(dtype, with_axis(shape, axis, n)), ("int64", with_axis(shape, axis, n))],
    )


_RULES: Mapping[Key, Callable[[Call, Shape], Bounded | None]] = {
    ("", "NonZero"): _non_zero,
    ("", "Compress"): _compress,
    ("", "Unique"): _unique,
    (MICROSOFT, "Unique"): _unique,
    ("", "NonMaxSuppression"): _non_max_suppression,
    ("", "Slice"): _slice,
    ("", "TopK"): _top_k,
}
