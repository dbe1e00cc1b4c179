"""The same training in every region: how much the place alone decides."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.energy import Amount
from auditor.impacts.records import NO_AMOUNT, NotAssessed, Place
from auditor.interval import Interval
from auditor.regions import Region, of_kind


@dataclass(frozen=True, slots=True, kw_only=True)
class There:
    """The training's carbon in g in one region; `pue` is None where it is not counted."""

    region: Region
    pue: float | None
    operational_gco2e: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Every region of one kind, the least carbon first.

    `scope` is one for all: the facility where all have a PUE, published or given, else the
    node.  `median_gco2e` is that of the middle region, or between the two of them.
    `chosen` is the id of the training's own region, where it is of this kind.
    """

    kind: str
    scope: str
    rows: tuple[There, ...]
    median_gco2e: float
    chosen: str | None

    @property
    def lowest(self) -> There:
        """The region with the least carbon."""
        return self.rows[0]

    @property
    def highest(self) -> There:
        """The region with the most carbon."""
        return self.rows[-1]

    def rank(self, row: There) -> int:
        """One more than there are regions with less carbon, so that equals share a rank."""
        own = row.operational_gco2e.median
        return 1 + sum(r.operational_gco2e.median < own for r in self.rows)

    @property
    def chosen_rank(self) -> int | None:
        """Rank of the region that was chosen; None where it is none of this kind."""
        return next((self.rank(r) for r in self.rows if r.region.id == self.chosen), None)


def by_region(
    energy: Amount | None, where: Place, kind: str, given_pue: float | None
) -> Spread | NotAssessed:
    """Move a training to every region of a kind (`auditor.regions.KINDS`).

    `given_pue` holds everywhere; without one each region has its own, where all have one.

    Raises:
        PlanError: there is no such kind.
    """
    found = of_kind(kind)
    if energy is None:
        return NO_AMOUNT
    pues = {r.id: given_pue if given_pue is not None else r.pue for r in found}
    is_facility = None not in pues.values()
    rows = tuple(sorted((_there(energy, r, pues[r.id] if is_facility else None) for r in found),
                        key=lambda row: row.operational_gco2e.median))  # fmt: skip
    chosen = where.region if where.region in found else None
    return Spread(
        kind=kind,
        scope="facility" if is_facility else "node",
        rows=rows,
        median_gco2e=_middle([row.operational_gco2e.median for row in rows]),
        chosen=chosen.id if chosen else None,
    )


def _there(energy: Amount, region: Region, pue: float | None) -> There:
    grams = energy.node_kwh.scaled(region.carbon_gco2e_per_kwh * (1.0 if pue is None else pue))
    return There(region=region, pue=pue, operational_gco2e=grams)


def _middle(ordered: list[float]) -> float:
    half = len(ordered) // 2
    return (ordered[half] + ordered[-half - 1]) / 2
