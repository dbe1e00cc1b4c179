"""A meter that plays a recording again: for tests, and for what a device once showed."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import replace

from auditor.errors import HardwareError
from auditor.measure.meter import MeterDescription, Reading
from auditor.measure.recording import Recording


class ReplayMeter:
    """Gives out a recording's readings at the pace at which they were made.

    Its clock starts with the first call of `read`.  With `repeat` it starts again at the end,
    the energy counter going on from where it was; else the end is an error.
    """

    def __init__(
        self,
        recording: Recording,
        *,
        repeat: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if len(recording.readings) < 2:
            raise HardwareError("a recording to replay needs two readings or more; record longer")
        self._readings = recording.readings
        self._description = recording.description
        self._times_s = [reading.time_s for reading in recording.readings]
        self._length_s = self._times_s[-1] - self._times_s[0]
        self._repeat = repeat
        self._clock = clock
        self._start_s: float | None = None

    @property
    def description(self) -> MeterDescription:
        """What the recording was made with."""
        return self._description

    def read(self) -> Reading:
        """Return the last reading that had been made by now.

        Raises:
            HardwareError: the recording is over.
        """
        now_s = self._clock()
        if self._start_s is None:
            self._start_s = now_s
        elapsed_s = now_s - self._start_s
        rounds = int(elapsed_s / self._length_s) if self._length_s else 0
        if rounds and not self._repeat:
            raise HardwareError(
                f"the recording of {self._description.label} ends after {self._length_s:g} s; "
                "give a longer one, or shorter phases"
            )
        at_s = self._times_s[0] + elapsed_s - rounds * self._length_s
        reading = self._readings[bisect_right(self._times_s, at_s) - 1]
        return replace(reading, time_s=now_s, counter_j=self._counter_j(reading, rounds))

    def _counter_j(self, reading: Reading, rounds: int) -> float | None:
        first_j, last_j = self._readings[0].counter_j, self._readings[-1].counter_j
        if reading.counter_j is None or first_j is None or last_j is None:
            return reading.counter_j
        return reading.counter_j + rounds * (last_j - first_j)

    def close(self) -> None:
        """Do nothing."""
