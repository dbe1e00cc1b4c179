"""What people read of impacts: rows side by side, and tables of what was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor import units
from auditor.impacts import Figure, Impacts, NotAssessed
from auditor.interval import Interval
from auditor.pipeline import Audit

if TYPE_CHECKING:
    from auditor.impacts.spread import Spread, There

Row = tuple[str, str]
NOT_ASSESSED = "not assessed"
_MOST_REGIONS = 3


@dataclass(frozen=True, slots=True)
class Table:
    """A title, a header and rows of cells, the first cell of each its name."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def absent(figure: NotAssessed) -> str:
    """The words for a figure that there is none of."""
    return f"{NOT_ASSESSED}: {figure.reason}"


def _mass(figure: Figure) -> str:
    return NOT_ASSESSED if isinstance(figure, NotAssessed) else units.mass(figure.median)


def _energy(figure: Figure) -> str:
    return NOT_ASSESSED if isinstance(figure, NotAssessed) else units.energy(figure.median)


def _range(figure: Interval, unit: str) -> str:
    low, median, high = map(units.significant, (figure.low, figure.median, figure.high))
    return f"{median} {unit} ({low} to {high})".replace("  ", " ")


def compute_row(found: Impacts) -> Row:
    """FLOPs of the whole training."""
    if isinstance(found.flops, NotAssessed):
        return "compute", absent(found.flops)
    return "compute", f"{units.si(found.flops, 'FLOP')} in the whole training"


def beyond_carbon_rows(found: Impacts) -> list[Row]:
    """Embodied carbon, water, cost where there is a price, and what nobody can tell."""
    rows = [("embodied", _embodied(found)), ("water", _water(found))]
    costs = [
        f"{_range(cost, found.prices.currency or '')} {what}".replace("  ", " ")
        for cost, what in (
            (found.energy_cost, f"for electricity ({found.scope})"),
            (found.device_cost, "for the devices' hours"),
        )
        if isinstance(cost, Interval)
    ]
    if costs:
        rows.append(("cost", "; ".join(costs)))
    rows.append((NOT_ASSESSED, "e-waste, minerals, water of the grid"))
    return rows


def _embodied(found: Impacts) -> str:
    device, server = found.embodied.device_gco2e, found.embodied.server_gco2e
    if isinstance(device, NotAssessed):
        return absent(device)
    low, high = units.mass(device.low, device.median), units.mass(device.high, device.median)
    return (
        f"{units.mass(device.median)} ({low} to {high}) CO2e of the devices, {_mass(server)}"
        " of their servers"
    )


def _water(found: Impacts) -> str:
    if isinstance(found.water_site_l, NotAssessed):
        return absent(found.water_site_l)
    wue = found.place.wue_l_per_kwh
    return f"{_range(found.water_site_l, 'l')} at the site, WUE {wue:g} l/kWh"


def asked_tables(audit: Audit) -> list[Table]:
    """Tables of the regions, the alternatives and the life cycle, those that were asked for."""
    beyond = audit.beyond
    found = []
    if beyond.by_region is not None:
        found.append(_regions(audit))
    if beyond.alternatives is not None:
        found.append(_alternatives(audit))
    if beyond.life_cycle is not None:
        found.append(_life_cycle(audit))
    return found


def _regions(audit: Audit) -> Table:
    spread = audit.beyond.by_region
    header = ("region", "gCO2e/kWh", "carbon", "rank")
    if spread is None or isinstance(spread, NotAssessed):
        return Table("by region", header, ((absent(spread or NotAssessed("")), "-", "-", "-"),))
    ends = (*spread.rows[:_MOST_REGIONS], *spread.rows[-_MOST_REGIONS:])
    shown = {
        row.region.id: row for row in spread.rows if row in ends or row.region.id == spread.chosen
    }
    lines = [(row.operational_gco2e.median, _region(row, spread)) for row in shown.values()]
    lines.append((spread.median_gco2e, ("(median)", "", units.mass(spread.median_gco2e), "")))
    rows = tuple(cells for _, cells in sorted(lines, key=lambda line: line[0]))
    return Table(f"by region ({spread.kind}, {spread.scope})", header, rows)


def _region(row: There, spread: Spread) -> tuple[str, ...]:
    rank = spread.rank(row)
    return (
        f"{row.region.name} ({row.region.id})",
        f"{row.region.carbon_gco2e_per_kwh:g}",
        _mass(row.operational_gco2e),
        f"{rank} of {len(spread.rows)}",
    )


def _alternatives(audit: Audit) -> Table:
    found = audit.beyond.alternatives
    header = ("instead", "energy", "time", "carbon", "energy ratio", "carbon ratio")
    if found is None or isinstance(found, NotAssessed):
        reason = absent(found or NotAssessed(""))
        return Table("alternatives", header, ((reason, *["-"] * 5),))
    rows = tuple(
        (
            row.change,
            units.energy(row.energy_kwh.median),
            units.duration(row.duration_s.median),
            _mass(row.operational_gco2e),
            f"{row.energy_ratio:.2f}",
            "-" if row.carbon_ratio is None else f"{row.carbon_ratio:.2f}",
        )
        for row in found.rows
    )
    return Table("alternatives", header, rows)


def _life_cycle(audit: Audit) -> Table:
    found = audit.beyond.life_cycle
    header = ("phase", "count", "energy", "range", "carbon")
    if found is None:
        return Table("life cycle", header, ())
    rows = [
        (p.name, "-" if p.count is None else _count(p.count),
         *_amounts(p.energy_kwh, p.operational_gco2e))
        for p in found.phases
    ]  # fmt: skip
    rows.append(("total", "", *_amounts(found.total_kwh, found.total_gco2e)))
    rebound = found.rebound
    if isinstance(rebound, NotAssessed):
        rows.append(("rebound", "-", NOT_ASSESSED, rebound.reason, "-"))
    else:
        growth = f"total, use {rebound.growth_percent:+g} % a year"
        rows.append((growth, "", *_amounts(rebound.total_kwh, rebound.total_gco2e)))
    years = f"{found.life_years:g} year" + "s" * (found.life_years != 1)
    title = f"life cycle ({years}, {found.scope}"
    if found.dominant is not None and found.dominant_share is not None:
        title += f"; {found.dominant} takes {found.dominant_share:.1%}"
    return Table(title + ")", header, tuple(rows))


def _count(count: float) -> str:
    return f"{count:,.0f}" if count == int(count) else units.significant(count)


def _amounts(kwh: Figure, grams: Figure) -> tuple[str, str, str]:
    if isinstance(kwh, NotAssessed):
        return NOT_ASSESSED, kwh.reason, "-"
    low, high = units.energy(kwh.low, kwh.median), units.energy(kwh.high, kwh.median)
    return _energy(kwh), f"{low} to {high}", _mass(grams)
