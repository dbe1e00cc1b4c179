"""Which models are checked: those of the configuration, or files given as arguments."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from auditor.budget.candidate import Candidate
from auditor.errors import PlanError


@dataclass(frozen=True, slots=True)
class Named:
    """A model by name, its file seen from the working folder, and what is said of it alone."""

    name: str
    path: Path
    table: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))


def named_by_arguments(paths: Sequence[Path]) -> tuple[Named, ...]:
    """Name each file by its stem, or by its path where files are called the same.

    Raises:
        PlanError: one is given twice.
    """
    _once(paths)
    stems = Counter(path.stem for path in paths)
    return tuple(Named(p.stem if stems[p.stem] == 1 else str(p), p) for p in paths)


def selected(models: Sequence[Candidate], asked: Sequence[Path]) -> tuple[Candidate, ...]:
    """Return the models that are asked for by name or path, in their order; all, if none is.

    Raises:
        PlanError: one is none of them, or given twice.
    """
    _once(asked)
    wanted = {_match(models, given).name for given in asked}
    return tuple(m for m in models if not asked or m.name in wanted)


def _match(models: Sequence[Candidate], given: Path) -> Candidate:
    """Return the model of this name, or else of this file.

    Raises:
        PlanError: there is none, or several have the file.
    """
    for model in models:
        if model.name == str(given):
            return model
    there = os.path.realpath(given)
    found = [model for model in models if os.path.realpath(model.path) == there]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(m.name for m in found or models)
    if found:
        raise PlanError(f"{given}: is the file of several models; name one of {listed}")
    raise PlanError(f"{given}: is none of the models of the configuration: name one of {listed}")


def _once(paths: Sequence[Path]) -> None:
    twice = [p for p, count in Counter(map(os.path.realpath, paths)).items() if count > 1]
    if twice:
        raise PlanError(f"{twice[0]}: given twice; name each model once")
