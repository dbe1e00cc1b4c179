"""A figure of a card: its value, what it covers, and whether it was estimated or measured."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from auditor.interval import Interval


class Basis(StrEnum):
    """Where a figure comes from: the network before its training, or a meter during it."""

    ESTIMATED = "estimated"
    MEASURED = "measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure in `unit`, an interval or a point; `value` None says why in `not_assessed`.

    `scope` is what electricity it covers (gpu, node, facility, or what a meter saw), None where
    that does not apply.
    """

    name: str
    unit: str
    basis: Basis
    value: Interval | float | None
    scope: str | None
    method: str
    source: str
    not_assessed: str | None

    @property
    def median(self) -> float | None:
        """The median of an interval, or the point itself."""
        return self.value.median if isinstance(self.value, Interval) else self.value

    @property
    def interval(self) -> Interval | None:
        """The interval; None of a point, and of what is not assessed."""
        return self.value if isinstance(self.value, Interval) else None
