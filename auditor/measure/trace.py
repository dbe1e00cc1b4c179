"""One run on onnxruntime's CPU, for the sizes that only the data decides.

Of the nodes at the top of the graph; what stands inside an If, a Loop or a Scan has many
sizes in one run, and keeps its bound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from auditor.errors import ModelError
from auditor.graph import Model, Node
from auditor.measure import inputs
from auditor.measure.probes import Probe, Probed, Shows, probed
from auditor.measure.refusals import MAX_REASON, refusals
from auditor.measure.runtime import require_runtime
from auditor.measure.session import value_of
from auditor.measure.stored import serialized
from auditor.shapes import Basis, BoundInputs, ShapedGraph

Sizes = Mapping[str, tuple[int, ...]]

# The one axis along which the data decides; None: as the attribute says, the first without.
_COUNTED: Mapping[str, int | None] = {
    "NonZero": -1,
    "NonMaxSuppression": 0,
    "Compress": None,
    "Unique": None,
    "TopK": None,
}
_DEFAULT_AXIS = {"TopK": -1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """A graph whose sizes a run has shown, and in words where they come from."""

    shaped: ShapedGraph
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is run: the model as it is audited, and a file of inputs or None to make them up."""

    path: Path
    model: Model
    bound: BoundInputs
    inputs_file: Path | None = None


def traced(source: Source, infer: Callable[[Sizes], ShapedGraph]) -> Trace:
    """Run the model and return its graph at the sizes that this showed.

    `infer` gives the graph with some sizes known, by the first output of their node.  Where
    those bring up others that only the data decides, the model runs again, on the same inputs.

    Raises:
        HardwareError: no onnxruntime is installed, or two are.
        ModelError: the weights that decide are not there, or onnxruntime refuses the model.
        PlanError: inputs are missing, or cannot be made up.
    """
    sizes: dict[str, tuple[int, ...]] = {}
    shaped = infer(MappingProxyType({}))
    probes = _probes(source.model, shaped, sizes)
    if not probes:
        note = "--trace: the model was not run, no size at the top of its graph depends on data"
        return Trace(shaped=shaped, note=note + _left(shaped))
    require_runtime()
    given = _given(source)
    while probes:
        sizes |= _shown(source, probes, given, inputs.vocabularies(shaped.operations))
        shaped = infer(MappingProxyType(sizes))
        probes = _probes(source.model, shaped, sizes)
    return Trace(shaped=shaped, note=_note(source, shaped))


def _given(source: Source) -> Mapping[str, Any] | None:
    if source.inputs_file is None:
        return None
    arrays = inputs.read_inputs(source.inputs_file)
    return inputs.checked(arrays, source.model.graph.inputs, source.bound.shapes)


def _probes(model: Model, shaped: ShapedGraph, known: Sizes) -> list[Probe]:
    """What at the top of the graph the data decides, and no run has shown yet."""
    decided = {(size.node, size.op_type) for size in shaped.data_sizes}
    values = {v.name: v for op in shaped.operations for v in op.outputs if v is not None}
    values |= shaped.initializers
    probes = []
    for node in model.graph.nodes:
        output = node.outputs[0] if node.outputs else ""
        if not output or output in known:
            continue
        if node.key == "If":
            condition = values.get(node.inputs[0]) if node.inputs else None
            if node.inputs and (condition is None or condition.data is None):
                probes.append(Probe(output, Shows.CONDITION))
        elif (node.name or output, node.key) in decided:
            shows = Shows.TRIPS if node.key == "Loop" else Shows.SHAPE
            probes.append(Probe(output, shows))
    return probes


def _shown(
    source: Source,
    probes: list[Probe],
    given: Mapping[str, Any] | None,
    vocabularies: Mapping[str, int],
) -> dict[str, tuple[int, ...]]:
    """Run once and read off what the probes show."""
    copy = probed(source.path, probes)
    proto = copy.proto
    taken = {i.name for i in proto.graph.input} - {t.name for t in proto.graph.initializer}
    feed = {
        tensor.name: given[tensor.name]
        if given is not None
        else inputs.made_up(tensor, source.bound.shapes[tensor.name], vocabularies.get(tensor.name))
        for tensor in source.model.graph.inputs
        if tensor.name in taken
    }
    answers = _run(copy, source.path, feed)
    nodes = {node.outputs[0]: node for node in source.model.graph.nodes if node.outputs}
    return {
        probe.output: _size(nodes[probe.output], answer.reshape(-1).tolist())
        for probe, answer in zip(probes, answers, strict=True)
    }


def _size(node: Node, shown: list[int]) -> tuple[int, ...]:
    """One number where one axis is counted, else the whole shape."""
    shape = tuple(map(int, shown))
    if node.key not in _COUNTED or len(shape) < 2:
        return shape
    axis = _COUNTED[node.key]
    if axis is None:
        axis = int(node.attributes.get("axis", _DEFAULT_AXIS.get(node.key, 0)))
    return (shape[axis],)


def _run(copy: Probed, path: Path, feed: Mapping[str, Any]) -> list[Any]:
    """Run the copy of a model on the CPU.

    Raises:
        ModelError: onnxruntime refuses it, or fails.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what is fatal is raised as well
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        weights = [value_of(array) for array in copy.weights.values()]
        if weights:
            options.add_external_initializers(list(copy.weights), weights)
        session = onnxruntime.InferenceSession(
            serialized(copy.proto, path), options, providers=["CPUExecutionProvider"]
        )
        answers: list[Any] = session.run(None, dict(feed))
    except refusals() as error:
        reason = " ".join(str(error).split())[:MAX_REASON]
        raise ModelError(
            f"{path}: onnxruntime cannot run it: {reason}; give inputs that it takes with "
            "--trace-inputs, or say the sizes with --assume NODE=N instead of --trace"
        ) from error
    return answers


def _note(source: Source, shaped: ShapedGraph) -> str:
    made = (
        f"random inputs ({inputs.MADE_UP}; --trace-inputs FILE.npz for your own)"
        if source.inputs_file is None
        else f"the inputs in {source.inputs_file}"
    )
    return f"traced sizes are those of one run on onnxruntime's CPU with {made}{_left(shaped)}"


def _left(shaped: ShapedGraph) -> str:
    """Say how many sizes stand where no run shows them; a warning names each."""
    told = (Basis.TRACED, Basis.ASSUMED)
    count = sum(size.basis not in told for size in shaped.data_sizes)
    return f"; {count} inside subgraphs not traced" if count else ""
