"""A BoAmps 1.1.0 report (Boavizta).

Its `measurementMethod` foresees a count of FLOPs, so an estimate has a place in it.
"""

from __future__ import annotations

from typing import Any

from auditor.cards.documents import identifier, text
from auditor.cards.facts import Facts
from auditor.cards.options import CardOptions, require
from auditor.errors import PlanError
from auditor.interval import Interval

VERSION = "1.1.0"
_G = 1e9
# Of rounding alone: 4.4 is 10.000000000000009 % above 4.
_ROUNDING = 1e-9
# What the format takes a quality for, as errors in both directions.
_QUALITIES = (("high", 0.10), ("medium", 0.25), ("low", 0.50))
_PROVIDERS = {"aws": "aws", "gcp": "google", "azure": "azure"}


def render(found: Facts, options: CardOptions) -> str:
    """The report as JSON.

    Raises:
        PlanError: the audit is of no amount of training, or the options lack what the format
            demands.
    """
    if found.energy.interval is None:
        raise PlanError(f"a BoAmps report needs an energy: {found.energy.not_assessed}")
    provider = _provider(found)
    needed = ("task", "data_type") if provider else ("task", "data_type", "infrastructure")
    require(options, "a BoAmps report", *needed)
    report: dict[str, Any] = {
        "header": {
            "formatVersion": VERSION,
            "formatVersionSpecificationUri": "https://github.com/Boavizta/BoAmps/tree/main/model",
            "reportId": str(identifier(found, options, "boamps")),
            "reportDatetime": options.created.strftime("%Y-%m-%d %H:%M:%S"),
            "reportStatus": "draft",
        },
        "task": _task(found, options),
        "measures": _measures(found),
        "infrastructure": _infrastructure(found, options, provider),
    }
    environment = _environment(found)
    if environment is not None:
        report["environment"] = environment
    rated = quality(found.energy.interval)
    if rated is not None:
        report["quality"] = rated
    return text(report)


def quality(found: Interval) -> str | None:
    """The best quality whose error holds the whole interval; None where none does."""
    if found.median <= 0:
        return None
    error = max(found.high / found.median, 2 - found.low / found.median) - 1
    return next((name for name, most in _QUALITIES if error <= most + _ROUNDING), None)


def _provider(found: Facts) -> str | None:
    region = found.document["impacts"]["region"] or ""
    return _PROVIDERS.get(region.partition(":")[0]) if ":" in region else None


def _task(found: Facts, options: CardOptions) -> dict[str, Any]:
    document, plan = found.document, found.document["workload"]
    fine = options.training_type == "fine-tuning"
    return {
        "taskStage": "finetuning" if fine else "training",
        "taskFamily": options.task,
        "algorithms": [
            {
                "algorithmType": "neural network",
                "algorithmName": found.name,
                "parametersNumber": document["model"]["training_parameter_count"] / _G,
                "epochsNumber": plan["epochs"],
                "optimizer": plan["optimizer"],
                "quantization": plan["precision"],
            }
        ],
        "dataset": [_dataset(found, options)],
        "taskDescription": (
            f"Electricity {found.energy.basis.value} from the ONNX graph before the training "
            f"({found.method}). {_span(found)} {found.boundary} Samples in all, over epochs and "
            f"{plan['trials']} runs: {_total(found)}."
        ),
    }


def _dataset(found: Facts, options: CardOptions) -> dict[str, Any]:
    samples = found.document["workload"]["samples"]
    quantity = {} if samples is None else {"dataQuantity": samples}
    return {"dataUsage": "input", "dataType": options.data_type, **quantity}


def _total(found: Facts) -> str:
    samples = found.document["workload"]["total_samples"]
    return "not assessed" if samples is None else f"{samples:.10g}"


def _span(found: Facts) -> str:
    span = found.energy.interval
    if span is None:
        return ""
    return (
        f"{span.level:.0%} interval {span.low:g} to {span.high:g} kWh, scope {found.energy.scope}."
    )


def _measures(found: Facts) -> list[dict[str, Any]]:
    """The estimate, and what was measured; each of its own boundary."""
    estimate: dict[str, Any] = {
        "measurementMethod": f"flops-compute (auditor, estimated, scope {found.energy.scope})",
        "version": found.document["tool"]["version"],
        "powerConsumption": found.energy.median,
    }
    if found.duration.median is not None:
        estimate["measurementDuration"] = found.duration.median
    if found.measured is None:
        return [estimate]
    whole = found.measured.energies[0]
    words = f"{found.measured.tool} (measured, scope {whole.measured_scope}, "
    words += f"{found.measured.samples:.10g} samples; prediction off by {whole.error:+.1%})"
    return [
        estimate,
        {
            "measurementMethod": words,
            "powerConsumption": whole.measured,
            "measurementDuration": found.measured.duration.measured,
        },
    ]


def _infrastructure(found: Facts, options: CardOptions, provider: str | None) -> dict[str, Any]:
    hardware = found.document["hardware"]
    component = {
        "componentName": hardware["name"],
        "componentType": hardware["kind"],
        "nbComponent": found.document["workload"]["devices"],
        "manufacturer": hardware["vendor"],
        "share": 1,
    }
    if hardware["memory_bytes"] is not None:
        component["memorySize"] = hardware["memory_bytes"] / _G
    kind = options.infrastructure
    if provider is None or kind is not None:
        cloud = {} if provider is None else {"cloudProvider": provider}
        return {"infraType": kind, **cloud, "components": [component]}
    return {"infraType": "publicCloud", "cloudProvider": provider, "components": [component]}


def _environment(found: Facts) -> dict[str, Any] | None:
    """The country with its grid; the format has no environment without a country."""
    impacts = found.document["impacts"]
    grid, region = impacts["grid"], impacts["region"]
    if grid is None or region is None or ":" in region or grid["name"] is None:
        return None
    return {
        "country": grid["name"],
        "powerSourceCarbonIntensity": grid["carbon_gco2e_per_kwh"],
    }
