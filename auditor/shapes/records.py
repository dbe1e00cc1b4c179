"""Values and operations with every shape known that can be known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import Any

from auditor.graph import Node

FLOAT_DTYPES = frozenset(
    {
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "float8_e4m3fn",
        "float8_e4m3fnuz",
        "float8_e5m2",
        "float8_e5m2fnuz",
        "float4_e2m1fn",
        "complex64",
        "complex128",
    }
)
# A string is counted by the pointer to it: how long the texts are is in no type.
_BITS = {"bool": 8, "bfloat16": 16, "object": 64}


# An element type and a shape, each None where it is not known.
Typed = tuple[str | None, tuple[int, ...] | None]


@cache
def dtype_bits(dtype: str | None) -> int:
    """Return the size of one element in bits; 32 where the type is not known."""
    if dtype is None:
        return 32
    if dtype in _BITS:
        return _BITS[dtype]
    for bits in (8, 6, 4):
        if dtype.startswith(f"float{bits}_"):
            return bits
    if dtype.startswith("complex"):
        return int(dtype[7:])
    digits = dtype.removeprefix("uint").removeprefix("int").removeprefix("float")
    return int(digits) if digits.isdigit() else 32


class MissingValueError(LookupError):
    """An operation lacks a value, or its shape, that its operator requires."""


@dataclass(frozen=True, slots=True)
class Value:
    """A tensor in the running graph.

    `shape` is None where it could not be found out.  `origin` says what it is made of:
    "input", "initializer", "constant" (computed from constants alone) or "activation".
    `data` holds the elements of small known values (shapes, axes, scales).

    A sequence has its tensors in `elements`, and the shape of a scalar; an optional value
    that holds nothing is a sequence of none.
    """

    name: str
    dtype: str | None
    shape: tuple[int, ...] | None
    origin: str = "activation"
    data: Any = field(default=None, compare=False, repr=False)
    elements: tuple[Value, ...] | None = None

    @property
    def known(self) -> bool:
        """Whether the shape is known."""
        return self.shape is not None

    @property
    def dims(self) -> tuple[int, ...]:
        """The shape, where there is no going on without it.

        Raises:
            MissingValueError: it is not known.
        """
        if self.shape is None:
            raise MissingValueError(f"shape of {self.name!r} is not known")
        return self.shape

    @property
    def size(self) -> int:
        """Number of elements; 0 where the shape is not known (see `known`)."""
        if self.elements is not None:
            return sum(e.size for e in self.elements)
        return math.prod(self.shape) if self.shape is not None else 0

    @property
    def bytes(self) -> int:
        """Size in bytes at the element type of the file."""
        if self.elements is not None:
            return sum(e.bytes for e in self.elements)
        return (self.size * dtype_bits(self.dtype) + 7) // 8

    @property
    def is_float(self) -> bool:
        """Whether gradients can flow through it."""
        if self.elements is not None:
            return any(e.is_float for e in self.elements)
        return self.dtype in FLOAT_DTYPES

    @property
    def is_constant(self) -> bool:
        """Whether it is the same in every step but for the optimizer's update."""
        return self.origin in ("initializer", "constant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A node with the values it reads and makes.

    `repeats` is how often it runs in one pass (a loop's body runs more than once).
    An optional input that is left out is None.
    """

    node: Node
    inputs: tuple[Value | None, ...]
    outputs: tuple[Value | None, ...]
    opset: int
    repeats: int = 1

    @property
    def op_type(self) -> str:
        """Operator name without its domain."""
        return self.node.op_type

    def required(self, index: int) -> Value:
        """Return an input that must be there.

        Raises:
            MissingValueError: it is left out, or nothing makes it.
        """
        value = self.input(index)
        if value is None:
            raise MissingValueError(f"input {index} is missing")
        return value

    @property
    def result(self) -> Value:
        """The first output.

        Raises:
            MissingValueError: nobody asked for it.
        """
        value = self.outputs[0] if self.outputs else None
        if value is None:
            raise MissingValueError("its first output is not used")
        return value

    def becoming(
        self, op_type: str, values: Sequence[Value | None], output: Value, /, **changes: Any
    ) -> Operation:
        """Return another standard operation in this one's place, with no attributes.

        `changes` replace fields of the new node.
        """
        node = Node(
            op_type=op_type,
            domain="",
            name=self.node.name,
            inputs=tuple(v.name if v is not None else "" for v in values),
            outputs=(output.name,),
            attributes=MappingProxyType({}),
        )
        node = replace(node, **changes) if changes else node
        return replace(self, node=node, inputs=tuple(values), outputs=(output,))

    def input(self, index: int) -> Value | None:
        """Return an input, or None where it is left out."""
        return self.inputs[index] if index < len(self.inputs) else None

    def attribute(self, name: str, default: Any) -> Any:
        """Return an attribute of the node, or `default` where the file leaves it out."""
        value = self.node.attributes.get(name)
        return default if value is None else value


class Basis(StrEnum):
    """What the number taken for a size that only the data decides rests on."""

    ASSUMED = "assumed"
    UPPER_BOUND = "upper bound"
    TRACED = "traced"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSize:
    """A size that only the data decides: rows found, trips of a loop.

    `count` is what is counted with, None where nothing is known; `reason` says in words
    why the data decides, or what bounds it.
    """

    node: str
    op_type: str
    basis: Basis
    count: int | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ShapedGraph:
    """The graph flattened to the operations that run, every shape known that can be.

    `initializers` holds those that operations use, under their own names; `problems`
    says, one line each, where something had to be left out or chosen; `data_sizes` lists
    the sizes that only the data decides.
    `carried` pairs what a loop's state starts from, and the result that it is in the next
    trip, with the name of the state.
    """

    operations: tuple[Operation, ...]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    initializers: Mapping[str, Value]
    problems: tuple[str, ...]
    data_sizes: tuple[DataSize, ...] = ()
    carried: tuple[tuple[str, str], ...] = ()
