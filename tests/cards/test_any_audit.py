"""Whatever the schema of audits admits gives a card, or an error in one line."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from card_documents import bare, document, options, reconciliation

from auditor.cards import FORMATS, render_card
from auditor.errors import AuditError
from auditor.tables import read_schema

VALIDATOR = jsonschema.Draft202012Validator(read_schema("audit.schema.json"))
PARTS = ("model", "hardware", "workload", "estimate", "impacts", "life_cycle", "scores")
Path = tuple[str, ...]


def paths(value: Any, here: Path = ()) -> Iterator[Path]:
    """Every key below a mapping, inner ones too; lists are taken whole."""
    for key, inner in value.items():
        yield (*here, key)
        if isinstance(inner, dict):
            yield from paths(inner, (*here, key))


def changed(made: dict[str, Any], path: Path, new: Any) -> dict[str, Any]:
    result = copy.deepcopy(made)
    inner = result
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = new
    return result


def valid_changes(made: dict[str, Any]) -> list[dict[str, Any]]:
    found = [changed(made, p, new) for p in paths(made) if p[0] in PARTS for new in (None, 0)]
    return [c for c in found if VALIDATOR.is_valid(c)]


@pytest.mark.parametrize("made", [document, bare])
def test_any_null_and_zero(made: Any) -> None:
    audits = valid_changes(made())
    assert len(audits) > 50
    for audit in audits:
        for form in set(FORMATS) - {"html"}:
            try:
                text = render_card(form, audit, options())
            except AuditError as error:
                assert "\n" not in str(error)
            else:
                assert "estimated" in text or "not assessed" in text.replace("_", " ")


def test_any_null_and_zero_beside_a_measurement() -> None:
    whole = document()
    validator = jsonschema.Draft202012Validator(read_schema("reconcile.schema.json"))
    found = reconciliation(whole)
    for path in paths(found):
        for new in (None, 0, []):
            other = changed(found, path, new)
            if not validator.is_valid(other):
                continue
            for form in set(FORMATS) - {"html"}:
                try:
                    render_card(form, whole, options(), other)
                except AuditError as error:
                    assert "\n" not in str(error)
