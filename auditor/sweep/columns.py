"""The columns of a sweep's table, and a row from an audit's document.

Each is a path in the audit's JSON (schemas/audit.schema.json), joined by underscores, with every
interval as three columns.  What the JSON lists, operators and assumptions, is no column, but for
the names of operators without a cost and the warnings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from auditor.sweep.records import Cell, Row

TEXT, WHOLE, NUMBER, TRUTH = "string", "int64", "double", "bool"
_ENDS = ("low", "median", "high")
OK, FAILED = "ok", "failed"

# Of the row itself.
_OWN: Final = (
    ("source", TEXT),
    ("plan", TEXT),
    ("hardware_requested", TEXT),
    ("status", TEXT),
    ("error_type", TEXT),
    ("error", TEXT),
    ("read_bytes", WHOLE),
    ("read_requests", WHOLE),
)
_MODEL = ("file_bytes", "opset", "parameter_count", "training_parameter_count")
_MEMORY = (
    "parameters_bytes",
    "gradients_bytes",
    "optimizer_bytes",
    "activations_bytes",
    "saved_activations_bytes",
    "overlap_bytes",
    "total_bytes",
)
_WORKS = ("forward", "training_forward", "backward", "optimizer_update")
_WORK = ("macs", "flops", "read_bytes", "written_bytes")

_PLAIN: Final = (
    *((("model", name), WHOLE) for name in (*_MODEL, "trained_parameter_count")),
    (("model", "structure_sha256"), TEXT),
    (("model", "producer"), TEXT),
    (("profile", "batch_size"), WHOLE),
    (("profile", "graph_batch_size"), WHOLE),
    # Counts of one batch may go beyond 64 bits: numbers, not whole ones.
    *((("profile", of, what), NUMBER) for of in _WORKS for what in _WORK),
    (("profile", "node_count"), WHOLE),
    (("profile", "coverage"), NUMBER),
    (("profile", "restored_normalization_count"), WHOLE),
    *((("profile", "memory", name), NUMBER) for name in _MEMORY),
    (("profile", "memory", "fits"), TRUTH),
    (("profile", "memory", "largest_batch_size"), NUMBER),
    (("hardware", "id"), TEXT),
    (("hardware", "name"), TEXT),
    (("hardware", "kind"), TEXT),
    (("hardware", "memory_bytes"), NUMBER),
    (("hardware", "tdp_w"), NUMBER),
    *(
        (("workload", name), NUMBER)
        for name in (
            "samples",
            "tokens",
            "epochs",
            "total_samples",
            "link_bytes_per_s",
            "input_pipeline_samples_per_s",
            "power_limit_w",
        )
    ),
    *(
        (("workload", name), WHOLE)
        for name in (
            "batch_size",
            "gradient_accumulation",
            "global_batch_size",
            "devices",
            "trials",
            "sequence_length",
            "checkpointing",
        )
    ),
    *((("workload", n), TEXT) for n in ("precision", "optimizer", "attention", "sharding")),
    *(
        (("step", name), NUMBER)
        for name in (
            "forward_s",
            "backward_s",
            "update_s",
            "communication_s",
            "input_wait_s",
            "device_power_w",
            "host_power_w",
        )
    ),
    (("estimate", "samples_per_s"), NUMBER),
    (("estimate", "mean_power_w"), NUMBER),
    (("estimate", "method"), TEXT),
    (("estimate", "scope"), TEXT),
    (("estimate", "in_domain"), TRUTH),
    (("impacts", "region"), TEXT),
    (("impacts", "grid", "carbon_gco2e_per_kwh"), NUMBER),
    (("impacts", "grid", "year"), WHOLE),
    (("impacts", "pue"), NUMBER),
    (("impacts", "wue_l_per_kwh"), NUMBER),
    (("impacts", "scope"), TEXT),
    (("impacts", "flops"), NUMBER),
    (("impacts", "currency"), TEXT),
    (("scores", "sam", "accuracy"), NUMBER),
    (("scores", "sam", "value"), NUMBER),
    (("scores", "sam", "low"), NUMBER),
    (("scores", "sam", "high"), NUMBER),
    (("scores", "sam", "undefined_because"), TEXT),
)
_INTERVALS: Final = (
    (("estimate", "energy_kwh"), "estimate_energy_kwh"),
    (("estimate", "by_scope", "gpu"), "estimate_gpu_kwh"),
    (("estimate", "by_scope", "node"), "estimate_node_kwh"),
    (("estimate", "by_scope", "facility"), "estimate_facility_kwh"),
    (("estimate", "duration_s"), "estimate_duration_s"),
    (("estimate", "step_time_s"), "estimate_step_time_s"),
    (("impacts", "operational_gco2e"), "impacts_operational_gco2e"),
    (("impacts", "embodied_gco2e"), "impacts_embodied_gco2e"),
    (("impacts", "embodied_server_gco2e"), "impacts_embodied_server_gco2e"),
    (("impacts", "water_site_l"), "impacts_water_site_l"),
    (("impacts", "energy_cost"), "impacts_energy_cost"),
    (("impacts", "device_cost"), "impacts_device_cost"),
)
_LISTED: Final = (("unknown_op_types", TEXT), ("warnings", TEXT))

_NAMES: Final = {path: "_".join(path) for path, _ in _PLAIN}

#: Every column with its type, in the table's order.
COLUMNS: Final[tuple[tuple[str, str], ...]] = (
    *_OWN,
    *((_NAMES[path], kind) for path, kind in _PLAIN),
    *((f"{name}_{end}", NUMBER) for _, name in _INTERVALS for end in _ENDS),
    ("estimate_level", NUMBER),
    *_LISTED,
)


def row_of(document: Mapping[str, Any]) -> Row:
    """Return what an audit's document has for the columns; those of the row itself stay open."""
    row: Row = {name: None for name, _ in COLUMNS}
    row |= {"status": OK}
    for path, kind in _PLAIN:
        row[_NAMES[path]] = _typed(_at(document, path), kind)
    for path, name in _INTERVALS:
        row |= {f"{name}_{end}": value for end, value in _ends(_at(document, path))}
    row["estimate_level"] = document["estimate"]["step_time_s"]["level"]
    unknown = document["profile"]["unknown"]
    row["unknown_op_types"] = ", ".join(entry["op_type"] for entry in unknown) or None
    row["warnings"] = "\n".join(document["warnings"]) or None
    return row


def failed_row(kind: str, message: str) -> Row:
    """Return a row that says why there is none."""
    row: Row = {name: None for name, _ in COLUMNS}
    return row | {"status": FAILED, "error_type": kind, "error": message}


def _at(document: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    found: Any = document
    for name in path:
        if found is None:
            return None
        found = found[name]
    return found


def _typed(value: Any, kind: str) -> Cell:
    if value is None or kind in (TEXT, TRUTH):
        return value  # type: ignore[no-any-return]
    if kind == NUMBER:
        return _float(value)
    # A count beyond 64 bits has no place in a table; its row says what else it can.
    return int(value) if abs(value) < 2**63 else None


def _float(value: float) -> float | None:
    try:
        return float(value)
    except OverflowError:  # a whole number beyond all floats
        return None


def _ends(interval: Mapping[str, Any] | None) -> Iterator[tuple[str, Cell]]:
    if interval is not None:
        yield from ((end, float(interval[end])) for end in _ENDS)
