"""The shapes that a network is traced with, as ``--input`` says them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from auditor.errors import PlanError
from auditor.workload import parse_shape

DTYPES = (
    "float32",
    "float16",
    "bfloat16",
    "float64",
    "int64",
    "int32",
    "int16",
    "int8",
    "uint8",
    "bool",
)
_NAME = re.compile(r"[^\W\d]\w*")
_EXAMPLE = "--input 1x3x224x224 or --input input_ids=1x128:int64"


@dataclass(frozen=True, slots=True)
class InputSpec:
    """One argument of ``forward``: its name (None: by position), shape and element type."""

    name: str | None
    shape: tuple[int, ...]
    dtype: str = "float32"

    def __str__(self) -> str:
        name = f"{self.name}=" if self.name else ""
        dtype = f":{self.dtype}" if self.dtype != "float32" else ""
        return f"{name}{'x'.join(map(str, self.shape))}{dtype}"


def parse_inputs(texts: Sequence[str]) -> tuple[InputSpec, ...]:
    """Parse every ``[NAME=]AxB[:TYPE]``, in the order given.

    Raises:
        PlanError: there is none, one has another form, or a name stands twice.
    """
    if not texts:
        raise PlanError(f"a torch: network needs the shape of its inputs; add {_EXAMPLE}")
    specs = tuple(map(_parsed, texts))
    names = [s.name for s in specs if s.name is not None]
    for name in names:
        if names.count(name) > 1:
            raise PlanError(f"--input {name}=...: given twice; give every input once")
    return specs


def _parsed(text: str) -> InputSpec:
    name, separator, rest = text.rpartition("=")
    shape_text, colon, dtype = rest.partition(":")
    if separator and not _NAME.fullmatch(name):
        raise PlanError(f"--input {text}: {name!r} is no name of an argument; write {_EXAMPLE}")
    if colon and dtype not in DTYPES:
        raise PlanError(f"--input {text}: no type {dtype!r}; there are {', '.join(DTYPES)}")
    shape = parse_shape(shape_text, f"--input {text}")
    if 0 in shape:
        raise PlanError(f"--input {text}: every size must be 1 or more")
    return InputSpec(name or None, shape, dtype or "float32")


def shared_batch_size(specs: Sequence[InputSpec]) -> int | None:
    """Return the first size that all inputs have in common: the batch; None where they differ."""
    firsts = {s.shape[0] for s in specs}
    return firsts.pop() if len(firsts) == 1 else None
