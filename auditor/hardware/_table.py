"""The packaged catalogue, parsed once."""

from __future__ import annotations

from functools import lru_cache

from auditor.hardware._record import PEAK_KINDS, Accelerator, Peaks
from auditor.tables import read_table


def _number(cell: str) -> float | None:
    return float(cell) if cell else None


def _accelerator(row: dict[str, str]) -> Accelerator:
    cells = {kind: row[f"{kind}_flops_per_s"] for kind in PEAK_KINDS}
    return Accelerator(
        id=row["id"],
        name=row["name"],
        vendor=row["vendor"],
        kind=row["kind"],
        architecture=row["architecture"],
        aliases=tuple(alias for alias in row["aliases"].split(";") if alias),
        memory_bytes=int(row["memory_bytes"]) if row["memory_bytes"] else None,
        memory_bandwidth_bytes_per_s=_number(row["memory_bandwidth_bytes_per_s"]),
        peak_flops_per_s=Peaks({kind: float(cell) for kind, cell in cells.items() if cell}),
        tdp_w=_number(row["tdp_w"]),
        idle_w=_number(row["idle_w"]),
        link_name=row["link_name"] or None,
        link_bytes_per_s=_number(row["link_bytes_per_s"]),
        release_date=row["release_date"] or None,
        source=row["source"],
        source_date=row["source_date"],
        notes=row["notes"],
    )


@lru_cache(maxsize=1)
def catalogue() -> tuple[Accelerator, ...]:
    """Every accelerator of the packaged table, in the order of the table."""
    return tuple(_accelerator(row) for row in read_table("accelerators.csv"))


@lru_cache(maxsize=1)
def defaults() -> tuple[tuple[str, str, str], ...]:
    """Documented choices for ambiguous names, as (name, id, reason)."""
    return tuple((row["name"], row["id"], row["reason"]) for row in read_table("defaults.csv"))
