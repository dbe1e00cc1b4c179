"""Inputs to run a model with once: the user's own, or made up by type and shape."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from auditor.errors import PlanError
from auditor.graph import Tensor
from auditor.shapes import Operation

SEED = 0


@dataclass(frozen=True, slots=True)
class Asked:
    """Who needs inputs, in the words of the command line: for its errors."""

    command: str
    option: str
    other_way: str = ""


TRACE = Asked("--trace", "--trace-inputs", ", or say the sizes with --assume NODE=N")
MEASURE = Asked("audit measure", "--inputs")
MADE_UP = (
    f"floats standard normal, indices within the table they look up, other integers 0 or 1, "
    f"8-bit ones of their whole positive range, seed {SEED}"
)

# Operators after which an index is still the same index.
_SAME_ELEMENTS = frozenset(
    {"Identity", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice"}
)
# Where a table's rows are looked up: (index input, table input).
_LOOKUPS: Mapping[tuple[str, str], tuple[tuple[int, int], ...]] = {
    ("", "Gather"): ((1, 0),),
    ("com.microsoft", "EmbedLayerNormalization"): ((0, 2), (1, 4)),
}


def vocabularies(operations: Iterable[Operation]) -> dict[str, int]:
    """Return, by the name of an input, the rows of the smallest table that it looks up."""
    origin: dict[str, str] = {}
    rows: dict[str, int] = {}
    for op in operations:
        first = op.input(0)
        if op.op_type in _SAME_ELEMENTS and first is not None:
            for made in op.outputs:
                if made is not None:
                    origin[made.name] = origin.get(first.name, first.name)
        for index_at, table_at in _LOOKUPS.get((op.node.domain, op.op_type), ()):
            index, table = op.input(index_at), op.input(table_at)
            if index is None or table is None or not table.shape:
                continue
            size = table.shape[op.attribute("axis", 0)]
            name = origin.get(index.name, index.name)
            rows[name] = min(size, rows.get(name, size))
    return rows


def made_up(
    tensor: Tensor, shape: tuple[int, ...], vocabulary: int | None, asked: Asked = TRACE
) -> Any:
    """Return an array of an input's type: the same whenever the input has the same name.

    Raises:
        PlanError: an input is no tensor of numbers, so that none can be made up.
    """
    generator = np.random.default_rng([SEED, zlib.crc32(tensor.name.encode())])
    dtype = tensor.dtype or ""
    if dtype in ("float16", "float32", "float64"):
        return generator.standard_normal(shape).astype(dtype)
    if dtype == "bfloat16" and asked is not TRACE:  # which hands arrays on as they are
        import ml_dtypes  # comes with onnx

        return generator.standard_normal(shape, np.float32).astype(ml_dtypes.bfloat16)
    if dtype == "bool":
        return generator.integers(0, 2, shape).astype(bool)
    if dtype in ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"):
        most = int(np.iinfo(dtype).max)
        end = vocabulary or (most + 1 if most < 256 else 2)
        return generator.integers(0, min(end, most + 1), shape).astype(dtype)
    raise PlanError(
        f"{asked.command}: input {tensor.name!r} is of type {dtype or 'unknown'}, of which nothing "
        f"can be made up; give {asked.option}{asked.other_way}"
    )


def read_inputs(path: Path) -> dict[str, Any]:
    """Read arrays by name from a file of ``numpy.savez``.

    Raises:
        PlanError: it cannot be read, or is no such file.
    """
    remedy = "write it with numpy.savez(FILE, input=array, ...)"
    try:
        with path.open("rb") as file:
            arrays = np.load(file, allow_pickle=False)
            if isinstance(arrays, np.ndarray):
                raise PlanError(f"{path}: one array without a name; {remedy}")
            return {name: arrays[name] for name in arrays.files}
    except OSError as error:
        reason = error.strerror or str(error)
        raise PlanError(f"{path}: cannot be read: {reason}; check the path") from error
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise PlanError(f"{path}: not a file of named arrays: {error}; {remedy}") from error


def checked(
    arrays: Mapping[str, Any],
    tensors: Iterable[Tensor],
    shapes: Mapping[str, tuple[int, ...]],
    asked: Asked = TRACE,
) -> Mapping[str, Any]:
    """Return the user's arrays if they are just what the model takes.

    Raises:
        PlanError: one is missing, too many, of another type or shape.
    """
    wanted = {tensor.name: tensor for tensor in tensors}
    for name in arrays:
        if name not in wanted:
            known = ", ".join(wanted)
            raise PlanError(f"{asked.option} {name}: no such input; the model has: {known}")
    for name, tensor in wanted.items():
        if name not in arrays:
            raise PlanError(f"{asked.option}: input {name!r} is missing; add an array of that name")
        found = str(arrays[name].dtype), arrays[name].shape
        if found != (tensor.dtype, shapes[name]):
            raise PlanError(
                f"{asked.option} {name}: is {_typed(*found)}, but the audit is of "
                f"{_typed(tensor.dtype, shapes[name])}; give that, or bind its shape with --shape"
            )
    return arrays


def _typed(dtype: str | None, shape: tuple[int, ...]) -> str:
    return f"{dtype} {'x'.join(map(str, shape)) or 'scalar'}"
