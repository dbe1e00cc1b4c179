"""An SPDX 3.0.1 document of the AI profile, as JSON-LD.

`ai_energyConsumption` holds numbers without an interval or a word for an estimate; both stand in
`ai_informationAboutTraining`, and as pairs in `ai_metric`.
"""

from __future__ import annotations

from typing import Any

from auditor.cards.documents import identifier, properties, text
from auditor.cards.facts import Facts
from auditor.cards.options import CardOptions, require, utc

_CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
_INFO = "_:creation"


def render(found: Facts, options: CardOptions) -> str:
    """The document as JSON-LD.

    Raises:
        PlanError: the options lack what an AI package must have and an audit cannot know.
    """
    require(options, "SPDX", "version", "supplier", "release_time", "location")
    root = f"urn:uuid:{identifier(found, options, 'spdx')}"
    package = _package(found, options, root)
    profiles = ["core", "software", "ai"]
    document = {
        **_element("SpdxDocument", f"{root}#document", f"{found.name}: electricity"),
        "profileConformance": profiles,
        "rootElement": [package["spdxId"]],
        "element": [package["spdxId"], f"{root}#supplier", f"{root}#auditor"],
    }
    return text(
        {
            "@context": _CONTEXT,
            "@graph": [
                {
                    "type": "CreationInfo",
                    "@id": _INFO,
                    "specVersion": "3.0.1",
                    "created": utc(options.created),
                    "createdBy": [f"{root}#auditor"],
                },
                _element("SoftwareAgent", f"{root}#auditor", found.tool),
                _element("Agent", f"{root}#supplier", options.supplier or ""),
                document,
                package,
            ],
        }
    )


def _element(kind: str, identifier_: str, name: str) -> dict[str, Any]:
    return {"type": kind, "spdxId": identifier_, "creationInfo": _INFO, "name": name}


def _package(found: Facts, options: CardOptions, root: str) -> dict[str, Any]:
    package = {
        **_element("ai_AIPackage", f"{root}#model", found.name),
        "software_packageVersion": options.version,
        "software_downloadLocation": options.location,
        "software_primaryPurpose": "model",
        "suppliedBy": f"{root}#supplier",
        "releaseTime": utc(options.release_time) if options.release_time is not None else None,
        "ai_informationAboutTraining": _training(found),
        "ai_metric": [
            {"type": "DictionaryEntry", "key": name, "value": value}
            for name, value in properties(found)
        ],
    }
    kwh = found.energy.median
    if kwh is None:
        return package
    fine = options.training_type == "fine-tuning"
    quantity = {
        "type": "ai_EnergyConsumptionDescription",
        "ai_energyQuantity": float(kwh),
        "ai_energyUnit": "kilowattHour",
    }
    return {
        **package,
        "ai_energyConsumption": {
            "type": "ai_EnergyConsumption",
            f"ai_{'finetuning' if fine else 'training'}EnergyConsumption": [quantity],
        },
    }


def _training(found: Facts) -> str:
    """In words: how much, how sure, of what, and how it was come by."""
    span = found.energy.interval
    if span is None:
        return f"Electricity of the training: not assessed ({found.energy.not_assessed})."
    between = f"{span.level:.0%} interval {span.low:g} to {span.high:g} kWh"
    words = (
        f"Electricity of the training: {found.energy.basis.value} before it at {span.median:g} "
        f"kWh ({between}), {found.energy.scope}, by {found.tool}: {found.method}. "
        f"{found.hardware}. {found.boundary}"
    )
    if found.measured is None:
        return words
    pairs = "; ".join(
        f"{p.name} measured {p.measured:g} {p.unit} ({p.measured_scope}), predicted "
        f"{p.predicted.median:g} {p.unit} ({p.predicted_scope})"
        for p in found.measured.pairs
    )
    return f"{words} By {found.measured.tool}, for {found.measured.samples:g} samples: {pairs}."
