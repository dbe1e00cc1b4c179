"""The comparison as a JSON document, by schemas/comparison.schema.json."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from auditor.compare.records import Comparison, Entry, Place
from auditor.escaping import json_text
from auditor.report.document import interval_dict
from auditor.scores import METRICS, ReferenceSet, Score

SCHEMA_VERSION = "1.0"


def document(found: Comparison) -> dict[str, Any]:
    """Return the comparison as plain dicts, lists, strings and numbers; None is not assessed."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "auditor", "version": found.tool_version},
        "per": found.per.value,
        "scope": found.scope.value if found.scope is not None else None,
        "reference_set": _reference(found.reference),
        "metrics": [
            {
                "id": m.id,
                "title": m.title,
                "formula": m.formula,
                "source": m.source,
                "needs": list(m.needs),
                "undefined": m.undefined,
            }
            for m in METRICS
        ],
        "models": [_entry(entry) for entry in found.entries],
        "failures": [{"name": f.name, "path": f.path, "reason": f.reason} for f in found.failures],
        "swaps": [
            {
                "by": s.by.value,
                "but": s.but.value,
                "ahead": s.ahead,
                "behind": s.behind,
                "sure": s.sure,
            }
            for s in found.swaps
        ],
        "paybacks": [
            {"less": p.less, "more": p.more, "inferences": asdict(p.after)} for p in found.paybacks
        ],
        "notes": list(found.notes),
    }


def render_json(found: Comparison) -> str:
    """Return the document as JSON text in which nothing drives a terminal."""
    return json_text(document(found))


def _reference(reference: ReferenceSet) -> dict[str, Any]:
    ranges = {resource: asdict(limits) for resource, limits in reference.ranges.items()}
    return {"name": reference.name, "ranges": ranges}


def _entry(entry: Entry) -> dict[str, Any]:
    audit, amounts = entry.audit, entry.amounts
    region = audit.impacts.place.region
    return {
        "name": entry.name,
        "path": entry.path,
        "structure_sha256": audit.model.structure_sha256,
        "overrides": list(entry.overrides),
        "hardware_id": audit.hardware.accelerator.id,
        "region": region.id if region is not None else None,
        "workload": audit.workload.as_dict(),
        "accuracy": entry.accuracy,
        "parameter_count": audit.profile.parameter_count,
        "macs_per_sample": audit.profile.forward.macs / audit.profile.batch_size,
        "memory_bytes": audit.profile.memory.total_bytes,
        "training_flops": amounts.training_flops,
        "energy_kwh": interval_dict(amounts.energy_kwh),
        "duration_s": interval_dict(amounts.duration_s),
        "carbon_gco2e": interval_dict(amounts.carbon_gco2e),
        "method": audit.estimate.method,
        "in_domain": audit.estimate.in_domain,
        "scores": {score.metric: _score(score) for score in entry.scores},
        "place": _place(entry.place),
        "ranks": dict(entry.ranks),
        "warnings": list(audit.warnings),
    }


def _score(score: Score) -> dict[str, Any]:
    return {
        "value": score.median,
        "low": score.low,
        "high": score.high,
        "level": score.level,
        "undefined_because": score.undefined_because,
        "outside_reference": score.outside_reference,
        "settings": dict(score.settings),
    }


def _place(place: Place | None) -> dict[str, Any] | None:
    if place is None:
        return None
    return {
        "on_front": place.on_front,
        "dominated": place.dominated.value,
        "surely_by": list(place.surely_by),
        "possibly_by": list(place.possibly_by),
    }
