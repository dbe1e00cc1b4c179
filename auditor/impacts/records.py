"""What a training means outside the machine room, as records."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.interval import Interval
from auditor.regions import Region


@dataclass(frozen=True, slots=True)
class NotAssessed:
    """A figure that there is none of, and why: said in every format, never a zero."""

    reason: str


Figure = Interval | NotAssessed
NO_AMOUNT = NotAssessed("no amount of training given (--samples or --tokens)")


def scaled(figure: Figure, factor: float | NotAssessed) -> Figure:
    """Multiply by an exact factor of zero or more; what is not assessed stays so."""
    if isinstance(figure, NotAssessed):
        return figure
    return factor if isinstance(factor, NotAssessed) else figure.scaled(factor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Carbon intensity of the electricity in gCO2e/kWh; year and name None where it was given."""

    name: str | None
    carbon_gco2e_per_kwh: float
    year: int | None
    method: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a training runs: its grid, PUE and water in l/kWh of the machines; None not known."""

    region: Region | None
    grid: Grid | None
    pue: float | None
    wue_l_per_kwh: float | None


def place(
    region: Region | None,
    carbon_gco2e_per_kwh: float | None = None,
    pue: float | None = None,
    wue_l_per_kwh: float | None = None,
) -> Place:
    """Take what is given over what the tables say of the region."""
    grid = None
    if carbon_gco2e_per_kwh is not None:
        grid = Grid(
            name=None,
            carbon_gco2e_per_kwh=carbon_gco2e_per_kwh,
            year=None,
            method="given",
            source="--carbon-gco2e-per-kwh",
        )
    elif region is not None:
        grid = Grid(
            name=region.name,
            carbon_gco2e_per_kwh=region.carbon_gco2e_per_kwh,
            year=region.year,
            method=region.method,
            source=region.source,
        )
    return Place(
        region=region,
        grid=grid,
        pue=pue if pue is not None or region is None else region.pue,
        wue_l_per_kwh=(
            wue_l_per_kwh if wue_l_per_kwh is not None or region is None else region.wue_l_per_kwh
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """Prices in `currency`, which is a label: nothing is converted.  None is not given."""

    per_kwh: float | None = None
    per_device_hour: float | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """How long a device serves, in years, and the share of that time in which it works."""

    years: float
    utilisation: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """One published figure of manufacture, in kgCO2e of one device.

    It is that of the unit in `boundary`, shared out to its `devices_per_unit`.
    """

    part: str
    embodied_kgco2e: float
    devices_per_unit: int
    boundary: str
    year: int
    source: str
    notes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Embodied:
    """A training's share of making its devices, and of making the servers around them, in g.

    `share` is that of one device's working life; `figures` are all that were taken.
    """

    device_gco2e: Figure
    server_gco2e: Figure
    share: float | NotAssessed
    life: Life
    figures: tuple[Published, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Impacts:
    """One training, side by side: compute, time, electricity, carbon, water, cost.

    `scope` is what `energy_kwh`, carbon and cost cover: the facility where a PUE is known, else
    the node; None without an amount of training.  `flops` are of all devices and trials.  Water
    at the site goes by the node's electricity, as WUE is defined (The Green Grid, white paper
    35, 2011).  Costs are in the currency of `prices`, and not to be added: a price of
    an hour mostly holds the electricity.
    """

    place: Place
    prices: Prices
    scope: str | None
    flops: float | NotAssessed
    duration_s: Figure
    energy_kwh: Figure
    operational_gco2e: Figure
    embodied: Embodied
    water_site_l: Figure
    water_grid_l: Figure
    energy_cost: Figure
    device_cost: Figure
    e_waste: NotAssessed
    minerals: NotAssessed
