# ruff: noqa: N802 (functions are called as those of the library that this stands for)
"""A stand-in for the driver's library, below the real bindings: pynvml calls it through ctypes.

It is told what the devices are like and what to fail at; power and energy follow the clock.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pynvml

SUCCESS = pynvml.NVML_SUCCESS
NOT_SUPPORTED = pynvml.NVML_ERROR_NOT_SUPPORTED


@dataclass
class FakeDevice:
    """One device: what it draws idle and at work (W), and what else it tells."""

    name: str = "NVIDIA H100 80GB HBM3"
    uuid: str = "GPU-11111111-2222-3333-4444-555555555555"
    idle_w: float = 100.0
    busy_w: float = 600.0
    busy: bool = False
    mig: bool | None = False
    pids: list[int] = field(default_factory=list)
    reasons: int = 0
    counter_period_s: float = 0.02
    frozen_power_w: float | None = None
    counter_is_stuck: bool = False
    energy_j: float = 1000.0
    _since_s: float = field(default_factory=time.monotonic)
    _shown: tuple[float, float] = (0.0, 0.0)
    _reads: int = 0

    def power_w(self) -> float:
        if self.frozen_power_w is not None:
            return self.frozen_power_w
        self._reads += 1
        # A real sensor is never quite still.
        return (self.busy_w if self.busy else self.idle_w) + 0.001 * (self._reads % 7)

    def counter_j(self) -> float:
        """Energy since the driver was loaded, brought up to date every `counter_period_s`."""
        now_s = time.monotonic()
        if not self.counter_is_stuck:
            power_w = self.busy_w if self.busy else self.idle_w
            self.energy_j += power_w * (now_s - self._since_s)
        self._since_s = now_s
        if now_s - self._shown[0] >= self.counter_period_s:
            self._shown = (now_s, self.energy_j)
        return self._shown[1]

    def work(self, busy: bool) -> None:
        """Begin or end work; what was drawn until now counts as before."""
        self.counter_j()
        self.busy = busy


class FakeNvml:
    """Stands for the loaded library: its attributes are the C functions."""

    def __init__(self, *devices: FakeDevice) -> None:
        self.devices = list(devices) or [FakeDevice()]
        self.failures: dict[str, int] = {}
        self.missing: set[str] = {"nvmlDeviceGetCurrentClocksThrottleReasons"}
        self.no_instant_power = False
        self.calls: list[str] = []
        self.threads: set[int] = set()
        self.is_open = False

    def fail(self, function: str, code: int) -> None:
        """Let a function return this code from now on."""
        self.failures[function] = code

    def install(self, monkeypatch: Any) -> FakeNvml:
        """Put this in the place of the loaded library."""
        monkeypatch.setattr(pynvml, "nvmlLib", self)
        monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
        return self

    def __getattr__(self, name: str) -> Callable[..., int]:
        function = getattr(type(self), f"do_{name}", None)
        if name.startswith("_") or function is None or name in self.missing:
            raise AttributeError(name)

        def call(*arguments: Any) -> int:
            self.calls.append(name)
            self.threads.add(threading.get_ident())
            if name in self.failures:
                return self.failures[name]
            if not self.is_open and not name.startswith("nvmlInit"):
                return int(pynvml.NVML_ERROR_UNINITIALIZED)
            code = function(self, *arguments)
            return SUCCESS if code is None else int(code)

        return call

    def device(self, handle: Any) -> FakeDevice:
        return self.devices[ctypes.cast(handle, ctypes.c_void_p).value - 1]  # type: ignore[operator]

    def do_nvmlInitWithFlags(self, _flags: int) -> None:
        self.is_open = True

    def do_nvmlShutdown(self) -> None:
        self.is_open = False

    def do_nvmlSystemGetDriverVersion(self, text: Any, _size: Any) -> None:
        text.value = b"580.65.06"

    def do_nvmlDeviceGetCount_v2(self, count: Any) -> None:
        count._obj.value = len(self.devices)

    def do_nvmlDeviceGetHandleByIndex_v2(self, index: Any, handle: Any) -> int | None:
        if index.value >= len(self.devices):
            return int(pynvml.NVML_ERROR_INVALID_ARGUMENT)
        address = ctypes.c_void_p(index.value + 1)
        ctypes.memmove(handle, ctypes.byref(address), ctypes.sizeof(address))
        return None

    def do_nvmlDeviceGetName(self, handle: Any, text: Any, _size: Any) -> None:
        text.value = self.device(handle).name.encode()

    def do_nvmlDeviceGetUUID(self, handle: Any, text: Any, _size: Any) -> None:
        text.value = self.device(handle).uuid.encode()

    def do_nvmlDeviceGetMigMode(self, handle: Any, current: Any, pending: Any) -> int | None:
        mig = self.device(handle).mig
        if mig is None:
            return int(NOT_SUPPORTED)
        current._obj.value = pending._obj.value = int(mig)
        return None

    def do_nvmlDeviceGetFieldValues(self, handle: Any, count: Any, values: Any) -> None:
        for value in values._obj[: count.value]:
            value.nvmlReturn = NOT_SUPPORTED if self.no_instant_power else SUCCESS
            value.value.uiVal = round(self.device(handle).power_w() * 1e3)

    def do_nvmlDeviceGetPowerUsage(self, handle: Any, power_mw: Any) -> None:
        power_mw._obj.value = round(self.device(handle).power_w() * 1e3)

    def do_nvmlDeviceGetTotalEnergyConsumption(self, handle: Any, energy_mj: Any) -> None:
        energy_mj._obj.value = round(self.device(handle).counter_j() * 1e3)

    def do_nvmlDeviceGetEnforcedPowerLimit(self, _handle: Any, limit_mw: Any) -> None:
        limit_mw._obj.value = 700_000

    def do_nvmlDeviceGetMemoryInfo(self, _handle: Any, memory: Any) -> None:
        memory._obj.total, memory._obj.used = 80 * 2**30, 3 * 2**30

    def do_nvmlDeviceGetUtilizationRates(self, handle: Any, rates: Any) -> None:
        rates._obj.gpu = 97 if self.device(handle).busy else 0

    def do_nvmlDeviceGetClockInfo(self, _handle: Any, _kind: Any, clock_mhz: Any) -> None:
        clock_mhz._obj.value = 1980

    def do_nvmlDeviceGetTemperature(self, _handle: Any, _sensor: Any, celsius: Any) -> None:
        celsius._obj.value = 55

    def do_nvmlDeviceGetCurrentClocksEventReasons(self, handle: Any, bits: Any) -> None:
        bits._obj.value = self.device(handle).reasons

    def do_nvmlDeviceGetCurrentClocksThrottleReasons(self, handle: Any, bits: Any) -> None:
        bits._obj.value = self.device(handle).reasons

    def do_nvmlDeviceGetComputeRunningProcesses_v3(
        self, handle: Any, count: Any, processes: Any
    ) -> int | None:
        pids = self.device(handle).pids
        if not pids:
            count._obj.value = 0
            return None
        if processes is None:
            count._obj.value = len(pids)
            return int(pynvml.NVML_ERROR_INSUFFICIENT_SIZE)
        for place, pid in enumerate(pids):
            processes[place].pid = pid
        count._obj.value = len(pids)
        return None


class FakeWork:
    """Work on a fake device, of a known time a step; `at_step` is called with their number."""

    def __init__(
        self,
        device: FakeDevice,
        step_s: float = 0.002,
        at_step: Callable[[int], None] | None = None,
    ) -> None:
        self.device = device
        self.step_s = step_s
        self.at_step = at_step
        self.count = 0

    def step(self) -> None:
        self.count += 1
        if not self.device.busy:
            self.device.work(True)
        if self.at_step is not None:
            self.at_step(self.count)
        time.sleep(self.step_s)

    def wait(self) -> None:
        """Steps come back when they are done."""


OWN_PID = os.getpid()
