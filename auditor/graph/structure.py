"""A hash of the structure: the same for two exports that differ in weights and names only."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from auditor.graph.records import Graph, Tensor


def structure_sha256(graph: Graph, opset_imports: Mapping[str, int]) -> str:
    """Return the SHA-256 (hex) of operators, attributes, wiring, types and dimensions.

    Values are numbered in order of appearance, so names do not count; of constants
    only the elements of small integer tensors do, since they are shapes and not weights.
    """
    digest = hashlib.sha256()
    digest.update(repr(sorted(opset_imports.items())).encode())
    _update(digest, graph, _Numbers())
    return digest.hexdigest()


class _Numbers:
    """Numbers of values in the order that they come in: a subgraph goes on from the outer ones.

    Names of the outer graphs are looked up where they are; a copy for each of many subgraphs
    would take the square of their number.
    """

    def __init__(self, outer: _Numbers | None = None) -> None:
        self.outer = outer
        self.first = len(outer) if outer is not None else 0
        self.own: dict[str, int] = {}

    def __len__(self) -> int:
        return self.first + len(self.own)

    def find(self, name: str) -> int | None:
        scope: _Numbers | None = self
        while scope is not None:
            if name in scope.own:
                return scope.own[name]
            scope = scope.outer
        return None

    def number(self, name: str) -> int:
        """Return the number of a name, a new one where it has none; -1 where none is meant."""
        found = self.find(name) if name else -1
        if found is None:
            found = self.own[name] = len(self)
        return found


def _update(digest: Any, graph: Graph, numbers: _Numbers) -> None:
    number = numbers.number
    for tensor in graph.inputs:
        digest.update(f"in {number(tensor.name)} {tensor.dtype} {tensor.shape}\n".encode())
    used = {name for node in graph.nodes for name in node.inputs}
    for node in graph.nodes:
        for name in node.inputs:
            if name in graph.initializers and numbers.find(name) is None:
                text = _constant(graph.initializers[name])
                digest.update(f"const {number(name)} {text}\n".encode())
        wiring = [number(n) for n in node.inputs], [number(n) for n in node.outputs]
        digest.update(f"{node.key} {wiring}".encode())
        for key in sorted(node.attributes):
            _attribute(digest, key, node.attributes[key], numbers)
    unused = sorted(_constant(t) for n, t in graph.initializers.items() if n not in used)
    digest.update(f"unused {unused} out {[number(t.name) for t in graph.outputs]}\n".encode())


def _attribute(digest: Any, key: str, value: Any, numbers: _Numbers) -> None:
    if isinstance(value, Graph):
        digest.update(f" {key}={{".encode())
        _update(digest, value, _Numbers(numbers))
        digest.update(b"}")
    elif isinstance(value, Tensor):
        digest.update(f" {key}={_constant(value)}".encode())
    elif isinstance(value, tuple) and value and isinstance(value[0], Graph):
        for index, graph in enumerate(value):
            _attribute(digest, f"{key}[{index}]", graph, numbers)
    else:
        digest.update(f" {key}={value!r}".encode())


def _constant(tensor: Tensor) -> str:
    text = f"{tensor.dtype}{tensor.shape}"
    if tensor.value is None or tensor.value.dtype.kind not in "iub":
        return text
    return f"{text}{tensor.value.ravel().tolist()}"
