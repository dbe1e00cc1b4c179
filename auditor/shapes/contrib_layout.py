"""Output shapes of operators whose channels are not the second axis.

onnxruntime moves the channels of images to the end (com.ms.internal.nhwc, the Nhwc operators
of com.microsoft) or blocks them (com.microsoft.nchwc).  Source: docs/ContribOperators.md and
onnxruntime/core/graph/contrib_ops of microsoft/onnxruntime.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from auditor.shapes.records import Typed
from auditor.shapes.rules import (
    MICROSOFT,
    Call,
    Key,
    Rule,
    Shape,
    channels_first,
    channels_last,
    everywhere,
    like,
    transposed_windows,
    windows,
)

Inner = Callable[[Call, Shape], Shape]


def _last(inner: Inner, dtype: int = 0) -> Rule:
    """Make the rule of an operator with its channels last from that with channels second."""

    def rule(call: Call) -> Sequence[Typed]:
        first = inner(call, channels_first(call.shape(0)))
        return [(call.dtype(dtype), channels_last(first))]

    return rule


def _first(inner: Inner, dtype: int = 0) -> Rule:
    def rule(call: Call) -> Sequence[Typed]:
        return [(call.dtype(dtype), inner(call, call.shape(0)))]

    return rule


def by_attribute(inner: Inner, dtype: int = 0) -> Rule:
    """Let the attribute `channels_last` decide."""

    def rule(call: Call) -> Sequence[Typed]:
        chosen = _last if call.attribute("channels_last", 0) else _first
        return chosen(inner, dtype=dtype)(call)

    return rule


def _convolved(weight: int) -> Inner:
    def inner(call: Call, x: Shape) -> Shape:
        filters = call.shape(weight)
        return (x[0], filters[0], *windows(call, x[2:], filters[2:]))

    return inner


def _transposed(weight: int) -> Inner:
    def inner(call: Call, x: Shape) -> Shape:
        filters, rank = call.shape(weight), len(x) - 2
        channels = filters[1] * int(call.attribute("group", 1))
        pads = call.attribute("pads", (0,) * 2 * rank)
        return (x[0], channels, *transposed_windows(call, x[2:], filters[2:], pads))

    return inner


def _dynamic_pads(call: Call) -> Sequence[Typed]:
    x, filters = call.shape(0), call.shape(1)
    pads = call.numbers(2) if call.value(2) is not None else [0] * 2 * (len(x) - 2)
    channels = filters[1] * int(call.attribute("group", 1))
    spatial = transposed_windows(call, x[2:], filters[2:], pads)
    return [(call.dtype(0), (x[0], channels, *spatial))]


def _pooled(call: Call, x: Shape) -> Shape:
    return (*x[:2], *windows(call, x[2:], call.node.attributes["kernel_shape"]))


def _globally_pooled(_: Call, x: Shape) -> Shape:
    return (*x[:2], *(1 for _ in x[2:]))


def _to_space(call: Call, x: Shape) -> Shape:
    block = int(call.node.attributes["blocksize"])
    return (x[0], x[1] // block**2, x[2] * block, x[3] * block)


def _to_depth(call: Call, x: Shape) -> Shape:
    block = int(call.node.attributes["blocksize"])
    return (x[0], x[1] * block**2, x[2] // block, x[3] // block)


def _unpooled(call: Call, x: Shape) -> Shape:
    if call.value(2) is not None:
        return channels_first(tuple(call.numbers(2)))
    kernel, rank = call.node.attributes["kernel_shape"], len(x) - 2
    pads = call.attribute("pads", (0,) * 2 * rank)
    return (*x[:2], *transposed_windows(call, x[2:], kernel, pads))


def _sampled(call: Call, x: Shape) -> Shape:
    return (*x[:2], *call.shape(1)[1:-1])


def _resized(call: Call) -> Sequence[Typed]:
    """Sizes, or scales, in the order of the input's axes."""
    shape = call.shape(0)
    sizes = call.data(3)
    if sizes:
        return [(call.dtype(0), tuple(int(s) for s in sizes))]
    scales = call.data(2)
    if not scales:
        raise ValueError("scales that depend on data")
    made = tuple(math.floor(d * s) for d, s in zip(shape, scales, strict=True))
    return [(call.dtype(0), made)]


def _scaled(call: Call, x: Shape) -> Shape:
    scales = call.attribute("scales", (1,) * len(x))
    return tuple(int(d * s) for d, s in zip(x, scales, strict=True))


def _reorder_input(call: Call) -> Sequence[Typed]:
    """Channels in blocks of 8 or 16, as the processor has it: the padding is left out."""
    shape = call.shape(0)
    return [(call.dtype(0), channels_first(shape) if call.attribute("channels_last") else shape)]


def _reorder_output(call: Call) -> Sequence[Typed]:
    batch, channels, *spatial = call.shape(0)
    shape = (batch, int(call.attribute("channels", channels)), *spatial)
    return [(call.dtype(0), channels_last(shape) if call.attribute("channels_last") else shape)]


_NHWC: Mapping[str, Rule] = {
    "Conv": _last(_convolved(1)),
    "ConvTranspose": _last(_transposed(1)),
    "QLinearConv": _last(_convolved(3), dtype=7),
    "QLinearConvTranspose": _last(_transposed(3), dtype=7),
    **dict.fromkeys(("AveragePool", "MaxPool", "LpPool", "QLinearAveragePool"), _last(_pooled)),
    **dict.fromkeys(
        ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"), _last(_globally_pooled)
    ),
    **dict.fromkeys(("BatchNormalization", "InstanceNormalization", "LRN"), like(0)),
    "DepthToSpace": _last(_to_space),
    "SpaceToDepth": _last(_to_depth),
    "GridSample": _last(_sampled),
    "MaxUnpool": _last(_unpooled),
    "Resize": _resized,
}

_NCHWC: Mapping[str, Rule] = {
    "Conv": _first(_convolved(1)),
    **dict.fromkeys(("AveragePool", "MaxPool"), _first(_pooled)),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool"), _first(_globally_pooled)),
    "Upsample": _first(_scaled),
    "ReorderInput": _reorder_input,
    "ReorderOutput": _reorder_output,
}

_MICROSOFT: Mapping[str, Rule] = {
    "FusedConv": _first(_convolved(1)),
    "NhwcConv": _last(_convolved(1)),
    "NhwcFusedConv": _last(_convolved(1)),
    "NhwcMaxPool": _last(_pooled),
    "MaxpoolWithMask": _first(_pooled),
    "GridSample": _first(_sampled),
    "QLinearConv": by_attribute(_convolved(3), dtype=7),
    "QLinearAveragePool": by_attribute(_pooled),
    "QLinearGlobalAveragePool": by_attribute(_globally_pooled),
    "ConvTransposeWithDynamicPads": _dynamic_pads,
}

RULES: Mapping[Key, Rule] = {
    **everywhere(MICROSOFT, _MICROSOFT),
    **everywhere("com.microsoft.nchwc", _NCHWC),
    **everywhere("com.ms.internal.nhwc", _NHWC),
}
