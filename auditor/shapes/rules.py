"""What the shape rules share: one node with its inputs, and the arithmetic of windows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from auditor.graph import Node
from auditor.shapes.records import Typed, Value

Shape = tuple[int, ...]
Key = tuple[str, str]  # domain, op type

MICROSOFT = "com.microsoft"
UNKNOWN: Typed = (None, None)


@dataclass(frozen=True, slots=True)
class Call:
    """A node and the values it reads."""

    node: Node
    inputs: Sequence[Value | None]

    def value(self, index: int) -> Value | None:
        """Return an input, None where it is left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def dtype(self, index: int) -> str | None:
        """Return an input's element type, None where it is not known."""
        value = self.value(index)
        return None if value is None else value.dtype

    def shape(self, index: int) -> Shape:
        """Return an input's shape.

        Raises:
            ValueError: it is left out or not known.
        """
        value = self.value(index)
        if value is None or value.shape is None:
            raise ValueError("an input of unknown shape")
        return value.shape

    def data(self, index: int) -> list[Any] | None:
        """Return an input's elements in order, None where they are not known."""
        value = self.value(index)
        return None if value is None or value.data is None else np.ravel(value.data).tolist()

    def numbers(self, index: int) -> list[int]:
        """Return an input's elements as integers.

        Raises:
            ValueError: they are not known.
        """
        data = self.data(index)
        if data is None:
            raise ValueError("a shape that depends on data")
        return [int(n) for n in data]

    def attribute(self, name: str, default: Any = None) -> Any:
        """Return an attribute, or `default` where the node has none."""
        value = self.node.attributes.get(name)
        return default if value is None else value

    def typed(self, index: int) -> Typed:
        """Return type and shape of an input."""
        value = self.value(index)
        return UNKNOWN if value is None else (value.dtype, value.shape)


Rule = Callable[[Call], Sequence[Typed]]


def like(index: int, dtype: str | None = None) -> Rule:
    """Make a rule: the output is as input `index`, with an element type of its own if given."""

    def rule(call: Call) -> Sequence[Typed]:
        return [(dtype or call.dtype(index), call.shape(index))]

    return rule


def everywhere(domain: str, rules: Mapping[str, Rule]) -> dict[Key, Rule]:
    """Key the rules of one domain by domain and operator type."""
    return {(domain, op_type): rule for op_type, rule in rules.items()}


def dtype_of(number: int, default: str | None = None) -> str | None:
    """Name an element type that an attribute gives by onnx's number; 0 is the default."""
    if not number:
        return default
    return str(onnx.helper.tensor_dtype_to_np_dtype(int(number)))


def broadcast(*shapes: Shape) -> Shape:
    """Shape of an elementwise result, by numpy's rules.

    Raises:
        ValueError: they do not fit.
    """
    # numpy's own refuses more elements than there are addresses.
    rank = max(map(len, shapes), default=0)
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    result = []
    for sizes in zip(*padded, strict=True):
        wanted = {size for size in sizes if size != 1}
        if len(wanted) > 1:
            raise ValueError(f"shapes that do not fit: {sorted(wanted)}")
        result.append(wanted.pop() if wanted else 1)
    return tuple(result)


def with_axis(shape: Shape, axis: int, size: int) -> Shape:
    """Replace the size of one axis."""
    axis %= len(shape)
    return (*shape[:axis], size, *shape[axis + 1 :])


def reduced(shape: Shape, axes: Sequence[int] | None, keep: bool) -> Shape:
    """Shape of a reduction over `axes`, over all where there are none."""
    gone = {a % len(shape) for a in axes} if axes else set(range(len(shape)))
    if keep:
        return tuple(1 if i in gone else d for i, d in enumerate(shape))
    return tuple(d for i, d in enumerate(shape) if i not in gone)


def channels_first(shape: Shape) -> Shape:
    """(N, ..., C) as (N, C, ...)."""
    return (shape[0], shape[-1], *shape[1:-1])


def channels_last(shape: Shape) -> Shape:
    """(N, C, ...) as (N, ..., C)."""
    return (shape[0], *shape[2:], shape[1])


def _pads(call: Call, rank: int) -> list[int]:
    pads = call.attribute("pads", (0,) * 2 * rank)
    return [0] * 2 * rank if call.attribute("auto_pad") == "VALID" else list(pads)


def windows(call: Call, spatial: Shape, kernel: Sequence[int]) -> Shape:
    """Count the windows along every axis (ONNX specification of Conv, MaxPool)."""
    rank = len(spatial)
    strides = call.attribute("strides", (1,) * rank)
    if str(call.attribute("auto_pad", "")).startswith("SAME"):
        return tuple(math.ceil(d / s) for d, s in zip(spatial, strides, strict=True))
    dilations, pads = call.attribute("dilations", (1,) * rank), _pads(call, rank)
    counts = []
    for i, size in enumerate(spatial):
        extent = (kernel[i] - 1) * dilations[i] + 1
        room = size + pads[i] + pads[i + rank] - extent
        count = room // strides[i] + 1
        if call.attribute("ceil_mode", 0) and room % strides[i]:
            # A last window that would start in the padding behind is left out.
            count += count * strides[i] < size + pads[i]
        counts.append(count)
    return tuple(counts)


def transposed_windows(
    call: Call, spatial: Shape, kernel: Sequence[int], pads: Sequence[int]
) -> Shape:
    """Size of what a transposed convolution makes (ONNX specification of ConvTranspose)."""
    rank = len(spatial)
    strides = call.attribute("strides", (1,) * rank)
    if call.attribute("output_shape"):
        return tuple(call.attribute("output_shape"))[-rank:]
    if str(call.attribute("auto_pad", "")).startswith("SAME"):
        return tuple(d * s for d, s in zip(spatial, strides, strict=True))
    dilations = call.attribute("dilations", (1,) * rank)
    more = call.attribute("output_padding", (0,) * rank)
    return tuple(
        strides[i] * (d - 1) + more[i] + (kernel[i] - 1) * dilations[i] + 1
        - pads[i] - pads[i + rank]
        for i, d in enumerate(spatial)
    )  # fmt: skip


def matmul_shape(left: Shape, right: Shape) -> Shape:
    """Shape of numpy's matmul: (..., M, K) x (..., K, N) -> (..., M, N)."""
    a = left if len(left) > 1 else (1, *left)
    b = right if len(right) > 1 else (*right, 1)
    rows = () if len(left) == 1 else (a[-2],)
    columns = () if len(right) == 1 else (b[-1],)
    return (*broadcast(a[:-2], b[:-2]), *rows, *columns)
