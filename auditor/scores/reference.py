"""Reference sets of PePR: the ranges of resources over a stated set of models."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from auditor.errors import PlanError
from auditor.reading import read_limited
from auditor.tables import read_table

RESOURCES = ("energy_kwh", "carbon_gco2e", "duration_s", "epoch_time_s", "memory_bytes")
COMPARED = "compared"
COLUMNS = ("set", "resource", "low", "high", "covers", "source")
_MAX_FILE_BYTES = 1_000_000
# Within these no place in a range overflows.
_LEAST_WIDTH, _MOST = 1e-30, 1e60


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The least and the most that models of a set take of one resource, in its unit."""

    low: float
    high: float
    covers: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceSet:
    """A set of models by its name, with the ranges of what they take."""

    name: str
    ranges: Mapping[str, Range]


def published_sets() -> Mapping[str, ReferenceSet]:
    """Return the sets of the PePR paper by name, each figure with its source in the table.

    Selvan et al., arXiv 2403.12562; the ranges are the extremes of the columns that the paper's
    repository publishes, saintslab/PePR (MIT).
    """
    return _sets(read_table("pepr_ranges.csv"), "pepr_ranges.csv")


def read_reference(name: str) -> ReferenceSet:
    """Return the published set of this name, or else the one in the CSV file of this path.

    Raises:
        PlanError: there is neither, or the file is not a table of one set's ranges.
    """
    published = published_sets()
    if name in published:
        return published[name]
    path = Path(name)
    found = tuple(_sets(_rows(path), str(path)).values())
    if len(found) != 1:
        raise PlanError(f"{path}: has {len(found)} sets; a file holds the ranges of one")
    return found[0]


def compared_set(amounts: Iterable[Mapping[str, float | None]], what: str) -> ReferenceSet:
    """Return the set of the models that are compared, by the medians of what each takes.

    `amounts` has one mapping a model, from resource to amount; None is not assessed, and a
    resource that one of them lacks has no range.
    """
    models = tuple(amounts)
    ranges = {}
    for resource in RESOURCES:
        found = [value for m in models if (value := m.get(resource)) is not None]
        if found and len(found) == len(models):
            ranges[resource] = Range(low=min(found), high=max(found), covers=what, source=what)
    return ReferenceSet(name=COMPARED, ranges=MappingProxyType(ranges))


def _rows(path: Path) -> list[dict[str, str]]:
    """Read a table of ranges.

    Raises:
        PlanError: it cannot be read, is too long, or has other columns.
    """
    try:
        text = read_limited(path, _MAX_FILE_BYTES).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        columns, rows = set(reader.fieldnames or ()), list(reader)
    except FileNotFoundError as error:
        known = ", ".join((COMPARED, *published_sets()))
        raise PlanError(
            f"reference set {str(path)!r}: there is no such file; name one, or one of {known}"
        ) from error
    except OSError as error:
        raise PlanError(f"{path}: cannot be read: {error.strerror}; check the path") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise PlanError(f"{path}: not a CSV table in UTF-8: {error}; correct it") from error
    if columns != set(COLUMNS):
        raise PlanError(f"{path}: the columns of a reference set are {','.join(COLUMNS)}")
    return rows


def _sets(rows: Iterable[Mapping[str, str]], where: str) -> Mapping[str, ReferenceSet]:
    """Group the rows of a table by their set.

    Raises:
        PlanError: a row is not a range.
    """
    ranges: dict[str, dict[str, Range]] = {}
    for number, row in enumerate(rows, start=2):
        name, resource = row["set"] or "", row["resource"]
        of_set = ranges.setdefault(name, {})
        if not name or name == COMPARED or resource not in RESOURCES or resource in of_set:
            raise PlanError(
                f"{where}:{number}: set {name!r}, resource {resource!r}: a set has a name of its "
                f"own and each of {', '.join(RESOURCES)} at most once"
            )
        of_set[resource] = _range(row, f"{where}:{number}")
    return MappingProxyType(
        {name: ReferenceSet(name=name, ranges=MappingProxyType(r)) for name, r in ranges.items()}
    )


def _range(row: Mapping[str, str], where: str) -> Range:
    """Read one row.

    Raises:
        PlanError: its ends are not numbers of zero or more, the low one below the high one; or
            it has no source.
    """
    try:
        low, high = float(row["low"]), float(row["high"])
    except (TypeError, ValueError) as error:
        raise PlanError(f"{where}: low and high must be numbers") from error
    if not (low >= 0 and high - low >= _LEAST_WIDTH and high <= _MOST):
        raise PlanError(f"{where}: low {low:g} and high {high:g}: low must be below high, from 0")
    if not row["covers"] or not row["source"]:
        raise PlanError(f"{where}: covers and source must say what was measured and by whom")
    return Range(low=low, high=high, covers=row["covers"], source=row["source"])
