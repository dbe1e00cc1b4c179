"""What can be limited: each quantity with its unit, and which way is worse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from auditor.budget.records import Bound
from auditor.errors import PlanError


class Lever(StrEnum):
    """What of a plan can bring a quantity under its limit."""

    AMOUNT = "amount"  # epochs, samples, trials
    HARDWARE = "hardware"
    REGION = "region"
    MEMORY = "memory"  # batch size, checkpointing, sharding


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """One quantity by its id, which has its unit in it where it has a fixed one.

    `unit` is empty for a cost, whose currency the plan names, and for a score without one.
    `is_linear` says that it grows with the amount of training in proportion.
    """

    id: str
    title: str
    unit: str
    bound: Bound
    levers: tuple[Lever, ...]
    is_linear: bool


_GROWING = (Lever.AMOUNT, Lever.HARDWARE)
_CARBON = (*_GROWING, Lever.REGION)


def _ceiling(
    name: str, title: str, unit: str, levers: tuple[Lever, ...] = _GROWING
) -> tuple[str, Quantity]:
    return name, Quantity(
        id=name,
        title=title,
        unit=unit,
        bound=Bound.MAX,
        levers=levers,
        is_linear=Lever.AMOUNT in levers,
    )


def _floor(
    name: str, title: str, unit: str = "", levers: tuple[Lever, ...] = _GROWING
) -> tuple[str, Quantity]:
    return name, Quantity(
        id=name, title=title, unit=unit, bound=Bound.MIN, levers=levers, is_linear=False
    )


QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    dict(
        (
            _ceiling("energy_kwh", "electricity", "kWh"),
            _ceiling("operational_gco2e", "operational carbon", "gCO2e", _CARBON),
            _ceiling("embodied_gco2e", "embodied carbon of the devices", "gCO2e"),
            _ceiling("duration_h", "duration", "h"),
            _ceiling("cost", "cost", ""),
            _ceiling("energy_cost", "cost of electricity", ""),
            _ceiling("device_cost", "cost of the devices' hours", ""),
            _ceiling("memory_bytes", "memory of a device", "B", (Lever.MEMORY,)),
            _ceiling("training_flops", "training compute", "FLOP", (Lever.AMOUNT,)),
            _ceiling("water_site_l", "water at the site", "l"),
            _floor("sam", "SAM"),
            _floor("pepr_e", "PePR-E"),
            _floor("pepr_c", "PePR-C", levers=_CARBON),
            _floor("pepr_t", "PePR-T"),
            _floor("pepr_m", "PePR-M", levers=(Lever.MEMORY,)),
            _floor("netscore", "NetScore", "dB", ()),
            _floor("carburacy_train", "Carburacy (training)", levers=_CARBON),
            _floor("accuracy_per_kwh", "accuracy per kWh", "1/kWh"),
        )
    )
)
# Where what is missing is nothing that a plan can give.
OTHERWISE = "limit another quantity, or set its level to off here"
PRICED = ("cost", "energy_cost", "device_cost")
PEPR = ("pepr_e", "pepr_c", "pepr_t", "pepr_m")


def quantity(name: str, where: str) -> Quantity:
    """Return the quantity of this id; `where` is what an error calls its place.

    Raises:
        PlanError: there is none, with the nearest.
    """
    found = QUANTITIES.get(name)
    if found is not None:
        return found
    import difflib  # only the sad path pays for it

    near = difflib.get_close_matches(name, QUANTITIES, n=3, cutoff=0.5)
    known = f"nearest are {', '.join(near)}" if near else f"choose of {', '.join(QUANTITIES)}"
    raise PlanError(f"{where}: no quantity is called {name!r}: {known}")
