"""Layer 12: what a training means outside the machine room: carbon, water, cost, a whole life."""

from auditor.impacts.assess import Assessed, Estimated, assessed
from auditor.impacts.breakeven import BreakEven, Costs, break_even
from auditor.impacts.records import (
    Embodied,
    Figure,
    Grid,
    Impacts,
    Life,
    NotAssessed,
    Place,
    Prices,
    place,
)
from auditor.impacts.training import Training, impacts, training_flops, wall_kwh

__all__ = [
    "Assessed",
    "BreakEven",
    "Costs",
    "Embodied",
    "Estimated",
    "Figure",
    "Grid",
    "Impacts",
    "Life",
    "NotAssessed",
    "Place",
    "Prices",
    "Training",
    "assessed",
    "break_even",
    "impacts",
    "place",
    "training_flops",
    "wall_kwh",
]
