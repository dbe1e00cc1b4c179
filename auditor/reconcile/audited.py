"""An audit as ``audit MODEL --format json`` wrote it, as far as measurements compare with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.errors import CalibrationError
from auditor.interval import Interval
from auditor.reading import strict_json
from auditor.reconcile.files import read_text
from auditor.tables import read_schema
from auditor.units import J_PER_KWH

_REMEDY = "give what `audit MODEL --format json -o AUDIT.json` wrote"
_LONGEST_MESSAGE = 200
_MILLION = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What was predicted of a training, and the plan it was predicted for.

    Energies of all devices together in J a sample trained on, by scope; `s_per_sample` in s.
    `samples` are of one epoch, None where the plan does not say.  `unlike_rows` are settings of
    the plan that a row of measured runs has no column for.
    """

    model_path: str
    dims: tuple[tuple[str, int], ...]
    hardware_id: str
    hardware_name: str
    device_count: int
    batch_size: int
    gradient_accumulation: int
    precision: str
    optimizer: str
    samples: float | None
    epochs: float
    trials: int
    gpu_j_per_sample: Interval
    node_j_per_sample: Interval
    s_per_sample: Interval
    method: str
    tool_version: str
    unlike_rows: tuple[str, ...]


def read_audit(path: Path) -> Audited:
    """Read the JSON of an audit.

    Raises:
        CalibrationError: the file cannot be read, or holds no audit by its schema.
    """
    text = read_text(path, "the JSON of an audit")
    try:
        document = strict_json(text)
    except ValueError as error:
        raise CalibrationError(f"{path}: not JSON: {error}; {_REMEDY}", path=str(path)) from error
    problem = _problem(document) or _gap(document["estimate"])
    if problem is not None:
        raise CalibrationError(f"{path}: not an audit: {problem}; {_REMEDY}", path=str(path))
    return _audited(document)


def _problem(document: object) -> str | None:
    """What is wrong with a document by the schema of audits; None if nothing is."""
    import jsonschema  # takes longer to load than an audit takes

    schema = read_schema("audit.schema.json")
    found = jsonschema.Draft202012Validator(schema).iter_errors(document)
    error = next(iter(found), None)
    if error is None:
        return None
    where = ".".join(map(str, error.absolute_path))
    return f"{where}: {error.message}".removeprefix(": ")[:_LONGEST_MESSAGE]


def _gap(estimate: Mapping[str, Any]) -> str | None:
    """What a valid audit may lack that a comparison needs; None if nothing."""
    by_scope = estimate["energy_per_million_samples_kwh"]
    needed = {"step_time_s": estimate["step_time_s"]} | {s: by_scope[s] for s in ("gpu", "node")}
    for name, figure in needed.items():
        if figure is None or figure["median"] <= 0:
            return f"its estimate has no {name}"
    return None


def _interval(found: Mapping[str, float], factor: float) -> Interval:
    return Interval(**found).scaled(factor)


def _audited(document: Mapping[str, Any]) -> Audited:
    estimate, plan = document["estimate"], document["workload"]
    by_scope = estimate["energy_per_million_samples_kwh"]
    return Audited(
        model_path=document["model"]["path"],
        dims=_dims(document),
        hardware_id=document["hardware"]["id"],
        hardware_name=document["hardware"]["name"],
        device_count=plan["devices"],
        batch_size=plan["batch_size"],
        gradient_accumulation=plan["gradient_accumulation"],
        precision=plan["precision"],
        optimizer=plan["optimizer"],
        samples=plan["samples"] or None,
        epochs=plan["epochs"],
        trials=plan["trials"],
        gpu_j_per_sample=_interval(by_scope["gpu"], J_PER_KWH / _MILLION),
        node_j_per_sample=_interval(by_scope["node"], J_PER_KWH / _MILLION),
        s_per_sample=_interval(estimate["step_time_s"], 1 / plan["global_batch_size"]),
        method=estimate["method"],
        tool_version=document["tool"]["version"],
        unlike_rows=_unlike_rows(plan),
    )


def _dims(document: Mapping[str, Any]) -> tuple[tuple[str, int], ...]:
    """Sizes of the dynamic dimensions; the batch is one that comes first in an input."""
    batch, found = document["profile"]["graph_batch_size"], dict[str, int]()
    for tensor in document["model"]["inputs"]:
        for place, (name, size) in enumerate(
            zip(tensor["dims"] or (), tensor["shape"], strict=False)
        ):
            if isinstance(name, str) and not (place == 0 and size == batch):
                found[name] = size
    return tuple(sorted(found.items()))


def _unlike_rows(plan: Mapping[str, Any]) -> tuple[str, ...]:
    usual = {
        "attention": "exported",
        "checkpointing": 1,
        "sharding": "none",
        "freeze": [],
        "trainable": [],
    }
    return tuple(name for name, value in usual.items() if plan[name] != value)
