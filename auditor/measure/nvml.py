"""NVIDIA's devices, read through the driver's library (NVML) with its official bindings.

Only this module and its border (`auditor.measure.nvml_border`) import the bindings: import it where
a device is asked for, by `auditor.measure.meters.gpu_meter`.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pynvml

from auditor.errors import HardwareError
from auditor.measure import nvml_border as border
from auditor.measure.meter import MeterDescription, Reading
from auditor.measure.visible import nvml_index

# The sensor's average: within a shorter window it still shows what was before.
_AVERAGED_S = 1.0
_STATE_PERIOD_S = 0.2
# Of these models only a quarter of the time is seen by the power sensor (arXiv 2312.02741).
_PART_TIME = ("A100", "H100")
_PART_TIME_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class _State:
    """What is read a few times a second: it costs more than power does, and changes slowly."""

    utilization: float | None = None
    memory_used_bytes: int | None = None
    sm_clock_hz: float | None = None
    temperature_c: float | None = None
    throttle_reasons: frozenset[str] = frozenset()
    process_count: int | None = None


class NvmlMeter:
    """One NVIDIA device.  Make it before the process first touches the device.

    (In a container NVML numbers processes as the host does, so that this one is told from
    others only by having come later.)
    """

    def __init__(
        self,
        ordinal: int = 0,
        *,
        environment: Mapping[str, str] | None = None,
        use_counter: bool = True,
    ) -> None:
        """Open the device that CUDA calls `ordinal`.

        Raises:
            HardwareError: no driver, no such device, a device split by MIG, or none of power
                and energy can be read.
        """
        environment = os.environ if environment is None else environment
        with border.translated("starting"):
            pynvml.nvmlInit()
        self._is_open = True
        try:
            with border.translated("opening the device"):
                index = nvml_index(ordinal, border.devices(), environment)
                self._handle = pynvml.nvmlDeviceGetHandleByIndex(index)
                border.require_whole(self._handle)
                self._is_instant = border.instant_power_w(self._handle) is not None
                self._has_power = self._is_instant or border.power_w(self._handle) is not None
                self._has_counter = use_counter and border.counter_j(self._handle) is not None
                self._pids_before = border.pids(self._handle) - {os.getpid()}
                self._description = self._described(index)
        except HardwareError:
            self.close()
            raise
        self._next_state_s = 0.0
        if not (self._has_power or self._has_counter):
            self.close()
            raise HardwareError(
                f"{self._description.label} tells neither power nor energy; measure on another"
            )

    @property
    def description(self) -> MeterDescription:
        """The device, its driver and its power limit."""
        return self._description

    def read(self) -> Reading:
        """Return power and counter, and five times a second the rest.

        Raises:
            HardwareError: the device or the driver has gone.
        """
        if not self._is_open:
            raise HardwareError(f"the meter of {self._description.label} is closed; open another")
        with border.translated(f"reading {self._description.label}"):
            counter_j = border.counter_j(self._handle) if self._has_counter else None
            power_w = self._power_w() if self._has_power else None
            time_s = time.monotonic()
            state = self._state(time_s)
        missing = (self._has_counter and counter_j is None) or (self._has_power and power_w is None)
        if missing:
            raise HardwareError(
                f"{self._description.label} has stopped telling its "
                f"{'energy' if counter_j is None and self._has_counter else 'power'}; measure again"
            )
        return Reading(
            time_s=time_s,
            power_w=power_w,
            counter_j=counter_j,
            utilization=state.utilization,
            memory_used_bytes=state.memory_used_bytes,
            sm_clock_hz=state.sm_clock_hz,
            temperature_c=state.temperature_c,
            throttle_reasons=state.throttle_reasons,
            process_count=state.process_count,
        )

    def close(self) -> None:
        """Let NVML go; a second call does nothing."""
        if self._is_open:
            self._is_open = False
            with contextlib.suppress(pynvml.NVMLError):
                pynvml.nvmlShutdown()

    def _power_w(self) -> float | None:
        return (
            border.instant_power_w(self._handle)
            if self._is_instant
            else border.power_w(self._handle)
        )

    def _state(self, time_s: float) -> _State:
        if time_s < self._next_state_s:
            return _State()
        self._next_state_s = time_s + _STATE_PERIOD_S
        handle = self._handle
        rates = border.optional(pynvml.nvmlDeviceGetUtilizationRates, handle)
        memory = border.optional(pynvml.nvmlDeviceGetMemoryInfo, handle)
        clock_mhz = border.optional(pynvml.nvmlDeviceGetClockInfo, handle, pynvml.NVML_CLOCK_SM)
        celsius = border.optional(
            pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU
        )
        return _State(
            utilization=None if rates is None else rates.gpu / 100,
            memory_used_bytes=None if memory is None else int(memory.used),
            sm_clock_hz=None if clock_mhz is None else clock_mhz * 1e6,
            temperature_c=None if celsius is None else float(celsius),
            throttle_reasons=border.reasons(handle),
            process_count=self._others(),
        )

    def _others(self) -> int:
        """Processes on the device beside this one."""
        pids = border.pids(self._handle)
        if os.getpid() in pids:
            return len(pids) - 1
        # In a container this process goes by another number: it is one that came since.
        return len(pids) - min(1, len(pids - self._pids_before))

    def _described(self, index: int) -> MeterDescription:
        handle = self._handle
        name = str(pynvml.nvmlDeviceGetName(handle))
        limit_mw = border.optional(pynvml.nvmlDeviceGetEnforcedPowerLimit, handle)
        memory = border.optional(pynvml.nvmlDeviceGetMemoryInfo, handle)
        is_part_time = any(model in name for model in _PART_TIME)
        description = MeterDescription(
            name="NVML",
            kind="nvml",
            scope="gpu",
            device_name=name,
            device_uuid=str(pynvml.nvmlDeviceGetUUID(handle)),
            device_index=index,
            driver_version=str(pynvml.nvmlSystemGetDriverVersion()),
            power_limit_w=None if limit_mw is None else limit_mw / 1e3,
            memory_bytes=None if memory is None else int(memory.total),
            lowest_window_s=_AVERAGED_S,
            visible_share=_PART_TIME_SHARE if is_part_time else None,
        )
        return replace(description, notes=tuple(self._notes(description)))

    def _notes(self, description: MeterDescription) -> Iterator[str]:
        if not self._has_power:
            yield "no power reading: energy by the counter alone"
        elif not self._is_instant:
            yield "power as the driver gives it: an average over 1 s from Ampere on, but for GA100"
        if description.visible_share is not None:
            yield (
                f"the power sensor of this model sees {description.visible_share:.0%} of the time "
                "(arXiv 2312.02741): what repeats in step with it is misread"
            )
