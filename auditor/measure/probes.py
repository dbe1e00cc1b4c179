"""A copy of a model, in memory, that gives out the sizes its data decides, and no more.

What those sizes do not depend on is left out of the copy: a run of it takes no longer, and
needs no more weights, than it must.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper

from auditor.errors import ModelLoadError
from auditor.graph import inlined
from auditor.measure.stored import bring_in

# Names in the copy that no exporter gives.
_PREFIX = "auditor/trace/"


class Shows(StrEnum):
    """What a run is to show of a node."""

    SHAPE = "shape"
    TRIPS = "trips"
    CONDITION = "condition"


@dataclass(frozen=True, slots=True)
class Probe:
    """A top-level node, by its first output, and what a run is to show of it."""

    output: str
    shows: Shows


@dataclass(frozen=True, slots=True)
class Probed:
    """The copy, and elements by the name of an initializer that lay beside the model."""

    proto: ModelProto
    weights: Mapping[str, Any]


def probed(path: Path, probes: Sequence[Probe]) -> Probed:
    """Return the model at `path` with one output for each probe, in their order.

    A shape is a vector of 64-bit integers, trips a vector of one, a condition a boolean.

    Raises:
        ModelLoadError: the file cannot be read, or weights that the sizes depend on are not
            in it nor in a file below its folder.
    """
    proto = _loaded(path)
    graph = proto.graph
    makers = {node.output[0]: node for node in graph.node if node.output}
    try:
        outputs = [
            _attach(graph, makers[probe.output], probe.shows, f"{_PREFIX}{index}")
            for index, probe in enumerate(probes)
        ]
    except LookupError as error:  # a control flow node without what it must have, or a new file
        raise ModelLoadError(
            f"{path}: cannot be traced: {error} is missing; repair it with onnx.checker or export "
            "it again"
        ) from error
    del graph.output[:]
    graph.output.extend(helper.make_empty_tensor_value_info(name) for name in outputs)
    _prune(graph, set(outputs))
    brought = bring_in(proto, path, "--trace needs ")
    for name, tensor in brought.missing:
        location = next((e.value for e in tensor.external_data if e.key == "location"), "")
        raise ModelLoadError(
            f"{path}: --trace needs the weights {name!r} in {location!r}, which is not there; "
            "put that file beside the model, or say the sizes with --assume NODE=N"
        )
    return Probed(proto, brought.arrays)


def _loaded(path: Path) -> ModelProto:
    try:
        proto = onnx.load(path, load_external_data=False)
    except (OSError, DecodeError, RuntimeError, ValueError) as error:
        raise ModelLoadError(
            f"{path}: cannot be loaded with its weights: {error}; leave --trace away"
        ) from error
    return inlined(proto, path)


def _attach(graph: GraphProto, node: NodeProto, shows: Shows, name: str) -> str:
    """Add what gives out one probe's answer; return its name."""
    if shows is Shows.CONDITION:
        graph.node.append(helper.make_node("Identity", [node.input[0]], [name]))
        return name
    value = node.output[0]
    if shows is Shows.TRIPS:
        value = f"{name}/trip"
        _count_trips(node, value)
    graph.node.append(helper.make_node("Shape", [value], [name]))
    return name


def _count_trips(node: NodeProto, value: str) -> None:
    """Let a loop hand out the number of each trip: as many numbers as it had trips.

    Raises:
        LookupError: its body takes no number.
    """
    body = {a.name: a.g for a in node.attribute}["body"]
    if not body.input:
        raise LookupError(f"the trip number of the body of {node.name!r}")
    body.node.append(helper.make_node("Identity", [body.input[0].name], [f"{value}/inner"]))
    body.output.append(helper.make_tensor_value_info(f"{value}/inner", TensorProto.INT64, []))
    # The body's first output is the condition.  Of the rest onnxruntime demands every one.
    asked = [*node.output, *[""] * (len(body.output) - 2 - len(node.output))]
    del node.output[:]
    node.output.extend(name or f"{value}/{index}" for index, name in enumerate(asked))
    node.output.append(value)


def _prune(graph: GraphProto, wanted: set[str]) -> None:
    """Leave in a graph what `wanted` depends on."""
    makers = {o: index for index, node in enumerate(graph.node) for o in node.output if o}
    used: set[str] = set()
    kept: set[int] = set()
    todo = list(wanted)
    while todo:
        name = todo.pop()
        if name in used:
            continue
        used.add(name)
        index = makers.get(name)
        if index is not None and index not in kept:
            kept.add(index)
            todo += _read(graph.node[index])
    for index in reversed(range(len(graph.node))):
        if index not in kept:
            del graph.node[index]
    for named in (graph.initializer, graph.input):
        for index in reversed(range(len(named))):
            if named[index].name not in used:
                del named[index]
    for index in reversed(range(len(graph.sparse_initializer))):
        if graph.sparse_initializer[index].values.name not in used:
            del graph.sparse_initializer[index]
    # Stated shapes of what is between may be of another batch, which onnxruntime would mind.
    del graph.value_info[:]


def _read(node: NodeProto) -> Iterator[str]:
    """Names that a node reads, and all that its subgraphs do: too many do no harm."""
    yield from node.input
    for graph in _subgraphs(node):
        yield from (output.name for output in graph.output)
        for inner in graph.node:
            yield from _read(inner)


def _subgraphs(node: NodeProto) -> Iterator[GraphProto]:
    for attribute in node.attribute:
        if attribute.type == AttributeProto.GRAPH:
            yield attribute.g
        yield from attribute.graphs
