"""Sequences and optional values: which tensors they hold, followed one by one.

Source: the ONNX operator specification (https://onnx.ai/onnx/operators/), Sequence*,
Optional*, SplitToSequence and ConcatFromSequence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from auditor.graph import Node
from auditor.shapes.records import Value

Inputs = Sequence[Value | None]
# Its own name for the one output it makes; None where it cannot be told.
Rule = Callable[[Node, Inputs, str], Value | None]
SEQUENCE = "sequence"
# Each tensor of a sequence is a record here: a file of a few bytes may claim any number of them.
MAX_TENSORS = 100_000


def holds(node: Node, inputs: Inputs) -> bool:
    """Whether an operator makes or takes a sequence or an optional value."""
    return (not node.domain and node.op_type in _RULES) or (
        node.op_type == "Identity" and any(v is not None and v.elements is not None for v in inputs)
    )


def sequence_output(node: Node, inputs: Inputs, name: str) -> Value | None:
    """Return the one output of such an operator; None where it cannot be told."""
    rule = _RULES.get(node.op_type, _alias)
    try:
        return rule(node, inputs, name)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError):
        return None  # inputs that the operator does not allow, or that are not known


def _sequence(name: str, elements: Sequence[Value]) -> Value:
    return Value(name, SEQUENCE, (), elements=tuple(elements))


def _required(inputs: Inputs, index: int) -> Value:
    value = inputs[index]
    if value is None:
        raise ValueError("an input is missing")
    return value


def _elements(inputs: Inputs, index: int = 0) -> tuple[Value, ...]:
    elements = _required(inputs, index).elements
    if elements is None:
        raise ValueError("not known how many tensors the sequence has")
    return elements


def _position(inputs: Inputs, index: int) -> int | None:
    value = inputs[index] if index < len(inputs) else None
    return None if value is None or value.data is None else int(np.ravel(value.data)[0])


def _alias(_: Node, inputs: Inputs, name: str) -> Value:
    return replace(_required(inputs, 0), name=name)


def _empty(_: Node, __: Inputs, name: str) -> Value:
    return _sequence(name, ())


def _construct(_: Node, inputs: Inputs, name: str) -> Value:
    return _sequence(name, [v for v in inputs if v is not None])


def _insert(_: Node, inputs: Inputs, name: str) -> Value:
    elements = list(_elements(inputs))
    at = _position(inputs, 2)
    # Wherever it goes: only a known place keeps the order of different shapes.
    elements.insert(len(elements) if at is None else at, _required(inputs, 1))
    return _sequence(name, elements)


def _erase(_: Node, inputs: Inputs, name: str) -> Value:
    elements = list(_elements(inputs))
    at = _position(inputs, 1)
    del elements[-1 if at is None else at]
    return _sequence(name, elements)


def _at(_: Node, inputs: Inputs, name: str) -> Value:
    elements, at = _elements(inputs), _position(inputs, 1)
    if at is not None:
        return replace(elements[at], name=name)
    shapes = {(e.dtype, e.shape) for e in elements}
    dtype, shape = next(iter(shapes))
    return Value(name, dtype, shape if len(shapes) == 1 else None)


def _length(_: Node, inputs: Inputs, name: str) -> Value:
    count = np.asarray(len(_elements(inputs)), np.int64)
    return Value(name, "int64", (), "activation", count)


def _split(node: Node, inputs: Inputs, name: str) -> Value:
    data = _required(inputs, 0)
    axis = int(node.attributes.get("axis", 0)) % len(data.dims)
    sizes = _split_sizes(inputs, data.dims[axis])
    keep = (len(inputs) > 1 and inputs[1] is not None) or bool(node.attributes.get("keepdims", 1))
    rest = data.dims[axis + 1 :]
    shapes = [
        (*data.dims[:axis], size, *rest) if keep else (*data.dims[:axis], *rest) for size in sizes
    ]
    return _sequence(name, [Value(f"{name}[{i}]", data.dtype, s) for i, s in enumerate(shapes)])


def _split_sizes(inputs: Inputs, whole: int) -> list[int]:
    split: Any = inputs[1] if len(inputs) > 1 else None
    if split is None:
        return [1] * _countable(whole)
    if split.data is None:
        raise ValueError("the sizes depend on data")
    if split.shape:
        return [int(s) for s in split.data]
    size = int(np.ravel(split.data)[0])
    starts = range(0, _countable(whole // size) * size + whole % size, size)
    return [min(size, whole - at) for at in starts]


def _countable(count: int) -> int:
    if not 0 <= count <= MAX_TENSORS:
        raise ValueError(f"a sequence of {count} tensors")
    return count


def _concat(node: Node, inputs: Inputs, name: str) -> Value:
    elements, axis = _elements(inputs), int(node.attributes["axis"])
    first = elements[0].dims
    if node.attributes.get("new_axis", 0):
        axis %= len(first) + 1
        shape = (*first[:axis], len(elements), *first[axis:])
    else:
        axis %= len(first)
        shape = (*first[:axis], sum(e.dims[axis] for e in elements), *first[axis + 1 :])
    return Value(name, elements[0].dtype, shape)


def _optional(_: Node, inputs: Inputs, name: str) -> Value:
    held = inputs[0] if inputs else None
    return _sequence(name, ()) if held is None else replace(held, name=name)


def _has_element(_: Node, inputs: Inputs, name: str) -> Value:
    held = inputs[0] if inputs else None
    # A value that holds nothing is a sequence of none; so is a sequence that was optional.
    has = held is not None and held.elements != ()
    return Value(name, "bool", (), "activation", np.asarray(has))


_RULES: Mapping[str, Rule] = {
    "SequenceEmpty": _empty,
    "SequenceConstruct": _construct,
    "SequenceInsert": _insert,
    "SequenceErase": _erase,
    "SequenceAt": _at,
    "SequenceLength": _length,
    "SplitToSequence": _split,
    "ConcatFromSequence": _concat,
    "Optional": _optional,
    "OptionalHasElement": _has_element,
    "OptionalGetElement": _alias,
}
