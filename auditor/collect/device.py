"""The device that runs are measured on: what it is called, and its meter."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from auditor.errors import PlanError
from auditor.measure.meter import Meter, NoMeter
from auditor.measure.meters import gpu_meter, host_meter
from auditor.measure.recording import read_recording
from auditor.measure.replay import ReplayMeter

DEVICES = ("cuda", "cpu")
AUTO, NONE, REPLAY = "auto", "none", "replay:"
_PACKAGES = ("torch", "torchvision", "timm", "transformers", "onnx", "onnxruntime", "numpy")
_CPU_INFO = Path("/proc/cpuinfo")


def require_meter_name(name: str) -> None:
    """Check the name of a meter.

    Raises:
        PlanError: it is none of auto, none and replay:FILE.
    """
    if name not in (AUTO, NONE) and not (name.startswith(REPLAY) and name != REPLAY):
        raise PlanError(f"--meter {name}: give {AUTO}, {NONE} or {REPLAY}FILE")


def open_meter(name: str, device: str) -> tuple[Meter, tuple[str, ...]]:
    """Open a meter, and say what is to be known of it; before anything touches the device.

    "auto" is NVML for cuda, else RAPL or the model of the processor's load.

    Raises:
        HardwareError: there is none, or the recording cannot be read.
    """
    if name == NONE:
        return NoMeter(), ("no meter: energy was not measured",)
    if name.startswith(REPLAY):
        path = Path(name.removeprefix(REPLAY))
        told = f"the meter plays {path} again: its energy is not that of the run"
        return ReplayMeter(read_recording(path), repeat=True), (told,)
    if device == "cuda":
        return gpu_meter(), ()
    meter, notes = host_meter()
    return meter or NoMeter(), notes


def processor_name() -> str:
    """The processor as the system calls it."""
    if _CPU_INFO.is_file():
        for line in _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name" and value.strip():
                return value.strip()
    return platform.processor() or platform.machine()


def versions() -> Mapping[str, str]:
    """Versions of what a run depends on and is installed."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
