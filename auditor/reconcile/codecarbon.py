"""``emissions.csv`` of codecarbon, versions 2 and 3.

Columns and units by the sources of 2.3.4, 2.8.4 and 3.3.2 (``output_methods/emissions_data.py``):
energies in kWh, `duration` in s.  Every energy is multiplied by the tracker's `pue`, 1 unless it
is given (``emissions_tracker.py``, ``_do_measurements``).  A flush appends a row of the same
`run_id` whose figures are totals since the start (``EmissionsTracker.flush``, ``FileOutput.out``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from auditor.errors import CalibrationError
from auditor.reconcile.measured import (
    Covers,
    Measured,
    Selection,
    Tool,
    cells,
    listed,
    number,
    positive,
)
from auditor.units import J_PER_KWH

MARKS = frozenset({"emissions", "energy_consumed"})
"""Columns by which a file of any version is known."""

_REQUIRED = ("duration", "energy_consumed", "cpu_energy", "gpu_energy", "ram_energy")
_PARTS = ("gpu_energy", "cpu_energy", "ram_energy")
_MODEL = re.compile(r"(\d{1,6}) x (.+)", re.DOTALL)
_SECOND_MODEL = re.compile(r"\d x ")
_ROUNDING = 0.01

Row = Mapping[str, str]


def parse(text: str, selection: Selection) -> Measured:
    """The run that `selection` means, or the only one.

    Raises:
        CalibrationError: columns lack, a cell is no number, nothing was measured, or the file
            has several runs and `selection` leaves it open which.
    """
    row, line, notes = _selected(*_table(text), selection)
    pue = _pue(row, line)
    energies_j = {
        name: number(row[name], f"line {line}: {name}") * J_PER_KWH / (pue or 1) for name in _PARTS
    }
    if energies_j["gpu_energy"] == 0:
        raise CalibrationError(
            f"line {line}: gpu_energy is 0, so no accelerator was measured (GPUs without a counter "
            "of energy read 0, codecarbon issue 1316); measure with zeus or carbontracker"
        )
    total_j = positive(row["energy_consumed"], f"line {line}: energy_consumed")
    total_j *= J_PER_KWH / (pue or 1)
    name, count, model_notes = _device(row, line)
    return Measured(
        tool=Tool.CODECARBON,
        tool_version=row.get("codecarbon_version") or None,
        label=row.get("run_id") or None,
        covers=Covers.GPU_CPU_RAM,
        energy_j=total_j,
        gpu_energy_j=energies_j["gpu_energy"],
        cpu_energy_j=energies_j["cpu_energy"],
        ram_energy_j=energies_j["ram_energy"],
        duration_s=positive(row["duration"], f"line {line}: duration"),
        hardware_name=name,
        device_count=count,
        pue_divided_out=pue,
        warnings=(*notes, *model_notes, *_doubts(row, total_j, sum(energies_j.values()))),
    )


def _table(text: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    lines = list(cells(text))
    header = [name.strip() for name in lines[0][1]] if lines else []
    lacking = [name for name in _REQUIRED if name not in header]
    if lacking:
        raise CalibrationError(
            f"not an emissions.csv of codecarbon 2 or newer: no column {', '.join(lacking)}"
        )
    if len(lines) == 1:
        raise CalibrationError("no rows below the header: codecarbon writes one when it stops")
    return header, lines[1:]


def _selected(
    header: Sequence[str], lines: Sequence[tuple[int, list[str]]], selection: Selection
) -> tuple[Row, int, tuple[str, ...]]:
    """The row, its line, and what is to be said of the choice."""
    rows = [(dict(zip(header, row, strict=False)), line, len(row)) for line, row in lines]
    if selection.row is not None:
        if not 1 <= selection.row <= len(rows):
            raise CalibrationError(f"--row {selection.row}: the file has rows 1 to {len(rows)}")
        rows = [rows[selection.row - 1]]
    for column, wanted in (("run_id", selection.run_id), ("project_name", selection.project)):
        there = [row.get(column, "") for row, _, _ in rows]
        rows = [r for r in rows if wanted is None or r[0].get(column, "") == wanted]
        if not rows:
            raise CalibrationError(f"no row with {column} {wanted!r}; there are {listed(there)}")
    runs = [row.get("run_id", "") for row, _, _ in rows]
    if len(set(runs)) > 1 or (len(rows) > 1 and not runs[0]):
        raise CalibrationError(
            f"{len(rows)} rows of {len(set(runs))} runs: choose one with --run-id or --row; "
            f"there are {listed(runs)}"
        )
    row, line, width = rows[-1]
    if width != len(header):
        raise CalibrationError(
            f"line {line}: {width} cells under {len(header)} columns, so they may have shifted; "
            "correct the line"
        )
    if len(rows) == 1:
        return row, line, ()
    return (
        row,
        line,
        (f"{len(rows)} rows of one run: the last is taken, since each holds the totals so far",),
    )


def _pue(row: Row, line: int) -> float | None:
    """The factor in every energy of the row; None where there is none."""
    pue = number(row["pue"], f"line {line}: pue") if row.get("pue") else 1.0
    if not 1 <= pue <= 100:
        raise CalibrationError(f"line {line}: pue is {pue:g}: must be from 1 to 100; correct it")
    return pue if pue > 1 else None


def _device(row: Row, line: int) -> tuple[str | None, int | None, tuple[str, ...]]:
    """Name and number of the accelerators: `gpu_model` is as "2 x NVIDIA A40"."""
    said = row.get("gpu_model", "").strip()
    count = number(row["gpu_count"], f"line {line}: gpu_count") if row.get("gpu_count") else 0.0
    match = _MODEL.fullmatch(said)
    if match is None:
        return said or None, int(count) or None, ()
    if _SECOND_MODEL.search(match.group(2)):
        return said, int(count) or None, (f"several kinds of accelerators: {said}",)
    return match.group(2), int(count) or int(match.group(1)) or None, ()


def _doubts(row: Row, total_j: float, parts_j: float) -> tuple[str, ...]:
    notes = []
    if abs(total_j - parts_j) > _ROUNDING * total_j:
        notes.append(
            f"energy_consumed is {total_j / parts_j:.3g} times the sum of gpu, cpu and ram energy"
        )
    # codecarbon's documentation, "Methodology": memory by a model of its modules; where there
    # is no RAPL, the processor by its TDP.  The file does not say which it was.
    notes.append(
        "codecarbon estimates the energy of the memory, and that of the processor where it has no "
        "counter; only the accelerators' is measured for certain"
    )
    if row.get("tracking_mode") == "process":
        notes.append("tracking_mode process: of processor and memory the process's share alone")
    return tuple(notes)
