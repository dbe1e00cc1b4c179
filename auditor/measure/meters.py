"""Which meter is there: of the GPU, and of the host."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from auditor.errors import HardwareError
from auditor.measure.cpu_model import STAT, CpuModelMeter
from auditor.measure.meter import Meter
from auditor.measure.rapl import POWERCAP, RaplMeter, zones


class Host(StrEnum):
    """How the host is to be metered: by what there is, or by one of these alone."""

    AUTO = "auto"
    RAPL = "rapl"
    MODEL = "model"
    ZEUS = "zeus"
    NONE = "none"


def gpu_meter(
    ordinal: int = 0, *, environment: Mapping[str, str] | None = None, use_counter: bool = True
) -> Meter:
    """Open the NVIDIA device that CUDA calls `ordinal`; do so before anything else uses it.

    Raises:
        HardwareError: the bindings or the driver are missing, or the device cannot be metered.
    """
    try:
        from auditor.measure.nvml import NvmlMeter
    except ModuleNotFoundError as error:
        raise HardwareError(
            "reading an NVIDIA device needs the package nvidia-ml-py; install auditor[gpu]"
        ) from error
    return NvmlMeter(ordinal, environment=environment, use_counter=use_counter)


def host_meter(
    host: Host = Host.AUTO, root: Path = POWERCAP, stat: Path = STAT
) -> tuple[Meter | None, tuple[str, ...]]:
    """Return the host's meter, and what is to be said of the choice.

    Left to itself it is RAPL where it can be read, else the model of the load, with the reason.

    Raises:
        HardwareError: the one that was asked for is not there.
    """
    if host is not Host.AUTO:
        return _asked_for(host, root, stat), ()
    try:
        if zones(root):
            return RaplMeter(root), ()
        reason = f"no RAPL counter under {root}"
    except HardwareError as error:
        reason = str(error)
    try:
        return CpuModelMeter(stat), (f"the host's energy is modelled, not measured: {reason}",)
    except HardwareError as error:
        return None, (f"the host's energy is not measured: {reason}; nor modelled: {error}",)


def _asked_for(host: Host, root: Path, stat: Path) -> Meter | None:
    if host is Host.RAPL:
        return RaplMeter(root)
    if host is Host.MODEL:
        return CpuModelMeter(stat)
    if host is Host.ZEUS:
        from auditor.measure.zeus_meter import soc_meter  # the extra is there only if asked for

        return soc_meter()
    return None
