"""Values of a TOML table, checked: every error names the place and the remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from auditor.errors import PlanError

MOST = 10**6
LONGEST_NAME = 100

Table = Mapping[str, Any]


def require_known(table: Table, known: Sequence[str], where: str) -> None:
    """Refuse a key that is none of `known`.

    Raises:
        PlanError: it is not so; names `where` and the remedy.
    """
    for key in table:
        if key not in known:
            raise PlanError(f"{where}: unknown key {key!r}; there are {', '.join(known)}")


def table_of(table: Table, key: str, where: str) -> Table:
    """Return the table at `key`, empty where there is none.

    Raises:
        PlanError: it is not so; names `where` and the remedy.
    """
    found = table.get(key, {})
    if not isinstance(found, dict):
        raise PlanError(f"{where}: {key} must be a table; head it [{key}]")
    return found


def required(table: Table, key: str, where: str) -> Any:
    """Return what stands at `key`.

    Raises:
        PlanError: it is not so; names `where` and the remedy.
    """
    if key not in table:
        raise PlanError(f"{where}: no {key}; add it")
    return table[key]


def text_of(table: Table, key: str, where: str) -> str:
    """Return the string at `key`.

    Raises:
        PlanError: it is not so; names `where` and the remedy.
    """
    return text(required(table, key, where), f"{where}: {key}")


def text(found: Any, where: str) -> str:
    """Return `found` if it is a short printable string.

    Raises:
        PlanError: it is not so; names `where` and the remedy.
    """
    is_text = isinstance(found, str) and 0 < len(found) <= LONGEST_NAME
    if not is_text or not found.isprintable() or not found.strip():
        raise PlanError(f"{where} = {found!r} must be a string of 1 to {LONGEST_NAME} characters")
    text: str = found
    return text


def choice_of(
    table: Table,
    key: str,
    choices: Sequence[str],
    where: str,
    default: str | None = None,
) -> str:
    """Return the choice at `key`, `default` where nothing is said and there is one.

    Raises:
        PlanError: it is not so; names `where` and the remedy.
    """
    if key not in table and default is not None:
        return default
    return choice(required(table, key, where), choices, f"{where}: {key}")


def choice(found: Any, choices: Sequence[str], where: str) -> str:
    """Return `found` if it is one of `choices`.

    Raises:
        PlanError: it is not so; names `where` and the remedy.
    """
    if not isinstance(found, str) or found not in choices:
        raise PlanError(f"{where} = {found!r}: choose one of {', '.join(choices)}")
    return found


def list_of(table: Table, key: str, where: str) -> list[Any]:
    """Return the list at `key`, of one value or more.

    Raises:
        PlanError: it is not so; names `where` and the remedy.
    """
    found = required(table, key, where)
    if not isinstance(found, list) or not found:
        raise PlanError(f"{where}: {key} must be a list of one or more, as {key} = [...]")
    return found


def texts_of(table: Table, key: str, where: str) -> list[str]:
    """Return the strings listed at `key`.

    Raises:
        PlanError: it is not so; names `where` and the remedy.
    """
    return [text(v, f"{where}: {key}") for v in list_of(table, key, where)]


def choices_of(table: Table, key: str, choices: Sequence[str], where: str) -> list[str]:
    """Return the choices listed at `key`.

    Raises:
        PlanError: it is not so; names `where` and the remedy.
    """
    return [choice(v, choices, f"{where}: {key}") for v in list_of(table, key, where)]


def counts_of(table: Table, key: str, where: str) -> list[int]:
    """Return the whole numbers listed at `key`.

    Raises:
        PlanError: it is not so; names `where` and the remedy.
    """
    return [count(v, f"{where}: {key}") for v in list_of(table, key, where)]


def count(value: Any, where: str) -> int:
    """Return `value` if it is a whole number of 1 or more.

    Raises:
        PlanError: it is not so; names `where` and the remedy.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST:
        raise PlanError(f"{where}: {value!r} must be a whole number from 1 to {MOST}")
    return value
