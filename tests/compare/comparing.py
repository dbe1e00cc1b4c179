"""Small models to compare, and comparisons of them made without the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from builders import model, node, value, weight

from auditor.compare import Candidate, Comparison, candidates, comparison
from auditor.compare.records import Amounts
from auditor.interval import Interval
from auditor.pipeline import Request
from auditor.scores import Choices
from auditor.workload import Plan

PLAN: dict[str, Any] = {
    "hardware": "a100-sxm4-80gb",
    "samples": 1e8,
    "epochs": 10.0,
    "batch_size": 64,
    "region": "FR",
}


def network(width: int = 8) -> bytes:
    """Two products, of which the second is as wide as is asked for."""
    nodes = [node("MatMul", ["x", "w"], ["a"]), node("MatMul", ["a", "v"], ["b"])]
    weights = [weight("w", 64, width), weight("v", width, 32)]
    return model(nodes, [value("x", ["batch", 64])], ["b"], weights).SerializeToString()


def saved(folder: Path, **widths: int) -> tuple[Path, ...]:
    """Write one network a width, called by its keyword."""
    paths = tuple(folder / f"{name}.onnx" for name in widths)
    for path, width in zip(paths, widths.values(), strict=True):
        path.write_bytes(network(width))
    return paths


def given(
    paths: tuple[Path, ...],
    accuracies: Mapping[str, float] | None = None,
    own: Mapping[str, Plan] | None = None,
    **plan: Any,
) -> tuple[Candidate, ...]:
    shared = Request(path=Path(), plan=Plan(**(PLAN | plan)))
    return candidates(paths, shared, own or {}, accuracies or {})


def compared(
    paths: tuple[Path, ...],
    accuracies: Mapping[str, float] | None = None,
    choices: Choices = Choices(),  # noqa: B008 - it is frozen
    **plan: Any,
) -> Comparison:
    return comparison(given(paths, accuracies, **plan), choices)


def around(median: float, factor: float = 1.0) -> Interval:
    return Interval(median / factor, median, median * factor, 0.9)


def taking(flops: float, kwh: float, gco2e: float | None = None, factor: float = 1.0) -> Amounts:
    """What a made-up model takes, its energy and carbon known to a factor."""
    return Amounts(
        training_flops=flops,
        energy_kwh=around(kwh, factor),
        duration_s=around(100.0),
        carbon_gco2e=around(gco2e, factor) if gco2e is not None else None,
    )
