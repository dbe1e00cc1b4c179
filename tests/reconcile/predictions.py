"""A prediction of round figures: 2 J of boards, 3 J of node and 10 ms a sample."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from auditor.interval import Interval
from auditor.reconcile import Audited, Measured, Tool
from auditor.reconcile.measured import Covers


def around(median: float) -> Interval:
    return Interval(median / 2, median, median * 2, 0.9)


AUDITED = Audited(
    model_path="net.onnx",
    dims=(),
    hardware_id="rtx3090",
    hardware_name="GeForce RTX 3090",
    device_count=1,
    batch_size=32,
    gradient_accumulation=1,
    precision="amp",
    optimizer="adamw",
    samples=1000.0,
    epochs=10.0,
    trials=1,
    gpu_j_per_sample=around(2.0),
    node_j_per_sample=around(3.0),
    s_per_sample=around(0.01),
    method="roofline",
    tool_version="0.1.0",
    unlike_rows=(),
)
MEASURED = Measured(
    tool=Tool.CODECARBON,
    tool_version="2.4.2",
    label="979336a5",
    covers=Covers.GPU_CPU_RAM,
    energy_j=36_000.0,
    gpu_energy_j=30_000.0,
    cpu_energy_j=5_000.0,
    ram_energy_j=1_000.0,
    duration_s=120.0,
    hardware_name="NVIDIA GeForce RTX 3090",
    device_count=1,
)


def audited(**changes: Any) -> Audited:
    return replace(AUDITED, **changes)


def measured(**changes: Any) -> Measured:
    return replace(MEASURED, **changes)
