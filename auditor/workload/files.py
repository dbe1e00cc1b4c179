"""Plans in TOML: a plan file, or ``[tool.auditor]`` in a pyproject.toml."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

from auditor.errors import PlanError
from auditor.reading import read_limited, toml_table
from auditor.workload.lifecycle import LIFECYCLE_INTEGERS, LIFECYCLE_TEXTS, Lifecycle
from auditor.workload.plan import Plan

MAX_FILE_BYTES = 1_000_000
# What `audit check` reads beside a plan, in the same table.
CHECK_KEYS = (
    "models",
    "limits",
    "presets",
    "tolerance",
    "reference",
    "hardware_file",
    "calibration",
)
MAX_DIGITS = 18  # of one dimension; Python itself refuses to read some thousands
_INTEGERS = LIFECYCLE_INTEGERS | {
    "batch_size",
    "gradient_accumulation",
    "devices",
    "trials",
    "checkpointing",
}
_TEXTS = LIFECYCLE_TEXTS | {
    "precision",
    "optimizer",
    "hardware",
    "region",
    "currency",
    "scope",
    "batchnorm",
    "attention",
    "sharding",
}
_PATTERNS = frozenset({"freeze", "trainable"})


def read_plan_file(path: Path) -> Plan:
    """Read a plan file: the plan's keys at the top level.

    Raises:
        PlanError: the file cannot be read, is not TOML, or holds an unknown key or a
            value of the wrong type.
    """
    return plan_from_table(read_toml(path), str(path))


def find_project_plan(start: Path) -> tuple[Plan, Path] | None:
    """Return the plan in the nearest pyproject.toml with ``[tool.auditor]``, upwards of `start`.

    The keys that only `audit check` reads are left out.

    Raises:
        PlanError: that table is not a plan.
    """
    for folder in (start, *start.parents):
        path = folder / "pyproject.toml"
        if path.is_file():
            tool = read_toml(path).get("tool")
            table = tool.get("auditor") if isinstance(tool, dict) else None
            if table is not None and not isinstance(table, dict):
                raise PlanError(f"{path}: tool.auditor must be a table of a plan's keys")
            if table is not None:
                plan = {key: entry for key, entry in table.items() if key not in CHECK_KEYS}
                return plan_from_table(plan, f"{path} [tool.auditor]"), path
    return None


def read_toml(path: Path) -> dict[str, Any]:
    """Read a short TOML file.

    Raises:
        PlanError: it cannot be read, is too long, or is not TOML.
    """
    try:
        return toml_table(read_limited(path, MAX_FILE_BYTES))
    except ValueError as error:  # TOML, UTF-8, endless numbers or nesting
        raise PlanError(f"{path}: not valid TOML: {error}; correct it") from error
    except OSError as error:
        raise PlanError(f"{path}: cannot be read: {error.strerror}; check the path") from error


def plan_from_table(table: Mapping[str, Any], where: str) -> Plan:
    """Build a plan of a TOML table's keys.

    Raises:
        PlanError: an unknown key or a value of the wrong type.
    """
    known = [f.name for f in fields(Plan)]
    values: dict[str, Any] = {}
    for key, value in table.items():
        if key not in known:
            raise PlanError(f"{where}: unknown key {key!r}; a plan has: {', '.join(known)}")
        values[key] = _value(key, value, where)
    return Plan(**values)


def _lifecycle(value: Any, where: str) -> Lifecycle:
    known = [f.name for f in fields(Lifecycle)]
    said: dict[str, Any] = {}
    for key, entry in _table(value, where, "lifecycle"):
        if key not in known:
            raise PlanError(f"{where}: unknown key {key!r}; lifecycle has: {', '.join(known)}")
        said[key] = _value(key, entry, f"{where}: lifecycle")
    return Lifecycle(**said)


def _value(key: str, value: Any, where: str) -> Any:
    if key == "lifecycle":
        return _lifecycle(value, where)
    read = _TABLES.get(key)
    if read is not None:
        return MappingProxyType(
            {str(k): read(v, f"{where}: {key}.{k}") for k, v in _table(value, where, key)}
        )
    if key in _PATTERNS:
        return _patterns(value, f"{where}: {key}")
    if key in _TEXTS:
        if not isinstance(value, str):
            raise PlanError(f"{where}: {key} = {value!r} must be a string")
        return value
    if key in _INTEGERS:
        return _integer(value, f"{where}: {key}")
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise PlanError(f"{where}: {key} = {value!r} must be a number")
    return value


def _patterns(value: Any, where: str) -> tuple[str, ...]:
    patterns = [value] if isinstance(value, str) else value
    if not isinstance(patterns, list) or not all(isinstance(p, str) for p in patterns):
        raise PlanError(f"{where} = {value!r} must be a list of names, as ['encoder.*']")
    return tuple(patterns)


def _sizes(value: Any, where: str) -> tuple[int, ...]:
    if isinstance(value, int) and not isinstance(value, bool):
        return (value,)
    return _shape(value, where)


def _table(value: Any, where: str, key: str) -> Iterable[tuple[str, Any]]:
    if not isinstance(value, dict):
        example = "life_years = 3" if key == "lifecycle" else "sequence = 128"
        raise PlanError(f"{where}: {key} must be a table, as {key} = {{ {example} }}")
    return value.items()


def _integer(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise PlanError(f"{where} = {value!r} must be a whole number")
    return value


def _shape(value: Any, where: str) -> tuple[int, ...]:
    if isinstance(value, str):
        return parse_shape(value, where)
    if not isinstance(value, list):
        raise PlanError(f"{where}: shapes are lists or strings, as '4x128'")
    return tuple(_integer(v, where) for v in value)


def parse_shape(text: str, where: str) -> tuple[int, ...]:
    """Parse ``4x128`` into (4, 128).

    Raises:
        PlanError: it is not numbers with ``x`` between them.
    """
    parts = text.lower().replace(",", "x").split("x")
    if not all(p.strip().isdecimal() and len(p) <= MAX_DIGITS for p in parts):
        raise PlanError(f"{where}: shape {text!r} must be numbers with x between, as 4x128")
    return tuple(int(p) for p in parts)


_TABLES: Mapping[str, Callable[[Any, str], Any]] = {
    "dims": _integer,
    "shapes": _shape,
    "assume": _sizes,
}
