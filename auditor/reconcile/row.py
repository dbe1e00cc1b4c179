"""The measured run as a row for ``audit calibrate``."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from auditor.errors import CalibrationError
from auditor.escaping import FORMULA
from auditor.reconcile.compare import Reconciliation
from auditor.reconcile.files import read_text
from auditor.reconcile.measured import Tool

COLUMNS = (
    "run_id",
    "source",
    "source_path",
    "graph",
    "dims",
    "phase",
    "batch_size",
    "precision",
    "optimizer",
    "hardware",
    "device_count",
    "duration_s",
    "samples_per_epoch",
    "epochs",
    "energy_j",
    "energy_scope",
    "note",
)
"""Those of schemas/runs.schema.json that a measurement and an audit fill."""

_LONGEST_NAME, _LONGEST = 200, 1000


def row(found: Reconciliation, measured_path: str) -> dict[str, str]:
    """The columns' texts.  The energy is that of the boards where it is known alone.

    A text of a stranger that a spreadsheet would take for a formula has an apostrophe before it; a
    file of such a name is called by way of its folder, ``./=net.onnx``.

    Raises:
        CalibrationError: the run cannot be told in a row: it is of other hardware than audited,
            or was trained in a way that rows have no column for.
    """
    _check(found)
    audited, measured = found.audited, found.measured
    boards = measured.gpu_energy_j is not None
    return {
        # Names of windows come again from run to run, identifiers of codecarbon do not.
        "run_id": _cell(measured.label or "", _LONGEST_NAME)
        if measured.tool is Tool.CODECARBON
        else "",
        "source": _cell(f"{measured.tool} {measured.tool_version or ''}".strip(), _LONGEST_NAME),
        "source_path": _cell(measured_path, _LONGEST),
        "graph": _path(audited.model_path),
        "dims": ";".join(f"{name}={size}" for name, size in audited.dims),
        "phase": "train",
        "batch_size": str(audited.batch_size),
        "precision": audited.precision,
        "optimizer": audited.optimizer,
        "hardware": audited.hardware_id,
        "device_count": str(audited.device_count),
        "duration_s": _figure(measured.duration_s),
        "samples_per_epoch": _figure(found.samples_per_epoch),
        "epochs": _figure(found.epochs),
        "energy_j": _figure(measured.gpu_energy_j if boards else measured.energy_j),
        "energy_scope": "gpu" if boards else measured.covers.value,
        "note": f"gradient accumulation {audited.gradient_accumulation}"
        if audited.gradient_accumulation > 1
        else "",
    }


def _check(found: Reconciliation) -> None:
    """Refuse what would calibrate wrongly.

    Raises:
        CalibrationError: as `row` says.
    """
    audited = found.audited
    if found.conflicts:
        raise CalibrationError(
            f"no row for calibration: {'; '.join(found.conflicts)}; audit it as it was trained"
        )
    if audited.unlike_rows:
        raise CalibrationError(
            f"no row for calibration: the plan sets {', '.join(audited.unlike_rows)}, for which "
            "rows have no column; leave --row-output out"
        )
    if any(name.startswith(FORMULA) for name, _ in audited.dims[:1]):
        raise CalibrationError(
            f"no row for calibration: the dimension {audited.dims[0][0]!r} begins as a formula of "
            "a spreadsheet does; export the model with another name for it"
        )
    if audited.model_path.startswith("torch:"):
        raise CalibrationError(
            f"no row for calibration: {audited.model_path} is no file; export it and audit that"
        )


def _figure(value: float | None) -> str:
    """Nine digits, more than a measurement has."""
    return "" if value is None else f"{value:.9g}"


def _cell(text: str, longest: int) -> str:
    shown = "".join(c if c.isprintable() else " " for c in text)
    return (f"'{shown}" if text.startswith(FORMULA) else shown)[:longest]


def _path(name: str) -> str:
    return f"./{name}" if name.startswith(FORMULA) else name


def table(found: dict[str, str], path: Path) -> str:
    """The text of the table at `path` with the row at its end; a new table where there is none.

    Raises:
        CalibrationError: there is a file with other columns, or with this very row.
    """
    head, line = _line(dict(zip(COLUMNS, COLUMNS, strict=True))), _line(found)
    if not path.exists():
        return head + line
    before = read_text(path, "a table of rows by `audit reconcile`, or a new file")
    lines = before.splitlines(keepends=True)
    if lines[0].rstrip("\n") != head.rstrip("\n"):
        raise CalibrationError(
            f"{path}: has other columns than `audit reconcile` writes; name a new file, and put "
            "the row where it belongs"
        )
    if line in lines:
        raise CalibrationError(f"{path}: has this row already, in line {lines.index(line) + 1}")
    return before.rstrip("\n") + "\n" + line


def _line(values: dict[str, str]) -> str:
    stream = io.StringIO()
    csv.DictWriter(stream, COLUMNS, lineterminator="\n").writerow(values)
    return stream.getvalue()
