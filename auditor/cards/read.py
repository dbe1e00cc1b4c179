"""The documents that cards are made of, read and checked by their schemas."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from auditor.errors import PlanError
from auditor.reading import read_limited, strict_json
from auditor.report.lines import printable
from auditor.tables import read_schema

LARGEST_BYTES = 20_000_000  # an audit of thousands of operators in every region is below 1 MB
_LONGEST_MESSAGE = 200
_LARGEST, _MOST_DIGITS = 1e100, 100
_AUDIT = "give what `audit MODEL --format json -o AUDIT.json` wrote"
_RECONCILED = "give what `audit reconcile MEASURED --audit AUDIT.json --format json` wrote"


def read_audit_document(path: Path) -> dict[str, Any]:
    """The JSON document of an audit, with text that is safe to print.

    Raises:
        PlanError: the file cannot be read, is too large, or is no audit by its schema.
    """
    return _document(path, "audit", _AUDIT)


def read_reconciliation(path: Path) -> dict[str, Any]:
    """The JSON document of a reconciliation, with text that is safe to print.

    Raises:
        PlanError: the file cannot be read, is too large, or is none by its schema.
    """
    return _document(path, "reconcile", _RECONCILED)


def printed(value: Any) -> Any:
    """The same lists and mappings, each text in them without what could drive a terminal."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {key: printed(inner) for key, inner in value.items()}
    return [printed(inner) for inner in value] if isinstance(value, list) else value


def _document(path: Path, kind: str, remedy: str) -> dict[str, Any]:
    text = _text(path, remedy)
    try:
        found = strict_json(text, number=_amount, whole=_count)
    except ValueError as error:
        raise PlanError(f"{path}: not JSON: {error}; {remedy}", path=str(path)) from error
    problem = _problem(found, kind)
    if problem is not None:
        raise PlanError(f"{path}: not of this kind: {problem}; {remedy}", path=str(path))
    document: dict[str, Any] = printed(found)
    return document


def _text(path: Path, remedy: str) -> str:
    try:
        return read_limited(path, LARGEST_BYTES).decode("utf-8-sig")
    except OSError as error:
        reason = error.strerror or str(error)
        raise PlanError(f"{path}: cannot be read: {reason}; {remedy}") from error
    except UnicodeDecodeError as error:
        raise PlanError(f"{path}: not text in UTF-8; {remedy}") from error


def _amount(digits: str) -> float:
    """A number that can be reckoned with: products and ratios of two of them are finite."""
    value = float(digits)
    if value and not 1 / _LARGEST <= abs(value) <= _LARGEST:
        raise ValueError(f"{digits[:40]} is beyond any amount")
    return value


def _count(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"{digits[:40]}... is beyond any count")
    return int(digits)


def _problem(document: object, kind: str) -> str | None:
    """What is wrong with a document by its schema; None if nothing is."""
    import jsonschema  # takes longer to load than --help may

    schema = read_schema(f"{kind}.schema.json")
    error = next(iter(jsonschema.Draft202012Validator(schema).iter_errors(document)), None)
    if error is None:
        return None
    where = ".".join(map(str, error.absolute_path))
    return f"{where}: {error.message}".removeprefix(": ")[:_LONGEST_MESSAGE]
