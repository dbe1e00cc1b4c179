"""The verdict as workflow commands, which GitHub shows beside the files that they name.

The syntax and the escapes are those that the runner reads (actions/runner,
`src/Runner.Common/ActionCommand.cs`, `TryParseV2`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from auditor.budget import phrases
from auditor.budget.records import Judgement, ModelVerdict, Outcome, Verdict
from auditor.escaping import printable

# The worse first: a step shows ten of each at most.
_ORDER = ("error", "warning", "notice")
_COMMANDS = {
    Outcome.EXCEEDED: "error",
    Outcome.NOT_ASSESSED: "error",
    Outcome.WARNED: "warning",
}
_SAID = {
    Outcome.EXCEEDED: "exceeded",
    Outcome.NOT_ASSESSED: "not judged",
    Outcome.WARNED: "warning",
}


@dataclass(frozen=True, slots=True)
class _Annotation:
    """One command: which, of which file (None: of none), and what it says line by line."""

    command: str
    file: str | None
    title: str
    lines: tuple[str, ...]


def render_github(verdict: Verdict) -> str:
    """Return one workflow command a line: errors, then warnings, then notices."""
    found = [a for m in verdict.models for a in _of_model(m)]
    found += [_Annotation("warning", verdict.config, "lock file", (line,))
              for line in phrases.missing(verdict)]  # fmt: skip
    found.append(_Annotation("notice", None, "training budget", (phrases.headline(verdict),)))
    found.sort(key=lambda a: _ORDER.index(a.command))
    return "".join(_line(a) for a in found)


def _of_model(model: ModelVerdict) -> Iterator[_Annotation]:
    if model.error is not None:
        title = f"{model.name}: not judged"
        yield _Annotation("error", model.path, title, (model.error,))
    for judged in model.judgements:
        if judged.outcome is not Outcome.WITHIN:
            yield _of_limit(model, judged)
    for command, beyond in (("error", True), ("notice", False)):
        if lines := tuple(phrases.changes(model, beyond=beyond)):
            yield _Annotation(command, model.path, f"{model.name}: against the lock file", lines)
    for warning in model.warnings:
        yield _Annotation("warning", model.path, model.name, (warning,))


def _of_limit(model: ModelVerdict, judged: Judgement) -> _Annotation:
    title = f"{model.name}: {judged.title}: {_SAID[judged.outcome]}"
    lines = (phrases.judgement(judged), *phrases.advice(judged))
    return _Annotation(_COMMANDS[judged.outcome], model.path, title, lines)


def _line(found: _Annotation) -> str:
    named = {"file": found.file, "title": found.title}
    properties = ",".join(f"{k}={_property(v)}" for k, v in named.items() if v is not None)
    message = _escaped("\n".join(map(printable, found.lines)))
    return f"::{found.command} {properties}::{message}\n"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(printable(text)).replace(":", "%3A").replace(",", "%2C")
