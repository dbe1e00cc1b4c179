"""Small models and configurations to check, and figures made by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from builders import model, node, value, weight

from auditor.budget.assessment import Assessment, Inputs
from auditor.budget.check import Against, Checked, Stages, check
from auditor.budget.config import read_configuration
from auditor.budget.lock import Lock
from auditor.budget.records import Bound, End, Limit, Value

SHARED = """
hardware = "a100-sxm4-80gb"
samples = 1e9
epochs = 10
batch_size = 64
region = "FRA"
accuracy = 0.8
"""


def network(width: int = 8) -> bytes:
    """Two products, of which the second is as wide as is asked for."""
    nodes = [node("MatMul", ["x", "w"], ["a"]), node("MatMul", ["a", "v"], ["b"])]
    weights = [weight("w", 64, width), weight("v", width, 32)]
    return model(nodes, [value("x", ["batch", 64])], ["b"], weights).SerializeToString()


def saved(folder: Path, **widths: int) -> None:
    for name, width in widths.items():
        (folder / f"{name}.onnx").write_bytes(network(width))


def configured(folder: Path, text: str, name: str = "auditor.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def checked(
    path: Path,
    *models: Path,
    lock: Lock | None = None,
    tolerance: float | None = None,
    stages: Stages | None = None,
) -> Checked:
    against = Against(lock_name="audit.lock.json", lock=lock, tolerance=tolerance)
    return check(read_configuration(path, models), against, stages)


def around(median: float, factor: float = 2.0) -> Value:
    return Value(median=median, low=median / factor, high=median * factor, level=0.9)


def ceiling(amount: float = 12.0, **changes: Any) -> Limit:
    said: dict[str, Any] = {
        "quantity": "energy_kwh",
        "bound": Bound.MAX,
        "error_on": End.MEDIAN,
        "warn_on": End.HIGH,
        "origin": "[limits] of auditor.toml",
    }
    return Limit(amount=amount, **(said | changes))


def floor(amount: float = 2.0, **changes: Any) -> Limit:
    said = {"quantity": "sam", "bound": Bound.MIN, "warn_on": End.LOW}
    return ceiling(amount, **(said | changes))


def assessment(values: Mapping[str, Value] | None = None, **inputs: Any) -> Assessment:
    """What an audit would have found: 100 kWh, 5 kg CO2e, an hour, 1 GB."""
    made: dict[str, Any] = {
        "accuracy": 0.8,
        "energy_kwh": around(100.0),
        "carbon_gco2e": around(5000.0),
        "duration_s": around(3600.0),
        "epoch_time_s": around(360.0),
        "memory_bytes": 1e9,
        "parameter_count": 1_000_000,
        "macs": 1e9,
    }
    return Assessment(
        hardware="a100-sxm4-80gb",
        region="FRA",
        method="calibrated",
        scope="node",
        in_domain=True,
        fits=True,
        structure_sha256="a" * 64,
        currency=None,
        values=tuple((values or {"energy_kwh": around(100.0)}).items()),
        missing=(("cost", "no price given"),),
        inputs=Inputs(**(made | inputs)),
        warnings=(),
    )
