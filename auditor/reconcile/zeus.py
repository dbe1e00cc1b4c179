"""CSV files of zeus: windows of ``ZeusMonitor``, and power over time.

- ``ZeusMonitor(log_file=...)`` writes ``start_time,window_name,elapsed_time,gpu0_energy,...``, in s
  and J, a line for every window that ends, names unquoted (``zeus/monitor/energy.py``, 0.11.0).
  Windows of different names may lie in each other; those of one name cannot.
- ``PowerMonitor(power_csv_path=...)`` writes lines of Unix time in s and W for every device,
  without a header (``zeus/monitor/power.py``, 0.11.0); its table has ``time,power0,...``.
- The older ``zeus_monitor`` writes ``Time,Power``, date and mW (``zeus_monitor/sample.csv``; mW is
  NVML's unit); its last line may be cut off.

All of it is boards alone; zeus applies no PUE.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from statistics import median

from auditor import units
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

WINDOW_COLUMNS = ("start_time", "window_name", "elapsed_time")
_POWER_HEADER = re.compile(r"(?:,)?(?:time|timestamp)(?:,power\d{0,4})+", re.IGNORECASE)
_GPU_COLUMN = re.compile(r"gpu\d{1,4}_energy")
_SAMPLE = re.compile(r"\d{9,11}(?:\.\d*)?(?:,\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)+")
_DATE = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,6})?\d*")
_OLD_HEADER = "time,power"
_W_PER_MW = 1e-3
_GAP = 20


def is_zeus(first_line: str) -> bool:
    """Whether a file that begins so is of zeus."""
    names = tuple(first_line.split(",")[:3])
    return (
        names == WINDOW_COLUMNS
        or _POWER_HEADER.fullmatch(first_line) is not None
        or _SAMPLE.fullmatch(first_line) is not None
    )


def parse(text: str, selection: Selection) -> Measured:
    """The window that `selection` means, or the whole of a power trace.

    Raises:
        CalibrationError: not such a file, a cell is no number, nothing was measured, time runs
            backwards, or there are several windows and `selection` leaves it open which.
    """
    first = text.split("\n", 1)[0].strip()
    if tuple(first.split(",")[:3]) == WINDOW_COLUMNS:
        return _windows(text, selection)
    if not is_zeus(first):
        raise CalibrationError(
            f"not a CSV file of zeus: neither a line {','.join(WINDOW_COLUMNS)},... nor times and "
            "powers"
        )
    if selection.window is not None:
        raise CalibrationError(
            f"--window {selection.window}: the file is power over time and has no windows"
        )
    return _trace(text)


def _windows(text: str, selection: Selection) -> Measured:
    header, *lines = text.splitlines()
    columns = header.strip().split(",")[3:]
    if not columns or not all(_GPU_COLUMN.fullmatch(name) for name in columns):
        raise CalibrationError(
            f"columns {listed(columns)} after elapsed_time: zeus writes gpu0_energy and so on, and "
            "none where it saw no accelerator"
        )
    rows = [_window(line, place, len(columns)) for place, line in enumerate(lines, 2) if line]
    if not rows:
        raise CalibrationError("no window has ended: call end_window before the training exits")
    names = [name for name, _, _ in rows]
    wanted = selection.window if selection.window is not None else names[0]
    if selection.window is None and len(set(names)) > 1:
        raise CalibrationError(
            f"{len(set(names))} windows, which may lie in each other: choose one with --window; "
            f"there are {listed(names)}"
        )
    chosen = [row for row in rows if row[0] == wanted]
    if not chosen:
        raise CalibrationError(f"no window {wanted!r}; there are {listed(names)}")
    energies_j = [joules for _, _, joules in chosen]
    notes = []
    if len(chosen) > 1:
        notes.append(f"{len(chosen)} windows of this name are added up")
    if any(0 in joules for joules in energies_j):
        notes.append("a window has 0 J: it was shorter than the device's counter takes to move")
    return _measured(
        sum(map(sum, energies_j)), sum(s for _, s, _ in chosen), len(columns), wanted, notes
    )


def _window(line: str, place: int, count: int) -> tuple[str, float, tuple[float, ...]]:
    """Name, duration in s and J of every device; the name may hold commas."""
    parts = line.strip().split(",")
    if len(parts) < count + 3:
        raise CalibrationError(
            f"line {place}: {len(parts)} cells instead of {count + 3}; remove it if it is cut off"
        )
    seconds, *joules = parts[-count - 1 :]
    return (
        ",".join(parts[1 : -count - 1]),
        number(seconds, f"line {place}: elapsed_time"),
        tuple(number(j, f"line {place}: energy") for j in joules),
    )


def _trace(text: str) -> Measured:
    samples, count, scale = _samples(text)
    if len(samples) < 2:
        raise CalibrationError("fewer than two samples of power: nothing to integrate")
    seconds = [later - time for (time, _), (later, _) in pairwise(samples)]
    if min(seconds) < 0:
        place = seconds.index(min(seconds)) + 1
        raise CalibrationError(
            f"time runs backwards after sample {place}: give the trace of one run"
        )
    # Trapezoid, as zeus itself (sklearn.metrics.auc in PowerMonitor.get_energy).
    powers = pairwise(power for _, power in samples)
    energy_j = sum(
        step * (power + later) / 2 for step, (power, later) in zip(seconds, powers, strict=True)
    )
    notes = ["the whole trace is taken, what ran before and after the training with it"]
    usual_s, longest_s = median(seconds), max(seconds)
    if longest_s > _GAP * usual_s:
        gap, usual = units.duration(longest_s), units.duration(usual_s)
        notes.append(f"a gap of {gap} in the trace, else {usual} between samples: bridged")
    return _measured(energy_j * scale, sum(seconds), count, None, notes)


def _samples(text: str) -> tuple[list[tuple[float, float]], int, float]:
    """Time in s and power of all devices together, their number, and the unit of power in W."""
    first = text.split("\n", 1)[0].strip()
    headed = _SAMPLE.fullmatch(first) is None
    milli = first.lower() == _OLD_HEADER
    skipped = 1 if first.startswith(",") else 0  # the index that pandas writes
    width = first.count(",") + 1
    found: list[tuple[float, float]] = []
    cut: CalibrationError | None = None
    for place, (line, row) in enumerate(cells(text)):
        if headed and place == 0:
            continue
        if cut is not None:
            raise cut
        if len(row) != width:
            cut = CalibrationError(f"line {line}: {len(row)} cells instead of {width}; correct it")
            continue
        time, *powers = row[skipped:]
        found.append((_time_s(time, line), sum(number(p, f"line {line}: power") for p in powers)))
    if cut is not None and not milli:
        raise cut
    return found, width - skipped - 1, _W_PER_MW if milli else 1.0


def _time_s(text: str, line: int) -> float:
    """Unix time, or a date without a zone, in s."""
    match = _DATE.fullmatch(text)
    if match is None:
        return number(text, f"line {line}: time")
    try:
        # Python's dates end at microseconds, zeus_monitor's at nanoseconds.
        date = datetime.fromisoformat(text[:19])
    except ValueError as error:
        raise CalibrationError(f"line {line}: {text!r} is no date") from error
    # Differences alone matter, so any zone does as long as it is one without summer time.
    days = date.toordinal()
    seconds = ((days * 24 + date.hour) * 60 + date.minute) * 60 + date.second
    return seconds + float(match.group(1) or 0)


def _measured(
    energy_j: float, duration_s: float, count: int, label: str | None, notes: Sequence[str]
) -> Measured:
    return Measured(
        tool=Tool.ZEUS,
        label=label,
        covers=Covers.GPU,
        energy_j=positive(repr(energy_j), "energy"),
        gpu_energy_j=energy_j,
        duration_s=positive(repr(duration_s), "time"),
        device_count=count,
        warnings=tuple(notes),
    )
