"""What a meter read during a run, with the marks of the protocol; kept as CSV.

The first line of the file is ``#`` and a JSON object by ``schemas/recording.schema.json``: what
the meter is, and the marks.  Then comes a table, one row a reading, an empty cell where
nothing was read.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.errors import HardwareError
from auditor.measure.meter import MeterDescription, Reading
from auditor.tables import read_schema

SCHEMA_VERSION = "1.0"
_LARGEST_BYTES = 100_000_000
_WHOLE = frozenset({"memory_used_bytes", "process_count"})
COLUMNS = tuple(f.name for f in dataclasses.fields(Reading))


@dataclass(frozen=True, slots=True)
class Mark:
    """The start of a phase: "idle", "warm-up", "trial 1", ..., "cool-down", and the "end".

    `repetition_count` is how often the work ran between this mark and the next; None where
    that was not counted.
    """

    time_s: float
    label: str
    repetition_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Readings in order of time, with the protocol's marks on the same clock."""

    description: MeterDescription
    readings: tuple[Reading, ...]
    marks: tuple[Mark, ...]

    def phases(self, prefix: str) -> tuple[tuple[Mark, float], ...]:
        """Marks whose label begins with `prefix`, each with the time in s of the next mark."""
        pairs = zip(self.marks, self.marks[1:], strict=False)
        return tuple((mark, after.time_s) for mark, after in pairs if mark.label.startswith(prefix))


def recording_text(recording: Recording) -> str:
    """Return the recording as the text of a file, its clock starting at 0."""
    readings = recording.readings
    start_s = readings[0].time_s if readings else 0.0
    head = {
        "schema_version": SCHEMA_VERSION,
        "meter": dataclasses.asdict(recording.description),
        "marks": [
            dataclasses.asdict(m) | {"time_s": round(m.time_s - start_s, 6)}
            for m in recording.marks
        ],
    }
    stream = io.StringIO()
    stream.write(f"# {json.dumps(head, allow_nan=False)}\n")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for reading in readings:
        moved = dataclasses.replace(reading, time_s=round(reading.time_s - start_s, 6))
        writer.writerow(_cell(getattr(moved, name)) for name in COLUMNS)
    return stream.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return ";".join(sorted(value)) if isinstance(value, frozenset) else repr(value)


def read_recording(path: Path) -> Recording:
    """Read a recording that `recording_text` wrote.

    Raises:
        HardwareError: it cannot be read, or is no recording; names the line.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(_LARGEST_BYTES + 1)
        text = data.decode("utf-8")
    except (OSError, ValueError) as error:
        raise HardwareError(f"recording {path} cannot be read: {error}; check the path") from error
    if len(data) > _LARGEST_BYTES:
        raise _refused(path, f"is over {_LARGEST_BYTES / 1e6:.0f} MB")
    first, _, table = text.partition("\n")
    head = _head(path, first)
    meter = head["meter"] | {"notes": tuple(head["meter"].get("notes", ()))}
    recording = Recording(
        description=MeterDescription(**meter),
        readings=_readings(path, table),
        marks=tuple(Mark(**mark) for mark in head["marks"]),
    )
    _require_order(path, recording)
    return recording


def _refused(path: Path, problem: str) -> HardwareError:
    return HardwareError(
        f"recording {path} {problem}; give a file that `audit measure --recording` wrote"
    )


def _head(path: Path, line: str) -> Mapping[str, Any]:
    import jsonschema  # only reading a recording needs it

    if not line.startswith("#"):
        raise _refused(path, "does not begin with # and the description of its meter")
    try:
        head = json.loads(line[1:])
        jsonschema.validate(head, read_schema("recording.schema.json"))
    except (ValueError, RecursionError) as error:
        raise _refused(path, f"line 1: is not JSON: {error}") from error
    except jsonschema.ValidationError as error:
        raise _refused(path, f"line 1: {error.json_path}: {error.message[:200]}") from error
    found: Mapping[str, Any] = head
    return found


def _readings(path: Path, table: str) -> tuple[Reading, ...]:
    reader = csv.DictReader(io.StringIO(table, newline=""), strict=True)
    try:
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise _refused(path, f"line 2: has other columns than {', '.join(COLUMNS)}")
        return tuple(_reading(path, row, reader.line_num + 1) for row in reader)
    except csv.Error as error:
        raise _refused(path, f"line {reader.line_num + 1}: is not CSV: {error}") from error


def _reading(path: Path, row: Mapping[str, str], line: int) -> Reading:
    if None in row or None in row.values():
        raise _refused(path, f"line {line}: has not {len(COLUMNS)} cells")
    values: dict[str, Any] = {}
    for name in COLUMNS:
        cell = row[name]
        if name == "throttle_reasons":
            values[name] = frozenset(part for part in cell.split(";") if part)
        else:
            values[name] = _number(path, cell, name, line) if cell else None
    if values["time_s"] is None:
        raise _refused(path, f"line {line}: has no time_s")
    return Reading(**values)


def _number(path: Path, cell: str, name: str, line: int) -> float:
    try:
        number = int(cell) if name in _WHOLE else float(cell)
    except ValueError as error:
        raise _refused(path, f"line {line}: {name}: {cell[:40]!r} is not a number") from error
    if not math.isfinite(number) or (number < 0 and name not in ("time_s", "temperature_c")):
        raise _refused(path, f"line {line}: {name}: {cell[:40]!r} cannot be")
    return number


def _require_order(path: Path, recording: Recording) -> None:
    """Refuse a clock that runs backwards.

    Raises:
        HardwareError: it does.
    """
    for what in (recording.readings, recording.marks):
        times_s = [entry.time_s for entry in what]
        if times_s != sorted(times_s):
            raise _refused(path, "is not in order of time")
