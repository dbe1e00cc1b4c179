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
import onnx.inliner
from google.protobuf.message import DecodeError
from onnx import AttributeProto, GraphProto, ModelProto, TensorProto, numpy_helper

from auditor.errors import ModelLoadError
from auditor.measure.probes import stays_inside
from auditor.measure.weight_values import MADE_UP, Use, dtype_of, made_up, uses_of

__all__ = ["MADE_UP", "Runnable", "runnable"]

_NAMED = 5
_LOOKUPS = frozenset({"Gather", "GatherElements", "GatherND"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Runnable:
    """What a runtime can load: the model's file as it is, or a copy with weights beside it.

    `serialized` is None where the file has all its weights.  `weights` are arrays by the name
    of their initializer; bfloat16 comes as ml_dtypes has it.
    """

    path: Path
    serialized: bytes | None
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
    missing = [(n, t) for n, t in _tensors(proto.graph) if _is_missing(n, t, path)]
    if not missing:
        return Runnable(path=path, serialized=None, weights={}, made_up_count=0, made_up_bytes=0)
    uses = uses_of(proto.graph)
    _require_safe(path, missing, uses)
    top = {id(t) for t in proto.graph.initializer}
    weights, made_up_bytes = {}, 0
    for name, tensor in missing:
        array = made_up(name, tensor, uses.get(name, ()), vocabularies.get(name))
        made_up_bytes += array.nbytes
        if id(tensor) in top:
            weights[name] = array
        else:  # of an attribute or a subgraph: it can only be in the file itself
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    return Runnable(
        path=path,
        serialized=proto.SerializeToString(),
        weights=weights,
        made_up_count=len(missing),
        made_up_bytes=made_up_bytes,
    )


def _loaded(path: Path) -> ModelProto:
    try:
        proto = onnx.load(path, load_external_data=False)
        return onnx.inliner.inline_local_functions(proto) if proto.functions else proto
    except (OSError, DecodeError, RuntimeError, ValueError) as error:
        raise ModelLoadError(f"{path}: cannot be loaded: {error}; check the file") from error


def _tensors(graph: GraphProto) -> list[tuple[str, TensorProto]]:
    """Every stored tensor by the name of its value; a list, for identity tells them apart."""
    found = [(tensor.name, tensor) for tensor in graph.initializer]
    for node in graph.node:
        name = node.output[0] if node.op_type == "Constant" and node.output else node.name
        for attribute in node.attribute:
            if attribute.type == AttributeProto.TENSOR:
                found.append((name, attribute.t))
            for inner in (attribute.g, *attribute.graphs):
                if inner.node or inner.initializer:
                    found += _tensors(inner)
    return found


def _is_missing(name: str, tensor: TensorProto, path: Path) -> bool:
    """Whether its data are declared to lie in a file that is not there.

    Raises:
        ModelLoadError: in one that may not be opened, or that is too short.
    """
    if tensor.data_location != TensorProto.EXTERNAL:
        return False
    said = {entry.key: entry.value for entry in tensor.external_data}
    location = said.get("location", "")
    where = f"{path}: the weights {name!r} lie in {location!r}, "
    if not stays_inside(location, path.parent):
        raise ModelLoadError(
            f"{where}which is outside the model's folder and not opened; put the file there"
        )
    target = path.parent / location
    if not target.is_file():
        return True
    needed = [int(said[key]) for key in ("offset", "length") if said.get(key, "").isdecimal()]
    if target.stat().st_size < sum(needed):
        raise ModelLoadError(
            f"{where}which has {target.stat().st_size} of the {sum(needed)} bytes it should; check "
            "the download, or move the file away to run on made-up weights"
        )
    return False


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
