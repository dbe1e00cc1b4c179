"""The verdict as a JSON document, by schemas/verdict.schema.json."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from auditor.budget.records import (
    Cause,
    Change,
    Found,
    Judgement,
    Limit,
    ModelVerdict,
    Value,
    Verdict,
)
from auditor.escaping import json_text

SCHEMA_VERSION = "1.0"


def document(verdict: Verdict) -> dict[str, Any]:
    """Return the verdict as plain dicts, lists, strings and numbers; None is not assessed."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "auditor", "version": verdict.tool_version},
        "config": verdict.config,
        "exit_code": verdict.exit_code,
        "baseline": verdict.baseline,
        "tolerance": verdict.tolerance,
        "missing": list(verdict.missing),
        "models": [_model(model) for model in verdict.models],
    }


def render_json(verdict: Verdict) -> str:
    """Return the document as JSON text in which nothing drives a terminal."""
    return json_text(document(verdict))


def _model(model: ModelVerdict) -> dict[str, Any]:
    return {
        "name": model.name,
        "path": model.path,
        "error": model.error,
        "found": None if model.found is None else _found(model.found),
        "judgements": [_judgement(judged) for judged in model.judgements],
        "changes": {name: _change(change) for name, change in model.changes},
        "warnings": list(model.warnings),
    }


def _found(found: Found) -> dict[str, Any]:
    return {
        "hardware_id": found.hardware,
        "region": found.region,
        "method": found.method,
        "scope": found.scope,
        "in_domain": found.in_domain,
        "structure_sha256": found.structure_sha256,
        "plan_sha256": found.plan_sha256,
        "artefact_sha256": found.artefact_sha256,
        "figures": {name: asdict(value) for name, value in found.figures},
    }


def _judgement(judged: Judgement) -> dict[str, Any]:
    return {
        "quantity": judged.limit.quantity,
        "title": judged.title,
        "unit": judged.unit,
        "outcome": judged.outcome.value,
        "limit": _limit(judged.limit),
        "value": _value(judged.value),
        "because": judged.because,
        "end": judged.end.value if judged.end is not None else None,
        "excess": judged.excess,
        "excess_share": judged.excess_share,
        "remedies": [asdict(remedy) for remedy in judged.remedies],
        "no_remedy": judged.no_remedy,
    }


def _limit(limit: Limit) -> dict[str, Any]:
    return {
        "bound": limit.bound.value,
        "amount": limit.amount,
        "error_on": limit.error_on.value if limit.error_on is not None else None,
        "warn_on": limit.warn_on.value if limit.warn_on is not None else None,
        "origin": limit.origin,
    }


def _value(value: Value | None) -> dict[str, Any] | None:
    return None if value is None else asdict(value)


def _change(change: Change) -> dict[str, Any]:
    """One change; a figure that the lock file does not have has no `before`."""
    return {
        "before": None if Cause.NEW in change.causes else change.before,
        "after": change.after,
        "ratio": change.ratio,
        "causes": [cause.value for cause in change.causes],
        "exceeds": change.exceeds,
    }
