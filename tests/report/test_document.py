"""The JSON document: valid by its schema in every setting, and the figures of the audit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from builders import DATA, model, node, value, weight

from auditor.pipeline import Audit, Request, audit
from auditor.precision import PRECISIONS
from auditor.report.document import document, interval_dict, render_json
from auditor.workload import Lifecycle, Plan

ROOT = DATA.parents[1]
RESNET = ROOT / "examples" / "resnet50.onnx"
SCHEMA = json.loads((ROOT / "schemas" / "audit.schema.json").read_text(encoding="utf-8"))
TEXT = ("bert", "clip", "distilbert", "gpt", "llama", "t5")
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def audited(path: Path = RESNET, **plan: Any) -> Audit:
    return audit(Request(path=path, plan=Plan(**({"hardware": "h100-sxm-80gb"} | plan))))


def strict_json(text: str) -> Any:
    """Parse JSON that has none of NaN and the infinities, which only Python reads."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


FULL = {"samples": 1_281_167.0, "epochs": 90.0, "batch_size": 256, "accuracy": 0.76, "pue": 1.2}
LIFE = Lifecycle(
    life_years=2.0,
    inferences_per_day=1e6,
    retrainings_per_year=1.0,
    failed_runs=0.5,
    usage_growth_percent=20.0,
)
SETTINGS: dict[str, dict[str, Any]] = {
    "bare": {},
    "samples": {"samples": 1e6},
    "epochs only": {"epochs": 3.0},
    "country": {"samples": 1e6, "region": "FR"},
    "cloud": {"samples": 1e6, "region": "gcp:us-central1"},
    "region without samples": {"region": "DE"},
    "accuracy": {"samples": 1e9, "accuracy": 0.76},
    "accuracy below 1 kWh": {"samples": 1.0, "accuracy": 0.76},
    "accuracy without samples": {"accuracy": 0.76},
    "eight devices": {"samples": 1e6, "devices": 8},
    "accumulation": {"gradient_accumulation": 4},
    "own link": {"devices": 2, "link_bytes_per_s": 1e9},
    "input pipeline": {"input_pipeline_samples_per_s": 100.0},
    "power limit": {"samples": 1e6, "power_limit_w": 400.0},
    "trials": {"samples": 1e6, "trials": 20},
    "gpu": FULL | {"scope": "gpu"},
    "facility": FULL | {"scope": "facility", "region": "FR"},
    "batch of one": {"batch_size": 1},
    "does not fit": {"batch_size": 100_000},
    "no optimizer": {"optimizer": "none"},
    "kept normalization": {"batchnorm": "keep"},
    "shape": {"shapes": {"input": (8, 3, 224, 224)}},
    "processor": {"hardware": "epyc-7763", "precision": "fp32"},
    "ambiguous": {"hardware": "a100", "samples": 1e6},
    "intensity given": {"samples": 1e6, "carbon_gco2e_per_kwh": 30.0, "wue_l_per_kwh": 1.8},
    "prices": {"samples": 1e6, "price_per_kwh": 0.3, "price_per_device_hour": 2, "currency": "€"},
    "life of a device": {"samples": 1e6, "lifetime_years": 5, "device_utilisation": 0.5},
    "device without embodied carbon": {"samples": 1e6, "hardware": "rtx3090"},
    "life cycle": {"samples": 1e6, "trials": 3, "region": "FR", "lifecycle": LIFE},
    "life cycle of training alone": {"samples": 1e6, "lifecycle": Lifecycle(life_years=2.0)},
    "life cycle without samples": {"lifecycle": LIFE},
    "life cycle on a processor": {
        "samples": 1e6,
        "hardware": "epyc-7763",
        "precision": "fp32",
        "lifecycle": LIFE,
    },
    **{f"precision {name}": {"precision": name, "samples": 1e6} for name in PRECISIONS},
}


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS.keys())
def test_every_setting_is_valid_by_the_schema(setting: dict[str, Any]) -> None:
    parsed = strict_json(render_json(audited(**setting)))
    VALIDATOR.validate(parsed)


@pytest.mark.parametrize("plan", [{}, {"samples": 1e6}, {"samples": 1e6, "region": "gcp:us-east1"}])
@pytest.mark.parametrize("kind", ["all", "country", "gcp"])
def test_what_is_asked_for_is_valid_by_the_schema(plan: dict[str, Any], kind: str) -> None:
    given = Plan(hardware="h100-sxm-80gb", **plan)
    request = Request(path=RESNET, plan=given, by_region=kind, alternatives=True)
    parsed = strict_json(render_json(audit(request)))
    VALIDATOR.validate(parsed)
    for key in ("by_region", "alternatives"):
        assert ("not_assessed" in parsed[key]) == (not plan)
    if plan:
        assert len(parsed["by_region"]["regions"]) == {"all": 303, "country": 209, "gcp": 42}[kind]


@pytest.mark.parametrize(
    "path", sorted((DATA / "models").glob("*.onnx")), ids=lambda path: path.stem
)
def test_every_network_is_valid_by_the_schema(path: Path) -> None:
    dims = {"sequence": 64} if path.name.startswith(TEXT) else {}
    dims |= {"decoder_sequence": 32} if path.name.startswith("t5") else {}
    found = audited(path, dims=dims, samples=1e3, batch_size=2)
    VALIDATOR.validate(strict_json(render_json(found)))


def test_unknown_operators_are_valid_by_the_schema(tmp_path: Path) -> None:
    made = model(
        [
            node("Mystery", ["x"], ["a"], domain="com.example"),
            node("MatMul", ["x", "w"], ["y"]),
        ],
        [value("x", ["batch", 8])],
        ["y", "a"],
        [weight("w", 8, 4)],
    )
    path = tmp_path / "m.onnx"
    path.write_bytes(made.SerializeToString())
    found = document(audited(path))
    VALIDATOR.validate(found)
    (unknown,) = found["profile"]["unknown"]
    assert unknown["op_type"] == "com.example.Mystery"
    assert (unknown["count"], unknown["share"]) == (1, 0.5)
    assert found["profile"]["coverage"] == 0.5


def test_the_schema_leaves_no_object_open() -> None:
    """Otherwise a misspelt key would pass for one that is not required."""

    def objects(part: Any) -> list[dict[str, Any]]:
        if isinstance(part, list):
            return [o for p in part for o in objects(p)]
        if not isinstance(part, dict):
            return []
        own = [part] if "properties" in part and part.get("type") == "object" else []
        return own + [o for p in part.values() for o in objects(p)]

    found = objects(SCHEMA)
    assert len(found) > 10
    for part in found:
        assert part["additionalProperties"] is False
        assert set(part["required"]) == set(part["properties"])


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_not_assessed_is_null() -> None:
    found = document(audited())
    assert found["estimate"]["energy_kwh"] is None
    assert found["estimate"]["by_scope"] == {"gpu": None, "node": None, "facility": None}
    assert found["estimate"]["duration_s"] is None
    assert found["estimate"]["energy_per_million_samples_kwh"]["node"] is not None
    assert found["estimate"]["energy_per_million_samples_kwh"]["facility"] is None
    impacts = dict(found["impacts"])
    made_of, reasons = impacts.pop("embodied"), impacts.pop("not_assessed")
    assert impacts == dict.fromkeys(impacts)
    assert made_of["share_of_a_device"] is None and made_of["lifetime_years"] == 3.0
    # All but what is no figure of its own: where, and at which price.
    given = {"region", "grid", "pue", "wue_l_per_kwh", "scope", "currency"}
    given |= {"price_per_kwh", "price_per_device_hour"}
    assert {r["figure"] for r in reasons} == set(impacts) - given
    assert all(r["reason"] for r in reasons)
    assert [found[k] for k in ("by_region", "alternatives", "life_cycle")] == [None] * 3
    assert found["scores"] == {"sam": None}


def test_figures_are_those_of_the_audit() -> None:
    result = audited(**FULL, region="FR", scope="facility", precision="amp", hardware="a100")
    found = document(result)
    energy = result.estimate.energy
    assert energy is not None and energy.facility_kwh is not None
    assert found["estimate"]["scope"] == "facility"
    assert found["estimate"]["energy_kwh"] == interval_dict(energy.facility_kwh)
    assert found["estimate"]["energy_kwh"] == found["estimate"]["by_scope"]["facility"]
    assert found["hardware"]["id"] == "a100-sxm4-80gb"
    assert found["hardware"]["requested"] == "a100"
    assert found["workload"]["total_samples"] == 1_281_167 * 90
    assert found["workload"]["global_batch_size"] == 256
    assert found["model"]["training_parameter_count"] == 25_557_032
    assert found["model"]["inputs"] == [
        {
            "name": "input",
            "dtype": "float32",
            "dims": ["batch", 3, 224, 224],
            "shape": [256, 3, 224, 224],
        }
    ]
    # France 2024: 44.18 g/kWh, of the facility.
    assert found["impacts"]["operational_gco2e"]["median"] == pytest.approx(
        44.18 * found["estimate"]["energy_kwh"]["median"], rel=1e-12
    )
    # A million samples cost what 1,281,167 * 90 do, in proportion.
    million = found["estimate"]["energy_per_million_samples_kwh"]["facility"]["median"]
    whole = found["estimate"]["energy_kwh"]["median"]
    assert million == pytest.approx(whole * 1e6 / (1_281_167 * 90), rel=1e-12)


def test_parts_add_up() -> None:
    found = document(audited(**FULL, devices=8, gradient_accumulation=2))
    profile = found["profile"]
    for figure in ("macs", "flops", "read_bytes", "written_bytes"):
        for one_pass in ("training_forward", "backward"):
            total = profile[one_pass][figure]
            assert total == sum(r[one_pass][figure] for r in profile["by_op_type"])
            assert total == sum(r[one_pass][figure] for r in profile["by_family"])
        for groups in ("by_op_type", "by_family"):
            assert profile["forward"][figure] == sum(r["forward"][figure] for r in profile[groups])
    step, memory = found["step"], profile["memory"]
    names = ("forward_s", "backward_s", "update_s", "communication_s", "input_wait_s")
    assert sum(step[n] for n in names) == pytest.approx(
        found["estimate"]["step_time_s"]["median"], rel=1e-12
    )
    kinds = ("parameters_bytes", "gradients_bytes", "optimizer_bytes", "activations_bytes")
    assert memory["total_bytes"] == sum(memory[k] for k in kinds)
    times = [o["time_s"] for o in step["top_operations"]]
    assert times == sorted(times, reverse=True) and len(times) <= 100
    assert sum(times) <= sum(f["time_s"] for f in step["by_family"]) * (1 + 1e-9)


def test_the_document_ends_with_a_newline_and_keeps_text_readable() -> None:
    text = render_json(audited(region="CI", samples=1.0))  # Côte d'Ivoire
    assert text.endswith("}\n")
    assert "Ivoire" in text
