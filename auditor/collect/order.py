"""Which run next: the one most unlike all that are measured or chosen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.collect.configuration import Configuration

# A new family counts as a thousandfold of work apart, a new precision or kind a tenth of that
# square: the shipped fit is least sure of families it has not seen (calibration/README.md).
_FAMILY = 3.0
_PRECISION = 0.9
_KIND = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a run stands among others; logarithms to the base of 10.

    `log_work` is of multiply-accumulates a step, `log_intensity` of multiply-accumulates a byte
    moved; both None where the network was not profiled.  `log_size` is of batch times size.
    """

    kind: str
    family: str
    precision: str
    log_size: float
    log_work: float | None
    log_intensity: float | None


def place_of(run: Configuration, facts: Mapping[str, Any] | None) -> Place:
    """Place a run by its network's `facts`, which are of one sample; None: not profiled."""
    log_work = log_intensity = None
    if facts is not None:
        macs = facts["macs"] * run.batch_size
        moved = facts["batch_bytes"] * run.batch_size + facts["weight_bytes"]
        log_work, log_intensity = math.log10(max(macs, 1.0)), math.log10(max(macs, 1.0) / moved)
    return Place(
        kind=run.kind,
        family=run.family,
        precision=run.precision,
        log_size=math.log10(run.batch_size * run.size),
        log_work=log_work,
        log_intensity=log_intensity,
    )


def distance(one: Place, other: Place) -> float:
    """How unlike two runs are: Euclidean, 1 for a factor of 10 in work or intensity.

    Where a network was not profiled, batch times size stands for both.
    """
    squares = (_FAMILY * (one.family != other.family)) ** 2
    squares += (_PRECISION * (one.precision != other.precision)) ** 2
    squares += (_KIND * (one.kind != other.kind)) ** 2
    apart = _apart(one.log_work, other.log_work)
    if apart is None:
        return math.sqrt(squares + (one.log_size - other.log_size) ** 2)
    intensity = _apart(one.log_intensity, other.log_intensity) or 0.0
    return math.sqrt(squares + apart**2 + intensity**2)


def _apart(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one - other


def ordered(places: Sequence[Place], done: Iterable[Place] = ()) -> tuple[int, ...]:
    """Indices of `places` in the order to measure: greedily the farthest from all before it.

    The first of equals is the first in `places`.  Where the first of an order are `done`, the
    rest comes in the same order again, so that a restart goes on as if never interrupted.
    (Greedy farthest-point traversal: Gonzalez, Theoretical Computer Science 38, 1985.)
    """
    nearest = [math.inf] * len(places)
    for before in done:
        nearest = [min(d, distance(before, p)) for d, p in zip(nearest, places, strict=True)]
    left = list(range(len(places)))
    found: list[int] = []
    while left:
        chosen = max(left, key=lambda i: (nearest[i], -i))
        left.remove(chosen)
        found.append(chosen)
        for i in left:
            nearest[i] = min(nearest[i], distance(places[chosen], places[i]))
    return tuple(found)
