"""Which numeric mode a graph runs in, by the types that its products read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from auditor.costs import Cost, cost_of
from auditor.shapes import Operation, ShapedGraph

# What a graph's own type is called as a numeric mode (auditor.precision).
_MODES: Mapping[str, str] = {
    "float32": "fp32",
    "float16": "fp16",
    "bfloat16": "bf16",
    "float64": "fp64",
    "int8": "int8",
    "uint8": "int8",
}


def mode_of(shaped: ShapedGraph, tf32: bool) -> str:
    """Return the numeric mode (auditor.precision) that most multiplications of the graph run in.

    `tf32` says whether fp32 products run in TF32 on that device.
    """
    macs: Counter[str] = Counter()
    for operation in shaped.operations:
        macs[_mode(operation)] += _macs(operation)
    mode = max(macs, key=lambda name: macs[name], default="fp32")
    return "tf32" if mode == "fp32" and tf32 else mode


def _mode(operation: Operation) -> str:
    first = operation.input(0)
    dtype = first.dtype if first is not None else None
    return _MODES.get(dtype or "", dtype or "unknown")


def _macs(operation: Operation) -> int:
    cost = cost_of(operation, frozenset())
    return cost.forward.repeated(operation.repeats).macs if isinstance(cost, Cost) else 0
