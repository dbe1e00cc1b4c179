"""Text of strangers made harmless: names in a model may hold anything."""

from __future__ import annotations

import re
from typing import Any

# GitHub's runner takes ``##[name]`` anywhere in a line of a log for a command, and a line that
# begins with ``::name ::`` after spaces (actions/runner, `src/Runner.Common/ActionCommand.cs`);
# that of Azure Pipelines ``##vso[...]``, TeamCity's ``##teamcity[...]``.
_HASHES = re.compile(r"#(?=#[\w.-]*\[)")
_COLONS = re.compile(r"^(\s*):(?=:)", re.MULTILINE)
# What a text begins with that a spreadsheet takes for a formula.
FORMULA = tuple("=+-@\t\r\N{FULLWIDTH EQUALS SIGN}\N{FULLWIDTH PLUS SIGN}") + tuple(
    "\N{FULLWIDTH HYPHEN-MINUS}\N{FULLWIDTH COMMERCIAL AT}"
)
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|!~&])")


def printable(text: str) -> str:
    """Replace what could drive a terminal or break a line."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def log_lines(text: str) -> str:
    """Lines of a log in which no CI runner sees a command: a space parts what begins one."""
    return _COLONS.sub(r"\1: ", _HASHES.sub("# ", text))


def json_text(document: Any) -> str:
    """Return JSON with a newline at its end, in which nothing drives a terminal or a runner.

    What would is written as an escape of JSON, so that a reader gets every name as it was.

    Raises:
        ValueError: a number is infinite or none.
    """
    import json  # not all that prints has it loaded

    text = json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    if "##" not in text and text.replace("\n", "").isprintable():
        return text
    shown = (c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
    return "".join(shown).replace("##", "#\\u0023")


def markdown(text: str) -> str:
    """Take the meaning from every character that Markdown or HTML would act on.

    A mention and a bare address have no special character; entities keep them from being
    noticed where the text is shown.
    """
    plain = _SPECIAL.sub(r"\\\1", printable(text))
    return plain.replace("@", "&#64;").replace("://", "&#58;//").replace("www.", "www&#46;")
