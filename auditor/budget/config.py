"""The configuration of a check: an `auditor.toml`, or ``[tool.auditor]`` in a pyproject.toml."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.budget.candidate import NO_CALIBRATION, Candidate
from auditor.budget.limits import is_on, read_limits
from auditor.budget.models import Named, named_by_arguments, selected
from auditor.budget.presets import preset
from auditor.budget.records import Limit
from auditor.budget.tolerance import fraction
from auditor.errors import PlanError
from auditor.workload import Plan, plan_from_table, read_toml
from auditor.workload.files import CHECK_KEYS

OWN_FILE, PROJECT_FILE = "auditor.toml", "pyproject.toml"
COMPARED = "compared"
_NUL = "\0"  # in no name of a file
_OF_MODEL = ("path", "base_training_flops", "limits", "presets")


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """What is to be checked.

    `path` is the file as errors and reports call it, `models` those asked for, and `all_models` all
    that it has.  `reference` is PePR's set as `auditor.scores.read_reference` takes it, None for
    the models themselves.  `tolerance` is a fraction.
    """

    path: Path
    models: tuple[Candidate, ...]
    all_models: tuple[Candidate, ...]
    reference: str | None
    calibration: Path | None
    hardware_file: Path | None
    tolerance: float | None

    @property
    def has_limits(self) -> bool:
        """Whether anything at all is limited."""
        return any(is_on(limit) for model in self.all_models for limit in model.limits)


def read_configuration(given: Path | None, arguments: Sequence[Path]) -> Configuration:
    """Read a configuration and the models to check; `arguments` are ONNX files or models' names.

    Without `given` it is the nearest upwards of the working folder.

    Raises:
        PlanError: there is none, it cannot be read, or something in it is not usable; names the
            entry and the remedy.
    """
    path, table = _found(given)
    where = _where(path)
    keys = {name: table[name] for name in CHECK_KEYS if name in table}
    rest = {name: entry for name, entry in table.items() if name not in CHECK_KEYS}
    calibration = _beside(path, keys.get("calibration"), f"{where}: calibration")
    shared = _Shared(
        where=where,
        plan=plan_from_table(rest, str(where)),
        limits=read_limits(keys.get("limits", {}), _section(path, "limits")),
        presets=_presets(keys.get("presets", []), where),
        hardware_file=_beside(path, keys.get("hardware_file"), f"{where}: hardware_file"),
        calibration=calibration,
    )
    named = _tables(keys.get("models", {}), path)
    models = tuple(_candidate(n, shared, path) for n in named or named_by_arguments(arguments))
    if not models:
        raise PlanError(
            f"{where}: has no models; add [models.NAME] with a path, or give ONNX files"
        )
    return Configuration(
        path=path,
        models=selected(models, arguments) if named else models,
        all_models=models,
        reference=_reference(path, keys.get("reference"), f"{where}: reference"),
        calibration=calibration,
        hardware_file=shared.hardware_file,
        tolerance=fraction(keys["tolerance"], f"{where}: tolerance")
        if "tolerance" in keys
        else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    """What holds for all models; `where` is what errors call its place."""

    where: str
    plan: Plan
    limits: Mapping[str, Limit]
    presets: tuple[str, ...]
    hardware_file: Path | None
    calibration: Path | None


def _found(given: Path | None) -> tuple[Path, Mapping[str, Any]]:
    """Return the file and its table.

    Raises:
        PlanError: there is none, or it is none.
    """
    if given is not None:
        table = _table_of(given)
        if table is None:
            raise PlanError(f"{given}: has no [tool.auditor]; add it, or name another --config")
        return given, table
    start = Path.cwd()
    for folder in (start, *start.parents):
        for path in (folder / OWN_FILE, folder / PROJECT_FILE):
            if path.is_file() and (table := _table_of(path)) is not None:
                return Path(os.path.relpath(path, start)), table
    raise PlanError(
        f"no {OWN_FILE} and no {PROJECT_FILE} with [tool.auditor] here or above; write one with "
        "[limits], or name a --config file"
    )


def _table_of(path: Path) -> Mapping[str, Any] | None:
    """Read the table of one file; None for a pyproject.toml without it.

    Raises:
        PlanError: it cannot be read, or is no table.
    """
    content = read_toml(path)
    if path.name != PROJECT_FILE:
        return content
    tool = content.get("tool")
    table = tool.get("auditor") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise PlanError(f"{path}: tool.auditor must be a table")
    return table


def _where(path: Path) -> str:
    return f"{path} [tool.auditor]" if path.name == PROJECT_FILE else str(path)


def _section(path: Path, name: str) -> str:
    """What a limit's origin is called: ``[limits] of auditor.toml``."""
    prefix = "tool.auditor." if path.name == PROJECT_FILE else ""
    return f"[{prefix}{name}] of {path.name}"


def _tables(tables: Any, path: Path) -> tuple[Named, ...]:
    """Read ``[models.NAME]``.

    Raises:
        PlanError: it is no table of tables with paths.
    """
    where = _where(path)
    if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
        raise PlanError(f"{where}: models must be tables, as [models.resnet50]")
    found = []
    for name, table in tables.items():
        said = table.get("path")
        if not isinstance(said, str) or not said or _NUL in said:
            raise PlanError(
                f'{_section(path, f"models.{name}")}: has no path; add path = "net.onnx"'
            )
        found.append(Named(name=name, path=_relative(path, said), table=table))
    return tuple(found)


def _candidate(named: Named, shared: _Shared, path: Path) -> Candidate:
    where = _section(path, f"models.{named.name}")
    said = {key: entry for key, entry in named.table.items() if key not in _OF_MODEL}
    limits = read_limits(
        named.table.get("limits", {}), _section(path, f"models.{named.name}.limits")
    )
    presets = shared.presets
    if "presets" in named.table:
        presets = _presets(named.table["presets"], where)
    base = _base(named.table.get("base_training_flops"), where)
    if base is not None and not presets:
        raise PlanError(f'{where}: base_training_flops is for a preset; add presets = ["eu-gpai"]')
    preset_limits = [limit for name in presets for limit in preset(name, base, where)]
    return Candidate(
        name=named.name,
        path=named.path,
        plan=plan_from_table(said, where).over(shared.plan),
        limits=(*{**shared.limits, **limits}.values(), *preset_limits),
        hardware_file=shared.hardware_file,
        calibration=shared.calibration,
    )


def _base(value: Any, where: str) -> float | None:
    if value is None:
        return None
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not 0 < value <= 1e60 or not math.isfinite(value):
        raise PlanError(
            f"{where}: base_training_flops = {value!r}: must be the FLOP of the original "
            "model's training, as 3e22"
        )
    return float(value)


def _presets(names: Any, where: str) -> tuple[str, ...]:
    if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
        raise PlanError(f'{where}: presets = {names!r}: must be a list, as ["eu-gpai"]')
    for name in names:
        preset(name, None, where)
    return tuple(dict.fromkeys(names))


def _text(value: Any, where: str) -> str | None:
    if value is None or (isinstance(value, str) and value and _NUL not in value):
        return value
    raise PlanError(f"{where} = {value!r}: must be the name of a file")


def _relative(path: Path, said: str) -> Path:
    """A file named in the configuration, seen from the working folder."""
    return Path(os.path.normpath(path.parent / said))


def _beside(path: Path, value: Any, where: str) -> Path | None:
    said = _text(value, where)
    if said is None:
        return None
    return Path(said) if said == NO_CALIBRATION else _relative(path, said)


def _reference(path: Path, value: Any, where: str) -> str | None:
    """A published set by its name, or else a file beside the configuration."""
    said = _text(value, where)
    if said is None or said == COMPARED:
        return None
    from auditor.scores import published_sets

    return said if said in published_sets() else str(_relative(path, said))
