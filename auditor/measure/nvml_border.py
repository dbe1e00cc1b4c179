"""The border to NVIDIA's library (NVML): its calls in our units, its codes as one error.

Units and meanings are those of the NVML API reference: power in mW (``nvmlDeviceGetPowerUsage``;
an average over 1 s from Ampere on, GA100 excepted; ``NVML_FI_DEV_POWER_INSTANT`` is not averaged),
energy in mJ since the driver was loaded, from Volta on (``nvmlDeviceGetTotalEnergyConsumption``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pynvml

from auditor.errors import HardwareError
from auditor.measure.visible import Listed

_REASONS: Mapping[int, str] = {
    0x1: "idle",
    0x2: "application clocks",
    0x4: "power limit",
    0x8: "hardware slowdown",
    0x10: "sync boost",
    0x20: "thermal limit (software)",
    0x40: "thermal limit (hardware)",
    0x80: "power brake",
    0x100: "display clocks",
}
# What a device or driver cannot do, as against what has gone wrong.
_ABSENT = frozenset(
    {
        pynvml.NVML_ERROR_NOT_SUPPORTED,
        pynvml.NVML_ERROR_FUNCTION_NOT_FOUND,
        pynvml.NVML_ERROR_NO_DATA,
        pynvml.NVML_ERROR_INVALID_ARGUMENT,
        pynvml.NVML_ERROR_NO_PERMISSION,
        pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH,
    }
)
_REMEDIES: Mapping[int, str] = {
    pynvml.NVML_ERROR_LIBRARY_NOT_FOUND: "install NVIDIA's driver, or use --provider cpu",
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED: "load NVIDIA's driver (nvidia-smi tells more)",
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: "driver and library differ; reboot or reload it",
    pynvml.NVML_ERROR_GPU_IS_LOST: "the device fell off the bus; look into dmesg and reboot",
    pynvml.NVML_ERROR_RESET_REQUIRED: "the device needs a reset (nvidia-smi -r)",
    pynvml.NVML_ERROR_UNINITIALIZED: "the driver was unloaded meanwhile; measure again",
    pynvml.NVML_ERROR_NO_PERMISSION: "ask for access to /dev/nvidia*",
    pynvml.NVML_ERROR_NOT_FOUND: "check nvidia-smi -L",
}


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """The border to NVML: its codes become one error with its remedy.

    Raises:
        HardwareError: NVML said no.
    """
    try:
        yield
    except (pynvml.NVMLError, pynvml.NVMLLibraryMismatchError) as error:
        code = getattr(error, "value", None)
        remedy = _REMEDIES.get(code if isinstance(code, int) else -1, "check nvidia-smi")
        raise HardwareError(
            f"NVML, {doing}: {str(error).rstrip('.').lower()}; {remedy}", nvml_code=code
        ) from error


def optional(function: Callable[..., Any], *arguments: Any) -> Any:
    """What the device can tell; None where it cannot tell that at all."""
    try:
        return function(*arguments)
    except pynvml.NVMLError as error:
        if error.value in _ABSENT:
            return None
        raise


def devices() -> list[Listed]:
    """All devices, in the order of the PCI bus."""
    handles = map(pynvml.nvmlDeviceGetHandleByIndex, range(pynvml.nvmlDeviceGetCount()))
    return [
        Listed(str(pynvml.nvmlDeviceGetUUID(h)), str(pynvml.nvmlDeviceGetName(h))) for h in handles
    ]


def require_whole(handle: Any) -> None:
    """Refuse a device that is split.

    Raises:
        HardwareError: MIG is on.
    """
    mode = optional(pynvml.nvmlDeviceGetMigMode, handle)
    if mode is not None and mode[0] == pynvml.NVML_DEVICE_MIG_ENABLE:
        raise HardwareError(
            f"{pynvml.nvmlDeviceGetName(handle)}: MIG is on, and power and energy are read of the "
            "whole device, not of a part; measure on a device without MIG"
        )


def instant_power_w(handle: Any) -> float | None:
    """Power of now in W; None where the driver does not have it."""
    values = optional(pynvml.nvmlDeviceGetFieldValues, handle, [pynvml.NVML_FI_DEV_POWER_INSTANT])
    if values is None:
        return None
    code = values[0].nvmlReturn
    if code != pynvml.NVML_SUCCESS:
        if code in _ABSENT:
            return None
        raise pynvml.NVMLError(code)
    return float(values[0].value.uiVal) / 1e3


def power_w(handle: Any) -> float | None:
    """Power in W as the driver gives it, averaged or not; None where it does not."""
    power_mw = optional(pynvml.nvmlDeviceGetPowerUsage, handle)
    return None if power_mw is None else float(power_mw) / 1e3


def counter_j(handle: Any) -> float | None:
    """Energy in J since the driver was loaded; None where the device has no such counter."""
    energy_mj = optional(pynvml.nvmlDeviceGetTotalEnergyConsumption, handle)
    return None if energy_mj is None else float(energy_mj) / 1e3


def pids(handle: Any) -> frozenset[int]:
    """Processes that compute on the device, by the numbers that the driver has for them."""
    try:
        processes = optional(pynvml.nvmlDeviceGetComputeRunningProcesses, handle) or ()
    except pynvml.NVMLLibraryMismatchError:  # a driver that is older than the bindings
        processes = ()
    return frozenset(int(process.pid) for process in processes)


def reasons(handle: Any) -> frozenset[str]:
    """Why the clocks are below their highest, in words."""
    bits = optional(pynvml.nvmlDeviceGetCurrentClocksEventReasons, handle)
    if bits is None:  # its name before driver 535
        bits = optional(pynvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle)
    return frozenset(name for bit, name in _REASONS.items() if bits is not None and bits & bit)
