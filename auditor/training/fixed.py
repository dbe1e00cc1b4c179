"""Floating-point constants that no optimizer updates, told by what the graph does with them.

Exporters store masks, coordinates and tables of positions beside the weights, and fold what
does not depend on the input.  By type and shape they look like weights; what reads them tells.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from auditor.shapes import Operation, ShapedGraph, Value

# Inputs that are settings or statistics, never learned: op type -> positions.
SETTINGS: Mapping[str, frozenset[int]] = {
    "BatchNormalization": frozenset({3, 4}),
    "Resize": frozenset({1, 2, 3}),
    "Upsample": frozenset({1}),
    "Clip": frozenset({1, 2}),
    "Pad": frozenset({2}),
    "Dropout": frozenset({1, 2}),
    "Range": frozenset({0, 1, 2}),
    "OneHot": frozenset({1, 2}),
    "QuantizeLinear": frozenset({1, 2}),
    "DequantizeLinear": frozenset({1, 2}),
    "NonMaxSuppression": frozenset({3, 4}),
    "ScatterND": frozenset({0, 2}),  # masks written out, as in Swin
    "RoiAlign": frozenset({1}),
    "MaxRoiPool": frozenset({1}),
    "RotaryEmbedding": frozenset({2, 3}),
    # Scales and zero points of quantized tensors.
    "QLinearConv": frozenset({1, 2, 4, 5, 6, 7}),
    "QLinearMatMul": frozenset({1, 2, 4, 5, 6, 7}),
    "QGemm": frozenset({1, 2, 4, 5, 7, 8}),
    "QLinearAdd": frozenset({1, 2, 4, 5, 6, 7}),
    "QLinearMul": frozenset({1, 2, 4, 5, 6, 7}),
    "MatMulNBits": frozenset({2, 3}),
    "DynamicQuantizeMatMul": frozenset({2, 3}),
    "MatMulIntegerToFloat": frozenset({2, 3, 4, 5}),
    "QAttention": frozenset({3, 4}),
}
# Positions: shifted by their distances (learned tables are looked up by Gather), or sampled at.
_POSITIONS: Mapping[str, frozenset[int]] = {
    "GatherElements": frozenset({0}),
    "GridSample": frozenset({1}),
}
_COMPARISONS = frozenset({"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"})
# Where these read nothing but positions and constants, the constants are the fixed
# frequencies of a positional encoding (rotary, sinusoidal), which are buffers.
_PERIODIC = frozenset({"Sin", "Cos"})
# The first input's elements, picked, repeated or put elsewhere.
_ARRANGED = frozenset(
    {
        "Cast", "Concat", "Expand", "Flatten", "Gather", "GatherElements", "GatherND", "Identity",
        "Neg", "Reshape", "Slice", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze",
    }
)  # fmt: skip
# As far as a value is followed back: a chain of n, followed from each of its places, would take
# n^2 steps, and no export has a hundred in a row.
_MOST_STEPS = 256
_TO_SCORES = frozenset({"Add", "Cast", "Div", "Mul", "Reshape"})  # on their way to the softmax


class Fixed:
    """Finds the constants of one graph that are not learned, and tables stored gathered."""

    def __init__(self, graph: ShapedGraph) -> None:
        self.operations = graph.operations
        self.makers = {
            v.name: op for op in graph.operations for v in op.outputs if v is not None
        }  # fmt: skip

    def names(self) -> frozenset[str]:
        """Names of the constants that are settings, masks, positions or folded results."""
        found: set[str] = set(self._settings())
        for op in self.operations:
            if op.op_type in _COMPARISONS:
                # What is compared decides between others: nothing learns through it.
                found |= {name for v in op.inputs for name in self._tables(v)}
            elif op.op_type in ("Add", "Sub"):
                found |= self._rotation(op) | self._folded_product(op)
            elif op.op_type == "GridSample":
                found |= self._base_grid(op)
        return frozenset(found | self.frequencies())

    def gathered(self) -> dict[str, Value]:
        """Tables of relative positions that the export stored looked up, as they are trained.

        Added to the scores (heads, N, M) of attention in a window of w x w positions, one of
        which may be the class token's.  The table has (2w - 1)^2 rows, and 3 for the class
        token (Liu et al., "Swin Transformer", arXiv 2103.14030; Bao et al., "BEiT",
        arXiv 2106.08254).
        """
        found = {}
        for op in self.operations:
            if op.op_type == "Softmax":
                for bias in self._added(op.input(0)):
                    heads, rows, looked_up = _window(bias.shape or ())
                    for table in self._tables(bias).values():
                        # One of another size is looked up in the graph itself.
                        if table.size == bias.size and rows < looked_up:
                            found[table.name] = replace(table, shape=(rows, heads))
        return found

    def _added(self, scores: Value | None) -> Iterable[Value]:
        """Constants that are added to scores."""
        maker = self.makers.get(scores.name) if scores is not None else None
        for _ in range(_MOST_STEPS):
            if maker is None or maker.op_type not in _TO_SCORES:
                return
            constants = [v for v in maker.inputs if v is not None and v.is_constant]
            if maker.op_type == "Add":
                yield from constants
            others = [v for v in maker.inputs if v is not None and not v.is_constant]
            maker = self.makers.get(others[0].name) if others else None

    @cached_property
    def _readers(self) -> Mapping[str, Sequence[tuple[Operation, int]]]:
        readers: dict[str, list[tuple[Operation, int]]] = {}
        for op in self.operations:
            for index, value in enumerate(op.inputs):
                if value is not None:
                    readers.setdefault(value.name, []).append((op, index))
        return readers

    def _settings(self) -> set[str]:
        """Constants that everything computed from them ends in a setting's place."""
        settled: set[str] = set()
        for op in reversed(self.operations):
            outputs = {v.name for v in op.outputs if v is not None}
            if all(v is None or v.is_constant for v in op.inputs) and all(
                self._is_settled(name, settled) for name in outputs
            ):
                settled |= outputs
            settled |= {
                v.name
                for v in op.inputs
                if v is not None
                and v.is_constant
                # Asked once, when all others that read it are through.
                and self._readers[v.name][0][0] is op
                and self._is_settled(v.name, settled)
            }
        return settled

    def _is_settled(self, name: str, settled: set[str]) -> bool:
        readers = self._readers.get(name, ())
        return bool(readers) and all(
            index in SETTINGS.get(op.op_type, ())
            or index in _POSITIONS.get(op.op_type, ())
            or (op.outputs and all(v is None or v.name in settled for v in op.outputs))
            for op, index in readers
        )

    def _rotation(self, op: Operation) -> set[str]:
        """Tables of sines and cosines: x * cos + turned(x) * sin (Su et al., arXiv 2104.09864)."""
        tables: set[str] = set()
        turned: list[set[str]] = []
        for value in op.inputs:
            product = self.makers.get(value.name) if value is not None else None
            if product is None or product.op_type != "Mul" or len(product.inputs) != 2:
                return set()
            found = [self._tables(v) for v in product.inputs]
            if bool(found[0]) == bool(found[1]):
                return set()
            which = 0 if found[0] else 1
            tables |= found[which].keys()
            turned.append({v.name for v in self._arranged_from(product.inputs[1 - which])})
        return tables if len(turned) == 2 and turned[0] & turned[1] else set()

    def _tables(self, value: Value | None) -> dict[str, Value]:
        """Stored floating-point tables that a value is arranged from, by name."""
        return {
            v.name: v
            for v in self._arranged_from(value)
            if v.is_float and v.is_constant and _is_table(v) and self._is_stored(v)
        }

    def _is_stored(self, value: Value) -> bool:
        maker = self.makers.get(value.name)
        return maker is None or maker.op_type == "Constant"

    def _arranged_from(self, value: Value | None) -> list[Value]:
        """All that a value is arranged from, itself among them: as many as `_MOST_STEPS`."""
        found: dict[str, Value] = {}
        pending = [value]
        while pending and len(found) < _MOST_STEPS:
            current = pending.pop()
            if current is None or current.name in found:
                continue
            found[current.name] = current
            maker = self.makers.get(current.name)
            if maker is not None and maker.op_type in _ARRANGED:
                pending += maker.inputs if maker.op_type == "Concat" else maker.inputs[:1]
        return list(found.values())

    def _folded_product(self, op: Operation) -> set[str]:
        """Rows of a product that the export computed: a bias is added to them next.

        The weight that they were made with is no longer in the file.
        """
        stored = [v for v in op.inputs if v is not None and v.is_constant and v.is_float]
        if len(stored) < 2 or not all(map(self._is_stored, stored)):
            return set()
        rows, bias = sorted(stored, key=lambda v: -v.size)
        is_bias = _is_table(rows) and not _is_table(bias) and bias.size > 1
        return {rows.name} if is_bias else set()

    def _base_grid(self, op: Operation) -> set[str]:
        """Coordinates that an affine transform turns into the places to sample at."""
        makers = (self.makers.get(v.name) for v in self._arranged_from(op.input(1)))
        products = [m for m in makers if m is not None and m.op_type in ("MatMul", "Gemm")]
        return {name for m in products for name in self._tables(m.input(0))}

    def frequencies(self) -> set[str]:
        """Constants that reach a sine or cosine meeting nothing but integers on the way."""
        positional: dict[str, Operation] = {}
        pending: list[Value | None] = []
        for operation in self.operations:
            if all(_is_positional(v, positional) for v in operation.inputs):
                positional |= {v.name: operation for v in operation.outputs if v is not None}
                if operation.op_type in _PERIODIC:
                    pending += operation.inputs
        return _constants_behind(pending, positional)


def _is_table(value: Value) -> bool:
    """Whether more than one axis is longer than one."""
    return sum(d > 1 for d in value.shape or ()) > 1


def _window(shape: Sequence[int]) -> tuple[int, int, int]:
    """Heads, rows of the table, and elements a head of (heads, N, M) that is looked up in it.

    As many rows as elements, so that nothing is gained, where it is no such window.
    """
    if len(shape) < 3 or shape[-3] < 2:
        return 1, 0, 0  # the same for all heads: a mask
    heads, elements, positions = shape[-3], shape[-2] * shape[-1], max(shape[-2:])
    for class_tokens, more in ((0, 0), (1, 3)):
        side = math.isqrt(positions - class_tokens)
        if side > 1 and side * side == positions - class_tokens:
            return heads, (2 * side - 1) ** 2 + more, elements
    return heads, elements, elements


def _is_positional(value: Value | None, positional: Mapping[str, Operation]) -> bool:
    return value is None or value.is_constant or not value.is_float or value.name in positional


def _constants_behind(pending: list[Value | None], makers: Mapping[str, Operation]) -> set[str]:
    """Names of the floating-point constants that the pending values are computed from."""
    seen: set[str] = set()
    constants: set[str] = set()
    while pending:
        value = pending.pop()
        if value is None or value.name in seen or not value.is_float:
            continue
        seen.add(value.name)
        maker = makers.get(value.name)
        if maker is not None:
            pending += maker.inputs
        if value.is_constant:
            constants.add(value.name)
    return constants
