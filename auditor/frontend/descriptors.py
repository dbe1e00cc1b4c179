"""Standard output as compiled code has it: the descriptor, beside Python's stream."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator

_STDOUT = 1
STDERR = 2


@contextlib.contextmanager
def stdout_to(descriptor: int) -> Iterator[None]:
    """Let what compiled code prints go to another descriptor: torch's exporter prints graphs."""
    try:
        kept = os.dup(_STDOUT)
    except OSError:  # it is closed, so nothing can be printed
        yield
        return
    try:
        _redirect(descriptor)
        yield
    finally:
        _redirect(kept)
        os.close(kept)


@contextlib.contextmanager
def stdout_to_nowhere() -> Iterator[None]:
    """Let what compiled code prints be lost."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        with stdout_to(nowhere):
            yield
    finally:
        os.close(nowhere)


def _redirect(descriptor: int) -> None:
    # What waits in C's buffer belongs to where the descriptor points now.
    with contextlib.suppress(OSError, TypeError, AttributeError):
        ctypes.CDLL(None).fflush(None)
    with contextlib.suppress(OSError):  # standard error may be closed
        os.dup2(descriptor, _STDOUT)
