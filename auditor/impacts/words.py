"""What the impacts take for granted, and where their boundary runs, one line each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from auditor.impacts.embodied import DEVICE, LIFE_SOURCE, lone_factor
from auditor.impacts.records import Impacts, NotAssessed
from auditor.units import significant

if TYPE_CHECKING:
    from auditor.impacts.lifecycle import LifeCycle

# Wright et al., "Efficiency is Not Enough", arXiv 2309.02065: a boundary that is not stated hides
# what lies beyond it.
BOUNDARY = (
    "the figures are of the accelerators and their hosts while they train; outside are storage "
    "and network, collecting and preparing data, idle machines, end of life"
)


def impact_words(found: Impacts, lived: LifeCycle | None, serving: str) -> tuple[str, ...]:
    """Return the lines of impacts, then those of the life cycle."""
    return (BOUNDARY, *_of_embodied(found), *_of_life(lived, serving))


def _of_embodied(found: Impacts) -> Iterator[str]:
    own = found.embodied
    kilograms = [f.embodied_kgco2e for f in own.figures if f.part == DEVICE]
    if isinstance(own.device_gco2e, NotAssessed):
        return
    if len(kilograms) > 1:
        low, high = significant(min(kilograms)), significant(max(kilograms))
        taken = f"{len(kilograms)} published figures from {low} to {high} kg"
    else:
        taken = (
            f"the one published figure, {significant(kilograms[0])} kg, within a factor of "
            f"{lone_factor():.1f}"
        )
    yield (
        f"embodied carbon of a device: {taken}, over {own.life.years:g} years in use "
        f"{own.life.utilisation:.0%} of the time ({LIFE_SOURCE}; --lifetime-years, "
        "--device-utilisation)"
    )


def _of_life(lived: LifeCycle | None, serving: str) -> Iterator[str]:
    if lived is None:
        return
    yield (
        "life cycle: failed runs and retrainings take as much as one training; everything runs "
        "with the same electricity and PUE, which do not change over the years; making the devices "
        "is not in it"
    )
    if not isinstance(lived.served_by, NotAssessed):
        batch = lived.served_by.batch_size
        yield (
            f"life cycle: inference runs on {serving} at batch {batch}, always busy; "
            "what it idles between requests is not counted, and whether "
            "the network fits its memory is not checked"
        )
        yield "life cycle: " + "; ".join(lived.served_by.confidence.reasons)
