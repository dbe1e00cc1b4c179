"""Output shapes of default-domain operators that onnx has no schema of, or leaves open.

onnxruntime and Caffe2 put operators of their own there (onnxruntime/core/graph/contrib_ops of
microsoft/onnxruntime); of standard ones some forms are left open by onnx's inference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from auditor.shapes.contrib_misc import ranged, simplified_norm, skip_norm
from auditor.shapes.records import Typed
from auditor.shapes.rules import Call, Key, Rule, everywhere, like, with_axis


def _cropped(call: Call) -> Sequence[Typed]:
    batch, channels, height, width = call.shape(0)
    left, top, right, bottom = call.node.attributes["border"]
    height, width = call.attribute("scale") or (height - top - bottom, width - left - right)
    return [(call.dtype(0), (batch, channels, height, width))]


def _sliced(call: Call) -> Sequence[Typed]:
    shape, starts, ends = call.shape(0), call.numbers(1), call.numbers(2)
    axes = call.numbers(3) if call.value(3) is not None else list(range(len(starts)))
    for axis, start, end in zip(axes, starts, ends, strict=True):
        begin, stop, _ = slice(start, end).indices(shape[axis])
        shape = with_axis(shape, axis, max(0, stop - begin))
    return [(call.dtype(0), shape)]


def _filled(call: Call) -> Sequence[Typed]:
    more = tuple(call.attribute("extra_shape", ()))
    if call.value(0) is None:
        return [("float32", (*call.attribute("shape", ()), *more))]
    known = call.numbers(0) if call.attribute("input_as_shape", 0) else call.shape(0)
    return [("float32", (*known, *more))]


def _unpooled(call: Call) -> Sequence[Typed]:
    """MaxUnpool with its output's shape as an input, which onnx does not look into."""
    return [(call.dtype(0), tuple(call.numbers(2)))]


def _compress(call: Call) -> Sequence[Typed]:
    """Exactly where the condition is known; else the size depends on data."""
    kept, shape = int(np.count_nonzero(call.numbers(1))), call.shape(0)
    axis = call.attribute("axis")
    return [(call.dtype(0), (kept,) if axis is None else with_axis(shape, int(axis), kept))]


def _updated(call: Call) -> Sequence[Typed]:
    """An optimizer's new values, then its new states, behind rate, step, values and gradients."""
    states = {"Adam": 2}.get(call.node.op_type, 1)
    count = (len(call.inputs) - 2) // (2 + states)
    places = [*range(2, 2 + count), *range(2 + 2 * count, len(call.inputs))]
    return [call.typed(i) for i in places]


def _frames(call: Call) -> Sequence[Typed]:
    """STFT: onnx's inference forgets that half of the spectrum is the default (1.23)."""
    batch, samples = call.shape(0)[:2]
    (step,) = call.numbers(1)
    length = call.shape(2)[0] if call.value(2) is not None else call.numbers(3)[0]
    bins = length // 2 + 1 if call.attribute("onesided", 1) else length
    return [(call.dtype(0), (batch, (samples - length) // step + 1, bins, 2))]


def _normalized_text(call: Call) -> Sequence[Typed]:
    """As many texts come out as go in, unless some words are dropped: that depends on data."""
    if call.attribute("stopwords"):
        raise ValueError("how many texts are left depends on data")
    return [call.typed(0)]


_DEFAULT: Mapping[str, Rule] = {
    "SimplifiedLayerNormalization": simplified_norm,
    "SkipSimplifiedLayerNormalization": skip_norm,
    **dict.fromkeys(
        (
            "Affine", "ImageScaler", "ParametricSoftplus", "Scale", "ScaledTanh",
            "MemcpyFromHost", "MemcpyToHost",
        ),
        like(0),
    ),
    "Compress": _compress,
    "Crop": _cropped,
    "MaxUnpool": _unpooled,
    "Range": ranged,
    "STFT": _frames,
    "StringNormalizer": _normalized_text,
    "DynamicSlice": _sliced,
    "GivenTensorFill": _filled,
}  # fmt: skip

_UPDATES: Mapping[str, Rule] = dict.fromkeys(("Adagrad", "Adam", "Momentum"), _updated)

RULES: Mapping[Key, Rule] = {
    **everywhere("", _DEFAULT),
    **everywhere("ai.onnx.preview.training", _UPDATES),
}
