"""The verdict as Markdown: a job summary, or a comment that a bot keeps up to date."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from auditor import escaping
from auditor.budget import phrases
from auditor.budget.records import Change, Judgement, ModelVerdict, Outcome, Verdict

MARKER = "<!-- auditor-check -->"
_NONE = "-"
_BULLET = re.compile(r"^(\d*)([-+.)=])")
_ESCAPED = r"\1\\\2"
_WORDS = {
    Outcome.WITHIN: "within",
    Outcome.WARNED: "**warning**",
    Outcome.EXCEEDED: "**exceeded**",
    Outcome.NOT_ASSESSED: "**not judged**",
}
_METHOD = ("model", "hardware", "region", "energy covers", "method", "within what was measured")
_DOMAIN = {True: "yes", False: "no", None: "not known"}


def render_markdown(verdict: Verdict) -> str:
    """Return the verdict, then limits, what would help, what was not judged, and how it was found.

    The first line is `MARKER`, by which a bot finds its own comment again.
    """
    beside = phrases.compared(verdict)
    parts = [
        f"{MARKER}\n## Training budget: {phrases.headline(verdict)}\n",
        "" if beside is None else f"{_text(beside)}\n",
        _limits(verdict),
        _section("Limits that do not hold, and what would help", _broken(verdict.models)),
        _section("Not judged", _not_judged(verdict.models)),
        _section(_against(verdict), _differences(verdict)),
        _section("Warnings", _warnings(verdict.models)),
        _section("How it was estimated", [_methods(verdict.models)]),
    ]
    return "\n".join(part for part in parts if part)


def _text(text: str) -> str:
    """Text for a table's cell or a list: nobody is mentioned, no issue is linked, by its names.

    An entity is read before mentions are looked for, so a space of no width comes between.
    """
    plain = escaping.markdown(text)
    return plain.replace("&#64;", "&#64;&#8203;").replace("\\#", "\\#&#8203;")


def _item(text: str) -> str:
    """An item of a list, whose text begins no list of its own."""
    return f"- {_BULLET.sub(_ESCAPED, _text(text).strip())}\n"


def _section(title: str, lines: Iterator[str] | Sequence[str]) -> str:
    body = "".join(lines)
    return f"### {title}\n\n{body}" if body else ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |\n"


def _limits(verdict: Verdict) -> str:
    """One row a model and limit; what it was before stands beside it where there is a lock file."""
    rows = [_cells(m, j, verdict) for m in verdict.models for j in m.judgements]
    if not rows:
        return ""
    before = ("before",) if verdict.baseline is not None else ()
    header = ("model", "limit on", "allowed", *before, "now", "interval", "verdict")
    return _row(header) + _row(["---"] * len(header)) + "".join(_row(r) for r in rows)


def _cells(model: ModelVerdict, judged: Judgement, verdict: Verdict) -> list[str]:
    value, unit = judged.value, judged.unit
    found = dict(model.changes).get(judged.limit.quantity)
    now = phrases.NOT_ASSESSED if value is None else phrases.amount(value.median, unit)
    if found is not None and (ratio := phrases.growth(found)) is not None:
        now = f"{now} ({ratio})"
    between = None if value is None else phrases.interval(value, unit)
    cells = [model.name, judged.limit.quantity, phrases.limit(judged.limit, unit)]
    if verdict.baseline is not None:
        cells.append(_before(found, unit))
    cells += [now, between or _NONE]
    by = phrases.excess(judged)
    outcome = _WORDS[judged.outcome] + ("" if by is None else f": {_text(by)}")
    return [*map(_text, cells), outcome]


def _before(found: Change | None, unit: str) -> str:
    if found is None or phrases.is_new(found):
        return _NONE
    return phrases.amount(found.before, unit)


def _broken(models: Sequence[ModelVerdict]) -> Iterator[str]:
    """Each limit that does not hold, and below it what would make it hold."""
    for model in models:
        for judged in model.judgements:
            if judged.outcome in {Outcome.EXCEEDED, Outcome.WARNED}:
                yield _bullet(model, phrases.judgement(judged))
                yield from (f"  {_item(line)}" for line in phrases.advice(judged))


def _bullet(model: ModelVerdict, text: str) -> str:
    return _item(f"model {model.name}: {text}")


def _not_judged(models: Sequence[ModelVerdict]) -> Iterator[str]:
    for model in models:
        if model.error is not None:
            yield _bullet(model, model.error)
        for judged in model.judgements:
            if judged.outcome is Outcome.NOT_ASSESSED:
                yield _bullet(model, phrases.judgement(judged))


def _against(verdict: Verdict) -> str:
    return f"Against {_text(verdict.baseline or '')}"


def _differences(verdict: Verdict) -> Iterator[str]:
    """All that differs from the lock file, limited or not."""
    for model in verdict.models:
        yield from (_bullet(model, line) for line in phrases.changes(model))
    yield from map(_item, phrases.missing(verdict))


def _warnings(models: Sequence[ModelVerdict]) -> Iterator[str]:
    for model in models:
        yield from (_bullet(model, warning) for warning in model.warnings)


def _methods(models: Sequence[ModelVerdict]) -> str:
    rows = [
        (m.name, f.hardware, f.region or _NONE, f.scope, f.method, _DOMAIN[f.in_domain])
        for m in models
        if (f := m.found) is not None
    ]
    if not rows:
        return ""
    return (
        _row(_METHOD) + _row(["---"] * len(_METHOD)) + "".join(_row([*map(_text, r)]) for r in rows)
    )
