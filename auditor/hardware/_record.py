"""What is known of one accelerator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

PEAK_KINDS = ("fp32", "tf32", "fp16", "bf16", "fp8", "matrix_fp32")
KINDS = ("gpu", "tpu", "accelerator", "cpu")


class Peaks(Mapping[str, float]):
    """Read-only map of number format to dense peak in FLOP/s; hashable and picklable."""

    # A types.MappingProxyType can be neither copied nor hashed, and a frozen record needs both.
    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, float]) -> None:
        self._items = tuple((kind, items[kind]) for kind in PEAK_KINDS if kind in items)

    def __getitem__(self, key: str) -> float:
        for kind, flops_per_s in self._items:
            if kind == key:
                return flops_per_s
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        return (kind for kind, _ in self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(self._items)

    def __repr__(self) -> str:
        return f"Peaks({dict(self._items)!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """Published figures of one device; None, or a missing key, where no source gives one.

    `peak_flops_per_s` holds dense rates (no sparsity) in FLOP/s: "fp32" is the
    vector rate; "tf32", "fp16", "bf16" and "fp8" are the matrix rates with fp32
    accumulation, or the vector rate on devices without matrix units (see
    `notes`); "matrix_fp32" exists only where matrix units take fp32.
    `memory_bytes` counts a vendor's "GB" as 2**30 bytes unless `notes` says
    otherwise.  `link_bytes_per_s` is one direction, to all peers together.
    """

    id: str
    name: str
    vendor: str
    kind: str
    architecture: str
    aliases: tuple[str, ...]
    memory_bytes: int | None
    memory_bandwidth_bytes_per_s: float | None
    peak_flops_per_s: Mapping[str, float]
    tdp_w: float | None
    idle_w: float | None
    link_name: str | None
    link_bytes_per_s: float | None
    release_date: str | None
    source: str
    source_date: str
    notes: str

    def as_dict(self) -> dict[str, Any]:
        """Return every figure and its source for JSON; the names it is found by are left out."""
        figures = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "aliases"}
        return figures | {"peak_flops_per_s": dict(self.peak_flops_per_s)}
