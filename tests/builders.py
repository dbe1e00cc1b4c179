"""Small ONNX models for tests, and the way from a model to its shapes, costs and profile."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, helper

from auditor.costs import Cost, UnknownCost, cost_of
from auditor.graph import Model, load_model
from auditor.optimizers import optimizer
from auditor.precision import precision
from auditor.profile import Profile, ProfileOptions, profile
from auditor.shapes import (
    Bindings,
    BoundInputs,
    Operation,
    ShapedGraph,
    Value,
    bind_inputs,
    infer_shapes,
)
from auditor.training import BatchNorm

DATA = Path(__file__).resolve().parent / "data"
FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
Dims = Sequence[int | str | None]


def value(name: str, dims: Dims | None, dtype: int = FLOAT) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, dtype, dims)


def untyped(name: str) -> ValueInfoProto:
    return helper.make_empty_tensor_value_info(name)


def weight(name: str, *dims: int, dtype: int = FLOAT) -> TensorProto:
    """A tensor whose elements are said to be in a file that does not exist."""
    tensor = TensorProto(name=name, data_type=dtype, dims=dims)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="there-is-no-such-file.weights")
    return tensor


def constant(name: str, elements: Any, dtype: str = "int64") -> TensorProto:
    return onnx.numpy_helper.from_array(np.asarray(elements, dtype), name)


def node(op_type: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> Any:
    return helper.make_node(op_type, inputs, outputs, **attributes)


def graph(
    nodes: Sequence[NodeProto],
    inputs: Sequence[ValueInfoProto],
    outputs: Sequence[str | ValueInfoProto],
    initializers: Iterable[TensorProto] = (),
    name: str = "g",
) -> GraphProto:
    made = [untyped(o) if isinstance(o, str) else o for o in outputs]
    return helper.make_graph(nodes, name, inputs, made, list(initializers))


def model(
    nodes: Sequence[NodeProto],
    inputs: Sequence[ValueInfoProto],
    outputs: Sequence[str | ValueInfoProto],
    initializers: Iterable[TensorProto] = (),
    opset: int = 22,
    **options: Any,
) -> ModelProto:
    """A model of one graph; every domain that its nodes name is imported."""
    domains = {n.domain for n in nodes if n.domain}
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    made = graph(nodes, inputs, outputs, initializers)
    return helper.make_model(made, opset_imports=imports, ir_version=10, **options)


def loaded(source: ModelProto | bytes | Path) -> Model:
    """Load a model from a file, which is the only way in."""
    if isinstance(source, Path):
        return load_model(source)
    data = source if isinstance(source, bytes) else source.SerializeToString()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(data)
        return load_model(path)


def bound(
    source: ModelProto | Path,
    batch: int = 2,
    dims: Mapping[str, int] | None = None,
    shapes: Mapping[str, tuple[int, ...]] | None = None,
) -> tuple[Model, BoundInputs]:
    read = loaded(source)
    wanted = Bindings(batch_size=batch, dims=dims or {}, shapes=shapes or {})
    return read, bind_inputs(read.graph, wanted)


def shaped(
    source: ModelProto | Path, batch: int = 2, dims: Mapping[str, int] | None = None
) -> ShapedGraph:
    return infer_shapes(*bound(source, batch, dims))


def values(found: ShapedGraph) -> dict[str, Value]:
    """Every value that the graph reads or makes, by name."""
    listed = (v for op in found.operations for v in (*op.inputs, *op.outputs))
    return {v.name: v for v in (*found.inputs, *listed) if v is not None}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """How to profile in a test: the defaults are the plainest."""

    batch: int = 2
    dims: Mapping[str, int] | None = None
    precision: str = "fp32"
    optimizer: str = "sgd"
    batch_norm: BatchNorm = BatchNorm.AUTO
    options: Mapping[str, Any] = field(default_factory=dict)


def profiled(source: ModelProto | Path, setting: Setting | None = None) -> Profile:
    wanted = setting or Setting()
    read, inputs = bound(source, wanted.batch, wanted.dims)
    options = ProfileOptions(
        batch_size=wanted.batch,
        graph_batch_size=inputs.graph_batch_size,
        precision=precision(wanted.precision),
        optimizer=optimizer(wanted.optimizer),
        batch_norm=wanted.batch_norm,
        **wanted.options,
    )
    return profile(infer_shapes(read, inputs), options)


@dataclass(frozen=True)
class Act:
    """An activation among the inputs of a single operation."""

    dims: tuple[int, ...]
    dtype: int = FLOAT


@dataclass(frozen=True)
class Weight:
    """A weight among the inputs of a single operation."""

    dims: tuple[int, ...]
    dtype: int = FLOAT


def act(*dims: int, dtype: int = FLOAT) -> Act:
    return Act(dims, dtype)


def par(*dims: int, dtype: int = FLOAT) -> Weight:
    return Weight(dims, dtype)


Given = Act | Weight | np.ndarray | None


def single(op_type: str, inputs: Sequence[Given], outputs: int = 1, **attributes: Any) -> Operation:
    """One node as an operation with its shapes inferred; inputs are called i0, i1, ...

    `opset` and `domain` may be among the attributes.
    """
    opset = attributes.pop("opset", 22)
    names = [f"i{k}" if given is not None else "" for k, given in enumerate(inputs)]
    outs = [f"o{k}" for k in range(outputs)]
    acts, tensors = [], []
    for name, given in zip(names, inputs, strict=True):
        if isinstance(given, Act):
            acts.append(value(name, given.dims, given.dtype))
        elif isinstance(given, Weight):
            tensors.append(weight(name, *given.dims, dtype=given.dtype))
        elif given is not None:
            tensors.append(onnx.numpy_helper.from_array(given, name))
    made = model([node(op_type, names, outs, **attributes)], acts, outs[:1], tensors, opset)
    return shaped(made).operations[-1]


def cost(op: Operation, grads: Iterable[int] = ()) -> Cost:
    """The cost of an operation that is known to have one."""
    found = cost_of(op, frozenset(grads))
    if isinstance(found, UnknownCost):
        raise AssertionError(f"{op.op_type}: {found.reason}")
    return found
