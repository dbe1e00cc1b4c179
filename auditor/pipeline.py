"""Layer 15: calls the stages in order.  The one module that knows them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from auditor import __version__
from auditor.costs import Cost, Work, cost_of, has_formula
from auditor.energy import Estimate, estimate
from auditor.errors import OperatorError, PlanError
from auditor.graph import Model, load_model
from auditor.hardware import Resolution
from auditor.impacts import Assessed, Estimated, Impacts, assessed
from auditor.notes import Facts, assumptions, warnings
from auditor.optimizers import optimizer
from auditor.precision import precision
from auditor.profile import Profile, ProfileOptions, profile
from auditor.scores import Sam, sam
from auditor.setting import Setting, resolved
from auditor.shapes import (
    Bindings,
    BoundInputs,
    DataSize,
    Given,
    Operation,
    ShapedGraph,
    bind_inputs,
    infer_shapes,
)
from auditor.sharding import Sharding
from auditor.step import Fit, Step, fit, training_step
from auditor.step.artefact import Artefact, read_artefact, shipped_artefact
from auditor.step.kernels import kernels_of
from auditor.training import Attention, BatchNorm
from auditor.workload import DEFAULT_BATCH_SIZE, Plan, Workload, validated, workload

if TYPE_CHECKING:
    from auditor.calibration.brief import Brief


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to audit: a model file, a plan, and where to find more hardware.

    `trace` runs the model once for the sizes that only the data decides, on the inputs in
    `trace_inputs` where that is given.  `calibration` is a file of the user's own; "none" is
    the roofline alone, and None the calibration that the package ships.  `by_region` is a kind
    of regions (`auditor.regions.KINDS`) to move the training to, None for none.  `measure` runs
    the forward pass on the device at hand, CUDA's `measure_device`, and corrects by it.
    """

    path: Path
    plan: Plan
    hardware_file: Path | None = None
    strict: bool = False
    trace: bool = False
    trace_inputs: Path | None = None
    calibration: Path | None = None
    by_region: str | None = None
    alternatives: bool = False
    measure: bool = False
    measure_device: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Everything that one audit found out, from the graph to the scores."""

    tool_version: str
    model: Model
    bound: BoundInputs
    data_sizes: tuple[DataSize, ...]
    profile: Profile
    fit: Fit
    hardware: Resolution
    workload: Workload
    step: Step
    estimate: Estimate
    beyond: Assessed
    sam: Sam | None
    brief: Brief | None
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def impacts(self) -> Impacts:
        """Compute, time, electricity, carbon, water and cost side by side."""
        return self.beyond.impacts


def audit(request: Request) -> Audit:
    """Audit one model: static profile, training estimate, impacts, scores.

    Raises:
        AuditError: the model, the plan, the hardware or the region is not usable; the
            message names the culprit and the remedy.
    """
    plan = validated(request.plan)
    setting = resolved(plan, request.hardware_file)
    model = load_model(request.path)
    bound, shaped, trace_notes = _shapes(model, plan, request)
    plan = _with_bound_batch(plan, bound)
    work = workload(plan, setting.precision_name, _sequence_length(bound, model))
    found = _profile(shaped, bound, work, plan)
    if request.strict and found.unknown:
        raise OperatorError(_unknown_message(request.path, found), unknown=found.unknown)
    if found.training_forward + found.backward == Work():
        raise OperatorError(
            f"{request.path}: nothing with a known cost runs in a step, so there is no training "
            "to estimate; export the network with its inputs"
        )
    artefact, brief = _calibrated(request, plan, setting, found)
    step = training_step(found, setting.hardware.accelerator, work, artefact)
    result = estimate(step, work, setting.scope, setting.where.pue)
    facts = Facts(
        model=model,
        bound=bound,
        problems=shaped.problems,
        data_sizes=shaped.data_sizes,
        profile=found,
        hardware=setting.hardware,
        plan=plan,
        workload=work,
        step=step,
        estimate=result,
    )
    room = fit(found, setting.hardware.accelerator)
    beyond = assessed(_estimated(facts, setting, request, artefact), plan)
    return Audit(
        tool_version=__version__,
        model=model,
        bound=bound,
        data_sizes=shaped.data_sizes,
        profile=found,
        fit=room,
        hardware=setting.hardware,
        workload=work,
        step=step,
        estimate=result,
        beyond=beyond,
        sam=_sam(plan, result),
        brief=brief,
        assumptions=(*assumptions(facts), *trace_notes, *_about(brief), *beyond.assumptions),
        warnings=(*warnings(facts, room.fits), *(brief.run.warnings if brief else ())),
    )


def _estimated(
    facts: Facts, setting: Setting, request: Request, artefact: Artefact | None
) -> Estimated:
    return Estimated(
        profile=facts.profile,
        accelerator=facts.hardware.accelerator,
        serving_on=setting.serving_on,
        workload=facts.workload,
        step=facts.step,
        estimate=facts.estimate,
        artefact=artefact,
        where=setting.where,
        by_region=request.by_region,
        wants_alternatives=request.alternatives,
    )


def _artefact(calibration: Path | None) -> Artefact | None:
    if calibration is None:
        return shipped_artefact()
    return None if str(calibration) == "none" else read_artefact(calibration)


def _calibrated(
    request: Request, plan: Plan, setting: Setting, found: Profile
) -> tuple[Artefact | None, Brief | None]:
    """Return the calibration, with what a forward pass on the device showed if one is asked for.

    Raises:
        AuditError: as `auditor.calibration.brief.measured` does.
    """
    if not request.measure:
        return _artefact(request.calibration), None
    # Imported only here: they load onnxruntime.
    from auditor.calibration.brief import measured
    from auditor.measure.brief import BriefRequest

    accelerator = setting.hardware.accelerator
    asked = BriefRequest(
        path=request.path,
        batch_size=None if plan.shapes else found.graph_batch_size,
        dims=plan.dims,
        shapes=plan.shapes,
        device=request.measure_device,
        hardware=accelerator.id,
        extra=(accelerator,),
    )
    return measured(_artefact(request.calibration), asked, kernels_of(found), accelerator)


def _about(brief: Brief | None) -> tuple[str, ...]:
    """What is to be said of a measured forward pass."""
    if brief is None:
        return ()
    return (
        f"the step is corrected by a forward pass measured in onnxruntime on the device "
        f"({brief.run.step_time_s.value / brief.modelled_s:.2f} of the modelled time); how a step "
        "follows its forward pass, and so the interval, is known from PyTorch's runs",
        *brief.run.notes,
    )


def static_profile(path: Path, plan: Plan) -> Profile:
    """Profile a model alone: no hardware is asked for.

    Raises:
        ModelError: the model cannot be read, or a dimension is not bound.
        PlanError: the plan is not usable.
    """
    plan = validated(plan)
    model = load_model(path)
    bound, shaped, _ = _shapes(model, plan, Request(path=path, plan=plan))
    work = workload(plan, plan.precision or "fp32", _sequence_length(bound, model))
    return _profile(shaped, bound, work, plan)


def _shapes(
    model: Model, plan: Plan, request: Request
) -> tuple[BoundInputs, ShapedGraph, tuple[str, ...]]:
    """Return the inputs and the graph at their sizes, and what is to be said of a trace."""
    bindings = Bindings(
        batch_size=plan.batch_size or DEFAULT_BATCH_SIZE, dims=plan.dims, shapes=plan.shapes
    )
    bound = bind_inputs(model.graph, bindings)
    given = Given(assumed=plan.assume, price=_price)
    if not request.trace:
        return bound, _expanded(infer_shapes(model, bound, given), model), ()
    # Imported only here: it loads all of onnx, and onnxruntime where it is there.
    from auditor.measure.trace import Source, traced

    source = Source(path=request.path, model=model, bound=bound, inputs_file=request.trace_inputs)
    found = traced(source, lambda sizes: infer_shapes(model, bound, replace(given, traced=sizes)))
    return bound, _expanded(found.shaped, model), (found.note,)


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


def _sam(plan: Plan, result: Estimate) -> Sam | None:
    if plan.accuracy is None or result.energy is None:
        return None
    energy_kwh = result.energy.of(result.scope)
    return sam(plan.accuracy, energy_kwh, result.scope) if energy_kwh is not None else None


def _unknown_message(path: Path, found: Profile) -> str:
    listed = ", ".join(f"{u.op_type} ({u.count})" for u in found.unknown)
    return f"{path}: operators without a cost: {listed}; drop --strict to estimate without them"
