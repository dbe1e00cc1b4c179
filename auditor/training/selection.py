"""Which of the parameters are trained: all, or those that the plan's patterns leave.

A pattern is a shell's (`fnmatch`) and is held against a parameter's own name and against
the path of the module that uses it: the TorchScript exporter renames weights but writes
the module into the node's name, ``/encoder/layer.0/attention/MatMul``.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from types import MappingProxyType

from auditor.errors import PlanError
from auditor.shapes import ShapedGraph, Value


def selected(
    parameters: Mapping[str, Value],
    graph: ShapedGraph,
    freeze: Sequence[str],
    trainable: Sequence[str],
) -> Mapping[str, Value]:
    """Return the parameters that are trained, in the order they came.

    Those that match `trainable`, where it is given, less those that match `freeze`.

    Raises:
        PlanError: a pattern matches no parameter.
    """
    if not freeze and not trainable:
        return parameters
    paths = _module_paths(parameters, graph)
    wanted = _matching("--trainable", trainable, paths) if trainable else frozenset(parameters)
    wanted -= _matching("--freeze", freeze, paths)
    return MappingProxyType({n: v for n, v in parameters.items() if n in wanted})


def _module_paths(
    parameters: Mapping[str, Value], graph: ShapedGraph
) -> Mapping[str, frozenset[str]]:
    """Every name that a parameter goes by."""
    names = {name: {name} for name in parameters}
    for operation in graph.operations:
        path = operation.node.name.strip("/").rpartition("/")[0].replace("/", ".")
        if path:
            for value in operation.inputs:
                if value is not None and value.name in names:
                    names[value.name].add(path)
    return {name: frozenset(found) for name, found in names.items()}


def _matching(
    option: str, patterns: Sequence[str], paths: Mapping[str, frozenset[str]]
) -> frozenset[str]:
    matched: set[str] = set()
    for pattern in patterns:
        found = {n for n, known in paths.items() if any(fnmatchcase(k, pattern) for k in known)}
        if not found:
            raise PlanError(f"{option} {pattern!r}: matches no parameter; {_like(pattern, paths)}")
        matched |= found
    return frozenset(matched)


def _like(pattern: str, paths: Mapping[str, frozenset[str]]) -> str:
    known = sorted({k for names in paths.values() for k in names})
    near = difflib.get_close_matches(pattern.strip("*."), known, 3, 0.3) or known[:3]
    return f"there are, among others: {', '.join(near)}" if near else "the model has none"
