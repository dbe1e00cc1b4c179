"""From an audit to what is compared and what is scored."""

from __future__ import annotations

from dataclasses import replace

from auditor.compare.records import Amounts, Per
from auditor.impacts import NotAssessed, training_flops
from auditor.interval import Interval
from auditor.pipeline import Audit
from auditor.scores import Figures


def per_of(audits: tuple[Audit, ...]) -> Per:
    """Say what to compare: trainings, unless the plan of one does not say how much it trains."""
    whole = all(found.estimate.energy is not None for found in audits)
    return Per.TRAINING if whole else Per.SAMPLE


def amounts_of(found: Audit, per: Per) -> Amounts:
    """What a model takes of compute, electricity, time and carbon."""
    result, work = found.estimate, found.workload
    if per is Per.TRAINING and result.energy is not None and result.duration_s is not None:
        energy, seconds, carbon = result.energy, result.duration_s, _operational(found)
    else:
        work = replace(work, samples=1.0, tokens=None, epochs=1.0, trials=1)
        energy, carbon = result.energy_per_sample, None
        seconds = result.step_time_s.scaled(1 / work.global_batch_size)
    headline = energy.of(result.scope)
    flops = training_flops(found.profile, work)
    return Amounts(
        training_flops=None if isinstance(flops, NotAssessed) else float(flops),
        energy_kwh=headline if headline is not None else energy.node_kwh,
        duration_s=seconds,
        carbon_gco2e=carbon,
    )


def figures_of(found: Audit, accuracy: float | None) -> Figures:
    """What the metrics take; of whole trainings, whatever the comparison is of."""
    result, profile = found.estimate, found.profile
    energy = result.energy.of(result.scope) if result.energy is not None else None
    seconds, runs = result.duration_s, found.workload.epochs * found.workload.trials
    return Figures(
        accuracy=accuracy,
        scope=result.scope,
        energy_kwh=energy,
        carbon_gco2e=_operational(found),
        duration_s=seconds,
        epoch_time_s=seconds.scaled(1 / runs) if seconds is not None else None,
        memory_bytes=float(profile.memory.total_bytes),
        parameter_count=profile.parameter_count,
        macs=profile.forward.macs / profile.batch_size,
    )


def _operational(found: Audit) -> Interval | None:
    """What the operation emits; None where that is not assessed, whatever the reason."""
    carbon = found.impacts.operational_gco2e
    return carbon if isinstance(carbon, Interval) else None
