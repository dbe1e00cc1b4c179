"""Accelerators that the user describes in a TOML file."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from auditor.errors import HardwareError
from auditor.hardware._record import KINDS, PEAK_KINDS, Accelerator, Peaks
from auditor.reading import read_limited, toml_table

if TYPE_CHECKING:
    from pathlib import Path

_LARGEST_BYTES = 1_000_000
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_PEAK_KEYS = tuple(f"{kind}_flops_per_s" for kind in PEAK_KINDS)
_TEXT = ("id", "name", "vendor", "kind", "architecture", "link_name")
_MORE_TEXT = ("release_date", "source", "source_date", "notes")
_NUMBERS = ("memory_bandwidth_bytes_per_s", "tdp_w", "idle_w", "link_bytes_per_s", *_PEAK_KEYS)
_REQUIRED = ("id", "name", "memory_bytes", "memory_bandwidth_bytes_per_s", "tdp_w", "source")
_KEYS = frozenset((*_TEXT, *_MORE_TEXT, *_NUMBERS, "memory_bytes", "aliases"))


def _read(path: Path) -> dict[str, object]:
    try:
        return toml_table(read_limited(path, _LARGEST_BYTES))
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, not TOML
        raise HardwareError(f"hardware file {path} cannot be read: {error}") from error


class _Entry:
    """One [[accelerator]] table; its readers name the file and the key when they refuse."""

    def __init__(self, where: str, table: dict[str, object]) -> None:
        self.where = where
        self.table = table

    def refuse(self, key: str, problem: str) -> HardwareError:
        return HardwareError(f"{self.where}: {key} {problem}", key=key)

    def text(self, key: str, default: str = "") -> str:
        value = self.table.get(key, default)
        if not isinstance(value, str) or not value.isprintable():
            raise self.refuse(key, f'must be text on one line, as {key} = "..."')
        if key in _REQUIRED and not value.strip():
            raise self.refuse(key, "must not be empty: fill it in from the datasheet")
        return value

    def number(self, key: str) -> float | None:
        value = self.table.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.refuse(key, f"must be a number, as {key} = 1.5e12")
        if not 0 < value <= 1e30 or not math.isfinite(value):
            raise self.refuse(key, "must be a finite number above 0: leave the key out if unknown")
        return float(value)

    def whole(self, key: str) -> int:
        value = self.number(key)
        if value is None or not value.is_integer():
            raise self.refuse(key, f"must be a whole number of bytes, as {key} = 85_899_345_920")
        return int(value)

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.table.get(key, [])
        if not isinstance(value, list) or not all(
            isinstance(item, str) and item.isprintable() for item in value
        ):
            raise self.refuse(key, f'must be a list of texts, as {key} = ["My card"]')
        return tuple(value)


def _check_keys(entry: _Entry) -> None:
    for key in entry.table:
        if key not in _KEYS:
            raise entry.refuse(repr(key), f"is not a known key: use {', '.join(sorted(_KEYS))}")
    for key in _REQUIRED:
        if key not in entry.table:
            raise entry.refuse(key, "is missing: add it from the datasheet")
    if not any(key in entry.table for key in _PEAK_KEYS):
        raise entry.refuse("fp32_flops_per_s", f"or another of {', '.join(_PEAK_KEYS)} is missing")
    if not _SLUG.fullmatch(entry.text("id")):
        raise entry.refuse("id", "must be lower-case words joined by dashes, as my-card-24gb")
    if entry.text("kind", "gpu") not in KINDS:
        raise entry.refuse("kind", f"must be one of {', '.join(KINDS)}")


def _accelerator(entry: _Entry) -> Accelerator:
    _check_keys(entry)
    peaks = {kind: entry.number(key) for kind, key in zip(PEAK_KINDS, _PEAK_KEYS, strict=True)}
    return Accelerator(
        id=entry.text("id"),
        name=entry.text("name"),
        vendor=entry.text("vendor"),
        kind=entry.text("kind", "gpu"),
        architecture=entry.text("architecture"),
        aliases=entry.texts("aliases"),
        memory_bytes=entry.whole("memory_bytes"),
        memory_bandwidth_bytes_per_s=entry.number("memory_bandwidth_bytes_per_s"),
        peak_flops_per_s=Peaks({kind: value for kind, value in peaks.items() if value is not None}),
        tdp_w=entry.number("tdp_w"),
        idle_w=entry.number("idle_w"),
        link_name=entry.text("link_name") or None,
        link_bytes_per_s=entry.number("link_bytes_per_s"),
        release_date=entry.text("release_date") or None,
        source=entry.text("source"),
        source_date=entry.text("source_date"),
        notes=entry.text("notes"),
    )


def load_hardware_file(path: Path) -> tuple[Accelerator, ...]:
    """Accelerators of a TOML file of [[accelerator]] tables, keys and units as in the catalogue.

    Required: id, name, memory_bytes, memory_bandwidth_bytes_per_s, tdp_w,
    source and at least one ..._flops_per_s.  Raises HardwareError that names
    the file, the key and the remedy for anything else than such a file.
    """
    data = _read(path)
    tables = data.get("accelerator")
    if set(data) != {"accelerator"} or not isinstance(tables, list) or not tables:
        raise HardwareError(
            f"hardware file {path} must hold [[accelerator]] tables and no other key"
        )
    rows = []
    for number, table in enumerate(tables, start=1):
        if not isinstance(table, dict):
            raise HardwareError(
                f"hardware file {path}: entry {number} must be an [[accelerator]] table"
            )
        rows.append(_accelerator(_Entry(f"hardware file {path}, accelerator {number}", table)))
    ids = [row.id for row in rows]
    for row_id in ids:
        if ids.count(row_id) > 1:
            raise HardwareError(f"hardware file {path}: id {row_id} occurs twice: keep one of them")
    return tuple(rows)
