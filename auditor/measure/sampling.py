"""Reading a meter many times a second, in a thread beside the work.

The thread calls the meter and nothing else: never the framework that drives the device.
"""

from __future__ import annotations

import threading
import time

from auditor.errors import HardwareError
from auditor.measure.meter import Meter, Reading

_LONGEST_READ_S = 10.0


class Sampler:
    """Reads one meter at a rate, between `start` and `stop`."""

    def __init__(self, meter: Meter, rate_hz: float) -> None:
        self.meter = meter
        self._period_s = 1 / rate_hz
        self._readings: list[Reading] = []
        self._error: HardwareError | None = None
        self._busy_s = 0.0
        self._stopped = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="auditor-sampler", daemon=True)

    @property
    def busy_s(self) -> float:
        """CPU time in s that the thread took."""
        return self._busy_s

    def start(self) -> None:
        """Read once, here, then go on in the thread.

        Raises:
            HardwareError: the meter does not answer.
        """
        self._readings.append(self.meter.read())
        self._thread.start()

    def check(self) -> None:
        """Raise what ended the thread, if anything did.

        Raises:
            HardwareError: the meter has failed since the start.
        """
        if self._error is not None:
            raise self._error
        if self._ended.is_set() and not self._stopped.is_set():
            raise HardwareError(
                f"the meter of {self.meter.description.label} stopped reading; measure again"
            )

    def stop(self) -> None:
        """End the thread; call it in any case."""
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(_LONGEST_READ_S)

    def readings(self) -> tuple[Reading, ...]:
        """What was read, after `stop`.

        Raises:
            HardwareError: the meter failed on the way, or still does not answer.
        """
        self.check()
        if self._thread.is_alive():
            raise HardwareError(
                f"the meter of {self.meter.description.label} has not answered for "
                f"{_LONGEST_READ_S:g} s; check the device"
            )
        return tuple(self._readings)

    def _run(self) -> None:
        try:
            self._sample()
        except HardwareError as error:
            self._error = error
        finally:
            self._busy_s = time.thread_time()
            self._ended.set()

    def _sample(self) -> None:
        due_s = time.monotonic() + self._period_s
        while not self._stopped.wait(max(0.0, due_s - time.monotonic())):
            self._readings.append(self.meter.read())
            # A reading that came late is not made up for by a burst of them.
            due_s = max(due_s + self._period_s, time.monotonic())
        self._readings.append(self.meter.read())
