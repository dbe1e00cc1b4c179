"""Which of the driver's devices is CUDA's device 0: CUDA_VISIBLE_DEVICES, CUDA_DEVICE_ORDER.

NVML lists all devices in the order of their PCI bus and knows nothing of these variables (CUDA C++
Programming Guide, "CUDA Environment Variables").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from auditor.errors import HardwareError

VISIBLE = "CUDA_VISIBLE_DEVICES"
ORDER = "CUDA_DEVICE_ORDER"


@dataclass(frozen=True, slots=True)
class Listed:
    """A device as the driver lists it."""

    uuid: str
    name: str


def nvml_index(ordinal: int, devices: Sequence[Listed], environment: Mapping[str, str]) -> int:
    """Return the place in `devices` (in the order of the PCI bus) of CUDA's device `ordinal`.

    Raises:
        HardwareError: there is no such device, it is a part of one (MIG), or CUDA numbers
            devices by speed and they differ, so that nobody can tell.
    """
    visible = _visible(devices, environment)
    if 0 <= ordinal < len(visible):
        return visible[ordinal]
    said = environment.get(VISIBLE)
    hidden = f" ({VISIBLE}={said})" if said is not None else ""
    remedy = f"give a --device below {len(visible)}, or " if visible else ""
    raise HardwareError(
        f"no CUDA device {ordinal}: {len(visible)} of {len(devices)} devices can be seen{hidden}; "
        f"{remedy}unset {VISIBLE}"
    )


def _visible(devices: Sequence[Listed], environment: Mapping[str, str]) -> list[int]:
    said = environment.get(VISIBLE)
    if said is None:
        _require_known_order(devices, environment)
        return list(range(len(devices)))
    places: list[int] = []
    for entry in (part.strip() for part in said.split(",")):
        place = _place(entry, devices, environment)
        if place is None or place in places:
            # CUDA stops at the first entry that is no device, and sees none if one comes twice.
            return places if place is None else []
        places.append(place)
    return places


def _place(entry: str, devices: Sequence[Listed], environment: Mapping[str, str]) -> int | None:
    if entry.startswith("MIG"):
        raise HardwareError(
            f"{VISIBLE}={entry}: a part of a device (MIG) has no power sensor of its own; measure "
            "on a whole device"
        )
    if entry.isdecimal():
        _require_known_order(devices, environment)
        return int(entry) if int(entry) < len(devices) else None
    if not entry.startswith("GPU-"):
        return None
    # A UUID may be cut short, as long as one device alone begins so.
    found = [i for i, d in enumerate(devices) if d.uuid.lower().startswith(entry.lower())]
    return found[0] if len(found) == 1 else None


def _require_known_order(devices: Sequence[Listed], environment: Mapping[str, str]) -> None:
    """Refuse numbers where CUDA's order, the fastest first, is not the driver's.

    Raises:
        HardwareError: devices differ, and the order is not said to be that of the bus.
    """
    names = {device.name for device in devices}
    if len(names) > 1 and environment.get(ORDER) != "PCI_BUS_ID":
        raise HardwareError(
            "how CUDA numbers the devices cannot be told, as they differ "
            f"({', '.join(sorted(names))}); set {ORDER}=PCI_BUS_ID, or give a "
            f"UUID in {VISIBLE}"
        )
