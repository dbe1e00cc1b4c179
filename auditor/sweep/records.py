"""What a sweep is made of: sources, the grid that each is held against, and rows."""

from __future__ import annotations

import copyreg
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
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
    accuracies: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, source: Source) -> Grid:
        """Return what a worker needs of it for one model: of the accuracies, its own."""
        stem = PurePosixPath(source.name).stem
        own = {stem: self.accuracies[stem]} if stem in self.accuracies else {}
        return replace(self, accuracies=MappingProxyType(own))

    @property
    def sha256(self) -> str:
        """Hash (hex) of all of it: rows of two grids do not stand in one table."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Done:
    """All rows of one source, in the grid's order."""

    source: Source
    rows: tuple[Row, ...]
