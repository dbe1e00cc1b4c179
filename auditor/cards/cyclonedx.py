"""A CycloneDX 1.7 bill of materials with the model card of one machine-learning model.

Fields by the schema bom-1.7: `environmentalConsiderations` takes kWh and tonnes of CO2e and has
no word for an estimate or an interval; these stand in properties and in
`quantitativeAnalysis.performanceMetrics`.
"""

from __future__ import annotations

from typing import Any

from auditor.cards.documents import identifier, properties, text
from auditor.cards.facts import Facts
from auditor.cards.options import CardOptions, utc
from auditor.cards.records import Figure

_G_PER_T = 1e6


def render(found: Facts, options: CardOptions) -> str:
    """The bill of materials as JSON."""
    tool = found.document["tool"]
    return text(
        {
            "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
            "bomFormat": "CycloneDX",
            "specVersion": "1.7",
            "serialNumber": f"urn:uuid:{identifier(found, options, 'cyclonedx')}",
            "version": 1,
            "metadata": {
                "timestamp": utc(options.created),
                "tools": {"components": [{"type": "application", **tool}]},
            },
            "components": [_component(found, options)],
        }
    )


def _component(found: Facts, options: CardOptions) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": f"model-{identifier(found, options, 'component')}",
        "name": found.name,
    }
    if options.version is not None:
        component["version"] = options.version
    if options.supplier is not None:
        component["supplier"] = {"name": options.supplier}
    if options.location is not None:
        component["externalReferences"] = [{"type": "distribution", "url": options.location}]
    return {**component, "modelCard": _card(found, options)}


def _card(found: Facts, options: CardOptions) -> dict[str, Any]:
    card: dict[str, Any] = {}
    if options.task is not None:
        card["modelParameters"] = {"task": options.task}
    metrics = [
        _metric(figure) for figure in (*found.figures, *found.scores) if figure.median is not None
    ]
    environment: dict[str, Any] = {}
    consumption = _consumption(found, options)
    if consumption is not None:
        environment["energyConsumptions"] = [consumption]
    environment["properties"] = [
        {"name": name, "value": value} for name, value in properties(found)
    ]
    return {
        **card,
        "quantitativeAnalysis": {"performanceMetrics": metrics},
        "considerations": {"environmentalConsiderations": environment},
    }


def _metric(figure: Figure) -> dict[str, Any]:
    """A figure with its interval, all in texts, as the schema has it."""
    unit = f" ({figure.unit})" if figure.unit else ""
    metric: dict[str, Any] = {"type": f"{figure.name}{unit}", "value": repr(figure.median)}
    scope = "" if figure.scope is None else f", {figure.scope}"
    metric["slice"] = f"{figure.basis.value}{scope}"
    span = figure.interval
    if span is not None:
        metric["confidenceInterval"] = {
            "lowerBound": repr(span.low),
            "upperBound": repr(span.high),
        }
    return metric


def _consumption(found: Facts, options: CardOptions) -> dict[str, Any] | None:
    """Electricity of the training, and its carbon where it is assessed."""
    if found.energy.median is None:
        return None
    cost = {"value": found.energy.median, "unit": "kWh"}
    # Who supplied the electricity and from what is not known; that is what is said.
    provider = {
        "organization": {"name": "not known"},
        "energySource": "unknown",
        "energyProvided": cost,
    }
    fine = options.training_type == "fine-tuning"
    consumption: dict[str, Any] = {
        "activity": "fine-tuning" if fine else "training",
        "energyProviders": [provider],
        "activityEnergyCost": cost,
    }
    grams = found.carbon.median
    if grams is not None:
        consumption["co2CostEquivalent"] = {"value": grams / _G_PER_T, "unit": "tCO2eq"}
    scope = found.energy.scope or ""
    consumption["properties"] = [
        {"name": "auditor:basis", "value": found.energy.basis.value},
        {"name": "auditor:scope", "value": scope},
        {"name": "auditor:boundary", "value": found.boundary},
    ]
    return consumption
