"""A network's life: search, failed runs, training, retraining and use, and what comes of growth."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from auditor.impacts.records import Figure, NotAssessed, Place, scaled
from auditor.impacts.training import carbon_gco2e
from auditor.interval import Interval, log_interval
from auditor.step import ForwardPass
from auditor.units import J_PER_KWH
from auditor.workload import Lifecycle

DAYS_PER_YEAR = 365.25
DEFAULT_INFERENCE_BATCH_SIZE = 1
INFERENCE = "inference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One part of a life: `count` trainings or inferences, and what they take."""

    name: str
    count: float | None
    energy_kwh: Figure
    operational_gco2e: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebound:
    """The same life if use grows: `factor` times the inferences of constant use."""

    growth_percent: float
    factor: float
    inference_kwh: Figure
    total_kwh: Figure
    total_gco2e: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeCycle:
    """Electricity in kWh and carbon in g over `life_years`; `scope` as in `Impacts`.

    Totals are of the phases that are assessed, ends added to ends, as if all errors went the
    same way.  `dominant` names the phase that takes most, `dominant_share` its share by
    the medians; None where fewer than two phases are assessed.
    """

    life_years: float
    scope: str
    phases: tuple[Phase, ...]
    total_kwh: Figure
    total_gco2e: Figure
    dominant: str | None
    dominant_share: float | None
    per_inference_kwh: Figure
    served_by: ForwardPass | NotAssessed
    rebound: Rebound | NotAssessed


@dataclass(frozen=True, slots=True)
class Trained:
    """Electricity in kWh of one training, and how many a search runs; None is not said."""

    one_kwh: Figure
    trials: int | None


def inference_kwh(served: ForwardPass, pue: float | None) -> Interval:
    """Electricity in kWh of one sample's forward pass, by the node, or the facility with a PUE.

    As of training, the errors of time and power are taken as independent.
    """
    power_w = (served.device_power_w + served.host_power_w) * (1.0 if pue is None else pue)
    sure = served.confidence
    half_width = math.hypot(sure.time_half_width, sure.power_half_width)
    return log_interval(
        served.total_s * power_w / J_PER_KWH / served.batch_size, half_width, sure.level
    )


def growth_factor(growth_percent: float, years: float) -> float:
    """Use over a life that grows all the time, over that of constant use.

    The mean of (1 + g)^t for t from 0 to Y years: ((1 + g)^Y - 1) / (Y ln(1 + g)).
    """
    rate = math.log1p(growth_percent / 100)
    return math.expm1(rate * years) / (rate * years) if rate else 1.0


def life_cycle(
    said: Lifecycle,
    years: float,
    trained: Trained,
    served: ForwardPass | NotAssessed,
    where: Place,
) -> LifeCycle:
    """Add up what a network takes from its search to the end of its service."""
    each = served if isinstance(served, NotAssessed) else inference_kwh(served, where.pue)
    counts = _counts(said, years, trained.trials)
    phases = tuple(
        _phase(name, count, each if name == INFERENCE else trained.one_kwh, where)
        for name, count in counts.items()
    )
    known = [p for p in phases if isinstance(p.energy_kwh, Interval)]
    total_kwh = added(p.energy_kwh for p in phases)
    name, share = _dominant(known)
    return LifeCycle(
        life_years=years,
        scope="node" if where.pue is None else "facility",
        phases=phases,
        total_kwh=total_kwh,
        total_gco2e=carbon_gco2e(total_kwh, where),
        dominant=name,
        dominant_share=share,
        per_inference_kwh=each,
        served_by=served,
        rebound=_rebound(said, years, phases, where),
    )


def _counts(said: Lifecycle, years: float, trials: int | None) -> dict[str, float | str]:
    """How many trainings or inferences a phase has, or which option would say."""
    retrained, used = said.retrainings_per_year, said.inferences_per_day
    return {
        "search": "--trials" if trials is None else trials - 1,
        "failed runs": "--failed-runs" if said.failed_runs is None else said.failed_runs,
        "training": 1,
        "retraining": "--retrainings-per-year" if retrained is None else retrained * years,
        INFERENCE: "--inferences-per-day" if used is None else used * DAYS_PER_YEAR * years,
    }


def _phase(name: str, count: float | str, each: Figure, where: Place) -> Phase:
    if isinstance(count, str):
        missing = NotAssessed(f"{count} is not given")
        return Phase(name=name, count=None, energy_kwh=missing, operational_gco2e=missing)
    kwh = scaled(each, count)
    return Phase(name=name, count=count, energy_kwh=kwh, operational_gco2e=carbon_gco2e(kwh, where))


def added(figures: Iterable[Figure]) -> Figure:
    """Add up what is assessed, low ends to low ends and high to high."""
    known = [f for f in figures if isinstance(f, Interval)]
    if not known:
        return NotAssessed("no phase is assessed")
    return Interval(
        sum(f.low for f in known),
        sum(f.median for f in known),
        sum(f.high for f in known),
        min(f.level for f in known),
    )


def _dominant(known: list[Phase]) -> tuple[str | None, float | None]:
    sizes = {p.name: p.energy_kwh.median for p in known if isinstance(p.energy_kwh, Interval)}
    whole = sum(sizes.values())
    if len(sizes) < 2 or not whole:
        return None, None
    name = max(sizes, key=lambda n: sizes[n])
    return name, sizes[name] / whole


def _rebound(
    said: Lifecycle, years: float, phases: tuple[Phase, ...], where: Place
) -> Rebound | NotAssessed:
    growth = said.usage_growth_percent
    used = next(p for p in phases if p.name == INFERENCE).energy_kwh
    if growth is None:
        return NotAssessed("--usage-growth-percent is not given")
    if isinstance(used, NotAssessed):
        return used
    factor = growth_factor(growth, years)
    grown = scaled(used, factor)
    total = added([*(p.energy_kwh for p in phases if p.name != INFERENCE), grown])
    return Rebound(
        growth_percent=growth,
        factor=factor,
        inference_kwh=grown,
        total_kwh=total,
        total_gco2e=carbon_gco2e(total, where),
    )
