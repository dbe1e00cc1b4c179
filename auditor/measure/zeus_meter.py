"""AMD's GPUs, Apple's chips and NVIDIA's Jetson, read through the zeus library (extra zeus).

Nothing is done here but to put its figures (mJ, mW) into a `Reading`: the interfaces are those of
zeus 0.16, ``zeus.device.gpu.common.GPU`` and ``zeus.device.soc.common.SoC``.
"""

from __future__ import annotations

import contextlib
import queue
import time
from collections.abc import Iterator, Sequence
from typing import Any

from auditor.errors import HardwareError
from auditor.measure.meter import MeterDescription, Reading

# What of a chip is added up: a whole where there is one, else its parts.
_WHOLE = ("total_energy_mj",)
_PARTS = ("cpu_total_mj", "gpu_mj", "gpu_sram_mj", "ane_mj", "dram_mj")
_LOWEST_WINDOW_S = 1.0


@contextlib.contextmanager
def _translated(doing: str) -> Iterator[None]:
    """The border to zeus: what it raises becomes one error.

    Raises:
        HardwareError: zeus is not installed, or said no.
    """
    try:
        from zeus.exception import ZeusBaseError
    except ImportError as error:
        raise HardwareError(
            "AMD, Apple and Jetson devices are read by the package zeus; install auditor[zeus]"
        ) from error
    try:
        yield
    except (ZeusBaseError, RuntimeError, OSError, ValueError, queue.Empty) as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise HardwareError(f"zeus, {doing}: {reason}; check the device and its driver") from error


class ZeusGpuMeter:
    """A GPU as zeus has it: power, and an energy counter where it trusts that."""

    def __init__(self, gpu: Any) -> None:
        """Describe the device.

        Raises:
            HardwareError: it does not answer.
        """
        self._gpu = gpu
        with _translated("opening the device"):
            name = str(gpu.get_name())
            self._has_counter = bool(gpu.supports_get_total_energy_consumption())
            limit_w = gpu.get_power_management_limit() / 1e3
            self._power_of = _power_reader(gpu)
        self._description = MeterDescription(
            name="zeus",
            kind="zeus",
            scope="gpu",
            device_name=name,
            power_limit_w=limit_w or None,
            lowest_window_s=_LOWEST_WINDOW_S,
        )

    @property
    def description(self) -> MeterDescription:
        """The device and its power limit."""
        return self._description

    def read(self) -> Reading:
        """Return power and counter.

        Raises:
            HardwareError: the device does not answer any more.
        """
        with _translated(f"reading {self._description.label}"):
            counter_mj = self._gpu.get_total_energy_consumption() if self._has_counter else None
            power_w = self._power_of() / 1e3
        return Reading(
            time_s=time.monotonic(),
            power_w=power_w,
            counter_j=None if counter_mj is None else counter_mj / 1e3,
        )

    def close(self) -> None:
        """Do nothing: zeus closes its library itself."""


def _power_reader(gpu: Any) -> Any:
    """The reading of now where the device has it, else the averaged one."""
    from zeus.device.gpu import ZeusGPUNotSupportedError

    try:
        gpu.get_instant_power_usage()
    except ZeusGPUNotSupportedError:
        return gpu.get_average_power_usage
    return gpu.get_instant_power_usage


class ZeusSocMeter:
    """A chip or module with everything on it, by its energy counters."""

    def __init__(self, soc: Any) -> None:
        """Find out which of its parts count energy.

        Raises:
            HardwareError: none does.
        """
        self._soc = soc
        with _translated("opening the chip"):
            found = soc.get_total_energy_consumption()
        self._fields = _counted(found)
        if not self._fields:
            raise HardwareError("zeus finds no energy counter of this chip; use --host model")
        self._description = MeterDescription(
            name="zeus",
            kind="zeus",
            scope="soc",
            device_name=f"{type(soc).__name__} ({', '.join(self._fields)})",
            lowest_window_s=_LOWEST_WINDOW_S,
        )

    @property
    def description(self) -> MeterDescription:
        """Which counters are added up."""
        return self._description

    def read(self) -> Reading:
        """Return the energy since zeus began to count.

        Raises:
            HardwareError: the chip does not answer any more.
        """
        with _translated(f"reading {self._description.label}"):
            found = self._soc.get_total_energy_consumption()
            total_mj = sum(float(getattr(found, name)) for name in self._fields)
        return Reading(time_s=time.monotonic(), power_w=None, counter_j=total_mj / 1e3)

    def close(self) -> None:
        """Do nothing: zeus ends its own processes."""


def _counted(found: Any) -> Sequence[str]:
    for names in (_WHOLE, _PARTS):
        there = [name for name in names if getattr(found, name, None) is not None]
        if there:
            return there
    return []


def soc_meter() -> ZeusSocMeter:
    """Open the chip that this machine is built on: Apple's, or a Jetson.

    Raises:
        HardwareError: zeus is not installed, or knows no such chip here.
    """
    with _translated("looking for a chip"):
        from zeus.device.soc import get_soc

        return ZeusSocMeter(get_soc())


def amd_meter(index: int = 0) -> ZeusGpuMeter:
    """Open an AMD GPU, numbered as zeus does (``HIP_VISIBLE_DEVICES`` followed).

    Raises:
        HardwareError: zeus is not installed, or there is no such GPU.
    """
    with _translated("looking for AMD GPUs"):
        from zeus.device.gpu import AMDGPUs, amdsmi_is_available

        gpus = AMDGPUs().gpus if amdsmi_is_available() else ()
    if not 0 <= index < len(gpus):
        raise HardwareError(f"no AMD GPU {index}: zeus finds {len(gpus)}; check amd-smi list")
    return ZeusGpuMeter(gpus[index])
