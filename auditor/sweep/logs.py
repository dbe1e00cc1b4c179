"""Libraries that log, with tracebacks, what they raise as well."""

from __future__ import annotations

import logging


def quiet(*libraries: str) -> None:
    """Keep the logs of libraries from stderr, also of what in them has a level of its own."""
    known = [
        name for name in list(logging.root.manager.loggerDict) if name.split(".")[0] in libraries
    ]
    for name in (*libraries, *known):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
