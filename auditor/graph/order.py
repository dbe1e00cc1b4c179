"""Nodes in an order in which every value is made before it is used.

The standard demands that order of the file; tools that append nodes do not all keep it,
and onnxruntime runs such files all the same.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from auditor.errors import ModelLoadError
from auditor.graph.records import Graph, Node

# Whether a value of that name is visible.
Visible = Callable[[str], bool]


def ordered(graph: Graph, path: Path, outer: Visible = lambda _: False) -> Graph:
    """Return the graph with its nodes, and those of its subgraphs, in order.

    `outer` tells what is visible from outside.  A file in order keeps its own.

    Raises:
        ModelLoadError: a value is used that nothing makes, or that depends on itself.
    """
    known = {*graph.initializers, *(i.name for i in graph.inputs), ""}

    def visible(name: str) -> bool:
        return name in known or outer(name)

    needs = [_needed(n) for n in graph.nodes]
    if not _in_order(graph.nodes, needs, visible):
        graph = replace(graph, nodes=_sorted(graph.nodes, needs, visible, path))
    nodes = []
    for node in graph.nodes:
        nodes.append(_with_ordered_subgraphs(node, visible, path))
        known.update(node.outputs)
    return replace(graph, nodes=tuple(nodes))


def _in_order(nodes: Iterable[Node], needs: list[frozenset[str]], visible: Visible) -> bool:
    made: set[str] = set()
    for node, needed in zip(nodes, needs, strict=True):
        if not all(name in made or visible(name) for name in needed):
            return False
        made.update(node.outputs)
    return True


def _sorted(
    nodes: tuple[Node, ...], needs: list[frozenset[str]], visible: Visible, path: Path
) -> tuple[Node, ...]:
    """Sort, the earlier in the file first where both could come."""
    made = {o for n in nodes for o in n.outputs}
    waiting: list[int] = []
    readers: dict[str, list[int]] = {}
    for index, (node, needed) in enumerate(zip(nodes, needs, strict=True)):
        missing = [name for name in needed if not visible(name)]
        for name in (name for name in missing if name not in made):
            raise ModelLoadError(
                f"{path}: value {name!r}, input of {node.op_type} node {node.name!r}, is made by "
                "nothing in the graph; repair it with onnx.checker or export it again"
            )
        waiting.append(len(missing))
        for name in missing:
            readers.setdefault(name, []).append(index)
    ready = [i for i, count in enumerate(waiting) if count == 0]
    done: list[int] = []
    while ready:
        index = heapq.heappop(ready)
        done.append(index)
        for name in set(nodes[index].outputs):
            for reader in readers.get(name, ()):
                waiting[reader] -= 1
                if waiting[reader] == 0:
                    heapq.heappush(ready, reader)
    if len(done) < len(nodes):
        stuck = nodes[min(set(range(len(nodes))) - set(done))]
        raise ModelLoadError(
            f"{path}: {stuck.op_type} node {stuck.name!r} depends on itself: the graph has a "
            "cycle; repair it with onnx.checker or export it again"
        )
    return tuple(nodes[i] for i in done)


def _needed(node: Node) -> frozenset[str]:
    """Names a node reads, its subgraphs' captured values among them."""
    names = frozenset(node.inputs)
    for graph in _subgraphs(node):
        names |= _captured(graph)
    return names


def _captured(graph: Graph) -> frozenset[str]:
    own = {*graph.initializers, *(i.name for i in graph.inputs), ""}
    own |= {o for n in graph.nodes for o in n.outputs}
    read = {name for n in graph.nodes for name in _needed(n)}
    return frozenset(read - own)


def _subgraphs(node: Node) -> Iterable[Graph]:
    for value in node.attributes.values():
        if isinstance(value, Graph):
            yield value
        elif isinstance(value, tuple):
            yield from (v for v in value if isinstance(v, Graph))


def _with_ordered_subgraphs(node: Node, visible: Visible, path: Path) -> Node:
    def changed(value: Any) -> Any:
        if isinstance(value, Graph):
            return ordered(value, path, visible)
        if isinstance(value, tuple) and any(isinstance(v, Graph) for v in value):
            return tuple(changed(v) for v in value)
        return value

    if not any(True for _ in _subgraphs(node)):
        return node
    attributes: Mapping[str, Any] = {k: changed(v) for k, v in node.attributes.items()}
    return replace(node, attributes=MappingProxyType(attributes))
