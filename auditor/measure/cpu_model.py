"""What a host draws, from the load of its processors: a model, where nothing can be measured.

Power in W = threads x (idle + load x (full - idle)), with 0.74 W and 3.5 W a thread: the means over
the processors of a large cloud, whole servers by SPECpower_ssj2008, memory included (Cloud Carbon
Footprint, Methodology, "Compute", AWS).  Over its microarchitectures these are from 0.45 and
1.64 W (AMD EPYC of the 3rd and the 2nd generation) to 1.90 and 5.99 W (Intel Haswell), as
GreenKube quotes its coefficients (the range was not read at its origin): that range is the
interval.
"""

from __future__ import annotations

import time
from pathlib import Path

from auditor.errors import HardwareError
from auditor.measure.meter import MeterDescription, Reading

IDLE_W, FULL_W = 0.74, 3.5
LOWEST_FACTOR = min(0.45 / IDLE_W, 1.64 / FULL_W)
HIGHEST_FACTOR = max(1.90 / IDLE_W, 5.99 / FULL_W)
STAT = Path("/proc/stat")
# The load is counted in ticks of 10 ms, and takes the kernel a while to add up.
_PERIOD_S = 0.1
_LOWEST_WINDOW_S = 0.2


def power_w(threads: int, load: float) -> float:
    """Power in W of a host with so many hardware threads at a load of 0 to 1."""
    return threads * (IDLE_W + load * (FULL_W - IDLE_W))


class CpuModelMeter:
    """The load of all processors, by /proc/stat, as power.

    The load is that of the whole machine, other people's work included, as a meter's would be.
    """

    def __init__(self, stat: Path = STAT) -> None:
        """Read the load once.

        Raises:
            HardwareError: there is no /proc/stat.
        """
        self._stat = stat
        self._busy, self._total, self._threads = _ticks(stat)
        self._due_s = time.monotonic()
        self._load = 0.0
        self._description = MeterDescription(
            name="model of the load",
            kind="cpu-model",
            scope="host",
            device_name=f"host of {self._threads} threads",
            lowest_window_s=_LOWEST_WINDOW_S,
            lowest_factor=LOWEST_FACTOR,
            highest_factor=HIGHEST_FACTOR,
            notes=(
                f"modelled: {IDLE_W:g} W a thread, {FULL_W:g} W under load (Cloud Carbon "
                "Footprint), not measured",
            ),
        )

    @property
    def description(self) -> MeterDescription:
        """The model and its range."""
        return self._description

    def read(self) -> Reading:
        """Return the power by the load of the last tenth of a second.

        Raises:
            HardwareError: /proc/stat cannot be read any more.
        """
        time_s = time.monotonic()
        if time_s >= self._due_s:
            self._due_s = time_s + _PERIOD_S
            self._update()
        return Reading(
            time_s=time_s,
            power_w=power_w(self._threads, self._load),
            counter_j=None,
            utilization=self._load,
        )

    def _update(self) -> None:
        busy, total, _ = _ticks(self._stat)
        if total > self._total:
            # A guest's ticks may be taken back: the share stays within 0 and 1.
            self._load = min(1.0, max(0.0, (busy - self._busy) / (total - self._total)))
            self._busy, self._total = busy, total

    def close(self) -> None:
        """Do nothing."""


def _ticks(stat: Path) -> tuple[int, int, int]:
    """Ticks at work, ticks in all, and the number of hardware threads.

    proc_stat(5): user, nice, system, idle, iowait, irq, softirq, steal, and two of guests that
    are in user and nice already.
    """
    try:
        lines = stat.read_text(encoding="ascii").splitlines()
        ticks = [int(field) for field in lines[0].split()[1:9]]
        idle = ticks[3] + ticks[4]
    except (OSError, ValueError, IndexError) as error:
        raise HardwareError(
            f"{stat}: the processors' load cannot be read there: {error}; use --host none"
        ) from error
    threads = sum(line.startswith("cpu") for line in lines) - 1
    return sum(ticks) - idle, sum(ticks), threads
