"""The Pareto front of accuracy against energy, with what the intervals leave open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.compare.records import Dominance, Place
from auditor.interval import Interval


@dataclass(frozen=True, slots=True)
class Point:
    """A model between accuracy (a fraction, taken as exact) and energy."""

    name: str
    accuracy: float
    energy_kwh: Interval


def places(points: Sequence[Point]) -> tuple[Place, ...]:
    """Return where each point stands, in their order.

    One point dominates another by two energies if it is at least as accurate, takes no more,
    and is better in one of the two.  On the front is what none dominates by the medians.  It
    is dominated surely if one other dominates it by every two values within the two intervals,
    and possibly if by some.  The errors count as independent: models on one device err together
    in part, so `possibly` is said too often rather than too rarely.
    """
    return tuple(_place(point, points) for point in points)


def _place(point: Point, points: Sequence[Point]) -> Place:
    others = [other for other in points if other is not point]
    mine = point.energy_kwh
    surely = [o.name for o in others if _dominates(o, point, o.energy_kwh.high, mine.low)]
    possibly = [o.name for o in others if _dominates(o, point, o.energy_kwh.low, mine.high)]
    by_medians = any(_dominates(o, point, o.energy_kwh.median, mine.median) for o in others)
    dominated = Dominance.NO
    if possibly:
        dominated = Dominance.SURELY if surely else Dominance.POSSIBLY
    return Place(
        on_front=not by_medians,
        dominated=dominated,
        surely_by=tuple(surely),
        possibly_by=tuple(name for name in possibly if name not in surely),
    )


def _dominates(other: Point, point: Point, other_kwh: float, kwh: float) -> bool:
    if other.accuracy < point.accuracy or other_kwh > kwh:
        return False
    return other.accuracy > point.accuracy or other_kwh < kwh
