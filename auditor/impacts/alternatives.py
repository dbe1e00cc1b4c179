"""The same training otherwise: what the stages after the profile say of it, run again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from auditor.energy import Estimate, estimate
from auditor.errors import HardwareError
from auditor.hardware import Accelerator, catalogue
from auditor.impacts.records import NO_AMOUNT, Figure, NotAssessed, Place, place
from auditor.impacts.training import Training, carbon_gco2e, wall_kwh
from auditor.interval import Interval
from auditor.regions import Region, regions
from auditor.step import Step, fit, training_step
from auditor.step.artefact import Artefact
from auditor.workload import Workload

_BEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """One change, and the whole training with it.

    Ratios are of medians, over the training as planned: errors of two estimates of one network
    have much in common, so they carry no interval; None where carbon is not assessed.
    """

    kind: str
    change: str
    energy_kwh: Interval
    duration_s: Interval
    operational_gco2e: Figure
    energy_ratio: float
    carbon_ratio: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternatives:
    """The alternatives, and the devices that could not be considered, with the reason."""

    rows: tuple[Alternative, ...]
    skipped: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The training as planned, and what the stages take.  `given_pue` holds in every region."""

    training: Training
    accelerator: Accelerator
    step: Step
    artefact: Artefact | None
    where: Place
    given_pue: float | None


def alternatives(base: Base) -> Alternatives | NotAssessed:
    """Run the stages after the profile for fewer trials, half the epochs, elsewhere, other GPUs."""
    if base.training.estimate.energy is None:
        return NO_AMOUNT
    found, skipped = _on_other_devices(base)
    found.sort(key=lambda row: row.energy_kwh.median)
    return Alternatives(
        rows=(*_of_less(base), *_elsewhere(base), *found[:_BEST]), skipped=tuple(skipped)
    )


def _of_less(base: Base) -> Iterator[Alternative]:
    work = base.training.workload
    if work.trials > 1:
        yield _with(base, "trials", "1 trial", replace(work, trials=1))
    yield _with(base, "epochs", "half the epochs", replace(work, epochs=work.epochs / 2))


def _with(base: Base, kind: str, change: str, work: Workload) -> Alternative:
    found = estimate(base.step, work, base.training.estimate.scope, base.where.pue)
    return _alternative(base, (kind, change), found, base.where)


def _alternative(base: Base, named: tuple[str, str], found: Estimate, where: Place) -> Alternative:
    """Put one estimate beside the base.

    Raises:
        ValueError: there is no amount of training, which `alternatives` has refused.
    """
    before = base.training.estimate
    if found.energy is None or found.duration_s is None or before.energy is None:
        raise ValueError("an alternative needs an amount of training")
    kwh, was_kwh = wall_kwh(found.energy), wall_kwh(before.energy)
    grams, was_grams = carbon_gco2e(kwh, where), carbon_gco2e(was_kwh, base.where)
    ratio = None
    if isinstance(grams, Interval) and isinstance(was_grams, Interval) and was_grams.median:
        ratio = grams.median / was_grams.median
    return Alternative(
        kind=named[0],
        change=named[1],
        energy_kwh=kwh,
        duration_s=found.duration_s,
        operational_gco2e=grams,
        energy_ratio=kwh.median / was_kwh.median,
        carbon_ratio=ratio,
    )


def _elsewhere(base: Base) -> Iterator[Alternative]:
    """The cleanest region of the provider, and the cleanest of those in the same country."""
    chosen = base.where.region
    if chosen is None:
        return
    named: set[str] = set()
    for region, why in _cleaner(chosen, [r for r in regions() if _is_comparable(r, base)]):
        if region.id == chosen.id or region.id in named:
            continue
        named.add(region.id)
        where = place(region, None, base.given_pue)
        if base.where.pue is None:
            where = replace(where, pue=None)
        found = estimate(base.step, base.training.workload, base.training.estimate.scope, where.pue)
        yield _alternative(base, ("region", f"{region.id}, {why}"), found, where)


def _is_comparable(region: Region, base: Base) -> bool:
    """Whether it is a cloud region with the boundary of the base: with a PUE, where that has one.

    Those of the government are for its agencies alone.
    """
    has_pue = base.where.pue is None or base.given_pue is not None or region.pue is not None
    return region.kind == "cloud" and has_pue and "-gov-" not in region.id


def _cleaner(chosen: Region, clouds: list[Region]) -> Iterator[tuple[Region, str]]:
    """Regions with the least carbon for a kWh of the machines, and among which they have it."""
    in_country = [r for r in clouds if chosen.country and r.country == chosen.country]
    if chosen.provider is None:
        groups = [(in_country, f"the cleanest cloud region in {chosen.name}")]
    else:
        whose = chosen.provider
        groups = [
            ([r for r in clouds if r.provider == whose], f"the cleanest of {whose}"),
            ([r for r in in_country if r.provider == whose], f"its cleanest in {chosen.country}"),
        ]
    for group, why in groups:
        if group:
            yield min(group, key=_carbon_a_kwh), why


def _carbon_a_kwh(region: Region) -> float:
    return region.carbon_gco2e_per_kwh * (1.0 if region.pue is None else region.pue)


def _on_other_devices(base: Base) -> tuple[list[Alternative], list[tuple[str, str]]]:
    """Every device that was measured for the calibration, at its full power.

    Own runs and a measured forward pass tell of one device alone: both sides of a comparison
    are without them.
    """
    found, skipped = list[Alternative](), list[tuple[str, str]]()
    if base.artefact is None:
        return found, skipped
    artefact = replace(base.artefact, local=None, measured=None)
    base = _without_own_runs(base, artefact)
    work = replace(base.training.workload, power_limit_w=None)
    for device in catalogue():
        if device.id not in artefact.hardware or device.id == base.accelerator.id:
            continue
        if not fit(base.training.profile, device).fits:
            skipped.append((device.id, "the step does not fit its memory"))
            continue
        try:
            step = training_step(base.training.profile, device, work, artefact)
        except HardwareError as error:
            skipped.append((device.id, str(error)))
            continue
        result = estimate(step, work, base.training.estimate.scope, base.where.pue)
        found.append(_alternative(base, ("hardware", f"on {device.id}"), result, base.where))
    return found, skipped


def _without_own_runs(base: Base, artefact: Artefact) -> Base:
    """The base by the calibration alone, run again only where something was on top of it."""
    is_plain = base.artefact is None or not (base.artefact.local or base.artefact.measured)
    if is_plain or base.accelerator.kind != "gpu":
        return base
    training = base.training
    step = training_step(training.profile, base.accelerator, training.workload, artefact)
    result = estimate(step, training.workload, training.estimate.scope, base.where.pue)
    return replace(base, step=step, training=replace(training, estimate=result))
