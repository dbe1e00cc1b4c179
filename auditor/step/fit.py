"""Whether a step fits a device's memory."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.hardware import Accelerator
from auditor.profile import Profile
from auditor.step.constants import RESERVED_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Whether the step fits the device's memory; None where its memory is not known."""

    fits: bool | None
    largest_batch_size: int | None


def fit(found: Profile, accelerator: Accelerator) -> Fit:
    """Compare the step's memory with the device's; activations grow with the batch."""
    if accelerator.memory_bytes is None:
        return Fit(fits=None, largest_batch_size=None)
    usable = accelerator.memory_bytes - RESERVED_BYTES
    largest = int(found.memory.largest_share(usable) * found.batch_size)
    return Fit(fits=found.memory.total_bytes <= usable, largest_batch_size=largest)
