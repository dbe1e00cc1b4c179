"""What a tool measured, in one form for all tools, and how its figures are read."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from auditor.errors import CalibrationError

# float() takes more: 1_000, nan, infinity.
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_LARGEST = 1e30
_LISTED = 8
_LONGEST = 80


class Tool(StrEnum):
    """Whose file it is."""

    CODECARBON = "codecarbon"
    CARBONTRACKER = "carbontracker"
    ZEUS = "zeus"


class Covers(StrEnum):
    """What an energy figure holds; none of the tools sees fans, disks or the power supply."""

    GPU = "gpu"
    GPU_CPU = "gpu+cpu"
    GPU_CPU_RAM = "gpu+cpu+ram"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which of several runs or windows in a file is meant; None where nothing is said.

    `row` counts the rows of a table from 1.  `pue` is the factor by which carbontracker
    multiplied, for a log that does not say it.
    """

    row: int | None = None
    run_id: str | None = None
    project: str | None = None
    window: str | None = None
    pue: float | None = None


@dataclass(frozen=True, slots=True)
class Extrapolated:
    """A tool's own forecast, which is no measurement: energy in J without PUE, time in s."""

    epochs: float
    energy_j: float
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of one training, all devices together; None where the file says nothing.

    `energy_j` is in J, without PUE, and holds what `covers` says; the parts add up to it as far
    as they are known.  `pue_divided_out` is the factor that the tool had multiplied by.
    `epochs` are those that were measured; what the tool forecast from them is `extrapolated`.
    """

    tool: Tool
    tool_version: str | None = None
    label: str | None = None
    covers: Covers
    energy_j: float
    gpu_energy_j: float | None = None
    cpu_energy_j: float | None = None
    ram_energy_j: float | None = None
    duration_s: float
    hardware_name: str | None = None
    device_count: int | None = None
    pue_divided_out: float | None = None
    epochs: float | None = None
    extrapolated: Extrapolated | None = None
    warnings: tuple[str, ...] = ()


def number(text: str, what: str) -> float:
    """A figure of zero or more.

    Raises:
        CalibrationError: it is none; `what` names it.
    """
    value = float(text) if _NUMBER.fullmatch(text.strip()) else -1.0
    if not 0 <= value <= _LARGEST:
        raise CalibrationError(f"{what}: {quoted(text)} is not a number of zero or more")
    return value


def positive(text: str, what: str) -> float:
    """A figure above zero.

    Raises:
        CalibrationError: it is none; `what` names it.
    """
    value = number(text, what)
    if value == 0:
        raise CalibrationError(f"{what} is 0: nothing was measured")
    return value


def quoted(text: str) -> str:
    """A cell as it stands in a message, cut where it is long."""
    return repr(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")


def listed(names: Iterable[str]) -> str:
    """Different names in their order, the first few of many."""
    found = list(dict.fromkeys(names))
    more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    return ", ".join(quoted(name) for name in found[:_LISTED]) + more


def cells(text: str) -> Iterator[tuple[int, list[str]]]:
    """Lines of a CSV table by their number, empty ones left out.

    Raises:
        CalibrationError: it is not CSV.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise CalibrationError(
            f"line {reader.line_num}: not CSV: {error}; give the file as the tool wrote it"
        ) from error
