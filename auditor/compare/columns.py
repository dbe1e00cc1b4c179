"""The comparison as a table of one row a model, for spreadsheets.

A text cell that begins with = + - @ (or their full-width forms), a tab or a carriage return gets
an apostrophe before it, so that no spreadsheet takes it for a formula; what cannot be printed
becomes U+FFFD.  Numbers are written by the program and left as they are.  An empty cell is not
assessed, never zero.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from auditor.compare.records import Comparison, Criterion, Entry
from auditor.escaping import FORMULA
from auditor.interval import Interval
from auditor.report.lines import printable
from auditor.scores import METRICS

Cell = str | int | float | bool | None


def render_csv(found: Comparison) -> str:
    """Return the table, a header first: the models audited, then those that could not be."""
    rows = [_entry(entry, found) for entry in found.entries]
    rows += [{"model": f.name, "path": f.path, "error": f.reason} for f in found.failures]
    text = io.StringIO()
    writer = csv.DictWriter(text, _columns(), restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return text.getvalue()


def safe(text: str) -> str:
    """Return a text cell that is neither a formula nor drives a terminal."""
    shown = printable(text)
    return f"'{shown}" if text.startswith(FORMULA) else shown


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return safe(value) if isinstance(value, str) else repr(value)


def _columns() -> list[str]:
    names = ["model", "path", "error", "accuracy", "per", "scope", "level", "training_flops"]
    for name in ("energy_kwh", "duration_s", "carbon_gco2e"):
        names += _ends(name)
    names += ["memory_bytes", "parameter_count", "macs_per_sample", "hardware", "precision"]
    names += ["batch_size", "method", "in_domain", "on_front", "dominated", "surely_by"]
    names += ["possibly_by", "reference_set"]
    for metric in METRICS:
        names += [*_ends(metric.id), f"{metric.id}_undefined_because"]
    return names + [f"rank_{name}" for name in (*Criterion, *(m.id for m in METRICS))]


def _ends(name: str) -> list[str]:
    return [f"{name}_low", name, f"{name}_high"]


def _interval(name: str, interval: Interval | None) -> Mapping[str, Cell]:
    if interval is None:
        return {}
    return dict(zip(_ends(name), (interval.low, interval.median, interval.high), strict=True))


def _entry(entry: Entry, found: Comparison) -> dict[str, Cell]:
    audit, amounts = entry.audit, entry.amounts
    row: dict[str, Cell] = {
        "model": entry.name,
        "path": entry.path,
        "accuracy": entry.accuracy,
        "per": found.per.value,
        "scope": audit.estimate.scope.value,
        "level": amounts.energy_kwh.level,
        "training_flops": amounts.training_flops,
        "memory_bytes": audit.profile.memory.total_bytes,
        "parameter_count": audit.profile.parameter_count,
        "macs_per_sample": audit.profile.forward.macs / audit.profile.batch_size,
        "hardware": audit.hardware.accelerator.id,
        "precision": audit.workload.precision,
        "batch_size": audit.workload.batch_size,
        "method": audit.estimate.method,
        "in_domain": audit.estimate.in_domain,
        "reference_set": found.reference.name,
        **_interval("energy_kwh", amounts.energy_kwh),
        **_interval("duration_s", amounts.duration_s),
        **_interval("carbon_gco2e", amounts.carbon_gco2e),
        **{f"rank_{name}": rank for name, rank in entry.ranks.items()},
        **_place(entry),
    }
    for score in entry.scores:
        row |= dict(zip(_ends(score.metric), (score.low, score.median, score.high), strict=True))
        row[f"{score.metric}_undefined_because"] = score.undefined_because
    return row


def _place(entry: Entry) -> Mapping[str, Cell]:
    place = entry.place
    if place is None:
        return {}
    return {
        "on_front": place.on_front,
        "dominated": place.dominated.value,
        "surely_by": "; ".join(place.surely_by),
        "possibly_by": "; ".join(place.possibly_by),
    }
