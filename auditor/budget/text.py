"""The verdict for people, as plain lines: every model, and the sum of it in the last line."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from auditor.budget import phrases
from auditor.budget.records import Bound, Cause, Change, Judgement, ModelVerdict, Outcome, Verdict
from auditor.escaping import printable

_WIDTH = 100
_COLUMN = 14
_WORDS = {
    Outcome.WITHIN: "within",
    Outcome.WARNED: "WARNING",
    Outcome.EXCEEDED: "EXCEEDED",
    Outcome.NOT_ASSESSED: "NOT ASSESSED",
}


def render_text(verdict: Verdict) -> str:
    """Return the models one by one, what they were compared with, and the outcome."""
    blocks = ["\n".join(_model(model)) for model in verdict.models]
    ends = list(phrases.missing(verdict))
    compared = phrases.compared(verdict)
    if compared is not None:
        ends.insert(0, compared)
    return "\n\n".join((*blocks, "\n".join((*ends, phrases.headline(verdict))))) + "\n"


def _model(model: ModelVerdict) -> Iterator[str]:
    about = model.path
    if model.found is not None:
        found = model.found
        place = f", {found.region}" if found.region is not None else ""
        about += f": {found.hardware}{place}, {found.scope}, {found.method}"
    yield printable(f"{model.name}  ({about})")
    if model.error is not None:
        yield from _line("NOT JUDGED", printable(model.error))
    for judged in model.judgements:
        yield from _judgement(judged)
    if model.error is None and not model.judgements:
        yield from _line("no limits", "nothing is limited here")
    limited = {judged.limit.quantity for judged in model.judgements}
    yield from _changes(model, limited)
    for warning in model.warnings:
        yield from _line("warning", printable(warning))


def _judgement(judged: Judgement) -> Iterator[str]:
    yield from _line(_WORDS[judged.outcome], phrases.judgement(judged))
    if judged.end is None:
        return
    for sentence in phrases.remedies(judged):
        yield from _line("", f"- {sentence}")
    if judged.remedies and judged.limit.bound is Bound.MIN:
        yield from _line("", "  (if its accuracy stays as the plan has it)")


def _changes(model: ModelVerdict, limited: set[str]) -> Iterator[str]:
    """What differs from the lock file; of a new model that it is new, once."""
    compared = dict(model.changes)
    if compared and all(Cause.NEW in change.causes for change in compared.values()):
        yield from _line("new", "not in the lock file")
        return
    for name, change in compared.items():
        if _is_shown(name, change, limited):
            yield from _line("changed", phrases.change(name, change))


def _is_shown(name: str, change: Change, limited: set[str]) -> bool:
    """A figure that differs; the cost that has a price is told once, by its own name."""
    return change.after != change.before and (name != "cost" or name in limited)


def _line(label: str, text: str) -> Iterator[str]:
    """One entry: its label in a column of its own, its text beside it."""
    indent = " " * (_COLUMN + 2)
    body = text.strip() if not text.startswith("  ") else text
    yield textwrap.fill(
        body,
        _WIDTH,
        initial_indent=f"  {label:<{_COLUMN}}",
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
