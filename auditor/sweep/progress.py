"""How far a sweep is: one line on stderr, now and then."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TextIO

_EVERY_S, _EVERY_S_IN_A_LOG = 0.5, 30.0


class Progress:
    """Prints models done, models a second and the time that is left, over this run's own models."""

    def __init__(
        self, models: int, before: int, stream: TextIO, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.models = models
        self.before = before
        self.done = 0
        self._stream = stream
        self._clock = clock
        self._begun = self._last = clock()
        self._is_terminal = stream.isatty()

    def add(self, models: int) -> None:
        """Count models that are done, and print where it is time to."""
        self.done += models
        now = self._clock()
        if now - self._last >= (_EVERY_S if self._is_terminal else _EVERY_S_IN_A_LOG):
            self._last = now
            self._print("\r" if self._is_terminal else "", "" if self._is_terminal else "\n")

    def end(self) -> None:
        """Print where it has come to."""
        self._print("\r" if self._is_terminal else "", "\n")

    def line(self) -> str:
        """Return the line: done of all, rate, and time that is left at that rate."""
        took_s = self._clock() - self._begun
        rate = self.done / took_s if took_s > 0 and self.done else 0.0
        left = self.models - self.before - self.done
        said = f"{self.before + self.done} of {self.models} models"
        if not rate:
            return said
        return f"{said}, {rate:.1f} a second, {_span(left / rate)} left"

    def _print(self, before: str, after: str) -> None:
        self._stream.write(f"{before}{self.line():<70}{after}")
        self._stream.flush()


def _span(seconds: float) -> str:
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, seconds = divmod(rest, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
