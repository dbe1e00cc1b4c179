"""The lock file: figures of an earlier check, to compare with.

`schemas/lock.schema.json` describes it.  What is read here is checked by hand, as a library for
schemas takes longer to load than a check may take.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from auditor.budget.records import Found
from auditor.errors import PlanError
from auditor.reading import read_limited, strict_json

VERSION = 1
FILE_NAME = "audit.lock.json"
DIGITS = 6
MAX_FILE_BYTES = 10_000_000
_HASH_DIGITS = 64
_AGAIN = "write it again with `audit check --update`"
_TOP = {"lock_version", "tool_version", "artefact_sha256", "models"}
_OF_MODEL = {"structure_sha256", "plan_sha256", "hardware_id", "method", "figures"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """One model in a lock file; `figures` are medians by quantity, rounded."""

    structure_sha256: str
    plan_sha256: str
    hardware_id: str
    method: str
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A lock file; `artefact_sha256` is None for the roofline."""

    tool_version: str
    artefact_sha256: str | None
    models: Mapping[str, Locked]


def rounded(figure: float) -> float:
    """Round to the digits that a lock file has."""
    return float(f"{figure:.{DIGITS}g}")


def locked(found: Found) -> Locked:
    """Return what a lock file keeps of a model."""
    return Locked(
        structure_sha256=found.structure_sha256,
        plan_sha256=found.plan_sha256,
        hardware_id=found.hardware,
        method=found.method,
        figures=MappingProxyType({name: rounded(v.median) for name, v in found.figures}),
    )


def lock_text(lock: Lock) -> str:
    """Return the file's text: the same for the same figures, whatever order they came in."""
    models = {
        name: {
            "structure_sha256": model.structure_sha256,
            "plan_sha256": model.plan_sha256,
            "hardware_id": model.hardware_id,
            "method": model.method,
            "figures": dict(model.figures),
        }
        for name, model in lock.models.items()
    }
    content = {
        "lock_version": VERSION,
        "tool_version": lock.tool_version,
        "artefact_sha256": lock.artefact_sha256,
        "models": models,
    }
    return json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"


def read_lock(path: Path, to_be_replaced: bool = False) -> Lock | None:
    """Read a lock file; None where there is none.

    One of another version is refused; or, where it is `to_be_replaced`, taken as none.

    Raises:
        PlanError: it cannot be read, or is not a lock file of this version.
    """
    content = _content(path)
    if content is None:
        return None
    if not isinstance(content, dict) or "lock_version" not in content:
        raise PlanError(f"{path}: not a lock file; delete it, or name another --lock")
    version = content["lock_version"]
    if version != VERSION or isinstance(version, bool):
        if to_be_replaced:
            return None
        raise PlanError(
            f"{path}: a lock file of version {version!r}, and this is version {VERSION}; {_AGAIN}"
        )
    try:
        return _lock(content)
    except (TypeError, ValueError, OverflowError) as error:
        raise PlanError(f"{path}: not a whole lock file: {error}; {_AGAIN}") from error


def _content(path: Path) -> Any:
    """Read JSON; None where there is no file.

    Raises:
        PlanError: it cannot be read, is too long, or is not JSON.
    """
    try:
        if not path.exists():
            return None
        return strict_json(read_limited(path, MAX_FILE_BYTES))
    except ValueError as error:
        raise PlanError(f"{path}: not valid JSON: {error}; {_AGAIN}, or delete it") from error
    except OSError as error:
        raise PlanError(f"{path}: cannot be read: {error.strerror}; check the path") from error


def _lock(content: Mapping[str, Any]) -> Lock:
    _require_keys(content, _TOP, "it")
    models = content["models"]
    if not isinstance(models, dict):
        raise TypeError("models is no object")
    artefact = content["artefact_sha256"]
    return Lock(
        tool_version=_text(content["tool_version"], "tool_version"),
        artefact_sha256=None if artefact is None else _hash(artefact, "artefact_sha256"),
        models=MappingProxyType({name: _locked(model, name) for name, model in models.items()}),
    )


def _locked(content: Any, name: str) -> Locked:
    if not isinstance(content, dict):
        raise TypeError(f"{name!r} is no object")
    _require_keys(content, _OF_MODEL, repr(name))
    figures = content["figures"]
    if not isinstance(figures, dict):
        raise TypeError(f"{name!r}: figures is no object")
    return Locked(
        structure_sha256=_hash(content["structure_sha256"], f"{name!r}: structure_sha256"),
        plan_sha256=_hash(content["plan_sha256"], f"{name!r}: plan_sha256"),
        hardware_id=_text(content["hardware_id"], f"{name!r}: hardware_id"),
        method=_text(content["method"], f"{name!r}: method"),
        figures=MappingProxyType({q: _figure(v, f"{name!r}: {q}") for q, v in figures.items()}),
    )


def _require_keys(content: Mapping[str, Any], keys: set[str], what: str) -> None:
    if set(content) != keys:
        raise ValueError(f"{what} must have {', '.join(sorted(keys))} and no other key")


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{what} is no text")
    return value


def _hash(value: Any, what: str) -> str:
    text = _text(value, what)
    if len(text) != _HASH_DIGITS or not set(text) <= set("0123456789abcdef"):
        raise ValueError(f"{what} is no SHA-256 in hexadecimal")
    return text


def _figure(value: Any, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise TypeError(f"{what} is no number")
    return float(value)
