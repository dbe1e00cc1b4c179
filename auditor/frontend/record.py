"""What is known of an export beside its file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A file and how it came about; `notes` say what holds, `warnings` what went wrong.

    `parameter_count` is that of the network, each parameter once; `buffers` are its arrays
    of floats that are not learned, running statistics left out.
    """

    path: Path
    training: bool
    batch_open: bool
    parameter_count: int
    buffers: tuple[str, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
