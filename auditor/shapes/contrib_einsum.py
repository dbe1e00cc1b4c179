"""Einsum: its equation read, and the shape that it spells.

Source: the specification of Einsum (ONNX operator set 12), which is numpy's: an ellipsis stands
for as many axes as are left, aligned at the last; without an arrow the result has the letters
that occur once, in the order of the alphabet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from auditor.shapes.records import Typed
from auditor.shapes.rules import Call, Key, Rule

# One letter an axis; the axes of an ellipsis are numbered from the last.
Letters = tuple[str, ...]


def _letters(term: str, rank: int) -> Letters:
    """Letters of the axes, an ellipsis spread over those that have none.

    Raises:
        ValueError: there are more letters than axes, or fewer.
    """
    before, dots, behind = term.partition("...")
    open_axes = rank - len(before) - len(behind)
    if open_axes < 0 or (open_axes and not dots):
        raise ValueError(f"{term!r} for {rank} axes")
    return (*before, *(f".{i}" for i in reversed(range(open_axes))), *behind)


def parse(equation: str, ranks: Sequence[int]) -> tuple[list[Letters], Letters]:
    """Split an equation into the letters of its operands and those of its result.

    Raises:
        ValueError: it does not fit the operands.
    """
    inputs, arrow, output = equation.replace(" ", "").partition("->")
    terms = inputs.split(",")
    if len(terms) != len(ranks):
        raise ValueError(f"{equation!r} for {len(ranks)} operands")
    letters = [_letters(t, r) for t, r in zip(terms, ranks, strict=True)]
    dots = sorted({c for t in letters for c in t if c[0] == "."}, reverse=True)
    if arrow:
        before, found, behind = output.partition("...")
        return letters, (*before, *(dots if found else ()), *behind)
    counts = Counter(c for t in letters for c in t if c[0] != ".")
    once = sorted(c for c, n in counts.items() if n == 1)
    return letters, (*dots, *once)


def _einsum(call: Call) -> Sequence[Typed]:
    """Every letter has the size of its axes; one of size one is broadcast."""
    shapes = [call.shape(i) for i in range(len(call.inputs))]
    letters, output = parse(str(call.node.attributes["equation"]), [len(s) for s in shapes])
    sizes: Counter[str] = Counter()
    for term, shape in zip(letters, shapes, strict=True):
        sizes |= Counter(dict(zip(term, shape, strict=True)))
    return [(call.dtype(0), tuple(sizes[c] for c in output))]


RULES: dict[Key, Rule] = {("", "Einsum"): _einsum}
