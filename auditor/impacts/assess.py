"""All that is said of a training beyond its electricity, as far as it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.energy import Estimate
from auditor.hardware import Accelerator
from auditor.impacts.embodied import LIFETIME_YEARS, UTILISATION
from auditor.impacts.records import NO_AMOUNT, Impacts, Life, NotAssessed, Place, Prices, scaled
from auditor.impacts.training import Training, impacts, wall_kwh
from auditor.impacts.words import impact_words
from auditor.profile import Profile
from auditor.step import ForwardPass, Serving, Step, forward_pass
from auditor.step.artefact import Artefact
from auditor.workload import Plan, Workload

if TYPE_CHECKING:
    from auditor.impacts.alternatives import Alternatives
    from auditor.impacts.lifecycle import LifeCycle
    from auditor.impacts.spread import Spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """What the stages before this one found, and where the training runs.

    `serving_on` is the device of inference.  `by_region` is a kind of regions or None.
    """

    profile: Profile
    accelerator: Accelerator
    serving_on: Accelerator
    workload: Workload
    step: Step
    estimate: Estimate
    artefact: Artefact | None
    where: Place
    by_region: str | None
    wants_alternatives: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessed:
    """Impacts, always; the rest where it was asked for, else None; and what was assumed."""

    impacts: Impacts
    by_region: Spread | NotAssessed | None
    alternatives: Alternatives | NotAssessed | None
    life_cycle: LifeCycle | None
    assumptions: tuple[str, ...]


def assessed(found: Estimated, plan: Plan) -> Assessed:
    """Assess what the plan asks for.

    Raises:
        PlanError: there are no regions of that kind, or no such precision of inference.
        HardwareError: the device of inference lacks a figure that its estimate needs.
    """
    training = Training(
        hardware=found.accelerator.id,
        workload=found.workload,
        profile=found.profile,
        estimate=found.estimate,
    )
    prices = Prices(
        per_kwh=plan.price_per_kwh,
        per_device_hour=plan.price_per_device_hour,
        currency=plan.currency,
    )
    life = Life(
        years=plan.lifetime_years or LIFETIME_YEARS,
        utilisation=plan.device_utilisation or UTILISATION,
    )
    side_by_side = impacts(training, found.where, prices, life)
    lived = _life_cycle(found, plan)
    return Assessed(
        impacts=side_by_side,
        by_region=_by_region(found, plan),
        alternatives=_alternatives(found, plan, training),
        life_cycle=lived,
        assumptions=impact_words(side_by_side, lived, found.serving_on.id),
    )


# Each of these imports what few audits need.


def _by_region(found: Estimated, plan: Plan) -> Spread | NotAssessed | None:
    if found.by_region is None:
        return None
    from auditor.impacts.spread import by_region

    return by_region(found.estimate.energy, found.where, found.by_region, plan.pue)


def _alternatives(
    found: Estimated, plan: Plan, training: Training
) -> Alternatives | NotAssessed | None:
    if not found.wants_alternatives:
        return None
    from auditor.impacts.alternatives import Base, alternatives

    return alternatives(
        Base(
            training=training,
            accelerator=found.accelerator,
            step=found.step,
            artefact=found.artefact,
            where=found.where,
            given_pue=plan.pue,
        )
    )


def _life_cycle(found: Estimated, plan: Plan) -> LifeCycle | None:
    if plan.lifecycle.life_years is None:
        return None
    from auditor.impacts.lifecycle import Trained, life_cycle

    energy = found.estimate.energy
    whole = wall_kwh(energy) if energy is not None else NO_AMOUNT
    trained = Trained(scaled(whole, 1 / found.workload.trials), plan.trials)
    years = plan.lifecycle.life_years
    return life_cycle(plan.lifecycle, years, trained, _served(found, plan), found.where)


def _served(found: Estimated, plan: Plan) -> ForwardPass | NotAssessed:
    from auditor.impacts.lifecycle import DEFAULT_INFERENCE_BATCH_SIZE

    if found.artefact is None or found.serving_on.kind != "gpu":
        return NotAssessed("only the calibrated estimate of a GPU knows a forward pass alone")
    said = plan.lifecycle
    serving = Serving(
        batch_size=said.inference_batch_size or DEFAULT_INFERENCE_BATCH_SIZE,
        precision=said.inference_precision or found.workload.precision,
    )
    return forward_pass(found.profile, found.serving_on, serving, found.artefact)
