"""What a meter is: one reading of a device's power, energy counter and state, and the meter none.

A meter reads; it neither sleeps nor counts.  `auditor.measure.sampling` asks it many times a
second, `auditor.measure.protocol` decides when.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

# Kinds of meter whose figures come from a model and not from a sensor.
MODELLED_KINDS = frozenset({"cpu-model"})


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterDescription:
    """What a meter reads, and how.

    `kind` is "nvml", "rapl", "cpu-model", "zeus", "none", or what a recording was made with;
    `scope` says whose electricity it is: "gpu", "cpu", "cpu+dram", "host" (a machine without its
    accelerators), "soc" (a chip with all that is on it) or "none".
    `lowest_window_s` is the shortest window over which the sensor's mean can be relied on,
    `visible_share` the share of time that it sees, None if not known.  `lowest_factor` and
    `highest_factor` span what the true energy may be beside a modelled one.
    """

    name: str
    kind: str
    scope: str
    device_name: str | None = None
    device_uuid: str | None = None
    device_index: int | None = None
    driver_version: str | None = None
    power_limit_w: float | None = None
    memory_bytes: int | None = None
    lowest_window_s: float = 0.0
    visible_share: float | None = None
    lowest_factor: float = 1.0
    highest_factor: float = 1.0
    notes: tuple[str, ...] = ()

    @property
    def is_modelled(self) -> bool:
        """Whether the power is computed from something else than a sensor."""
        return self.kind in MODELLED_KINDS

    @property
    def label(self) -> str:
        """The device as errors name it."""
        return self.device_name or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a meter read at one moment; None is not read, never zero.

    `time_s` is the host's monotonic clock, `power_w` the power of the meter's scope,
    `counter_j` its energy since some start (never falling), `utilization` a share of 0 to 1,
    `process_count` how many compute processes beside this one hold the device.
    """

    time_s: float
    power_w: float | None
    counter_j: float | None
    utilization: float | None = None
    memory_used_bytes: int | None = None
    sm_clock_hz: float | None = None
    temperature_c: float | None = None
    throttle_reasons: frozenset[str] = frozenset()
    process_count: int | None = None


class Meter(Protocol):
    """Anything that reads the power or the energy of a device."""

    @property
    def description(self) -> MeterDescription:
        """What it reads."""

    def read(self) -> Reading:
        """Return the state of now.

        Raises:
            HardwareError: the device does not answer any more.
        """

    def close(self) -> None:
        """Let go of the device; a second call does nothing."""


class NoMeter:
    """For a run of which only the time is measured: it reads neither power nor energy."""

    description = MeterDescription(name="no meter", kind="none", scope="none")

    def read(self) -> Reading:
        """Return the time and nothing else."""
        return Reading(time_s=time.monotonic(), power_w=None, counter_j=None)

    def close(self) -> None:
        """Do nothing."""
