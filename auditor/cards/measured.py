"""What was measured of the audited training, beside the prediction for the same samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auditor.cards.records import Basis, Figure
from auditor.errors import PlanError
from auditor.interval import Interval
from auditor.units import J_PER_KWH


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A measured figure and its prediction for as many samples, both in `unit`.

    `same_scope` is false where the prediction covers more than the meter saw.
    """

    name: str
    unit: str
    measured: float
    measured_scope: str
    predicted: Interval
    predicted_scope: str
    same_scope: bool

    @property
    def error(self) -> float:
        """Error of the prediction: predicted (median) over measured, less one."""
        return self.predicted.median / self.measured - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciled:
    """A reconciliation: energies in kWh (first what the meter saw in all), and the time in s."""

    tool: str
    samples: float
    energies: tuple[Pair, ...]
    duration: Pair
    warnings: tuple[str, ...]

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Energies, then the time."""
        return (*self.energies, self.duration)


def reconciled(found: Mapping[str, Any], document: Mapping[str, Any]) -> Reconciled:
    """Take a reconciliation over, after a look whether it is of this audit.

    Raises:
        PlanError: it is of another audit.
    """
    _same(found["audit"], document)
    measured = found["measured"]
    covers = found["energy"][0]["measured_scope"]
    tool = " ".join(filter(None, (measured["tool"], measured["tool_version"])))
    return Reconciled(
        tool=tool,
        samples=found["extent"]["samples"],
        energies=tuple(map(_energy, found["energy"])),
        duration=_pair("duration_s", "s", found["duration_s"], covers, 1.0),
        warnings=(*found["conflicts"], *found["warnings"]),
    )


def _same(audit: Mapping[str, Any], document: Mapping[str, Any]) -> None:
    plan = document["workload"]
    pairs = {
        "model": (audit["model"], document["model"]["path"]),
        "hardware": (audit["hardware"], document["hardware"]["id"]),
        "devices": (audit["device_count"], plan["devices"]),
        "batch size": (audit["batch_size"], plan["batch_size"]),
        "precision": (audit["precision"], plan["precision"]),
        "method": (audit["method"], document["estimate"]["method"]),
        "version": (audit["version"], document["tool"]["version"]),
    }
    for name, (theirs, ours) in pairs.items():
        if theirs != ours:
            raise PlanError(
                f"--reconciled: is of another audit, with {name} {theirs!r} instead of {ours!r}; "
                "reconcile the measurement with this audit"
            )


def _energy(found: Mapping[str, Any]) -> Pair:
    pair = _pair("energy_kwh", "kWh", found["energy_j"], found["measured_scope"], J_PER_KWH)
    return Pair(
        name=pair.name,
        unit=pair.unit,
        measured=pair.measured,
        measured_scope=pair.measured_scope,
        predicted=pair.predicted,
        predicted_scope=found["predicted_scope"],
        same_scope=found["same_scope"],
    )


def _pair(name: str, unit: str, found: Mapping[str, Any], scope: str, base: float) -> Pair:
    if found["measured"] <= 0:
        raise PlanError(f"--reconciled: its {name} is measured as zero; measure again")
    told = found["predicted"]
    # Divided, not multiplied by an inverse: what is round in J stays round in kWh.
    return Pair(
        name=name,
        unit=unit,
        measured=found["measured"] / base,
        measured_scope=scope,
        predicted=Interval(**{k: v if k == "level" else v / base for k, v in told.items()}),
        predicted_scope=scope,
        same_scope=True,
    )


def measured_figures(found: Reconciled) -> tuple[Figure, ...]:
    """The measured figures, as they stand in a card."""
    return tuple(
        Figure(
            name=f"measured_{pair.name}",
            unit=pair.unit,
            basis=Basis.MEASURED,
            value=pair.measured,
            scope=pair.measured_scope,
            method=f"metered for {found.samples:,.10g} samples",
            source=found.tool,
            not_assessed=None,
        )
        for pair in found.pairs
    )
