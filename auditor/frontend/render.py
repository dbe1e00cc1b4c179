"""A crosscheck as a table for people, and as JSON by schemas/crosscheck.schema.json."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from auditor import units
from auditor.frontend.crosscheck import CONVENTIONS, Crosscheck, Layer
from auditor.report.lines import printable

SCHEMA_VERSION = "1.0"
_HEADER = (
    "layer",
    "MAC",
    "FLOP",
    "fvcore MAC",
    "fvcore other",
    "diff.",
    "FlopCounterMode",
    "diff.",
    "2 x MAC f+b",
    "FlopCounterMode f+b",
    "diff.",
)


def render_text(found: Crosscheck) -> str:
    """Return the table, then what was found and by which conventions."""
    mode = "training" if found.training else "evaluation"
    parts = [
        f"network  {printable(found.target)}  ({', '.join(found.inputs)}; {mode} mode)\n"
        f"by       ours, fvcore {found.versions['fvcore']}, FlopCounterMode of torch "
        f"{found.versions['torch']}\n",
        _table([_HEADER, *map(_cells, found.layers)]),
        "MAC, FLOP, fvcore and the first FlopCounterMode: forward; f+b: forward and backward\n",
    ]
    sections = (("findings", found.findings), ("conventions", CONVENTIONS), ("notes", found.notes))
    parts += [
        f"{name}\n" + "".join(f"- {printable(line)}\n" for line in lines)
        for name, lines in sections
        if lines
    ]
    return "\n".join(parts)


def _cells(row: Layer) -> tuple[str, ...]:
    return (
        f"{printable(row.name)} ({printable(row.type)})" if row.name else f"total ({row.type})",
        _count(row.forward_macs),
        _count(row.forward_flops),
        _count(row.fvcore_product_flops),
        _count(row.fvcore_other_flops),
        _percent(row.fvcore_difference),
        _count(row.torch_forward_flops),
        _percent(row.forward_difference),
        _count(2 * row.forward_backward_macs),
        _count(row.torch_forward_backward_flops),
        _percent(row.forward_backward_difference),
    )


def _count(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"


def _percent(share: float | None) -> str:
    """A difference; "=" for none at all, "-" where there is nothing to compare with."""
    if share is None:
        return "-"
    return "=" if share == 0 else f"{share:+.2%}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(units.columns(rows)) + "\n"


def document(found: Crosscheck) -> dict[str, Any]:
    """Return the crosscheck as plain dicts, lists, strings and numbers."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "auditor", "version": found.tool_version},
        "versions": dict(found.versions),
        "target": found.target,
        "inputs": list(found.inputs),
        "mode": "training" if found.training else "evaluation",
        "layers": [_layer(row) for row in found.layers],
        "fvcore": {
            "failed_because": found.fvcore_failed_because,
            "other_flops_by_operator": dict(found.fvcore_other_operators),
            "unsupported_calls_by_operator": dict(found.fvcore_unsupported),
        },
        "flop_counter_mode": {
            "calls_without_formula_by_operator": dict(found.torch_without_formula)
        },
        "findings": list(found.findings),
        "conventions": list(CONVENTIONS),
        "notes": list(found.notes),
    }


def _layer(row: Layer) -> dict[str, Any]:
    return {
        "name": row.name,
        "type": row.type,
        "has_grouped_convolutions": row.has_groups,
        "ours": {
            "forward_macs": row.forward_macs,
            "forward_flops": row.forward_flops,
            "forward_backward_macs": row.forward_backward_macs,
            "forward_backward_flops": row.forward_backward_flops,
        },
        "fvcore": None
        if row.fvcore_product_flops is None
        else {
            "forward_product_flops": row.fvcore_product_flops,
            "forward_other_flops": row.fvcore_other_flops,
        },
        "flop_counter_mode": {
            "forward_flops": row.torch_forward_flops,
            "forward_backward_flops": row.torch_forward_backward_flops,
            "forward_backward_flops_groups_divided": row.torch_corrected_flops,
        },
        "relative_difference": {
            "to_fvcore_products": row.fvcore_difference,
            "to_flop_counter_mode_forward": row.forward_difference,
            "to_flop_counter_mode_forward_backward": row.forward_backward_difference,
            "to_flop_counter_mode_groups_divided": row.corrected_difference,
        },
    }


def render_json(found: Crosscheck) -> str:
    """Return the document as JSON text, a newline at its end."""
    return json.dumps(document(found), indent=2, allow_nan=False) + "\n"
