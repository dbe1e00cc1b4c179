"""What it took to make the devices: a training's share of it, by published figures.

Share = device-hours of the training / hours that a device works in its life.  Figures of one
device differ by a factor of 2.5 to 3.5, so the interval spans all that are published.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

from auditor.energy import Estimate
from auditor.impacts.records import NO_AMOUNT, Embodied, Figure, Life, NotAssessed, Published
from auditor.interval import Interval
from auditor.tables import read_table
from auditor.units import G_PER_KG, S_PER_H

H_PER_YEAR = 8760.0
# 3 years (26,280 h) are what boaviztapi 2.5.0 and ecologits 0.11.3 write a server off over.
# 85 % is the use that Luccioni et al., arXiv 2211.02001, assume, with 6 years.
LIFETIME_YEARS, UTILISATION = 3.0, 0.85
LIFE_SOURCE = "lifetime of boaviztapi and ecologits, use of Luccioni et al., arXiv 2211.02001"
DEVICE, SERVER = "device", "server"


@lru_cache(maxsize=1)
def _rows() -> tuple[tuple[tuple[str, ...], Published], ...]:
    """Ids of devices and the figure of each: a server's already divided by its devices."""
    return tuple(
        (
            tuple(row["hardware"].split(";")),
            Published(
                part=row["part"],
                embodied_kgco2e=float(row["embodied_kgco2e"]) / int(row["devices_per_unit"]),
                devices_per_unit=int(row["devices_per_unit"]),
                boundary=row["boundary"],
                year=int(row["year"]),
                source=row["source"],
                notes=row["notes"],
            ),
        )
        for row in read_table("embodied.csv")
    )


def published(hardware: str) -> tuple[Published, ...]:
    """Every figure of the table for a device by its id; none where no source is known."""
    return tuple(figure for ids, figure in _rows() if hardware in ids)


@lru_cache(maxsize=1)
def lone_factor() -> float:
    """By how much a lone figure may be off either way.

    The square root of the widest ratio among the devices of which several figures are published.
    """
    by_device: dict[str, list[float]] = {}
    for ids, figure in _rows():
        if figure.part == DEVICE:
            for hardware in ids:
                by_device.setdefault(hardware, []).append(figure.embodied_kgco2e)
    return math.sqrt(max(max(of) / min(of) for of in by_device.values()))


def span(values: Sequence[float]) -> tuple[float, float, float]:
    """Lowest, middle and highest of some figures; of a lone one, within `lone_factor`."""
    ordered = sorted(values)
    if len(ordered) == 1:
        factor = lone_factor()
        return ordered[0] / factor, ordered[0], ordered[0] * factor
    middle = len(ordered) // 2
    median = (ordered[middle] + ordered[-middle - 1]) / 2
    return ordered[0], median, ordered[-1]


def embodied(hardware: str, devices: int, estimate: Estimate, life: Life) -> Embodied:
    """Share the making of `devices` of the id `hardware` out to one training.

    The ends of the interval are the products of the ends of time and figures: wider than the
    level of the time's interval, which it carries.
    """
    figures, time = published(hardware), estimate.duration_s
    life_s = life.years * H_PER_YEAR * life.utilisation * S_PER_H

    def part(name: str) -> Figure:
        kilograms = [f.embodied_kgco2e for f in figures if f.part == name]
        if not kilograms:
            return NotAssessed(f"no published figure is known for the {name} of {hardware}")
        if time is None:
            return NO_AMOUNT
        return _shared(time.scaled(devices / life_s), span(kilograms))

    return Embodied(
        device_gco2e=part(DEVICE),
        server_gco2e=part(SERVER),
        share=NO_AMOUNT if time is None else time.median / life_s,
        life=life,
        figures=figures,
    )


def _shared(lives: Interval, kilograms: tuple[float, float, float]) -> Interval:
    low, median, high = (kg * G_PER_KG for kg in kilograms)
    return Interval(lives.low * low, lives.median * median, lives.high * high, lives.level)
