"""Layer 15: calls the stages in order.  The one module that knows them all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from auditor import __version__
from auditor.costs import Work
from auditor.energy import Estimate, estimate
from auditor.errors import OperatorError
from auditor.graph import Model
from auditor.hardware import Resolution
from auditor.impacts import Assessed, Estimated, Impacts, assessed
from auditor.notes import Facts, assumptions, warnings
from auditor.profile import Profile
from auditor.scores import Sam, sam
from auditor.setting import Setting, resolved
from auditor.shapes import BoundInputs, DataSize
from auditor.sized import Sized, Tracing, sized
from auditor.step import Fit, Step, fit, training_step
from auditor.step.artefact import Artefact, read_artefact, shipped_artefact
from auditor.step.kernels import kernels_of
from auditor.workload import Plan, Workload, validated

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


def audit(request: Request, of: Sized | None = None) -> Audit:
    """Audit one model: static profile, training estimate, impacts, scores.

    `of` is the model at the sizes of this very plan, where a caller has it already.

    Raises:
        AuditError: the model, the plan, the hardware or the region is not usable; the
            message names the culprit and the remedy.
    """
    plan = validated(request.plan)
    setting = resolved(plan, request.hardware_file)
    tracing = Tracing(request.trace_inputs) if request.trace else None
    of = of or sized(request.path, plan, setting.precision_name, tracing)
    _require_costs(request, of.profile)
    artefact, brief = _calibrated(request, of, setting)
    step = training_step(of.profile, setting.hardware.accelerator, of.workload, artefact)
    result = estimate(step, of.workload, setting.scope, setting.where.pue)
    facts = _facts(of, setting, step, result)
    room = fit(of.profile, setting.hardware.accelerator)
    beyond = assessed(_estimated(facts, setting, request, artefact), of.plan)
    return Audit(
        tool_version=__version__,
        model=of.model,
        bound=of.bound,
        data_sizes=of.shaped.data_sizes,
        profile=of.profile,
        fit=room,
        hardware=setting.hardware,
        workload=of.workload,
        step=step,
        estimate=result,
        beyond=beyond,
        sam=_sam(of.plan, result),
        brief=brief,
        assumptions=(*assumptions(facts), *of.notes, *_about(brief), *beyond.assumptions),
        warnings=(*warnings(facts, room.fits), *(brief.run.warnings if brief else ())),
    )


def _require_costs(request: Request, found: Profile) -> None:
    """Refuse a step that costs nothing, and with --strict one whose cost is not all known.

    Raises:
        OperatorError: one of these.
    """
    if request.strict and found.unknown:
        raise OperatorError(_unknown_message(request.path, found), unknown=found.unknown)
    if found.training_forward + found.backward == Work():
        raise OperatorError(
            f"{request.path}: nothing with a known cost runs in a step, so there is no training "
            "to estimate; export the network with its inputs"
        )


def _facts(of: Sized, setting: Setting, step: Step, result: Estimate) -> Facts:
    return Facts(
        model=of.model,
        bound=of.bound,
        problems=of.shaped.problems,
        data_sizes=of.shaped.data_sizes,
        profile=of.profile,
        hardware=setting.hardware,
        plan=of.plan,
        workload=of.workload,
        step=step,
        estimate=result,
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
    request: Request, of: Sized, setting: Setting
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
        batch_size=None if of.plan.shapes else of.bound.graph_batch_size,
        dims=of.plan.dims,
        shapes=of.plan.shapes,
        device=request.measure_device,
        hardware=accelerator.id,
        extra=(accelerator,),
    )
    return measured(_artefact(request.calibration), asked, kernels_of(of.profile), accelerator)


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


def _sam(plan: Plan, result: Estimate) -> Sam | None:
    if plan.accuracy is None or result.energy is None:
        return None
    energy_kwh = result.energy.of(result.scope)
    return sam(plan.accuracy, energy_kwh, result.scope) if energy_kwh is not None else None


def _unknown_message(path: Path, found: Profile) -> str:
    listed = ", ".join(f"{u.op_type} ({u.count})" for u in found.unknown)
    return f"{path}: operators without a cost: {listed}; drop --strict to estimate without them"
