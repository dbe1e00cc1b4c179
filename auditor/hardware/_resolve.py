"""From the name someone wrote to one row of the catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from auditor.errors import HardwareError
from auditor.hardware._names import compact, tokens
from auditor.hardware._record import Accelerator
from auditor.hardware._table import catalogue, defaults

_LONGEST_NAME = 120  # a longer "name" is a mistake, and is not worth matching
_LISTED = 8
# "sxm" asks for any of sxm2 to sxm5, "v5" for v5e and v5p.
_GROUP = re.compile(r"^(sxm)\d$|^(v\d)[a-z]$")


@dataclass(frozen=True, slots=True)
class Resolution:
    """An accelerator, the name it was asked for by, and why it was taken if that was not clear."""

    accelerator: Accelerator
    requested: str
    note: str | None


def _names(row: Accelerator) -> tuple[str, ...]:
    return (row.id, row.name, *row.aliases)


def _group(word: str) -> tuple[str, ...]:
    match = _GROUP.match(word)
    return (match.group(1) or match.group(2),) if match else ()


def _row_tokens(row: Accelerator) -> frozenset[str]:
    words = frozenset[str]().union(*(tokens(name) for name in _names(row)))
    return words.union(*(_group(word) for word in words))


def _may_hold(row: Accelerator, words: frozenset[str]) -> bool:
    """Whether the row's names have the letters of every word: cheap, and rules most rows out."""
    letters = compact(" ".join(_names(row))).replace("gib", "gb")
    return all(word in letters for word in words)


def _exact(name: str, rows: Sequence[Accelerator]) -> list[Accelerator]:
    wanted = compact(name)
    return [
        row for row in rows if any(compact(known) == wanted for known in (row.id, *row.aliases))
    ]


def _same_words(words: frozenset[str], rows: Iterable[Accelerator]) -> list[Accelerator]:
    return [row for row in rows if any(tokens(known) == words for known in (row.id, *row.aliases))]


def _ids(rows: Sequence[Accelerator]) -> str:
    listed = ", ".join(row.id for row in rows[:_LISTED])
    return listed + (f" and {len(rows) - _LISTED} more" if len(rows) > _LISTED else "")


def _default(words: frozenset[str], matches: Sequence[Accelerator]) -> Accelerator | None:
    """The documented default with the most words of the request, if it is among the matches."""
    by_id = {row.id: row for row in matches}
    fitting = [
        (len(tokens(name)), target)
        for name, target, _ in defaults()
        if target in by_id and tokens(name) <= words
    ]
    return by_id[max(fitting)[1]] if fitting else None


def _unknown(name: str, rows: Sequence[Accelerator]) -> HardwareError:
    known = {compact(alias): row.id for row in rows for alias in _names(row)}
    import difflib  # only the sad path pays for it

    near = difflib.get_close_matches(compact(name), known, n=5, cutoff=0.6)
    ids = list(dict.fromkeys(known[key] for key in near))
    near_ids = f"nearest are {', '.join(ids)}" if ids else "nothing is near"
    return HardwareError(
        f"unknown accelerator {name!r}: {near_ids}; else describe it in a hardware file",
        requested=name,
        candidates=ids,
    )


def _among(name: str, words: frozenset[str], matches: Sequence[Accelerator]) -> Resolution:
    if len(matches) == 1:
        return Resolution(matches[0], name, f"{name} fits only {matches[0].id}")
    chosen = _default(words, matches)
    if chosen is None:
        raise HardwareError(
            f"accelerator {name!r} is ambiguous: name one of {_ids(matches)}",
            requested=name,
            candidates=[row.id for row in matches],
        )
    note = f"{name} is ambiguous ({_ids(matches)}): took {chosen.id}"
    return Resolution(chosen, name, note)


def _checked(name: str) -> str:
    if len(name) > _LONGEST_NAME:
        raise HardwareError(f"accelerator name {name[:40]!r}... is too long: give an id as a100")
    if not compact(name):
        raise HardwareError(f"accelerator name {name!r} is empty: give an id as a100-sxm4-80gb")
    # The name comes back in notes, so nothing in it may break or colour a line.
    return " ".join("".join(ch if ch.isprintable() else " " for ch in name).split())


def resolve(name: str, extra: Sequence[Accelerator] = ()) -> Resolution:
    """The accelerator meant by `name`; rows of `extra` hide rows of the catalogue of equal id.

    An id or alias wins in any case and spacing; else every word of the name
    must occur in the row.  A name that fits several rows takes the documented
    default (``defaults.csv``) and says so in `Resolution.note`.

    Raises HardwareError if no row, or several without a default, fit.
    """
    return _resolve(_checked(name), tuple(extra))


@lru_cache(maxsize=256)
def _resolve(name: str, extra: tuple[Accelerator, ...]) -> Resolution:
    """Resolve a name that has been checked; those who look for a device ask for each many times.

    Raises:
        HardwareError: as `resolve` does.
    """
    hidden = {row.id for row in extra}
    rows = (*extra, *(row for row in catalogue() if row.id not in hidden))
    exact = _exact(name, extra) or _exact(name, rows)
    if len(exact) == 1:
        return Resolution(exact[0], name, None)
    words = tokens(name)
    if not words:
        raise _unknown(name, rows)
    likely = [row for row in rows if _may_hold(row, words)]
    same = exact or _same_words(words, likely)
    if len(same) == 1:
        return Resolution(same[0], name, None)
    matches = same or [row for row in likely if words <= _row_tokens(row)]
    if not matches:
        raise _unknown(name, rows)
    return _among(name, words, matches)


def search(
    query: str, accelerators: Sequence[Accelerator] | None = None
) -> tuple[Accelerator, ...]:
    """Rows (of the catalogue unless given) in which every word of `query` occurs; all for ""."""
    rows = catalogue() if accelerators is None else accelerators
    words = query.lower().split()

    def fits(row: Accelerator) -> bool:
        text = " ".join((*_names(row), row.vendor, row.kind, row.architecture)).lower()
        return all(word in text or (compact(word) or word) in compact(text) for word in words)

    return tuple(row for row in rows if fits(row))
