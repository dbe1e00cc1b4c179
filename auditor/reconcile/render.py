"""A reconciliation as text, and as JSON by schemas/reconcile.schema.json."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from auditor import __version__, units
from auditor.escaping import json_text
from auditor.interval import Interval
from auditor.reconcile.compare import Comparison, EnergyComparison, Reconciliation
from auditor.reconcile.measured import Measured
from auditor.report.lines import printable

SCHEMA_VERSION = "1.0"
Show = Callable[[float, float], str]


def render_text(found: Reconciliation) -> str:
    """Return what is compared, the figures, and what is to be said of them."""
    sections = (
        ("notes", found.notes),
        ("warnings", (*found.conflicts, *found.warnings)),
    )
    return "\n".join(
        [
            "".join(f"{label.ljust(10)}{value}\n" for label, value in _heads(found)),
            _table(_rows(found)),
            *(
                f"{name}\n" + "".join(f"- {printable(line)}\n" for line in lines)
                for name, lines in sections
                if lines
            ),
        ]
    )


def _heads(found: Reconciliation) -> list[tuple[str, str]]:
    measured, audited = found.measured, found.audited
    tool = " ".join(filter(None, (measured.tool.value, measured.tool_version, measured.label)))
    where = measured.hardware_name or "hardware not named"
    count = f"{measured.device_count} x " if measured.device_count else ""
    return [
        ("measured", printable(f"{tool}: {measured.covers}, {count}{where}")),
        (
            "audit",
            printable(
                f"{audited.model_path}: {audited.device_count} x {audited.hardware_name}, "
                f"{audited.precision}, batch {audited.batch_size} ({audited.method})"
            ),
        ),
        ("both for", f"{found.samples:,.10g} samples: {_extent(found)}"),
    ]


def _extent(found: Reconciliation) -> str:
    return f"{found.epochs:g} x {found.samples_per_epoch:,.10g} (by the {found.epochs_from})"


def _energy(joules: float, like: float) -> str:
    return units.energy(joules / units.J_PER_KWH, like / units.J_PER_KWH)


def _rows(found: Reconciliation) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("", "measured", "predicted", "interval", "measured/predicted")]
    for energy in found.energies:
        scope = f"{energy.covers}" + ("" if energy.same_scope else f" : {energy.predicted_scope}")
        rows.append(_row(f"energy ({scope})", energy.energy_j, _energy, energy.same_scope))
    rows.append(_row("time", found.duration_s, units.duration))
    for energy in found.energies[:1]:
        per_sample = _scaled(energy.energy_j, 1 / found.samples)
        rows.append(_row(f"energy a sample ({energy.covers})", per_sample, _energy))
    rows.append(_row("time a sample", _scaled(found.duration_s, 1 / found.samples), units.duration))
    for energy in found.energies[:1]:
        measured_w, predicted_w = powers_w(found, energy)
        rows.append(
            (
                f"mean power ({energy.covers})",
                f"{units.significant(measured_w)} W",
                f"{units.significant(predicted_w)} W",
                "",
                units.significant(measured_w / predicted_w),
            )
        )
    return rows


def _row(name: str, compared: Comparison, show: Show, same_scope: bool = True) -> tuple[str, ...]:
    """Cells of one figure; of a part measured, the ratio of the whole is at least that of it."""
    predicted = compared.predicted
    ratio = units.significant(compared.ratio)
    low, high = show(predicted.low, predicted.median), show(predicted.high, predicted.median)
    return (
        name,
        show(compared.measured, predicted.median),
        show(predicted.median, predicted.median),
        f"{low} to {high} ({predicted.level:.0%})",
        f"{ratio}, {'inside' if compared.inside else 'OUTSIDE'}"
        if same_scope
        else f"at least {ratio}",
    )


def _scaled(compared: Comparison, factor: float) -> Comparison:
    return Comparison(compared.measured * factor, compared.predicted.scaled(factor))


def powers_w(found: Reconciliation, energy: EnergyComparison) -> tuple[float, float]:
    """Mean power in W, measured and predicted."""
    measured_w = energy.energy_j.measured / found.duration_s.measured
    return measured_w, energy.energy_j.predicted.median / found.duration_s.predicted.median


def _table(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(units.columns(rows)) + "\n"


def document(found: Reconciliation) -> dict[str, Any]:
    """Return the reconciliation as plain dicts, lists, strings and numbers."""
    audited = found.audited
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "auditor", "version": __version__},
        "measured": _measured(found.measured),
        "audit": {
            "version": audited.tool_version,
            "model": audited.model_path,
            "hardware": audited.hardware_id,
            "device_count": audited.device_count,
            "batch_size": audited.batch_size,
            "precision": audited.precision,
            "method": audited.method,
            "samples_per_epoch": audited.samples,
            "epochs": audited.epochs,
            "trials": audited.trials,
        },
        "extent": {
            "samples": found.samples,
            "samples_per_epoch": found.samples_per_epoch,
            "epochs": found.epochs,
            "said_by": found.epochs_from,
        },
        "energy": [_energy_dict(found, energy) for energy in found.energies],
        "duration_s": _compared(found.duration_s, found.samples),
        "notes": list(found.notes),
        "warnings": list(found.warnings),
        "conflicts": list(found.conflicts),
    }


def _measured(measured: Measured) -> dict[str, Any]:
    return asdict(measured) | {
        "tool": measured.tool.value,
        "covers": measured.covers.value,
        "warnings": list(measured.warnings),
    }


def _compared(compared: Comparison, samples: float, same_scope: bool = True) -> dict[str, Any]:
    return {
        "measured": compared.measured,
        "predicted": _interval(compared.predicted),
        "ratio": compared.ratio,
        "inside_interval": compared.inside if same_scope else None,
        "measured_per_sample": compared.measured / samples,
        "predicted_per_sample": compared.predicted.median / samples,
    }


def _interval(interval: Interval) -> dict[str, float]:
    return asdict(interval)


def _energy_dict(found: Reconciliation, energy: EnergyComparison) -> dict[str, Any]:
    measured_w, predicted_w = powers_w(found, energy)
    return {
        "measured_scope": energy.covers.value,
        "predicted_scope": energy.predicted_scope,
        "same_scope": energy.same_scope,
        "energy_j": _compared(energy.energy_j, found.samples, energy.same_scope),
        "mean_power_w": {
            "measured": measured_w,
            "predicted": predicted_w,
            "ratio": measured_w / predicted_w,
        },
    }


def render_json(found: Reconciliation) -> str:
    """Return the document as JSON text, a newline at its end."""
    return json_text(document(found))
