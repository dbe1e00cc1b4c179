"""What a walk through a graph is told, sees, and has found so far."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from auditor.graph import Tensor
from auditor.shapes.bindings import evaluate
from auditor.shapes.records import DataSize, Operation, Value

Sizes = tuple[int, ...]


def _by_operators(operations: Sequence[Operation]) -> tuple[int, ...]:
    return (sum(op.repeats for op in operations),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What is told from outside of sizes that only the data decides.

    `assumed` gives, by the name of a node or of its first output, one size or a whole
    shape; `traced` the shapes that a run showed, by the name of the value, and the trips
    of loops, and 1 or 0 for the condition of an If, by that of their first output.
    `price` ranks the branches of an If whose condition is not known.
    """

    assumed: Mapping[str, Sizes] = field(default_factory=lambda: MappingProxyType({}))
    traced: Mapping[str, Sizes] = field(default_factory=lambda: MappingProxyType({}))
    price: Callable[[Sequence[Operation]], tuple[int, ...]] = _by_operators


@dataclass(frozen=True, slots=True)
class Scope:
    """Names visible in one graph.

    What is made in it carries `prefix`, so all names are unique; its constants carry
    `base`, which all trips of a loop share.
    """

    values: MutableMapping[str, Value]
    prefix: str
    base: str


def inside(values: MutableMapping[str, Value]) -> MutableMapping[str, Value]:
    """Return what a subgraph sees: all of `values`, which what it makes is not put into.

    Nothing is copied: a graph of many subgraphs would take the square of its size.
    """
    return values.new_child() if isinstance(values, ChainMap) else ChainMap({}, values)


@dataclass(slots=True)
class Found:
    """What a walk has collected so far."""

    operations: list[Operation] = field(default_factory=list)
    inner_initializers: dict[str, Value] = field(default_factory=dict)
    # Dictionaries without values keep the order, and what is said twice is said once.
    problems: dict[str, None] = field(default_factory=dict)
    data_sizes: dict[DataSize, None] = field(default_factory=dict)
    carried: list[tuple[str, str]] = field(default_factory=list)

    def repeated(self, count: int) -> Found:
        """Return the same, every operation run `count` times as often."""
        if count == 1:
            return self
        often = [replace(op, repeats=op.repeats * count) for op in self.operations]
        return replace(self, operations=often)

    def add(self, other: Found) -> None:
        """Append what another walk collected; what it says twice is said once."""
        self.operations += other.operations
        self.inner_initializers |= other.inner_initializers
        self.problems |= other.problems
        self.data_sizes |= other.data_sizes
        self.carried += other.carried


def bind_shape(tensor: Tensor, symbols: Mapping[str, int]) -> Sizes | None:
    """Return a stated shape with its symbols bound; None where some of it stays open."""
    dims = [
        symbols.get(d, evaluate(d, symbols)) if isinstance(d, str) else d
        for d in tensor.shape or ()
    ]
    numbers = tuple(d for d in dims if isinstance(d, int))
    return numbers if tensor.shape is not None and len(numbers) == len(dims) else None
