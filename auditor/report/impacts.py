"""Impacts, regions, alternatives and the life cycle as JSON.  `null` is not assessed, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from auditor.impacts import Assessed, Figure, Impacts, NotAssessed
from auditor.interval import Interval
from auditor.step import ForwardPass

if TYPE_CHECKING:
    from auditor.impacts.alternatives import Alternatives
    from auditor.impacts.lifecycle import LifeCycle, Phase, Rebound
    from auditor.impacts.spread import Spread

NO_WATER = NotAssessed("water at the site and of the grid are not both assessed")


def figure_dict(figure: Figure) -> dict[str, float] | None:
    """Low, median, high and level; None is not assessed."""
    return asdict(figure) if isinstance(figure, Interval) else None


def _number(value: float | NotAssessed) -> float | None:
    return None if isinstance(value, NotAssessed) else value


def figures_of(found: Impacts) -> Mapping[str, Figure]:
    """Every impact with an interval, by its name in JSON."""
    return {
        "duration_s": found.duration_s,
        "energy_kwh": found.energy_kwh,
        "operational_gco2e": found.operational_gco2e,
        "embodied_gco2e": found.embodied.device_gco2e,
        "embodied_server_gco2e": found.embodied.server_gco2e,
        "water_l": NO_WATER,
        "water_site_l": found.water_site_l,
        "water_grid_l": found.water_grid_l,
        "energy_cost": found.energy_cost,
        "device_cost": found.device_cost,
        "e_waste": found.e_waste,
        "minerals": found.minerals,
    }


def impacts_dict(found: Impacts) -> dict[str, Any]:
    """Side by side, with what each was made of; what is not assessed is null and listed."""
    where, figures = found.place, figures_of(found)
    absent = {"flops": found.flops, **figures}
    return {
        "region": where.region.id if where.region is not None else None,
        "grid": asdict(where.grid) if where.grid is not None else None,
        "pue": where.pue,
        "wue_l_per_kwh": where.wue_l_per_kwh,
        "scope": found.scope,
        "flops": _number(found.flops),
        **{name: figure_dict(figure) for name, figure in figures.items()},
        "embodied": {
            "lifetime_years": found.embodied.life.years,
            "device_utilisation": found.embodied.life.utilisation,
            "share_of_a_device": _number(found.embodied.share),
            "figures": [asdict(figure) for figure in found.embodied.figures],
        },
        "price_per_kwh": found.prices.per_kwh,
        "price_per_device_hour": found.prices.per_device_hour,
        "currency": found.prices.currency,
        "not_assessed": [
            {"figure": name, "reason": figure.reason}
            for name, figure in absent.items()
            if isinstance(figure, NotAssessed)
        ],
    }


def asked_dict(beyond: Assessed) -> dict[str, Any]:
    """What was asked for besides; null is not asked for."""
    lived = beyond.life_cycle
    return {
        "by_region": _or_reason(beyond.by_region, _spread),
        "alternatives": _or_reason(beyond.alternatives, _alternatives),
        "life_cycle": None if lived is None else _life_cycle(lived),
    }


def _or_reason(found: Any, shown: Any) -> Any:
    """None where it was not asked for; the reason alone where it is not assessed."""
    if found is None:
        return None
    return {"not_assessed": found.reason} if isinstance(found, NotAssessed) else shown(found)


def _spread(found: Spread) -> dict[str, Any]:
    return {
        "kind": found.kind,
        "scope": found.scope,
        "lowest": found.lowest.region.id,
        "highest": found.highest.region.id,
        "lowest_gco2e": found.lowest.operational_gco2e.median,
        "median_gco2e": found.median_gco2e,
        "highest_gco2e": found.highest.operational_gco2e.median,
        "chosen": found.chosen,
        "chosen_rank": found.chosen_rank,
        "regions": [
            {
                "id": row.region.id,
                "name": row.region.name,
                "carbon_gco2e_per_kwh": row.region.carbon_gco2e_per_kwh,
                "year": row.region.year,
                "pue": row.pue,
                "operational_gco2e": figure_dict(row.operational_gco2e),
            }
            for row in found.rows
        ],
    }


def _alternatives(found: Alternatives) -> dict[str, Any]:
    return {
        "rows": [
            {
                "kind": row.kind,
                "change": row.change,
                "energy_kwh": figure_dict(row.energy_kwh),
                "duration_s": figure_dict(row.duration_s),
                "operational_gco2e": figure_dict(row.operational_gco2e),
                "energy_ratio": row.energy_ratio,
                "carbon_ratio": row.carbon_ratio,
            }
            for row in found.rows
        ],
        "skipped": [{"hardware": name, "reason": reason} for name, reason in found.skipped],
    }


def _life_cycle(found: LifeCycle) -> dict[str, Any]:
    served, rebound = found.served_by, found.rebound
    return {
        "life_years": found.life_years,
        "scope": found.scope,
        "phases": [_phase(phase) for phase in found.phases],
        "total_kwh": figure_dict(found.total_kwh),
        "total_gco2e": figure_dict(found.total_gco2e),
        "dominant": found.dominant,
        "dominant_share": found.dominant_share,
        "energy_per_inference_kwh": figure_dict(found.per_inference_kwh),
        "inference": None if isinstance(served, NotAssessed) else _served(served),
        "rebound": None if isinstance(rebound, NotAssessed) else _rebound(rebound),
        "not_assessed": [
            {"figure": name, "reason": figure.reason}
            for name, figure in (
                *((phase.name, phase.energy_kwh) for phase in found.phases),
                ("total_gco2e", found.total_gco2e),
                ("inference device", served),
                ("rebound", rebound),
            )
            if isinstance(figure, NotAssessed)
        ],
    }


def _phase(phase: Phase) -> dict[str, Any]:
    return {
        "name": phase.name,
        "count": phase.count,
        "energy_kwh": figure_dict(phase.energy_kwh),
        "operational_gco2e": figure_dict(phase.operational_gco2e),
    }


def _served(served: ForwardPass) -> dict[str, Any]:
    return {
        "hardware": served.hardware,
        "precision": served.precision,
        "batch_size": served.batch_size,
        "pass_time_s": served.total_s,
        "device_power_w": served.device_power_w,
        "host_power_w": served.host_power_w,
        "method": served.confidence.method,
        "in_domain": served.confidence.in_domain,
        "reasons": list(served.confidence.reasons),
    }


def _rebound(rebound: Rebound) -> dict[str, Any]:
    return {
        "usage_growth_percent": rebound.growth_percent,
        "factor": rebound.factor,
        "inference_kwh": figure_dict(rebound.inference_kwh),
        "total_kwh": figure_dict(rebound.total_kwh),
        "total_gco2e": figure_dict(rebound.total_gco2e),
    }
