"""Grams, litres and money by hand; what is not assessed says why, and is never zero."""

from __future__ import annotations

from dataclasses import replace

import pytest
from amounts import (
    NODE_ONLY,
    TEN_KWH,
    WITH_FACILITY,
    audited,
    estimated,
    of,
)
from hypothesis import given
from hypothesis import strategies as st

from auditor.energy import Amount
from auditor.impacts import Impacts, Life, NotAssessed, Place, Prices, Training, impacts, place
from auditor.impacts.records import scaled
from auditor.interval import Interval
from auditor.regions import resolve_region

BASE = audited(samples=None)
NO_PRICES = Prices()
TEN_HOURS = Interval(18_000.0, 36_000.0, 72_000.0, 0.9)


def beside(
    energy: Amount | None,
    where: Place,
    prices: Prices = NO_PRICES,
    devices: int = 1,
) -> Impacts:
    training = Training(
        hardware="a100-sxm4-80gb",
        workload=replace(BASE.workload, devices=devices, samples=1e6 if energy else None),
        profile=BASE.profile,
        estimate=estimated(energy, TEN_HOURS if energy else None),
    )
    return impacts(training, where, prices, Life(years=3, utilisation=0.85))


def test_a_country_by_hand() -> None:
    # France 2024, Ember: 44.18 g/kWh; 10 kWh of the node, 5 to 20.
    found = beside(NODE_ONLY, place(resolve_region("FR")))
    grams = of(found.operational_gco2e)
    assert grams.median == pytest.approx(441.8, rel=1e-12)
    assert (grams.low, grams.high) == (pytest.approx(220.9), pytest.approx(883.6))
    assert (found.scope, found.place.pue, grams.level) == ("node", None, 0.9)


def test_a_cloud_region_by_hand() -> None:
    # gcp:us-central1 2024: 412.72 g/kWh, PUE 1.10; 10 kWh of the node are 11 of the facility.
    found = beside(WITH_FACILITY, place(resolve_region("gcp:us-central1")))
    assert of(found.operational_gco2e).median == pytest.approx(4539.92, rel=1e-12)
    assert (found.scope, found.place.pue) == ("facility", 1.1)


def test_water_is_of_the_machines_not_of_the_facility() -> None:
    # aws:us-west-1: 0.51 l/kWh of the machines; 10 kWh of the node, PUE notwithstanding.
    found = beside(WITH_FACILITY, place(resolve_region("aws:us-west-1")))
    assert of(found.water_site_l) == Interval(2.55, 5.1, 10.2, 0.9)
    given_wue = beside(WITH_FACILITY, place(resolve_region("aws:us-west-1"), wue_l_per_kwh=2.0))
    assert of(given_wue.water_site_l).median == pytest.approx(20.0)
    assert isinstance(found.water_grid_l, NotAssessed)


def test_costs_by_hand() -> None:
    # 11 kWh at 0.30 are 3.30; 10 hours of 4 devices at 2.50 an hour are 100.
    prices = Prices(per_kwh=0.3, per_device_hour=2.5, currency="EUR")
    found = beside(WITH_FACILITY, place(None, pue=1.1), prices, devices=4)
    assert of(found.energy_cost).median == pytest.approx(3.3)
    assert of(found.device_cost) == Interval(50.0, 100.0, 200.0, 0.9)


def test_a_price_of_nothing_is_a_figure_and_no_price_is_none() -> None:
    free = beside(NODE_ONLY, place(None), Prices(per_kwh=0.0))
    assert of(free.energy_cost).median == 0.0
    assert isinstance(free.device_cost, NotAssessed)


def test_what_is_given_is_taken_over_the_tables() -> None:
    where = place(resolve_region("aws:us-west-1"), 25.0, 1.3, 0.0)
    assert where.grid is not None
    assert (where.grid.carbon_gco2e_per_kwh, where.grid.method) == (25.0, "given")
    assert (where.grid.year, where.grid.name) == (None, None)
    assert (where.pue, where.wue_l_per_kwh) == (1.3, 0.0)
    assert of(beside(NODE_ONLY, where).operational_gco2e).median == pytest.approx(250.0)
    # No region is needed for it.
    assert of(beside(NODE_ONLY, place(None, 25.0)).operational_gco2e).median == 250.0


def test_what_is_not_assessed_says_why() -> None:
    nowhere, nothing = beside(WITH_FACILITY, place(None)), beside(None, place(resolve_region("FR")))
    assert isinstance(nowhere.operational_gco2e, NotAssessed)
    assert "--region" in nowhere.operational_gco2e.reason
    assert "--wue-l-per-kwh" in nowhere.water_site_l.reason  # type: ignore[union-attr]
    for figure in (nothing.operational_gco2e, nothing.energy_kwh, nothing.duration_s,
                   nothing.flops, nothing.embodied.device_gco2e):  # fmt: skip
        assert isinstance(figure, NotAssessed) and "--samples" in figure.reason
    assert nothing.scope is None
    for figure in (nowhere.e_waste, nowhere.minerals):
        assert isinstance(figure, NotAssessed) and figure.reason


def test_flops_of_a_whole_training() -> None:
    # ResNet-50 forward and backward at batch 32, its update, 1e6 samples twice, three trials:
    # passes of 32 samples, of which two devices make one step.
    found = audited(epochs=2, trials=3, devices=2, batch_size=32)
    step = found.profile.training_forward.flops + found.profile.backward.flops
    passes = 6e6 / 32
    update = found.profile.optimizer_update.flops
    assert update > 0
    # Each of the two devices updates in each of passes / 2 steps.
    assert found.impacts.flops == pytest.approx(passes * step + passes * update, rel=1e-12)
    # 4.09 GMAC forward, twice as many backward less the first layer: about 24.5 GFLOP a sample.
    assert isinstance(found.impacts.flops, float)
    assert found.impacts.flops / 6e6 == pytest.approx(24.5e9, rel=0.02)


def test_carbon_does_not_depend_on_the_headlines_scope() -> None:
    gpu, facility = audited(region="FR", pue=1.2, scope="gpu"), audited(region="FR", pue=1.2)
    assert gpu.impacts == facility.impacts


def test_the_plans_pue_overrides_the_regions() -> None:
    found = audited(region="gcp:us-central1", pue=1.5)
    energy = found.estimate.energy
    assert energy is not None and found.impacts.place.pue == 1.5
    assert of(found.impacts.operational_gco2e).median == pytest.approx(
        412.72 * 1.5 * energy.node_kwh.median, rel=1e-12
    )


def test_the_published_pue_of_a_cloud_region_is_taken() -> None:
    found = audited(region="gcp:us-central1")
    energy = found.estimate.energy
    assert energy is not None and found.impacts.place.pue == 1.1
    assert of(energy.facility_kwh).median == pytest.approx(1.1 * energy.node_kwh.median, rel=1e-12)
    assert of(found.impacts.operational_gco2e).median == pytest.approx(
        412.72 * 1.1 * energy.node_kwh.median, rel=1e-12
    )


@given(st.floats(0, 1e4), st.floats(0, 1e4))
def test_carbon_is_linear_in_the_intensity(one: float, other: float) -> None:
    grams = [of(beside(NODE_ONLY, place(None, g)).operational_gco2e).high for g in (one, other)]
    assert grams[0] * other == pytest.approx(grams[1] * one)


def test_scaling_keeps_the_reason() -> None:
    missing = NotAssessed("why")
    assert scaled(missing, 2.0) is missing and scaled(TEN_KWH, missing) is missing
    assert scaled(TEN_KWH, 2.0) == Interval(10.0, 20.0, 40.0, 0.9)
