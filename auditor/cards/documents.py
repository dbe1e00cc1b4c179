"""What the JSON cards share: their text, and identifiers that follow from what is in them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

from auditor.cards.facts import Facts
from auditor.cards.options import CardOptions, utc
from auditor.escaping import json_text

# Of the name space of this program's identifiers; any constant would do.
_SPACE = uuid.UUID("6f2f1f0e-3c1c-5d0b-9a54-5b8c2f5f6a11")


def text(document: Mapping[str, Any]) -> str:
    """JSON text with a newline at its end; all text in it is printable already."""
    return json_text(document)


def identifier(found: Facts, options: CardOptions, form: str) -> uuid.UUID:
    """The identifier of a card: the same for the same audit, name and time, else another."""
    made_of = json.dumps(
        [form, found.name, utc(options.created), options.version, found.document], sort_keys=True
    )
    return uuid.uuid5(_SPACE, made_of)


def properties(found: Facts) -> list[tuple[str, str]]:
    """Figures with their provenance, as names and texts, for formats that have no place for it.

    What is not assessed says so and why.
    """
    rows = [
        ("method", found.method),
        ("boundary", found.boundary),
        ("hardware", found.hardware),
        ("structure_sha256", found.document["model"]["structure_sha256"]),
        ("region", found.place or "not assessed"),
    ]
    for figure in (*found.figures, *found.scores):
        if figure.median is None:
            rows.append((figure.name, f"not assessed: {figure.not_assessed}"))
            continue
        scope = "" if figure.scope is None else f", {figure.scope}"
        span = figure.interval
        between = "" if span is None else f" [{span.low:g}, {span.high:g}] at {span.level:.0%}"
        value = f"{figure.median:g}{between} {figure.unit}".rstrip()
        rows.append((figure.name, f"{value} ({figure.basis.value}{scope}; {figure.method})"))
    if found.measured is not None:
        rows += [(f"prediction_error_{p.name}", _error(p.error, p.same_scope))
                 for p in found.measured.pairs]  # fmt: skip
    return [(f"auditor:{name}", value) for name, value in rows]


def _error(error: float, same_scope: bool) -> str:
    return f"{error:+.3f}" if same_scope else f"at most {error:+.3f}; only a part was measured"
