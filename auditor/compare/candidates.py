"""Which models are compared: their names, their plans and their accuracies."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from auditor.errors import PlanError
from auditor.pipeline import Request
from auditor.workload import Plan, plan_from_table, read_toml

_MODELS = "models"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One model to be audited; `overrides` are the keys that its plan says for it alone."""

    name: str
    request: Request
    overrides: tuple[str, ...]


def read_plans(path: Path) -> tuple[Plan, Mapping[str, Plan]]:
    """Read a plan file: the plan of all models, and by name what `[models.NAME]` says of one.

    Raises:
        PlanError: as for any plan file; or `models` is not a table of tables.
    """
    content = read_toml(path)
    tables = content.pop(_MODELS, {})
    if not isinstance(tables, dict) or not all(isinstance(t, dict) for t in tables.values()):
        raise PlanError(f"{path}: {_MODELS} must be tables, as [{_MODELS}.resnet50]")
    own: dict[str, Plan] = {
        name: plan_from_table(table, f"{path} [{_MODELS}.{name}]") for name, table in tables.items()
    }
    return plan_from_table(content, str(path)), own


def candidates(
    paths: Sequence[Path], shared: Request, own: Mapping[str, Plan], accuracies: Mapping[str, float]
) -> tuple[Candidate, ...]:
    """Return the models to compare, each with its request.

    `shared` is the request of all (its path is not looked at); what `own` says of a model goes
    before it, and `accuracies` gives fractions.  Both go by a model's name or path.

    Raises:
        PlanError: fewer than two models, one given twice, an accuracy for all of them, or of
            two sources; or a name that is none of the models', or that of several.
    """
    names = _names(paths)
    if shared.plan.accuracy is not None:
        raise PlanError(
            "accuracy: one for all models tells nothing; put it under [models.NAME] of the plan "
            "file, or use --accuracy-file"
        )
    plans = {_place(n, paths, names, f"[{_MODELS}.{n}]"): p for n, p in own.items()}
    given = {_place(n, paths, names, "the accuracy file"): a for n, a in accuracies.items()}
    _not_twice([*own], plans, names)
    _not_twice([*accuracies], given, names)
    found = []
    for place, path in enumerate(paths):
        plan = plans.get(place, Plan())
        if plan.accuracy is not None and place in given:
            raise PlanError(f"{names[place]}: its accuracy stands in the plan and in the file")
        said = replace(plan.over(shared.plan), accuracy=given.get(place, plan.accuracy))
        request = replace(shared, path=path, plan=said)
        found.append(Candidate(name=names[place], request=request, overrides=_said(plan)))
    _one_scope(found)
    return tuple(found)


def _names(paths: Sequence[Path]) -> tuple[str, ...]:
    """Name each model by its file, or by its path where files are called the same.

    Raises:
        PlanError: fewer than two models, or one twice.
    """
    if len(paths) < 2:
        raise PlanError("one model: give two or more to compare, or `audit` it alone")
    twice = [p for p, count in Counter(map(os.path.realpath, paths)).items() if count > 1]
    if twice:
        raise PlanError(f"{twice[0]}: given twice; name each model once")
    stems = Counter(path.stem for path in paths)
    return tuple(path.stem if stems[path.stem] == 1 else str(path) for path in paths)


def _place(name: str, paths: Sequence[Path], names: Sequence[str], where: str) -> int:
    """Return the place of the model that is called so: its name, its path, or its file.

    Raises:
        PlanError: none is, or several are.
    """
    for known in (names, [str(p) for p in paths], [p.name for p in paths], [p.stem for p in paths]):
        found = [place for place, other in enumerate(known) if other == name]
        if len(found) == 1:
            return found[0]
        if found:
            listed = ", ".join(names[place] for place in found)
            raise PlanError(f"{where}: {name!r} is the name of several; say which: {listed}")
    raise PlanError(f"{where}: {name!r} is none of the models: {', '.join(names)}")


def _not_twice(given: Sequence[str], placed: Mapping[int, Any], names: Sequence[str]) -> None:
    """Refuse two names of one model.

    Raises:
        PlanError: there are fewer models than names.
    """
    if len(given) != len(placed):
        listed = ", ".join(names[place] for place in placed)
        raise PlanError(f"{', '.join(given)}: two of these are one model of {listed}; say it once")


def _said(plan: Plan) -> tuple[str, ...]:
    nothing = Plan()
    names = (f.name for f in fields(plan))
    return tuple(n for n in names if getattr(plan, n) != getattr(nothing, n))


def _one_scope(found: Sequence[Candidate]) -> None:
    """Refuse energies of different scopes.

    Raises:
        PlanError: the plans name more than one.
    """
    scopes = {c.request.plan.scope or "node": c.name for c in found}
    if len(scopes) > 1:
        listed = ", ".join(f"{scope} of {name}" for scope, name in scopes.items())
        raise PlanError(f"scope: energies of different scopes do not compare: {listed}; give one")
