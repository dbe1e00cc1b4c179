"""Energy of a window of a recording: power integrated, and the energy counter read off.

Pure functions of readings; times in s on the recording's clock, energies in J.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from statistics import fmean

from auditor.errors import HardwareError
from auditor.measure.meter import Reading

Point = tuple[float, float]


def power_points(readings: Iterable[Reading]) -> list[Point]:
    """(time_s, power_w) of the readings that have a power."""
    return [(r.time_s, r.power_w) for r in readings if r.power_w is not None]


def counter_points(readings: Iterable[Reading], label: str) -> list[Point]:
    """(time_s, counter_j) where the counter had moved on, and of the first and last reading.

    A counter is brought up to date every few ms to 100 ms and stands between: a straight line
    through its steps is nearer to the truth than the stairs.

    Raises:
        HardwareError: the counter fell, which only a reset of the driver or device does.
    """
    points: list[Point] = []
    last: Point | None = None
    for reading in readings:
        if reading.counter_j is None:
            continue
        last = (reading.time_s, reading.counter_j)
        if points and last[1] < points[-1][1]:
            raise HardwareError(
                f"the energy counter of {label} fell from {points[-1][1]:.6g} to {last[1]:.6g} J: "
                "driver or device was reset; measure again"
            )
        if not points or last[1] > points[-1][1]:
            points.append(last)
    if last is not None and points[-1] != last and len(points) < 2:
        points.append(last)
    return points


def integrated_j(points: Sequence[Point], start_s: float, end_s: float) -> float | None:
    """Return the integral of power over the window in J: the trapezoidal rule.

    At the edges power is interpolated between the readings on both sides; beyond the first or
    the last reading it is taken as there.  None where no reading lies in the window or at
    both its sides.
    """
    if not points or points[-1][0] < start_s or points[0][0] > end_s or end_s <= start_s:
        return None
    first = bisect_right(points, (start_s, float("inf")))
    last = bisect_left(points, (end_s, float("-inf")))
    inner = [
        (start_s, interpolated(points, start_s)),
        *points[first:last],
        (end_s, interpolated(points, end_s)),
    ]
    pairs = itertools.pairwise(inner)
    return sum((t1 - t0) * (p0 + p1) / 2 for (t0, p0), (t1, p1) in pairs)


def counted_j(points: Sequence[Point], start_s: float, end_s: float) -> float | None:
    """Return what the counter went up in the window in J, interpolated at its edges.

    None where it was read fewer than twice.
    """
    if len(points) < 2:
        return None
    return interpolated(points, end_s) - interpolated(points, start_s)


def interpolated(points: Sequence[Point], time_s: float) -> float:
    """Value at `time_s`, linear between the points, constant beyond them."""
    place = bisect_left(points, (time_s, float("-inf")))
    if place == 0:
        return points[0][1]
    if place == len(points):
        return points[-1][1]
    (t0, v0), (t1, v1) = points[place - 1], points[place]
    return v0 + (v1 - v0) * (time_s - t0) / (t1 - t0) if t1 > t0 else v1


def within(readings: Sequence[Reading], start_s: float, end_s: float) -> tuple[Reading, ...]:
    """The readings of a window, both ends included."""
    return tuple(r for r in readings if start_s <= r.time_s <= end_s)


def longest_gap_s(readings: Sequence[Reading], start_s: float, end_s: float) -> float:
    """Longest time in s of a window without a reading."""
    times_s = [start_s, *(r.time_s for r in within(readings, start_s, end_s)), end_s]
    return max(b - a for a, b in itertools.pairwise(times_s))


def mean_or_none(values: Iterable[float | None]) -> float | None:
    """Mean of what was read; None where nothing was."""
    read = [value for value in values if value is not None]
    return fmean(read) if read else None
