"""Text of strangers made harmless: names in a model may hold anything."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|!~&])")


def printable(text: str) -> str:
    """Replace what could drive a terminal or break a line."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def markdown(text: str) -> str:
    """Take the meaning from every character that Markdown or HTML would act on.

    A mention and a bare address have no special character; entities keep them from being
    noticed where the text is shown.
    """
    plain = _SPECIAL.sub(r"\\\1", printable(text))
    return plain.replace("@", "&#64;").replace("://", "&#58;//").replace("www.", "www&#46;")
