"""What a sweep comes to: totals, and the models that none is better than."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from auditor.escaping import printable
from auditor.sweep.columns import OK
from auditor.sweep.records import Cell, Row
from auditor.units import S_PER_H

_SHOWN = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One row on the way to the front; energy and time are medians, accuracy a fraction."""

    source: str
    plan: str
    hardware: str
    energy_kwh: float
    duration_h: float
    accuracy: float | None

    def is_beaten_by(self, other: Point) -> bool:
        """Whether another is no worse in anything and better in something."""
        mine = (self.energy_kwh, self.duration_h, -(self.accuracy or 0.0))
        theirs = (other.energy_kwh, other.duration_h, -(other.accuracy or 0.0))
        return theirs != mine and all(t <= m for t, m in zip(theirs, mine, strict=True))


@dataclass(slots=True)
class Totals:
    """Sums over the rows of one hardware and plan; energy and time are sums of medians."""

    rows: int = 0
    failed: int = 0
    without_amount: int = 0
    energy_kwh: float = 0.0
    duration_h: float = 0.0
    operational_gco2e: float | None = 0.0


@dataclass(slots=True)
class Summary:
    """Totals by hardware and plan, errors by their type, bytes, and the front."""

    by_cell: dict[tuple[str, str], Totals] = field(default_factory=dict)
    errors: dict[str, int] = field(default_factory=dict)
    read_bytes: int = 0
    stored_bytes: int = 0
    remote_models: int = 0
    front: list[Point] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """All rows."""
        return sum(totals.rows for totals in self.by_cell.values())

    @property
    def failed(self) -> int:
        """Rows that hold an error."""
        return sum(totals.failed for totals in self.by_cell.values())


def summarised(rows: Iterable[Row]) -> Summary:
    """Go through all rows once, holding none but those of the front."""
    found = Summary()
    last = None
    for row in rows:
        if row["read_bytes"] is not None and row["source"] != last:
            last = row["source"]
            found.remote_models += 1
            found.read_bytes += int(_number(row["read_bytes"]))
            found.stored_bytes += int(_number(row["model_file_bytes"]))
        _count(found, row)
    found.front.sort(key=lambda point: (point.energy_kwh, point.duration_h, point.source))
    return found


def _count(found: Summary, row: Row) -> None:
    cell = (str(row["hardware_requested"]), str(row["plan"]))
    totals = found.by_cell.setdefault(cell, Totals())
    totals.rows += 1
    if row["status"] != OK:
        totals.failed += 1
        kind = str(row["error_type"])
        found.errors[kind] = found.errors.get(kind, 0) + 1
        return
    point = _point(row)
    if point is None:
        totals.without_amount += 1
        return
    totals.energy_kwh += point.energy_kwh
    totals.duration_h += point.duration_h
    carbon = row["impacts_operational_gco2e_median"]
    if carbon is None or totals.operational_gco2e is None:
        totals.operational_gco2e = None  # the sum of some would look like that of all
    else:
        totals.operational_gco2e += float(carbon)
    _on_front(found.front, point)


def _point(row: Row) -> Point | None:
    energy, time = row["estimate_energy_kwh_median"], row["estimate_duration_s_median"]
    if energy is None or time is None:
        return None
    accuracy = row["scores_sam_accuracy"]
    return Point(
        source=str(row["source"]),
        plan=str(row["plan"]),
        hardware=str(row["hardware_id"]),
        energy_kwh=float(energy),
        duration_h=float(time) / S_PER_H,
        accuracy=None if accuracy is None else float(accuracy),
    )


def _on_front(front: list[Point], point: Point) -> None:
    """Put a point on the front if none there beats it, and take off those that it beats."""
    if any(point.is_beaten_by(other) for other in front):
        return
    front[:] = [other for other in front if not other.is_beaten_by(point)]
    front.append(point)


def _number(value: Cell) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def summary_text(found: Summary) -> str:
    """Return the summary for people."""
    lines = [f"{found.rows} rows, {found.failed} failed"]
    lines += [f"  {kind}: {count}" for kind, count in sorted(found.errors.items())]
    if found.remote_models:
        share = found.read_bytes / found.stored_bytes if found.stored_bytes else 0.0
        lines.append(
            f"{found.remote_models} remote models: {found.read_bytes:,} bytes read of "
            f"{found.stored_bytes:,} stored ({share:.2%})"
        )
    lines += ["", "totals (sums of medians)"]
    lines += [_total_line(cell, totals) for cell, totals in sorted(found.by_cell.items())]
    lines += ["", *_front_lines(found.front)]
    return "\n".join(lines) + "\n"


def _total_line(cell: tuple[str, str], totals: Totals) -> str:
    hardware, plan = cell
    whole = totals.rows - totals.failed - totals.without_amount
    said = f"  {hardware}, plan {plan}: {whole} trainings, "
    if not whole:
        return said + "no amount of training is given"
    carbon = totals.operational_gco2e
    of_carbon = "carbon not assessed" if carbon is None else f"{carbon / 1000:,.4g} kg CO2e"
    return said + f"{totals.energy_kwh:,.4g} kWh, {totals.duration_h:,.4g} h, {of_carbon}"


def _front_lines(front: list[Point]) -> list[str]:
    if not front:
        return ["no Pareto front: no row has an amount of training"]
    has_accuracy = any(point.accuracy is not None for point in front)
    of = "energy, time and accuracy" if has_accuracy else "energy and time"
    lines = [f"Pareto front of {of}, by medians: {len(front)} rows"]
    for point in front[:_SHOWN]:
        accuracy = "" if point.accuracy is None else f", accuracy {point.accuracy:.4g}"
        lines.append(
            f"  {point.energy_kwh:.4g} kWh, {point.duration_h:.4g} h{accuracy}: "
            f"{printable(point.source)}, {point.hardware}, plan {point.plan}"
        )
    if len(front) > _SHOWN:
        lines.append(f"  and {len(front) - _SHOWN} more")
    return lines
