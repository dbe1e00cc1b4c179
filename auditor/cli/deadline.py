"""``--timeout-s``: an end to a command that takes too long, whatever a file made it do."""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import click

from auditor.errors import PlanError

MAX_TIMEOUT_S = 1e6
# A compiled library returns to Python, where a signal is heard, sooner or later; this is how much
# later the process ends all the same.
_GRACE_S = 5.0


class DeadlineError(click.ClickException):
    """The command took longer than it was given.

    No `AuditError`: those of one model among many are reported beside the others, and go on.
    """

    exit_code = 2


def deadline(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a click command the option ``--timeout-s``.

    When the time is over an error is raised wherever the command is, so that what it holds is
    cleared away.  Where Python is not reached, in a compiled library, or where the system has no
    such timer, a thread ends the process.
    """
    return click.option(
        "--timeout-s",
        type=float,
        expose_value=False,
        callback=_armed,
        help="Give up after so many seconds, exit 2.  [default: never]",
    )(command)


def _armed(context: click.Context, _: click.Parameter, timeout_s: float | None) -> None:
    """Start the clock; it stops when the command's context is closed.

    Raises:
        PlanError: the time is not above 0, or no number.
    """
    if timeout_s is None or context.resilient_parsing:
        return
    if not (0 < timeout_s <= MAX_TIMEOUT_S and math.isfinite(timeout_s)):
        raise PlanError(f"--timeout-s {timeout_s}: must be above 0, at most {MAX_TIMEOUT_S:g}")
    message = f"not done after {timeout_s:g} s; give it more with --timeout-s, or a smaller model"
    has_timer = hasattr(signal, "setitimer") and (
        threading.current_thread() is threading.main_thread()
    )
    if has_timer:
        context.call_on_close(_alarm(timeout_s, message))
    last = threading.Timer(timeout_s + (_GRACE_S if has_timer else 0.0), _end, [message])
    last.daemon = True
    last.start()
    context.call_on_close(last.cancel)


def _alarm(timeout_s: float, message: str) -> Callable[[], None]:
    """Raise in the main thread after so many seconds; return what takes that back."""

    def over(_signal: int, _frame: FrameType | None) -> None:
        raise DeadlineError(message)

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, timeout_s)

    def stop() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

    return stop


def _end(message: str) -> None:
    sys.stderr.write(f"error: {message}\n")
    sys.stderr.flush()
    os._exit(2)
