"""What ``torch:package.module:factory`` stands for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from auditor.errors import PlanError

PREFIX = "torch:"
_DOTTED = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


@dataclass(frozen=True, slots=True)
class Target:
    """A module to import and the name in it that makes the network, or is it."""

    module: str
    attribute: str

    def __str__(self) -> str:
        return f"{PREFIX}{self.module}:{self.attribute}"


def parse_target(text: str) -> Target:
    """Split ``torch:package.module:factory``.

    Raises:
        PlanError: it has another form.
    """
    module, separator, attribute = text.removeprefix(PREFIX).partition(":")
    is_whole = text.startswith(PREFIX) and separator
    if not is_whole or not _DOTTED.fullmatch(module) or not _DOTTED.fullmatch(attribute):
        raise PlanError(
            f"{text}: must be torch:MODULE:CALLABLE, as torch:package.module:factory, both "
            "as Python names them"
        )
    return Target(module, attribute)
