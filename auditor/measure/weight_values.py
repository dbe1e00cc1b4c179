"""What a weight that is made up is like, by where the graph reads it.

The scale matters: activations that overflow or vanish change what the processor does.  Weights of
products have the deviation sqrt(gain / fan-in), with a gain of 2 for convolutions (He et al. 2015,
arXiv 1502.01852) and 1 for the rest (LeCun et al. 1998, "Efficient BackProp").
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto

from auditor.errors import ModelLoadError
from auditor.measure.inputs import SEED
from auditor.measure.stored import dtype_of

MADE_UP = (
    "weights random (products: standard deviation sqrt(gain / fan-in); scales and variances 1, "
    f"shifts and means 0), seed {SEED}"
)
_BLOCK = 1 << 20
_SMALL_STD = 0.02
# What hands a weight on: the operator behind it says what the weight is.
_HANDS_ON = frozenset(
    {
        "Cast",
        "DequantizeLinear",
        "Expand",
        "Flatten",
        "Identity",
        "Reshape",
        "Slice",
        "Squeeze",
        "Unsqueeze",
    }
)
_CONVOLUTIONS = frozenset({"Conv", "ConvInteger", "QLinearConv", "FusedConv", "NhwcFusedConv"})
_RECURRENT = frozenset({"LSTM", "GRU", "RNN"})
_SCALES = frozenset({"Mul", "Div"})
_QUANTIZERS = frozenset({"DequantizeLinear", "QuantizeLinear"})
_NORMALIZATIONS: Mapping[str, Mapping[int, float]] = {
    # input: value.  Of BatchNormalization scale, bias, mean and variance.
    "BatchNormalization": {1: 1.0, 2: 0.0, 3: 0.0, 4: 1.0},
    "InstanceNormalization": {1: 1.0, 2: 0.0},
    "GroupNormalization": {1: 1.0, 2: 0.0},
    "LayerNormalization": {1: 1.0, 2: 0.0},
    "RMSNormalization": {1: 1.0},
    "SimplifiedLayerNormalization": {1: 1.0},
    "SkipLayerNormalization": {2: 1.0, 3: 0.0, 4: 0.0},
    "SkipSimplifiedLayerNormalization": {2: 1.0, 3: 0.0},
    "EmbedLayerNormalization": {5: 1.0, 6: 0.0},
}


@dataclass(frozen=True, slots=True)
class Use:
    """Where a weight is read: the operator, which input, and whether it comes transposed."""

    node: NodeProto
    index: int
    is_transposed: bool = False


def uses_of(graph: GraphProto) -> dict[str, list[Use]]:
    """Where each value is read in the end, by its name."""
    direct: dict[str, list[Use]] = {}
    for node in _nodes(graph):
        for index, name in enumerate(node.input):
            direct.setdefault(name, []).append(Use(node, index))
    return {name: list(_final(uses, direct, 0)) for name, uses in direct.items()}


def _nodes(graph: GraphProto) -> Iterator[NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _nodes(inner)


def _final(uses: Sequence[Use], direct: Mapping[str, list[Use]], depth: int) -> Iterator[Use]:
    for use in uses:
        turns = use.node.op_type == "Transpose"
        hands_on = turns or use.node.op_type in _HANDS_ON
        after = direct.get(use.node.output[0], []) if use.node.output else []
        if use.index == 0 and hands_on and after and depth < 8:
            for found in _final(after, direct, depth + 1):
                yield Use(found.node, found.index, found.is_transposed != turns)
        else:
            yield use


def made_up(name: str, tensor: TensorProto, uses: Sequence[Use], vocabulary: int | None) -> Any:
    """Make up one tensor: the same whenever it has the same name."""
    shape, dtype = tuple(tensor.dims), dtype_of(tensor)
    generator = np.random.default_rng([SEED, zlib.crc32(name.encode())])
    if dtype is None:
        raise ModelLoadError(f"{name}: of a type without numbers; give its weights")
    if dtype.kind == "b":
        # As a mask of an attention: no row may be all true or all false.
        return np.resize(np.array([True, False]), shape)
    if dtype.kind in "iu":
        most = int(np.iinfo(dtype).max)
        end = vocabulary or (most + 1 if dtype.itemsize == 1 else 1)
        return generator.integers(0, min(end, most + 1), shape).astype(dtype)
    value = _constant(uses)
    if value is not None:
        return np.full(shape, value, np.float32).astype(dtype)
    std = _std(shape, uses)
    size = math.prod(shape)
    # The same numbers over and over: drawing billions would take longer than the run.
    block = generator.standard_normal(min(size, _BLOCK), np.float32) * np.float32(std)
    return np.resize(block.astype(dtype), shape)


def _constant(uses: Sequence[Use]) -> float | None:
    """The one value that all elements have, by what they are; None for random ones."""
    for use in uses:
        op_type, index = use.node.op_type, use.index
        if index in _NORMALIZATIONS.get(op_type, ()):
            return _NORMALIZATIONS[op_type][index]
        if op_type in _SCALES:
            return 1.0
        if op_type in _QUANTIZERS and index == 1:
            return _SMALL_STD
        if op_type == "PRelu" and index == 1:
            return 0.25
        if op_type in _CONVOLUTIONS | {"ConvTranspose", "Gemm"} and index == 2:
            return 0.0
    return None


def _std(shape: Sequence[int], uses: Sequence[Use]) -> float:
    """Standard deviation by fan-in: of how many products a result is the sum."""
    if len(shape) < 2:
        return _SMALL_STD
    use = uses[0] if uses else None
    op_type = use.node.op_type if use is not None else ""
    if op_type in _CONVOLUTIONS:
        return math.sqrt(2 / max(1, math.prod(shape[1:])))
    if op_type == "ConvTranspose":
        return math.sqrt(2 / max(1, shape[0] * math.prod(shape[2:])))
    if op_type in ("Gather", "EmbedLayerNormalization", "Add", "Sub"):
        return _SMALL_STD
    if op_type in _RECURRENT:
        return math.sqrt(1 / max(1, shape[-1]))
    turned = use is not None and (use.is_transposed != (op_type == "Gemm" and _turns(use.node)))
    return math.sqrt(1 / max(1, shape[-1] if turned else shape[-2]))


def _turns(node: NodeProto) -> bool:
    return any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
