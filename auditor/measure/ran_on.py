"""Which accelerator of the catalogue a device is, and whether it is the one that was named."""

from __future__ import annotations

from collections.abc import Sequence

from auditor.errors import HardwareError
from auditor.hardware import Accelerator, resolve


def accelerator_of(
    device_name: str | None, asked: str | None, any_device: bool, extra: Sequence[Accelerator]
) -> tuple[Accelerator | None, tuple[str, ...]]:
    """Return the catalogue's row of a device by its driver's name, and what is to be said of it.

    `device_name` None is the processor, which has no row; `asked` is the name that the user
    gave, None for none; `extra` are rows beside the catalogue's.

    Raises:
        HardwareError: it is another device than was asked for, and not any will do.
    """
    found, problem = None, ""
    if device_name is not None:
        try:
            found = resolve(device_name, extra).accelerator
        except HardwareError as error:
            problem = str(error)
    if asked is None:
        return found, (problem,) if problem else ()
    wanted = resolve(asked, extra).accelerator.id
    if found is not None and wanted == found.id:
        return found, ()
    known = found.id if found is not None else "not listed"
    is_on = "the processor" if device_name is None else f"{device_name} ({known})"
    text = f"--hardware {asked} is {wanted}, but the model runs on {is_on}"
    if not any_device:
        raise HardwareError(f"{text}; name that, or measure all the same with --any-device")
    return found, (text,)


def has_tf32(accelerator: Accelerator | None) -> bool:
    """Whether fp32 products can run in TF32: unless the device is known to have none."""
    return accelerator is None or "tf32" in accelerator.peak_flops_per_s
