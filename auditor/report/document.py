"""The audit as a JSON document, by schemas/audit.schema.json.  `null` is not assessed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from auditor.costs import Work
from auditor.energy import Amount, Scope
from auditor.escaping import json_text
from auditor.interval import Interval
from auditor.pipeline import Audit
from auditor.profile import FamilyProfile, OpTypeProfile
from auditor.report.forward import forward_dict
from auditor.report.impacts import asked_dict, impacts_dict
from auditor.scores import Sam
from auditor.step import Step

SCHEMA_VERSION = "1.0"
TOP_OPERATIONS = 100


def document(audit: Audit) -> dict[str, Any]:
    """Return the audit as plain dicts, lists, strings and numbers."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "auditor", "version": audit.tool_version},
        "model": _model(audit),
        "profile": _profile(audit),
        "hardware": _hardware(audit),
        "workload": audit.workload.as_dict(),
        "step": _step(audit),
        "estimate": _estimate(audit),
        "measured_forward": forward_dict(audit.brief),
        "impacts": impacts_dict(audit.impacts),
        **asked_dict(audit.beyond),
        "scores": {"sam": _sam(audit.sam)},
        "assumptions": list(audit.assumptions),
        "warnings": list(audit.warnings),
    }


def render_json(audit: Audit) -> str:
    """Return the document as JSON text, a newline at its end."""
    return json_text(document(audit))


def _model(audit: Audit) -> dict[str, Any]:
    model = audit.model
    return {
        "path": model.path,
        "file_bytes": model.file_bytes,
        "structure_sha256": model.structure_sha256,
        "opset": model.opset,
        "producer": model.producer or None,
        "parameter_count": audit.profile.parameter_count,
        "training_parameter_count": audit.profile.training_parameter_count,
        "trained_parameter_count": audit.profile.trained_parameter_count,
        "inputs": [
            {
                "name": t.name,
                "dtype": t.dtype,
                "dims": list(t.shape) if t.shape is not None else None,
                "shape": list(audit.bound.shapes[t.name]),
            }
            for t in model.graph.inputs
        ],
    }


def work_dict(work: Work) -> dict[str, int]:
    """MACs, FLOPs and bytes of one pass."""
    return {
        "macs": work.macs,
        "flops": work.flops,
        "read_bytes": work.read_bytes,
        "written_bytes": work.written_bytes,
    }


def _group(row: OpTypeProfile | FamilyProfile) -> dict[str, Any]:
    return {
        "count": row.count,
        "forward": work_dict(row.forward),
        "training_forward": work_dict(row.training_forward),
        "backward": work_dict(row.backward),
    }


def _profile(audit: Audit) -> dict[str, Any]:
    found = audit.profile
    return {
        "batch_size": found.batch_size,
        "graph_batch_size": found.graph_batch_size,
        "flops_convention": "2 per multiply-accumulate plus 1 per other elementary operation",
        "forward": work_dict(found.forward),
        "training_forward": work_dict(found.training_forward),
        "backward": work_dict(found.backward),
        "optimizer_update": work_dict(found.optimizer_update),
        "by_op_type": [
            {"op_type": r.op_type, "family": r.family, **_group(r)} for r in found.by_op_type
        ],
        "by_family": [{"family": r.family, **_group(r)} for r in found.by_family],
        "node_count": found.node_count,
        "unknown": [
            {"op_type": u.op_type, "count": u.count, "share": u.share, "reason": u.reason}
            for u in found.unknown
        ],
        "coverage": found.coverage,
        "data_dependent_sizes": [
            {
                "node": s.node,
                "op_type": s.op_type,
                "basis": s.basis.value,
                "count": s.count,
                "reason": s.reason,
            }
            for s in audit.data_sizes
        ],
        "restored_normalization_count": found.restored_count,
        "memory": _memory(audit),
    }


def _memory(audit: Audit) -> dict[str, Any]:
    memory = audit.profile.memory
    return {
        "parameters_bytes": memory.parameters_bytes,
        "gradients_bytes": memory.gradients_bytes,
        "optimizer_bytes": memory.optimizer_bytes,
        "activations_bytes": memory.activations_bytes,
        "saved_activations_bytes": memory.saved_bytes,
        "overlap_bytes": memory.overlap_bytes,
        "total_bytes": memory.total_bytes,
        "fits": audit.fit.fits,
        "largest_batch_size": audit.fit.largest_batch_size,
    }


def _hardware(audit: Audit) -> dict[str, Any]:
    return {"requested": audit.hardware.requested, **audit.hardware.accelerator.as_dict()}


def _step(audit: Audit) -> dict[str, Any]:
    step = audit.step
    return {
        "forward_s": step.forward.total_s,
        "backward_s": step.backward.total_s,
        "update_s": step.update.total_s,
        "communication_s": step.communication_s,
        "input_wait_s": step.input_wait_s,
        "device_power_w": step.device_power_w,
        "host_power_w": step.host_power_w,
        "by_family": [
            {"family": family, "time_s": time_s} for family, time_s in _family_times(step)
        ],
        "top_operations": [
            {"name": o.name, "op_type": o.op_type, "family": o.family.value, "time_s": o.total_s}
            for o in sorted(step.operations, key=lambda o: -o.total_s)[:TOP_OPERATIONS]
        ],
    }


def _family_times(step: Step) -> list[tuple[str, float]]:
    """Seconds of one step by family of operators, the longest first."""
    total_s: dict[str, float] = {}
    for operation in step.operations:
        family = operation.family.value
        total_s[family] = total_s.get(family, 0.0) + operation.total_s
    return sorted(total_s.items(), key=lambda found: -found[1])


def interval_dict(interval: Interval | None) -> dict[str, float] | None:
    """Low, median, high and level; None is not assessed."""
    return None if interval is None else asdict(interval)


def _amount(amount: Amount | None) -> dict[str, Any]:
    return {
        scope.value: interval_dict(amount.of(scope)) if amount is not None else None
        for scope in Scope
    }


def _estimate(audit: Audit) -> dict[str, Any]:
    result = audit.estimate
    by_scope = _amount(result.energy)
    return {
        "energy_kwh": by_scope[result.scope.value],
        "by_scope": by_scope,
        "energy_per_million_samples_kwh": _amount(result.energy_per_sample.scaled(1e6)),
        "duration_s": interval_dict(result.duration_s),
        "step_time_s": interval_dict(result.step_time_s),
        "samples_per_s": result.samples_per_s,
        "mean_power_w": result.mean_power_w,
        "method": result.method,
        "scope": result.scope.value,
        "in_domain": result.in_domain,
    }


def _sam(score: Sam | None) -> dict[str, Any] | None:
    if score is None:
        return None
    return {
        "value": score.median,
        "low": score.low,
        "high": score.high,
        "undefined_because": score.undefined_because,
        "accuracy": score.accuracy,
        "energy_kwh": score.energy_kwh,
        "scope": score.scope.value,
        "alpha": score.alpha,
        "beta": score.beta,
        "source": "arXiv 2310.06522",
    }
