"""The JSON card of our own, by schemas/card.schema.json: every figure with its provenance."""

from __future__ import annotations

from typing import Any

from auditor.cards.documents import identifier, text
from auditor.cards.facts import Facts
from auditor.cards.measured import Pair, Reconciled
from auditor.cards.options import CardOptions, utc
from auditor.cards.records import Figure

SCHEMA_VERSION = "1.0"


def render(found: Facts, options: CardOptions) -> str:
    """The card as JSON."""
    document = found.document
    plan, model = document["workload"], document["model"]
    return text(
        {
            "schema_version": SCHEMA_VERSION,
            "id": str(identifier(found, options, "json")),
            "created": utc(options.created),
            "tool": document["tool"],
            "model": {
                "name": found.name,
                "version": options.version,
                "structure_sha256": model["structure_sha256"],
                "parameter_count": model["training_parameter_count"],
            },
            "training": {
                "type": options.training_type,
                "hardware": document["hardware"]["id"],
                "hardware_name": document["hardware"]["name"],
                **{name: plan[name] for name in (*_PLAN, "total_samples")},
                "place": found.place,
            },
            "method": found.method,
            "boundary": found.boundary,
            "headline": found.energy.name,
            "figures": [_figure(f) for f in found.figures],
            "scores": [_figure(f) for f in found.scores],
            "reconciliation": None if found.measured is None else _measured(found.measured),
            "assumptions": list(document["assumptions"]),
            "warnings": list(document["warnings"]),
        }
    )


_PLAN = ("devices", "precision", "optimizer", "batch_size", "epochs", "trials")


def _figure(figure: Figure) -> dict[str, Any]:
    span = figure.interval
    return {
        "name": figure.name,
        "unit": figure.unit,
        "basis": None if figure.median is None else figure.basis.value,
        "value": figure.median,
        "low": None if span is None else span.low,
        "high": None if span is None else span.high,
        "level": None if span is None else span.level,
        "scope": figure.scope,
        "method": figure.method,
        "source": figure.source,
        "not_assessed": figure.not_assessed,
    }


def _measured(found: Reconciled) -> dict[str, Any]:
    return {
        "tool": found.tool,
        "samples": found.samples,
        "pairs": [_pair(pair) for pair in found.pairs],
        "warnings": list(found.warnings),
    }


def _pair(pair: Pair) -> dict[str, Any]:
    predicted = pair.predicted
    return {
        "name": pair.name,
        "unit": pair.unit,
        "measured": pair.measured,
        "measured_scope": pair.measured_scope,
        "predicted": predicted.median,
        "low": predicted.low,
        "high": predicted.high,
        "level": predicted.level,
        "predicted_scope": pair.predicted_scope,
        "same_scope": pair.same_scope,
        "prediction_error": pair.error,
    }
