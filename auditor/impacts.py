"""Layer 12: what the electricity means outside the machine room."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.energy import Amount
from auditor.interval import Interval
from auditor.regions import Region


@dataclass(frozen=True, slots=True, kw_only=True)
class Impacts:
    """Operational carbon of a training; None is not assessed.

    `scope` is what the carbon covers: the facility where a PUE is known, else the node.
    """

    region: Region | None
    pue: float | None
    scope: str | None
    operational_gco2e: Interval | None


def impacts(energy: Amount | None, region: Region | None, pue: float | None) -> Impacts:
    """Electricity times the region's carbon intensity; without a region, not assessed.

    The intensity is a yearly average, so the interval is that of the electricity alone.
    """
    if energy is None or region is None:
        return Impacts(region=region, pue=pue, scope=None, operational_gco2e=None)
    kwh = energy.facility_kwh or energy.node_kwh
    return Impacts(
        region=region,
        pue=pue,
        scope="facility" if energy.facility_kwh else "node",
        operational_gco2e=kwh.scaled(region.carbon_gco2e_per_kwh),
    )
