"""A model at the sizes that a plan gives it: shapes, workload, costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from auditor.costs import Cost, cost_of, has_formula
from auditor.errors import PlanError
from auditor.graph import Model, load_model
from auditor.optimizers import optimizer
from auditor.precision import precision
from auditor.profile import Profile, ProfileOptions, profile
from auditor.shapes import (
    Bindings,
    BoundInputs,
    Given,
    Operation,
    ShapedGraph,
    bind_inputs,
    infer_shapes,
)
from auditor.sharding import Sharding
from auditor.training import Attention, BatchNorm
from auditor.workload import DEFAULT_BATCH_SIZE, Plan, Workload, validated, workload


@dataclass(frozen=True, slots=True)
class Tracing:
    """A run for the sizes that the data decides, on inputs of a file or made up."""

    inputs: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """A model with every size known; `plan` has the batch that its options gave.

    `notes` are what is to be said of a trace.
    """

    model: Model
    bound: BoundInputs
    shaped: ShapedGraph
    plan: Plan
    workload: Workload
    profile: Profile
    notes: tuple[str, ...]


def sized(path: Path, plan: Plan, precision_name: str, tracing: Tracing | None = None) -> Sized:
    """Load a model and profile it at the plan's sizes.

    Raises:
        ModelError: the model cannot be read, or a dimension is not bound.
        PlanError: the plan contradicts itself or the model.
    """
    model = load_model(path)
    return profiled(shapes(path, model, plan, tracing), plan, precision_name)


@dataclass(frozen=True, slots=True)
class Shapes:
    """A model whose sizes are known, before a numeric mode is; `notes` as in `Sized`."""

    model: Model
    bound: BoundInputs
    shaped: ShapedGraph
    notes: tuple[str, ...]


def profiled(of: Shapes, plan: Plan, precision_name: str) -> Sized:
    """Profile a model in one numeric mode, at the sizes it has under `plan`.

    Raises:
        PlanError: the plan contradicts itself or the model.
    """
    plan = _with_bound_batch(plan, of.bound)
    work = workload(plan, precision_name, _sequence_length(of.bound, of.model))
    return Sized(
        model=of.model,
        bound=of.bound,
        shaped=of.shaped,
        plan=plan,
        workload=work,
        profile=_profile(of.shaped, of.bound, work, plan),
        notes=of.notes,
    )


def under(of: Sized, plan: Plan) -> Sized:
    """The same network under another plan that says the same of the graph (`Plan.of_the_graph`).

    Raises:
        PlanError: tokens are given, and the model has no sequence to count them by.
    """
    said = _with_bound_batch(plan, of.bound)
    work = workload(said, of.workload.precision, of.workload.sequence_length)
    return replace(of, plan=said, workload=work)


def static_profile(path: Path, plan: Plan) -> Profile:
    """Profile a model alone: no hardware is asked for.

    Raises:
        ModelError: the model cannot be read, or a dimension is not bound.
        PlanError: the plan is not usable.
    """
    plan = validated(plan)
    return sized(path, plan, plan.precision or "fp32").profile


def shapes(path: Path, model: Model, plan: Plan, tracing: Tracing | None = None) -> Shapes:
    """Give a model the sizes of a plan; `path` is opened only to trace it.

    Raises:
        ModelError: a dimension is not bound.
        PlanError: the plan contradicts the model.
    """
    bindings = Bindings(
        batch_size=plan.batch_size or DEFAULT_BATCH_SIZE, dims=plan.dims, shapes=plan.shapes
    )
    bound = bind_inputs(model.graph, bindings)
    given = Given(assumed=plan.assume, price=_price)
    if tracing is None:
        expanded = _expanded(infer_shapes(model, bound, given), model)
        return Shapes(model, bound, expanded, ())
    # Imported only here: it loads all of onnx, and onnxruntime where it is there.
    from auditor.measure.trace import Source, traced

    source = Source(path=path, model=model, bound=bound, inputs_file=tracing.inputs)
    found = traced(source, lambda sizes: infer_shapes(model, bound, replace(given, traced=sizes)))
    return Shapes(model, bound, _expanded(found.shaped, model), (found.note,))


def _price(operations: Sequence[Operation]) -> tuple[int, ...]:
    """Rank branches: by FLOPs, then by bytes moved, then by operators."""
    costs = [(op, cost_of(op, frozenset())) for op in operations]
    works = [c.forward.repeated(op.repeats) for op, c in costs if isinstance(c, Cost)]
    moved = sum(w.read_bytes + w.written_bytes for w in works)
    return sum(w.flops for w in works), moved, len(operations)


def _with_bound_batch(plan: Plan, bound: BoundInputs) -> Plan:
    """Take the batch from --dim or --shape where they gave it.

    Raises:
        PlanError: --batch-size says otherwise.
    """
    by_dim = bound.batch_symbol in plan.dims
    if bound.batch_fixed or not (by_dim or plan.shapes):
        return plan
    if plan.batch_size is not None and plan.batch_size != bound.graph_batch_size:
        raise PlanError(
            f"--batch-size {plan.batch_size}: --{'dim' if by_dim else 'shape'} gives the batch "
            f"{bound.graph_batch_size}; give it once"
        )
    return replace(plan, batch_size=bound.graph_batch_size)


def _expanded(shaped: ShapedGraph, model: Model) -> ShapedGraph:
    """Operators without a formula are costed by their own definition, where they have one."""
    if all(has_formula(op.node.domain, op.op_type) for op in shaped.operations):
        return shaped
    # Imported only here: most graphs need none, and onnx's inliner takes time to load.
    from auditor.shapes.functions import expand_functions

    return expand_functions(shaped, model.opset_imports, has_formula)


def _sequence_length(bound: BoundInputs, model: Model) -> int | None:
    """Tokens per sample: the second axis of the first integer input (batch, sequence)."""
    for tensor in model.graph.inputs:
        shape = bound.shapes[tensor.name]
        if tensor.dtype in ("int64", "int32") and len(shape) == 2:
            return shape[1]
    return None


def _profile(shaped: ShapedGraph, bound: BoundInputs, work: Workload, plan: Plan) -> Profile:
    options = ProfileOptions(
        batch_size=work.batch_size,
        graph_batch_size=bound.graph_batch_size,
        precision=precision(work.precision),
        optimizer=optimizer(work.optimizer),
        batch_norm=BatchNorm(plan.batchnorm or BatchNorm.AUTO),
        freeze=work.freeze,
        trainable=work.trainable,
        attention=Attention(work.attention),
        checkpointing=work.checkpointing,
        sharding=Sharding(work.sharding),
        devices=work.devices,
        keeps_gradients=work.gradient_accumulation > 1,
    )
    return profile(shaped, options)
