"""A model's own functions: replaced by their bodies, once it is known how much that makes.

A few lines of functions that call each other twice are a file of any size when written out, and
one that calls itself never ends; so the calls are counted first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import onnx
import onnx.inliner
from onnx import ModelProto, NodeProto

from auditor.errors import ModelLoadError

# Ten times the largest export by functions that has been seen; a node takes about 4 KB here.
MAX_ADDED_NODES = 250_000
MAX_ADDED_BYTES = 256 * 1024**2
# onnx's inliner follows calls by recursion.
MAX_CALL_DEPTH = 100

Key = tuple[str, str, str]  # domain, name, overload


@dataclass(frozen=True, slots=True)
class _Extent:
    """What a function comes to with all that it calls written out."""

    node_count: int
    byte_count: int
    depth: int


def inlined(proto: ModelProto, path: Path) -> ModelProto:
    """Replace calls of the model's own functions by their bodies, which is what runs.

    Raises:
        ModelLoadError: a function calls itself, calls go too deep or come to too much, or onnx
            cannot inline them.
    """
    if not proto.functions:
        return proto
    _require_finite(proto, path)
    try:
        return onnx.inliner.inline_local_functions(proto)
    except (RuntimeError, ValueError, onnx.checker.ValidationError) as error:
        raise ModelLoadError(
            f"{path}: its local functions cannot be inlined: {error}; export without functions"
        ) from error


def _require_finite(proto: ModelProto, path: Path) -> None:
    bodies = {_key(f.domain, f.name, f.overload): f for f in proto.functions}
    calls = {key: _calls(f.node, bodies) for key, f in bodies.items()}
    own = {
        key: _Extent(sum(1 for _ in _nodes(f.node)), f.ByteSize(), 1) for key, f in bodies.items()
    }
    extents: dict[Key, _Extent] = {}
    for key in _callees_first(calls, path):
        extents[key] = _extent(own[key], calls[key], extents)
    whole = _extent(_Extent(0, 0, 0), _calls(proto.graph.node, bodies), extents)
    if whole.depth > MAX_CALL_DEPTH:
        raise ModelLoadError(
            f"{path}: its functions call each other {whole.depth} deep, and more than "
            f"{MAX_CALL_DEPTH} are not followed; export without functions"
        )
    if whole.node_count > MAX_ADDED_NODES or whole.byte_count > MAX_ADDED_BYTES:
        raise ModelLoadError(
            f"{path}: its functions come to {whole.node_count} nodes and {whole.byte_count} bytes "
            f"when written out, and more than {MAX_ADDED_NODES} or {MAX_ADDED_BYTES} are not; "
            "export without functions"
        )


def _extent(own: _Extent, calls: Mapping[Key, int], extents: Mapping[Key, _Extent]) -> _Extent:
    called = [(extents[key], count) for key, count in calls.items()]
    return _Extent(
        own.node_count + sum(e.node_count * n for e, n in called),
        own.byte_count + sum(e.byte_count * n for e, n in called),
        own.depth + max((e.depth for e, _ in called), default=0),
    )


def _callees_first(calls: Mapping[Key, Mapping[Key, int]], path: Path) -> Iterator[Key]:
    """Order the functions so that each comes after those that it calls.

    Raises:
        ModelLoadError: one calls itself, directly or through others.
    """
    waiting = {key: len(called) for key, called in calls.items()}
    callers: dict[Key, list[Key]] = {}
    for key, called in calls.items():
        for callee in called:
            callers.setdefault(callee, []).append(key)
    ready = [key for key, count in waiting.items() if not count]
    done = 0
    while ready:
        key = ready.pop()
        done += 1
        yield key
        for caller in callers.get(key, ()):
            waiting[caller] -= 1
            if not waiting[caller]:
                ready.append(caller)
    if done < len(calls):
        stuck = next(key for key, count in waiting.items() if count)
        raise ModelLoadError(
            f"{path}: the function {stuck[1][:80]!r} calls itself, directly or through another; "
            "export without functions"
        )


def _calls(nodes: Iterable[NodeProto], bodies: Mapping[Key, object]) -> Mapping[Key, int]:
    keys = (_key(n.domain, n.op_type, n.overload) for n in _nodes(nodes))
    return Counter(key for key in keys if key in bodies)


def _nodes(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    """Every node, those of subgraphs included."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _nodes(graph.node)


def _key(domain: str, name: str, overload: str) -> Key:
    return ("" if domain == "ai.onnx" else domain, name, overload)
