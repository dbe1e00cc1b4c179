"""Tables of measured runs: the project's own, and those of users.

A table is a CSV file with a header; ``schemas/runs.schema.json`` describes a row.  Columns may be
left out, and stand in any order.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from auditor.calibration.checks import problems, repeated
from auditor.calibration.record import Run, step_time_s
from auditor.errors import CalibrationError, HardwareError
from auditor.hardware import Accelerator, resolve
from auditor.reading import read_limited
from auditor.tables import read_schema

if TYPE_CHECKING:
    from pathlib import Path

# In the order of the project's own table; all of the schema.
RUN_COLUMNS = (
    "run_id",
    "source",
    "source_path",
    "licence",
    "quality",
    "family",
    "graph",
    "dims",
    "phase",
    "layout",
    "batch_size",
    "precision",
    "optimizer",
    "hardware",
    "device_count",
    "power_limit_w",
    "step_time_s",
    "duration_s",
    "samples_per_epoch",
    "epochs",
    "evaluated_samples_per_epoch",
    "energy_j",
    "energy_scope",
    "mean_power_w",
    "power_scope",
    "note",
)
LARGEST_BYTES = 100_000_000
_LONGEST_MESSAGE = 200
# float() takes more: 1_000, nan, infinity.
_WORD = re.compile(r"[A-Za-z_ ]{0,40}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")

Cells = Mapping[str, str]
Values = dict[str, Any]


def schema() -> Mapping[str, Any]:
    """The JSON Schema of one row, numbers as numbers and empty cells left out."""
    return read_schema("runs.schema.json")


@lru_cache(maxsize=1)
def _validator() -> Any:
    import jsonschema  # takes longer to load than an audit takes; only tables of runs need it

    return jsonschema.Draft202012Validator(schema())


class _Table:
    """One file; its methods name the file and the line when they refuse."""

    def __init__(self, path: Path, extra: Sequence[Accelerator]) -> None:
        self.path = path
        self.extra = extra
        self.devices: dict[str, Accelerator] = {}

    def refuse(self, problem: str, line: int | None = None) -> CalibrationError:
        where = f"{self.path}, line {line}" if line else str(self.path)
        return CalibrationError(f"runs of {where}: {problem}", path=str(self.path), line=line)

    def text(self) -> str:
        try:
            return read_limited(self.path, LARGEST_BYTES).decode("utf-8-sig")
        except (OSError, ValueError) as error:  # ValueError: not UTF-8
            raise CalibrationError(
                f"runs of {self.path} cannot be read: {error}: give a CSV file in UTF-8"
            ) from error

    def rows(self) -> Iterator[tuple[int, Cells]]:
        """Line and filled cells of every row."""
        reader = csv.DictReader(io.StringIO(self.text(), newline=""), strict=True)
        try:
            self.check_header(reader.fieldnames or ())
            for row in reader:
                if None in row or None in row.values():
                    raise self.refuse(
                        f"not as many cells as the header has ({len(reader.fieldnames or ())}): "
                        "quote cells that hold a comma",
                        reader.line_num,
                    )
                cells = {key: cell.strip() for key, cell in row.items()}
                yield reader.line_num, {key: cell for key, cell in cells.items() if cell}
        except csv.Error as error:
            raise self.refuse(f"not CSV: {error}", reader.line_num) from error

    def check_header(self, names: Sequence[str]) -> None:
        known = schema()["properties"]
        for name in names:
            if name not in known:
                raise self.refuse(_unknown_column(name, known))
            if names.count(name) > 1:
                raise self.refuse(f"column {name} occurs twice: keep one of them")
        lacking = [name for name in schema()["required"] if name not in names]
        if lacking:
            raise self.refuse(f"no column {', '.join(lacking)}: add it, with a value in every row")

    def values(self, cells: Cells, line: int) -> Values:
        """Cells as the schema's types, and valid by it."""
        kinds = schema()["properties"]
        values: Values = {}
        for name, cell in cells.items():
            kind = kinds[name].get("type", "string")
            values[name] = cell if kind == "string" else self.number(name, cell, kind, line)
        error = next(iter(sorted(_validator().iter_errors(values), key=_rank)), None)
        if error is not None:
            raise self.refuse(_explanation(error), line)
        return values

    def number(self, name: str, cell: str, kind: str, line: int) -> float:
        value = float(cell) if _NUMBER.fullmatch(cell) else float("nan")
        if not abs(value) <= 1e30:
            raise self.refuse(f"{name}: {cell!r} is not a number: give one as 1234.5", line)
        if kind == "integer" and not value.is_integer():
            raise self.refuse(f"{name}: {cell!r} is not a whole number", line)
        return int(value) if kind == "integer" else value

    def device(self, name: str, line: int) -> Accelerator:
        try:
            if name not in self.devices:
                self.devices[name] = resolve(name, self.extra).accelerator
            return self.devices[name]
        except HardwareError as error:
            raise self.refuse(f"hardware: {error}", line) from error

    def run(self, cells: Cells, line: int) -> Run:
        values = self.values(cells, line)
        device = self.device(values["hardware"], line)
        values["hardware"] = device.id
        values["dims"] = _dims(values.get("dims", ""))
        values.setdefault("run_id", f"{self.path.name}:{line}")
        values.setdefault("step_time_s", None)
        if values["step_time_s"] is None:
            values["step_time_s"] = _derived_step_time_s(values)
        run = Run(**values)
        problem = next(problems(run, device), None)
        if problem:
            raise self.refuse(problem, line)
        return run

    def runs(self) -> tuple[Run, ...]:
        found, lines = [], []
        for line, cells in self.rows():
            found.append(self.run(cells, line))
            lines.append(line)
        if not found:
            raise self.refuse("no rows: give at least one run")
        for first, later, same in repeated(found):
            raise self.refuse(
                f"{same} as in line {lines[first]}: keep one of the two rows", lines[later]
            )
        return tuple(found)


def _unknown_column(name: str, known: Mapping[str, Any]) -> str:
    import difflib  # only the sad path pays for it

    near = difflib.get_close_matches(str(name).lower(), known, n=1, cutoff=0.6)
    remedy = f"call it {near[0]}" if near else "leave it out"
    # What is no word may be of a file that was never a table, and is not to be told in a log.
    called = repr(name) if _WORD.fullmatch(str(name)) else "of another name than a column has"
    return f"unknown column {called}: {remedy}"


def _rank(error: Any) -> tuple[int, str]:
    """Cells that are wrong come before cells that are missing."""
    return (0 if error.absolute_path else 1, error.json_path)


def _explanation(error: Any) -> str:
    column = ".".join(map(str, error.absolute_path))
    if error.validator == "required":
        return f"{error.message}: fill it in"
    if error.validator == "dependentRequired":
        return f"{error.message}: fill in both or neither"
    if error.validator == "anyOf":
        return "no time: fill in step_time_s, or duration_s, samples_per_epoch and epochs"
    if error.validator == "pattern":
        return f"{column}: {error.instance[:80]!r} is not of the form name=size;name=size"
    message = error.message
    if len(message) > _LONGEST_MESSAGE:
        message = f"{message[:_LONGEST_MESSAGE]}..."
    return f"{column}: {message}: see schemas/runs.schema.json"


def _dims(cell: str) -> tuple[tuple[str, int], ...]:
    pairs = (item.split("=") for item in cell.split(";") if item)
    return tuple(sorted((name, int(size)) for name, size in pairs))


def _derived_step_time_s(values: Values) -> float:
    epochs = values["epochs"]
    return step_time_s(
        values["duration_s"],
        values["samples_per_epoch"] * epochs,
        values.get("evaluated_samples_per_epoch", 0.0) * epochs,
        values["batch_size"] * values.get("device_count", 1),
    )


def read_runs(path: Path, extra: Sequence[Accelerator] = ()) -> tuple[Run, ...]:
    """Runs of a table, in its order; `extra` are devices beside the catalogue's.

    Checked are the schema of every row, that its device is known, that power, energy and times
    agree with each other and with the device, and that no run is told twice.  A run without
    ``run_id`` is called by file and line, as ``my_runs.csv:2``; one without ``step_time_s`` gets
    it from its duration, in which an evaluated sample counts as a third of a trained one.

    Raises:
        CalibrationError: names the file, the line, the column and the remedy.
    """
    return _Table(path, extra).runs()
