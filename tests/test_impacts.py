"""Grams by hand, for a country and a cloud region; None, never zero, where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditor.energy import Amount
from auditor.impacts import impacts
from auditor.interval import Interval
from auditor.pipeline import Audit, Request, audit
from auditor.regions import resolve_region
from auditor.workload import Plan

RESNET = Path(__file__).resolve().parents[1] / "examples" / "resnet50.onnx"
TEN_KWH = Interval(5.0, 10.0, 20.0, 0.9)
ELEVEN_KWH = Interval(5.5, 11.0, 22.0, 0.9)
NODE_ONLY = Amount(gpu_kwh=Interval(4.0, 8.0, 16.0, 0.9), node_kwh=TEN_KWH, facility_kwh=None)
WITH_FACILITY = Amount(gpu_kwh=NODE_ONLY.gpu_kwh, node_kwh=TEN_KWH, facility_kwh=ELEVEN_KWH)


def of(found: Interval | None) -> Interval:
    assert found is not None
    return found


def audited(**plan: object) -> Audit:
    given = {"hardware": "a100-sxm4-80gb", "samples": 1e6, "precision": "amp"} | plan
    return audit(Request(path=RESNET, plan=Plan(**given)))  # type: ignore[arg-type]


def test_a_country_by_hand() -> None:
    # France 2024, Ember: 44.18 g/kWh; 10 kWh of the node, 5 to 20.
    found = impacts(NODE_ONLY, resolve_region("FR"), None)
    grams = of(found.operational_gco2e)
    assert grams.median == pytest.approx(441.8, rel=1e-12)
    assert (grams.low, grams.high) == (pytest.approx(220.9), pytest.approx(883.6))
    assert (found.scope, found.pue, grams.level) == ("node", None, 0.9)


def test_a_cloud_region_by_hand() -> None:
    # gcp:us-central1 2024: 412.72 g/kWh, PUE 1.10; 10 kWh of the node are 11 of the facility.
    found = impacts(WITH_FACILITY, resolve_region("gcp:us-central1"), 1.1)
    assert of(found.operational_gco2e).median == pytest.approx(4539.92, rel=1e-12)
    assert (found.scope, found.pue) == ("facility", 1.1)


def test_without_a_region_carbon_is_not_assessed() -> None:
    found = impacts(WITH_FACILITY, None, 1.1)
    assert found.operational_gco2e is None and found.region is None and found.scope is None


def test_without_an_amount_of_training_carbon_is_not_assessed() -> None:
    found = impacts(None, resolve_region("FR"), None)
    assert found.operational_gco2e is None
    assert found.region is not None and found.region.id == "FRA"


def test_the_published_pue_of_a_cloud_region_is_taken() -> None:
    found = audited(region="gcp:us-central1")
    energy = found.estimate.energy
    assert energy is not None
    assert found.impacts.pue == 1.1
    assert of(energy.facility_kwh).median == pytest.approx(1.1 * energy.node_kwh.median, rel=1e-12)
    assert of(found.impacts.operational_gco2e).median == pytest.approx(
        412.72 * 1.1 * energy.node_kwh.median, rel=1e-12
    )


def test_the_plans_pue_overrides_the_regions() -> None:
    found = audited(region="gcp:us-central1", pue=1.5)
    energy = found.estimate.energy
    assert energy is not None
    assert found.impacts.pue == 1.5
    assert of(found.impacts.operational_gco2e).median == pytest.approx(
        412.72 * 1.5 * energy.node_kwh.median, rel=1e-12
    )


def test_a_country_has_no_pue_and_takes_the_plans() -> None:
    without, with_pue = audited(region="FR"), audited(region="FR", pue=1.5)
    assert (without.impacts.scope, with_pue.impacts.scope) == ("node", "facility")
    assert of(with_pue.impacts.operational_gco2e).median == pytest.approx(
        1.5 * of(without.impacts.operational_gco2e).median, rel=1e-12
    )


def test_carbon_does_not_depend_on_the_headlines_scope() -> None:
    gpu, facility = audited(region="FR", pue=1.2, scope="gpu"), audited(region="FR", pue=1.2)
    assert gpu.impacts == facility.impacts
