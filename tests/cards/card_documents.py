"""Documents of one audit with round figures, and what was measured of it."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from functools import cache
from typing import Any

from builders import DATA

from auditor.cards import CardOptions
from auditor.cards.read import printed
from auditor.pipeline import Request, audit
from auditor.report.document import document as document_of
from auditor.workload import Lifecycle, Plan

RESNET = DATA.parents[1] / "examples" / "resnet50.onnx"
SCHEMAS = DATA.parents[1] / "schemas"
J_PER_KWH = 3.6e6
CREATED = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)


@cache
def _real(**plan: Any) -> dict[str, Any]:
    lifecycle = Lifecycle(life_years=1.0, failed_runs=1.0)
    said = Plan(hardware="a100-sxm4-80gb", lifecycle=lifecycle, **plan)
    return document_of(audit(Request(path=RESNET, plan=said)))


def interval(low: float, median: float, high: float) -> dict[str, float]:
    return {"low": low, "median": median, "high": high, "level": 0.9}


def document(**changes: Any) -> dict[str, Any]:
    """An audit of two trainings on one A100: 4 kWh of the node, 2 h, 1 kg of CO2e, 1.5e17 FLOP.

    `changes` are of the impacts.
    """
    made = copy.deepcopy(_real(samples=1e6, trials=2, region="FRA", accuracy=0.76))
    energy = interval(2.0, 4.0, 8.0)
    made["estimate"] |= {
        "energy_kwh": energy,
        "by_scope": {"gpu": interval(1.0, 2.0, 4.0), "node": energy, "facility": None},
        "duration_s": interval(3600.0, 7200.0, 14400.0),
        "mean_power_w": 2000.0,
        "method": "calibrated",
        "in_domain": True,
    }
    made["impacts"] |= {
        "operational_gco2e": interval(500.0, 1000.0, 2000.0),
        "flops": 1.5e17,
    } | changes
    made["scores"]["sam"] |= {
        "value": 3.0, "low": 2.0, "high": 5.0, "undefined_because": None,
    }  # fmt: skip
    return made


def bare() -> dict[str, Any]:
    """An audit without an amount of training and without a region."""
    return copy.deepcopy(_real())


def reconciliation(made: dict[str, Any]) -> dict[str, Any]:
    """A meter saw 2.5 kWh of the accelerator over 8000 s, for which 2 kWh and 7200 s were told."""
    compared = {
        "measured": 2.5 * J_PER_KWH,
        "predicted": {
            k: v if k == "level" else v * J_PER_KWH for k, v in interval(1.0, 2.0, 4.0).items()
        },
        "ratio": 1.25,
        "inside_interval": True,
        "measured_per_sample": 9.0,
        "predicted_per_sample": 7.2,
    }
    timed = compared | {"measured": 8000.0, "predicted": interval(3600.0, 7200.0, 14400.0)}
    plan = made["workload"]
    return {
        "schema_version": "1.0",
        "tool": {"name": "auditor", "version": "0.1.0"},
        "measured": {
            "tool": "zeus", "tool_version": "0.11", "label": None, "covers": "gpu",
            "energy_j": 2.5 * J_PER_KWH, "gpu_energy_j": None, "cpu_energy_j": None,
            "ram_energy_j": None, "duration_s": 8000.0, "hardware_name": None,
            "device_count": 1, "pue_divided_out": None, "epochs": 1, "extrapolated": None,
            "warnings": [],
        },
        "audit": {
            "version": made["tool"]["version"], "model": made["model"]["path"],
            "hardware": made["hardware"]["id"], "device_count": plan["devices"],
            "batch_size": plan["batch_size"], "precision": plan["precision"],
            "method": "calibrated", "samples_per_epoch": 1e6, "epochs": 1, "trials": 2,
        },
        "extent": {"samples": 1e6, "samples_per_epoch": 1e6, "epochs": 1, "said_by": "file"},
        "energy": [
            {
                "measured_scope": "gpu", "predicted_scope": "gpu", "same_scope": True,
                "energy_j": compared,
                "mean_power_w": {"measured": 1125.0, "predicted": 1000.0, "ratio": 1.125},
            }
        ],
        "duration_s": timed, "notes": [], "warnings": ["the clock was off"], "conflicts": [],
    }  # fmt: skip


def options(**said: Any) -> CardOptions:
    """Everything that any format demands."""
    usual: dict[str, Any] = {
        "version": "1.2",
        "supplier": "Example Lab",
        "release_time": datetime(2026, 1, 2, tzinfo=UTC),
        "location": "https://example.org/model.onnx",
        "task": "image-classification",
        "dataset": "ImageNet",
        "data_type": "image",
        "infrastructure": "onPremise",
    }
    return CardOptions(created=CREATED, **(usual | said))


PAYLOADS = {
    "script": "<script>alert(1)</script>",
    "link": "a](javascript:alert(1)) [b](http://x.example",
    "image": "![x](http://x.example/p.png)",
    "backticks": "```\ncode ` `` ```",
    "pipes": "a | b || c |",
    "new lines": "one\n\n# two\r\n---\nthree",
    "yaml": "x: {a: [1], &b *b !!python/object:os.system '\"} # - ? % @ ,",
    "yaml end": "---\nco2_eq_emissions: 1\n...",
    "our marks": "<!-- auditor:end --><!-- auditor:begin -->\n# auditor:end",
    "cdata": "]]></title><image href='http://x.example'/>&amp;&#x3c;",
    "json": 'quote " backslash \\ \\u0041 /',
    "terminal": "\x1b]0;owned\x07\x1b[2J\x9b31m\x00\x7f",
    "direction": "abc\u202e\u2066def\u2028\u0085",
    "surrogate": "half \ud800 of one",
    "mention": "@everyone www.x.example https://x.example <http://x.example>",
    "template": "{{7*7}} ${7*7} <%= 7 %> $x^2$",
    "norwegian": "no",
    "number": "1e3",
    "spaces": "  at both ends\t",
    "emoji": "grün \U0001f600 \u65e5\u672c",
    "long": "x" * 5000,
}


def poisoned(payload: str) -> tuple[dict[str, Any], dict[str, Any], CardOptions]:
    """The documents and options with a payload wherever a stranger may put one."""
    made = document(currency=payload, region=payload, energy_cost=interval(1.0, 2.0, 3.0))
    made["model"] |= {"path": payload, "producer": payload}
    made["hardware"] |= {"name": payload, "id": payload, "vendor": payload, "source": payload}
    made["impacts"]["grid"] = made["impacts"]["grid"] | {"name": payload, "method": payload}
    made["impacts"]["not_assessed"].append({"figure": "water_l", "reason": payload})
    made["assumptions"], made["warnings"] = [payload], [payload]
    found = reconciliation(made)
    found["measured"] |= {"tool_version": payload, "label": payload}
    found["warnings"] = [payload]
    said = options(name=payload, version=payload, supplier=payload, task=payload, dataset=payload)
    # As the files are read.
    return printed(made), printed(found), said
