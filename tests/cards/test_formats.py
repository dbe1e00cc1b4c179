"""The cards by the schemas and bindings of those who read them, offline."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import jsonschema
import pytest
from card_documents import SCHEMAS, bare, document, interval, options, reconciliation
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from hypothesis import given
from hypothesis import strategies as st
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

from auditor.cards import facts, render_card
from auditor.cards.ai_act import compute_method, energy_method, flop, two_figures
from auditor.cards.boamps import quality
from auditor.errors import PlanError
from auditor.interval import Interval


def made(form: str, document_: dict[str, Any] | None = None, **said: Any) -> Any:
    text = render_card(form, document() if document_ is None else document_, options(**said))
    return json.loads(text)


def beside(form: str) -> str:
    """The card with what was measured."""
    audit = document()
    return render_card(form, audit, options(), reconciliation(audit))


class TestCycloneDx:
    VALIDATOR = JsonStrictValidator(SchemaVersion.V1_7)

    def environment(self, found: Any) -> Any:
        (component,) = found["components"]
        return component["modelCard"]["considerations"]["environmentalConsiderations"]

    def valid(self, found: Any) -> Any:
        assert self.VALIDATOR.validate_str(json.dumps(found)) is None
        return found

    def test_valid_with_the_figures(self) -> None:
        found = self.valid(made("cyclonedx"))
        (consumption,) = self.environment(found)["energyConsumptions"]
        assert consumption["activity"] == "training"
        assert consumption["activityEnergyCost"] == {"value": 4.0, "unit": "kWh"}
        assert consumption["co2CostEquivalent"] == {"value": 0.001, "unit": "tCO2eq"}  # 1 kg
        assert consumption["energyProviders"][0]["energySource"] == "unknown"
        assert {"name": "auditor:basis", "value": "estimated"} in consumption["properties"]
        metrics = found["components"][0]["modelCard"]["quantitativeAnalysis"]["performanceMetrics"]
        assert metrics[0] == {
            "type": "energy_node_kwh (kWh)",
            "value": "4.0",
            "slice": "estimated, node",
            "confidenceInterval": {"lowerBound": "2.0", "upperBound": "8.0"},
        }

    def test_without_a_region_there_is_no_carbon(self) -> None:
        found = self.valid(made("cyclonedx", document(operational_gco2e=None)))
        (consumption,) = self.environment(found)["energyConsumptions"]
        assert "co2CostEquivalent" not in consumption

    def test_without_an_amount_there_is_no_energy_and_it_says_so(self) -> None:
        environment = self.environment(self.valid(made("cyclonedx", bare())))
        assert "energyConsumptions" not in environment
        values = {p["name"]: p["value"] for p in environment["properties"]}
        assert values["auditor:energy_node_kwh"].startswith("not assessed: no amount of training")

    def test_measured_beside_estimated(self) -> None:
        environment = self.environment(self.valid(json.loads(beside("cyclonedx"))))
        values = {p["name"]: p["value"] for p in environment["properties"]}
        assert values["auditor:measured_energy_kwh"].startswith("2.5 kWh (measured, gpu;")
        assert values["auditor:energy_node_kwh"].startswith("4 [2, 8] at 90% kWh (estimated, node")
        assert values["auditor:prediction_error_energy_kwh"] == "-0.200"

    def test_fine_tuning_is_an_activity_of_its_own(self) -> None:
        found = self.valid(made("cyclonedx", training_type="fine-tuning"))
        (consumption,) = self.environment(found)["energyConsumptions"]
        assert consumption["activity"] == "fine-tuning"

    def test_the_validator_would_see_an_error(self) -> None:
        found = made("cyclonedx")
        (consumption,) = self.environment(found)["energyConsumptions"]
        consumption["activityEnergyCost"]["unit"] = "Wh"
        assert self.VALIDATOR.validate_str(json.dumps(found)) is not None

    def test_the_same_audit_has_the_same_number(self) -> None:
        assert made("cyclonedx") == made("cyclonedx")
        assert made("cyclonedx")["serialNumber"] != made("cyclonedx", name="b")["serialNumber"]


class TestSpdx:
    def read(self, text: str) -> Any:
        from spdx_python_model import v3_0_1

        objects = v3_0_1.SHACLObjectSet()
        v3_0_1.JSONLDDeserializer().read(io.BytesIO(text.encode()), objects)
        assert objects.missing_ids == set()
        # Writing demands every property that an object must have.
        v3_0_1.JSONLDSerializer().write(objects, io.BytesIO())
        (package,) = objects.foreach_type("ai_AIPackage")
        return package

    def test_valid_with_the_figures(self) -> None:
        package = self.read(render_card("spdx", document(), options()))
        (quantity,) = package.ai_energyConsumption.ai_trainingEnergyConsumption
        assert quantity.ai_energyQuantity == 4.0
        assert quantity.ai_energyUnit.endswith("/kilowattHour")
        assert not package.ai_energyConsumption.ai_finetuningEnergyConsumption
        assert package.software_packageVersion == "1.2"
        assert package.suppliedBy.name == "Example Lab"
        assert "estimated before it at 4 kWh (90% interval 2 to 8 kWh), node" in (
            package.ai_informationAboutTraining
        )

    def test_without_an_amount_there_is_no_energy_and_it_says_so(self) -> None:
        package = self.read(render_card("spdx", bare(), options()))
        assert package.ai_energyConsumption is None
        assert "not assessed (no amount of training" in package.ai_informationAboutTraining

    def test_measured_beside_estimated(self) -> None:
        package = self.read(beside("spdx"))
        assert "energy_kwh measured 2.5 kWh (gpu), predicted 2 kWh (gpu)" in (
            package.ai_informationAboutTraining
        )

    def test_fine_tuning_is_energy_of_its_own(self) -> None:
        package = self.read(render_card("spdx", document(), options(training_type="fine-tuning")))
        assert len(package.ai_energyConsumption.ai_finetuningEnergyConsumption) == 1

    @pytest.mark.parametrize(
        ("field", "option"),
        [
            ("version", "--model-version"),
            ("supplier", "--supplied-by"),
            ("release_time", "--release-time"),
            ("location", "--download-location"),
        ],
    )
    def test_what_an_audit_cannot_know_is_asked_for(self, field: str, option: str) -> None:
        with pytest.raises(PlanError, match=f"give {option}$"):
            render_card("spdx", document(), options(**{field: None}))

    def test_the_bindings_would_see_an_error(self) -> None:
        broken = json.loads(render_card("spdx", document(), options()))
        package = next(e for e in broken["@graph"] if e["type"] == "ai_AIPackage")
        del package["ai_energyConsumption"]["ai_trainingEnergyConsumption"][0]["ai_energyUnit"]
        with pytest.raises(ValueError, match="energyUnit"):
            self.read(json.dumps(broken))


def _boamps_schemas() -> dict[str, Any]:
    return {
        path.name: json.loads(path.read_text(encoding="utf-8"))
        for path in (SCHEMAS / "boamps").glob("*.json")
    }


class TestBoamps:
    def valid(self, found: Any) -> Any:
        schemas = _boamps_schemas()
        assert len(schemas) == 5
        registry = Registry().with_resources(
            (s["id"], Resource.from_contents(s, DRAFT4)) for s in schemas.values()
        )
        whole = schemas["report_schema.json"]
        jsonschema.Draft4Validator(whole, registry=registry).validate(found)
        self.only_known(found, whole, schemas)
        return found

    def only_known(self, found: Any, schema: Any, schemas: Any) -> None:
        """The schemas admit any further key; a misspelt one would pass."""
        schema = schemas[schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema
        if isinstance(found, list):
            for item in found:
                self.only_known(item, schema["items"], schemas)
        if isinstance(found, dict):
            for key, value in found.items():
                self.only_known(value, schema["properties"][key], schemas)

    def test_valid_with_the_figures(self) -> None:
        found = self.valid(made("boamps"))
        (measure,) = found["measures"]
        assert (measure["powerConsumption"], measure["measurementDuration"]) == (4.0, 7200.0)
        assert measure["measurementMethod"] == "flops-compute (auditor, estimated, scope node)"
        assert "quality" not in found  # 8 / 4 - 1 is 100 %
        assert found["environment"]["country"] == "France"
        assert found["task"]["algorithms"][0]["parametersNumber"] == pytest.approx(0.025557032)

    def test_measured_is_a_measure_of_its_own(self) -> None:
        found = self.valid(json.loads(beside("boamps")))
        assert [m["powerConsumption"] for m in found["measures"]] == [4.0, 2.5]
        assert "zeus 0.11 (measured, scope gpu" in found["measures"][1]["measurementMethod"]

    def test_a_cloud_needs_no_further_word(self) -> None:
        found = self.valid(made("boamps", document(region="gcp:us-central1"), infrastructure=None))
        assert found["infrastructure"]["infraType"] == "publicCloud"
        assert found["infrastructure"]["cloudProvider"] == "google"
        assert "environment" not in found  # the country of the region is not in an audit

    def test_what_an_audit_cannot_know_is_asked_for(self) -> None:
        with pytest.raises(PlanError, match=r"give --task, --data-type, --infrastructure$"):
            made("boamps", task=None, data_type=None, infrastructure=None)
        with pytest.raises(PlanError, match="needs an energy: no amount of training"):
            made("boamps", bare())

    def test_the_schemas_would_see_an_error(self) -> None:
        found = made("boamps")
        found["measures"][0]["powerConsumption"] = "4 kWh"
        with pytest.raises(jsonschema.ValidationError):
            self.valid(found)

    @pytest.mark.parametrize(
        ("low", "high", "rated"),
        [
            (3.6, 4.4, "high"),  # -10 % and +10 %
            (3.6, 4.5, "medium"),  # +12.5 %
            (3.0, 4.1, "medium"),  # -25 %
            (2.0, 4.1, "low"),  # -50 %
            (4.0, 6.0, "low"),  # +50 %
            (1.9, 4.1, None),
            (2.0, 8.0, None),
        ],
    )
    def test_quality_holds_the_interval(self, low: float, high: float, rated: str | None) -> None:
        assert quality(Interval(low, 4.0, high, 0.9)) == rated


class TestOwn:
    VALIDATOR = jsonschema.Draft202012Validator(
        json.loads((SCHEMAS / "card.schema.json").read_text(encoding="utf-8"))
    )

    def test_valid_by_its_schema(self) -> None:
        for text in (
            render_card("json", document(), options()),
            render_card("json", bare(), options()),
            beside("json"),
        ):
            self.VALIDATOR.validate(json.loads(text))

    def test_every_figure_has_its_provenance(self) -> None:
        found = json.loads(beside("json"))
        figures = {f["name"]: f for f in found["figures"]}
        assert figures[found["headline"]] == {
            "name": "energy_node_kwh", "unit": "kWh", "basis": "estimated",
            "value": 4.0, "low": 2.0, "high": 8.0, "level": 0.9, "scope": "node",
            "method": "calibrated", "source": "auditor 0.1.0", "not_assessed": None,
        }  # fmt: skip
        assert figures["measured_energy_kwh"]["basis"] == "measured"
        assert found["reconciliation"]["pairs"][0]["prediction_error"] == pytest.approx(-0.2)

    def test_a_null_without_a_reason_is_not_valid(self) -> None:
        found = made("json", bare())
        found["figures"][0]["not_assessed"] = None
        assert not self.VALIDATOR.is_valid(found)


class TestAiAct:
    def test_the_entries(self) -> None:
        text = render_card("ai-act", document(), options())
        assert "| training compute | 1.5 × 10^17 FLOP | - | estimated |" in text
        # 7200 s are 1/12 of a day; 4 kWh are 0.004 MWh.
        days = "0.083 | 0.042 to 0.17 (90%) | estimated |"
        assert f"| training time, wall-clock (days) | {days}" in text
        assert f"| training time, hardware (device-days) | {days}" in text
        assert "| energy (node, MWh) | 0.0040 | 0.0020 to 0.0080 (90%) | estimated |" in text
        assert text.count("| not above |") == 2

    def test_days_of_hardware_are_those_of_all_devices(self) -> None:
        audit = document()
        audit["workload"]["devices"] = 12
        text = render_card("ai-act", audit, options())
        assert "hardware (device-days) | 1.0 | 0.50 to 2.0 (90%)" in text

    @pytest.mark.parametrize(
        ("value", "above"), [(1e23, 0), (1.1e23, 1), (1e25, 1), (1.1e25, 2), (1e26, 2)]
    )
    def test_the_marks(self, value: float, above: int) -> None:
        text = render_card("ai-act", document(flops=value), options())
        assert text.count("| above |") == above

    def test_what_is_not_assessed_says_so(self) -> None:
        text = render_card("ai-act", bare(), options())
        assert "| training compute | not assessed |" in text
        assert "| energy (node, MWh) | not assessed | - | no amount of training" in text
        assert "| above |" not in text and "| not above |" not in text

    def test_measured_beside_estimated(self) -> None:
        assert "| energy (gpu) | 2.50 kWh | 2.00 kWh |" in beside("ai-act")

    @pytest.mark.parametrize(
        "method", ["roofline", "calibrated", "calibrated+local", "calibrated+measured"]
    )
    def test_methods_have_some_100_words(self, method: str) -> None:
        audit = document()
        audit["estimate"]["method"] = method
        found = facts(audit, None)
        for text in (compute_method(found), energy_method(found)):
            assert 80 <= len(text.split()) <= 125

    @pytest.mark.parametrize(
        ("value", "text"),
        [(0.000194, "0.00019"), (1.0, "1.0"), (12.4, "12"), (1280.0, "1300"), (0.0996, "0.10")],
    )
    def test_two_significant_figures(self, value: float, text: str) -> None:
        assert two_figures(value) == text

    @given(st.floats(1e-12, 1e15))
    def test_two_figures_are_within_a_twentieth(self, value: float) -> None:
        text = two_figures(value)
        assert "e" not in text
        assert math.isclose(float(text), value, rel_tol=0.0501)

    def test_flop(self) -> None:
        assert flop(9.96e22) == "1.0 × 10^23"


class TestComputeForm:
    def test_the_total_is_with_all_runs(self) -> None:
        """Two runs take 4 kWh and 2 h in all, and one failed run as much as one training."""
        text = render_card("compute-form", document(), options())
        assert "| one training | 1 | 1.00 | 2.00 kWh (node) | estimated |" in text
        assert "| other runs of the search | 1 | 1.00 | 2.00 kWh (node) | estimated |" in text
        assert "| failed runs | 1 | 1.00 | 2.00 kWh (node) | estimated |" in text
        assert "| total | 3 | 3.00 | 6.00 kWh (node) | estimated |" in text

    def test_failed_runs_that_nobody_named_are_not_none(self) -> None:
        audit = document()
        audit["life_cycle"] = None
        text = render_card("compute-form", audit, options())
        assert "| failed runs | - | not assessed | not assessed | - |" in text
        assert "| total | 2 | 2.00 | 4.00 kWh (node) | estimated |" in text

    def test_without_an_amount(self) -> None:
        text = render_card("compute-form", bare(), options())
        assert "| total | 2 | not assessed | not assessed |" in text


class TestBadge:
    def test_energy_with_its_interval(self) -> None:
        text = render_card("badge", document(), options())
        assert ">4.00 kWh (2.00 kWh to 8.00 kWh), estimated<" in text
        assert 'role="img"' in text and "<title id=" in text
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "")

    def test_measured_beside_estimated(self) -> None:
        assert "estimated; 2.50 kWh measured (gpu)<" in beside("badge")

    def test_not_assessed(self) -> None:
        assert ">not assessed<" in render_card("badge", bare(), options())


@pytest.mark.parametrize(
    "location", ["javascript:alert(1)", "data:text/html,x", "model.onnx", "https://a b", "https://"]
)
def test_a_place_to_fetch_from_is_an_address(location: str) -> None:
    with pytest.raises(PlanError, match="--download-location"):
        render_card("cyclonedx", document(), options(location=location))


def test_an_empty_text_is_refused() -> None:
    with pytest.raises(PlanError, match="--supplied-by: is empty"):
        render_card("cyclonedx", document(), options(supplier=" "))


def test_a_part_that_was_measured_bounds_the_error() -> None:
    audit = document()
    found = reconciliation(audit)
    found["energy"][0] |= {"predicted_scope": "node", "same_scope": False}
    found["energy"][0]["energy_j"]["predicted"] = interval(3.6e6, 7.2e6, 1.44e7)
    text = render_card("ai-act", audit, options(), found)
    assert "at most -20.0%: gpu of the node measured" in text
