"""What all cards are made of: the figures of an audit, one by one, each with its provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auditor.cards.measured import Reconciled, measured_figures, reconciled
from auditor.cards.records import Basis, Figure
from auditor.energy import Scope
from auditor.interval import Interval

__all__ = ["Basis", "Facts", "Figure", "facts"]

BOUNDARY = {
    "gpu": "Accelerators alone",
    "node": "Accelerators and their hosts",
    "facility": "Accelerators and their hosts, times the PUE of the facility",
}
OUTSIDE = (
    "Outside are storage and network, collecting and preparing data, idle machines and end of life."
)
_NO_AMOUNT = "no amount of training given (--samples or --tokens)"
_NO_REASON = "the audit gives no reason"


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """An audit as cards tell of it.

    `energy` is the headline (kWh), `others` the same in other scopes; `figures` are all that
    stand in a card, those too that are not assessed.  `document` is the audit itself.
    """

    document: Mapping[str, Any]
    name: str
    energy: Figure
    duration: Figure
    compute: Figure
    carbon: Figure
    figures: tuple[Figure, ...]
    scores: tuple[Figure, ...]
    measured: Reconciled | None

    @property
    def hardware(self) -> str:
        """How many of which accelerator: ``2 x A100 SXM4 80GB``."""
        return f"{self.document['workload']['devices']} x {self.document['hardware']['name']}"

    @property
    def method(self) -> str:
        """How the energy was estimated, and whether measured runs cover it."""
        estimate = self.document["estimate"]
        covered = {
            True: "within what the measured runs cover",
            False: "beyond what the measured runs cover",
            None: "not calibrated on measured runs",
        }
        return f"{estimate['method']}, {covered[estimate['in_domain']]}"

    @property
    def boundary(self) -> str:
        """What the headline's energy covers, and what it does not."""
        return f"{BOUNDARY[self.document['estimate']['scope']]}. {OUTSIDE}"

    @property
    def tool(self) -> str:
        """This program and its version."""
        return f"auditor {self.document['tool']['version']}"

    @property
    def place(self) -> str | None:
        """The region with its grid; None where neither is known."""
        impacts = self.document["impacts"]
        grid, region = impacts["grid"], impacts["region"]
        names = [name for name in (grid and grid["name"], region) if name]
        if len(names) == 2:
            return f"{names[0]} ({names[1]})"
        return names[0] if names else None


def facts(
    document: Mapping[str, Any], reconciliation: Mapping[str, Any] | None, name: str | None = None
) -> Facts:
    """Gather the figures of an audit, and what was measured of it where that is given.

    Raises:
        PlanError: the reconciliation is of another audit.
    """
    estimate = document["estimate"]
    headline = _energy(document, estimate["scope"])
    others = tuple(_energy(document, s.value) for s in Scope if s.value != estimate["scope"])
    impacts = _impacts(document)
    found = None if reconciliation is None else reconciled(reconciliation, document)
    duration = _figure(document, "duration_s", estimate["duration_s"], _About("s"))
    power = _figure(
        document, "mean_power_w", estimate["mean_power_w"], _About("W", estimate["scope"])
    )
    figures = (headline, *others, duration, power, *impacts.values())
    return Facts(
        document=document,
        name=name if name is not None else _file_name(document["model"]["path"]),
        energy=headline,
        duration=duration,
        compute=impacts["flops"],
        carbon=impacts["operational_gco2e"],
        figures=(*figures, *(() if found is None else measured_figures(found))),
        scores=_scores(document),
        measured=found,
    )


def _file_name(path: str) -> str:
    """The last part of a path or of ``torch:module:factory``, without .onnx."""
    last = path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1].rsplit(":", 1)[-1]
    return last.removesuffix(".onnx") or path or "model"


@dataclass(frozen=True, slots=True)
class _About:
    """What stands beside the value of a figure; `method` None is that of the estimate."""

    unit: str
    scope: str | None = None
    method: str | None = None
    reason: str = _NO_AMOUNT


def _figure(
    document: Mapping[str, Any],
    name: str,
    found: Mapping[str, float] | float | None,
    about: _About,
) -> Figure:
    return Figure(
        name=name,
        unit=about.unit,
        basis=Basis.ESTIMATED,
        value=Interval(**found) if isinstance(found, Mapping) else found,
        scope=about.scope,
        method=document["estimate"]["method"] if about.method is None else about.method,
        source=f"auditor {document['tool']['version']}",
        not_assessed=about.reason if found is None else None,
    )


def _energy(document: Mapping[str, Any], scope: str) -> Figure:
    estimate = document["estimate"]
    known = estimate["energy_kwh"] is not None
    about = _About("kWh", scope, reason="no PUE is known (--pue)" if known else _NO_AMOUNT)
    return _figure(document, f"energy_{scope}_kwh", estimate["by_scope"][scope], about)


_UNITS = {
    "flops": "FLOP",
    "operational_gco2e": "g CO2e",
    "embodied_gco2e": "g CO2e",
    "embodied_server_gco2e": "g CO2e",
    "water_l": "l",
    "water_site_l": "l",
    "water_grid_l": "l",
    "energy_cost": "",
    "device_cost": "",
    "e_waste": "",
    "minerals": "",
}
# Of the figures that electricity is multiplied for; the others have no scope.
_SCOPED = ("operational_gco2e", "water_site_l", "water_grid_l", "water_l", "energy_cost")


def _impacts(document: Mapping[str, Any]) -> dict[str, Figure]:
    impacts = document["impacts"]
    reasons = {row["figure"]: row["reason"] for row in impacts["not_assessed"]}
    methods, figures = _impact_methods(document), dict[str, Figure]()
    for name, unit in _UNITS.items():
        about = _About(
            unit=(impacts["currency"] or "") if name.endswith("cost") else unit,
            scope=impacts["scope"] if name in _SCOPED else None,
            method=methods.get(name),
            reason=reasons.get(name, _NO_REASON),
        )
        figures[name] = _figure(document, name, impacts[name], about)
    return figures


def _impact_methods(document: Mapping[str, Any]) -> dict[str, str]:
    impacts = document["impacts"]
    grid, pue = impacts["grid"], impacts["pue"]
    found = {
        "flops": f"counted from the graph; {document['profile']['flops_convention']}",
        "embodied_gco2e": "share of published figures by time in use",
        "embodied_server_gco2e": "share of published figures by time in use",
    }
    if impacts["price_per_kwh"] is not None:
        found["energy_cost"] = (
            f"energy ({impacts['scope']}) times {impacts['price_per_kwh']:g} a kWh"
        )
    if impacts["price_per_device_hour"] is not None:
        found["device_cost"] = f"time times {impacts['price_per_device_hour']:g} a device and hour"
    if impacts["wue_l_per_kwh"] is not None:
        found["water_site_l"] = f"energy times {impacts['wue_l_per_kwh']:g} l/kWh"
    if grid is not None:
        named = f"{grid['name']} {grid['year']}" if grid["name"] else "as given"
        with_pue = f"PUE {pue:g}" if pue is not None else "without PUE"
        found["operational_gco2e"] = (
            f"energy ({impacts['scope']}) times {grid['carbon_gco2e_per_kwh']:g} g/kWh, "
            f"{named}; {with_pue}"
        )
    return found


def _scores(document: Mapping[str, Any]) -> tuple[Figure, ...]:
    """SAM, where it was asked for; a score without a value says why."""
    sam = document["scores"]["sam"]
    if sam is None:
        reason = "no accuracy given (--accuracy), or no amount of training"
        return (_figure(document, "sam", None, _About("", reason=reason)),)
    method = (
        f"accuracy {sam['accuracy']:g}, alpha {sam['alpha']:g}, beta {sam['beta']:g}, "
        f"energy in kWh; {sam['source']}"
    )
    value = sam["value"]
    energy = document["estimate"]["energy_kwh"]
    if value is not None and energy is not None and None not in (sam["low"], sam["high"]):
        level = energy["level"]
        value = {"low": sam["low"], "median": value, "high": sam["high"], "level": level}
    about = _About("", sam["scope"], method, sam["undefined_because"] or _NO_REASON)
    return (_figure(document, "sam", value, about),)
