"""What a sweep is made of: sources, the grid that each is held against, and rows."""

from __future__ import annotations

import copyreg
import hashlib
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from auditor.workload import Plan


def _read_only(mapping: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(mapping)


def _reduced(mapping: MappingProxyType[Any, Any]) -> tuple[Any, ...]:
    return _read_only, (dict(mapping),)


# Plans go to other processes, and Python does not say by itself how a read-only mapping does.
copyreg.pickle(MappingProxyType, _reduced)

Cell = str | int | float | bool | None
Row = dict[str, Cell]


@dataclass(frozen=True, slots=True)
class Source:
    """One model: a path or a URL, its size if known, and what changes with its content."""

    name: str
    size_bytes: int | None
    stamp: str


@dataclass(frozen=True, slots=True)
class NamedPlan:
    """A plan and what rows call it."""

    name: str
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """What every model is audited under: each plan on each hardware, in this order.

    `hardware_file` and `calibration` are contents and no paths, since a worker may be on another
    machine; `calibration` is None for the one that ships, empty for the roofline alone.
    `accuracies` are by a model's name without folders and ending.
    """

    plans: tuple[NamedPlan, ...]
    hardware: tuple[str, ...]
    hardware_file: bytes | None = None
    calibration: bytes | None = None
    strict: bool = False
    accuracies: tuple[tuple[str, float], ...] = ()

    @property
    def size(self) -> int:
        """Rows of one model."""
        return len(self.plans) * len(self.hardware)

    @property
    def sha256(self) -> str:
        """Hash (hex) of all of it: rows of two grids do not stand in one table."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Done:
    """All rows of one source, in the grid's order."""

    source: Source
    rows: tuple[Row, ...]
