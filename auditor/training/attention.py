"""Attention as the training runs it: in one fused kernel, or spelled out in products.

A fused kernel (FlashAttention, Dao et al., arXiv 2205.14135) never stores the scores and
computes them again backward; spelled out, the scores are saved.  Exporters write either
form whatever the training runs, so the plan may say which.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum

from auditor.shapes import Operation, ShapedGraph, Value
from auditor.training.wiring import Match, Wiring, is_closed, replaced

FUSED = "FusedAttention"
DOMAIN = "auditor"  # of operators that no file holds

# What stands between the first product and the softmax: scaling and masking.
_BEFORE = ("Mul", "Div", "Add", "Sub", "Where", "Cast", "Identity", "Clip")
# What stands between the softmax and the second product.
_AFTER = ("Cast", "Identity", "Dropout", "Where", "IsNaN")
_MOST_STEPS = 8


class Attention(StrEnum):
    """How the training computes attention; AS_EXPORTED is as the file has it."""

    AS_EXPORTED = "exported"
    FLASH = "flash"
    MATH = "math"


def attention_as(graph: ShapedGraph, kind: Attention) -> tuple[ShapedGraph, int]:
    """Return the graph with its attention in that form, and how many were changed."""
    if kind is Attention.AS_EXPORTED:
        return graph, 0
    if kind is Attention.FLASH:
        wiring = Wiring(graph)
        softmaxes = (op for op in graph.operations if op.op_type == "Softmax")
        matches = [m for op in softmaxes if (m := _found(op, wiring)) is not None]
        graph = replaced(graph, matches)
    else:
        matches = []
    change = _recomputing if kind is Attention.FLASH else _spelled_out
    pieces = {id(op): made for op in graph.operations if (made := change(op))}
    operations = tuple(o for op in graph.operations for o in pieces.get(id(op), (op,)))
    return replace(graph, operations=operations), len(matches) + len(pieces)


def _found(softmax: Operation, wiring: Wiring) -> Match | None:
    """Match the two products around a softmax over the last axis, and what lies between."""
    scores = softmax.input(0)
    if scores is None or not scores.shape:
        return None
    if int(softmax.attribute("axis", -1)) not in (-1, len(scores.shape) - 1):
        return None
    before = _back_to_product(softmax, wiring)
    after = _on_to_product(softmax, wiring)
    if before is None or after is None:
        return None
    first, last = before[0], after[-1]
    query, keys, values = first.input(0), first.input(1), last.input(1)
    members = (*before, softmax, *after)
    inner = {v.name for op in members for v in op.outputs if v is not None}
    masks = [
        v
        for op in members
        for v in op.inputs
        if v is not None and not v.is_constant and v.name not in inner
    ]
    own = {v.name for v in (query, keys, values) if v is not None}
    masks = [m for m in {m.name: m for m in masks}.values() if m.name not in own]
    whole = last.becoming(FUSED, (query, keys, values, *masks), last.result, domain=DOMAIN)
    match = Match(members, whole)
    return match if is_closed(match, wiring) else None


def _is_product(operation: Operation) -> bool:
    left, right = operation.input(0), operation.input(1)
    return (
        operation.op_type == "MatMul"
        and left is not None
        and right is not None
        and not left.is_constant
        and not right.is_constant
    )


def _back_to_product(softmax: Operation, wiring: Wiring) -> list[Operation] | None:
    """The first product and what scales and masks it, in order."""
    shape = softmax.required(0).shape
    path: list[Operation] = []
    at: Operation = softmax
    for _ in range(_MOST_STEPS):
        makers = [
            wiring.makers.get(v.name) for v in at.inputs if v is not None and v.shape == shape
        ]
        product = next((m for m in makers if m is not None and _is_product(m)), None)
        if product is not None:
            return [product, *reversed(path)]
        step = next((m for m in makers if m is not None and m.op_type in _BEFORE), None)
        if step is None:
            return None
        path.append(step)
        at = step
    return None


def _on_to_product(softmax: Operation, wiring: Wiring) -> list[Operation] | None:
    """What follows the softmax up to the second product, in order."""
    found: list[Operation] = []
    pending = [softmax]
    for _ in range(_MOST_STEPS):
        if not pending:
            return None
        at = pending.pop(0)
        readers = [
            r for v in at.outputs[:1] if v is not None for r in wiring.readers.get(v.name, [])
        ]
        for reader in readers:
            if _is_product(reader):
                return [*found, reader]
            if reader.op_type not in _AFTER:
                return None
            if all(reader is not f for f in found):
                found.append(reader)
                pending.append(reader)
    return None


def _spelled_out(operation: Operation) -> tuple[Operation, ...]:
    """Two products and a softmax in place of a fused attention whose heads are known."""
    sizes = _heads(operation)
    if sizes is None:
        return ()
    batch, heads, queries, keys = sizes
    query, key, value, out = (*operation.inputs[:3], operation.result)
    shape = (batch, heads, queries, keys)
    names = [f"{out.name}/{n}" for n in ("scores", "scaled", "weights")]
    scores, scaled, weights = (Value(n, out.dtype, shape) for n in names)
    first = operation.becoming("MatMul", (_as_heads(query, heads), key), scores)
    scale = operation.becoming("Mul", (scores, None), scaled)
    softmax = operation.becoming("Softmax", (scaled,), weights)
    return first, scale, softmax, operation.becoming("MatMul", (weights, value), out)


def _recomputing(operation: Operation) -> tuple[Operation, ...]:
    """A fused attention of the file as the training's, which computes the scores again."""
    sizes = _heads(operation)
    query, key, value = (*operation.inputs, None, None, None)[:3]
    if sizes is None or key is None or query is None:
        return ()
    batch, heads, _, keys = sizes
    query = _as_heads(query, heads)
    size = query.dims[-1] if query is not None else 1
    turned = replace(key, shape=(batch, key.size // (batch * keys * size), size, keys))
    inputs = (query, turned, value)
    return (operation.becoming(FUSED, inputs, operation.result, domain=DOMAIN),)


def _as_heads(query: Value | None, heads: int) -> Value | None:
    """The query by heads, (batch, heads, sequence, size), under its own name."""
    if query is None or query.shape is None or len(query.shape) == 4:
        return query
    batch, sequence, width = query.shape
    return replace(query, shape=(batch, heads, sequence, width // heads))


_HEADS: Mapping[tuple[str, str], str] = {
    ("", "Attention"): "q_num_heads",
    ("com.microsoft", "MultiHeadAttention"): "num_heads",
    ("com.microsoft", "GroupQueryAttention"): "num_heads",
}


def _heads(operation: Operation) -> tuple[int, int, int, int] | None:
    """(batch, heads, queries, keys) where queries, keys and values are inputs of their own."""
    attribute = _HEADS.get((operation.node.domain, operation.op_type))
    shapes = [v.shape if v is not None else None for v in (*operation.inputs, None, None, None)[:3]]
    if attribute is None or any(s is None for s in shapes):
        return None
    query, key = shapes[0] or (), shapes[1] or ()
    if len(query) == 4:
        return query[0], query[1], query[2], key[2]
    if len(query) != 3:
        return None
    keys = key[1] if len(key) == 3 else key[2]
    return query[0], int(operation.attribute(attribute, 1)), query[1], keys
