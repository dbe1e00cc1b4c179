"""Weights for a model that has none: random, of the right shape, type and scale.

A structure-only export names weights that lie nowhere, and what runs needs some
(`auditor.measure.weight_values` says which).  Whole numbers may be shapes, axes or indices, and are
never made up blindly: only 8-bit ones, which are quantized weights, biases of quantized products,
and indices that look something up (within the rows of the table where they are known, else 0,
which every table has).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError
from onnx import ModelProto, TensorProto, numpy_helper

from auditor.errors import ModelLoadError
from auditor.graph import inlined
from auditor.measure.stored import bring_in, dtype_of, hand_over, serialized
from auditor.measure.weight_values import MADE_UP, Use, made_up, uses_of

__all__ = ["MADE_UP", "Runnable", "runnable"]

_NAMED = 5
_LOOKUPS = frozenset({"Gather", "GatherElements", "GatherND"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Runnable:
    """What a runtime can load: a copy of the model, and what lies beside its file.

    `serialized` names no file.  `weights` are arrays by the name of their initializer, read or
    made up; bfloat16 comes as ml_dtypes has it.
    """

    path: Path
    serialized: bytes
    weights: Mapping[str, Any]
    made_up_count: int
    made_up_bytes: int


def runnable(path: Path, vocabularies: Mapping[str, int]) -> Runnable:
    """Return the model at `path` with weights for all that it has none for.

    `vocabularies` gives, by the name of an index tensor, the rows of the table that it looks up.

    Raises:
        ModelLoadError: the file cannot be read; weights lie outside its folder; or whole numbers
            are missing that nobody can make up.
    """
    proto = _loaded(path)
    brought = bring_in(proto, path)
    missing = brought.missing
    uses = uses_of(proto.graph)
    _require_safe(path, missing, uses)
    top = {id(t) for t in proto.graph.initializer}
    weights, made_up_bytes = brought.arrays, 0
    for name, tensor in missing:
        array = made_up(name, tensor, uses.get(name, ()), vocabularies.get(name))
        made_up_bytes += array.nbytes
        if id(tensor) in top:
            weights[name] = array
            hand_over(tensor)
        else:  # of an attribute or a subgraph: it can only be in the file itself
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    return Runnable(
        path=path,
        serialized=serialized(proto, path),
        weights=weights,
        made_up_count=len(missing),
        made_up_bytes=made_up_bytes,
    )


def _loaded(path: Path) -> ModelProto:
    try:
        proto = onnx.load(path, load_external_data=False)
    except (OSError, DecodeError, RuntimeError, ValueError) as error:
        raise ModelLoadError(f"{path}: cannot be loaded: {error}; check the file") from error
    return inlined(proto, path)


def _require_safe(
    path: Path,
    missing: Sequence[tuple[str, TensorProto]],
    uses: Mapping[str, Sequence[Use]],
) -> None:
    """Refuse whole numbers that may decide shapes.

    Raises:
        ModelLoadError: names them.
    """
    unsafe = [name for name, tensor in missing if not _is_safe(tensor, uses.get(name, ()))]
    if unsafe:
        listed = ", ".join(unsafe[:_NAMED])
        more = f" and {len(unsafe) - _NAMED} more" if len(unsafe) > _NAMED else ""
        raise ModelLoadError(
            f"{path}: not there, and of a type that cannot be made up, as it may hold shapes or "
            f"indices: {listed}{more}; put the file with the weights beside the model"
        )


def _is_safe(tensor: TensorProto, uses: Sequence[Use]) -> bool:
    dtype = dtype_of(tensor)
    if dtype is None:
        return False
    if dtype.kind in "fb" or dtype.name == "bfloat16" or dtype.itemsize == 1:
        return True
    # A bias of a quantized product has 32 bits, an index 32 or 64.
    return (
        dtype.kind in "iu"
        and bool(uses)
        and all(_is_quantized_bias(use) or _is_index(use) for use in uses)
    )


def _is_index(use: Use) -> bool:
    return use.node.op_type in _LOOKUPS and use.index == 1


def _is_quantized_bias(use: Use) -> bool:
    wanted = {"QLinearConv": 8, "QGemm": 6, "DequantizeLinear": 0, "Conv": 2, "Gemm": 2}
    return wanted.get(use.node.op_type) == use.index
