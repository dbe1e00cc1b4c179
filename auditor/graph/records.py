"""A typed, read-only view of an ONNX model: tensors by type and shape, never by weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# A dimension is a number, a symbol's name, or not stated at all.
Dim = int | str | None
Shape = tuple[Dim, ...]


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor's name, element type (numpy's name for it) and shape; `None` is not stated.

    `value` holds the elements of small constants only (a numpy array), which carry
    shapes, axes and scales.
    """

    name: str
    dtype: str | None
    shape: Shape | None
    value: Any = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One operator of the graph.

    `attributes` holds Python values: int, float, str, tuples of them, `Tensor`, `Graph`.
    `proto` is the node as it was read, for onnx's own shape inference.
    """

    op_type: str
    domain: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    proto: Any = field(default=None, compare=False, repr=False)

    @property
    def key(self) -> str:
        """``MatMul`` or ``com.microsoft.FusedMatMul``: the name reports use."""
        return f"{self.domain}.{self.op_type}" if self.domain else self.op_type


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A graph or subgraph: nodes in the order of the file, which ONNX requires topological."""

    name: str
    nodes: tuple[Node, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    initializers: Mapping[str, Tensor]
    value_info: Mapping[str, Tensor]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model file without its weights."""

    path: str
    file_bytes: int
    graph: Graph
    opset_imports: Mapping[str, int]
    ir_version: int
    producer: str
    structure_sha256: str

    @property
    def opset(self) -> int:
        """Version of the default operator set, 1 where the file names none."""
        return self.opset_imports.get("", 1)
