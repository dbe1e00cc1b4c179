"""Grid intensities: figures re-read by hand, names as people write them, and no other error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor import regions as module
from auditor.errors import PlanError
from auditor.regions import Region, regions, resolve_region

# Read by hand from the Ember figures in co2.js (average-intensities), gCO2e/kWh and year.
COUNTRIES = [
    ("FRA", "France", 44.18, 2024),
    ("DEU", "Germany", 342.06, 2024),
    ("DNK", "Denmark", 143.3, 2024),
    ("USA", "United States", 383.55, 2024),
    ("CHN", "China", 557.5, 2024),
    ("IND", "India", 708.96, 2024),
    ("POL", "Poland", 614.98, 2024),
    ("NOR", "Norway", 30.75, 2024),
]

# Read by hand from Cloud_Region_Metadata.csv: gCO2e/kWh, year, PUE, WUE.
CLOUDS = [
    ("aws:eu-west-1", 403.40, 2024, 1.11, 0.03),
    ("aws:us-east-1", 396.25, 2024, 1.15, 0.12),
    ("aws:ap-east-1", 435.36, 2023, None, 0.18),  # 2023 is the newest year of this region
    ("gcp:europe-west1", 103.37, 2024, 1.09, None),
    ("gcp:us-central1", 412.72, 2024, 1.10, None),
    ("gcp:me-central2", 382.23, 2024, None, None),
    ("azure:westeurope", 283.17, 2023, 1.14, None),
    ("azure:northeurope", 403.40, 2023, 1.19, None),  # the row of Ireland, not that of Finland
]


@pytest.mark.parametrize(("iso", "name", "carbon_gco2e_per_kwh", "year"), COUNTRIES)
def test_country_figures(iso: str, name: str, carbon_gco2e_per_kwh: float, year: int) -> None:
    region = resolve_region(iso)
    assert (region.name, region.kind, region.year) == (name, "country", year)
    assert region.carbon_gco2e_per_kwh == carbon_gco2e_per_kwh
    assert region.pue is None


@pytest.mark.parametrize(("name", "carbon", "year", "pue", "wue"), CLOUDS)
def test_cloud_figures(
    name: str, carbon: float, year: int, pue: float | None, wue: float | None
) -> None:
    region = resolve_region(name)
    assert region.id == name and region.kind == "cloud"
    assert (region.carbon_gco2e_per_kwh, region.year) == (carbon, year)
    assert (region.pue, region.wue_l_per_kwh) == (pue, wue)


@pytest.mark.parametrize(
    ("name", "region_id"),
    [
        ("fr", "FRA"),
        ("FR", "FRA"),
        ("france", "FRA"),
        ("uk", "GBR"),
        ("GB", "GBR"),
        ("united kingdom", "GBR"),
        ("Turkiye", "TUR"),
        ("Türkiye", "TUR"),
        ("Turkey", "TUR"),
        ("Vietnam", "VNM"),
        ("philippines", "PHL"),
        ("Tanzania", "TZA"),
        ("Hong Kong", "HKG"),
        ("Congo", "COG"),
        ("Congo (DRC)", "COD"),
        ("eu-west-1", "aws:eu-west-1"),
        ("AWS:EU-WEST-1", "aws:eu-west-1"),
        ("aws eu-west-1", "aws:eu-west-1"),
        ("us-central1", "gcp:us-central1"),
        ("WestEurope", "azure:westeurope"),
    ],
)
def test_names_as_people_write_them(name: str, region_id: str) -> None:
    assert resolve_region(name).id == region_id


def test_every_region_resolves_to_itself() -> None:
    for region in regions():
        assert resolve_region(region.id) is region
        if region.kind == "country":
            assert resolve_region(region.name) is region


def test_rows_are_unique_sourced_and_plausible() -> None:
    rows = regions()
    assert len({row.id for row in rows}) == len(rows)
    assert sum(row.kind == "country" for row in rows) == 209  # 222 less 13 aggregates
    assert sum(row.kind == "cloud" for row in rows) == 94
    for row in rows:
        assert row.source and row.method and row.name, row.id
        assert 0 <= row.carbon_gco2e_per_kwh < 1500, row.id
        assert 2019 <= row.year <= 2030, row.id
        assert row.pue is None or 1.0 < row.pue < 2.0, row.id
        assert row.wue_l_per_kwh is None or 0 <= row.wue_l_per_kwh < 5, row.id


def test_aggregates_and_unknown_names_are_refused() -> None:
    for name in ("World", "Europe", "OECD", "", "  ", "nowhere", "virgin islands"):
        with pytest.raises(PlanError):
            resolve_region(name)


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(PlanError, match="aws:eu-west-1"):
        resolve_region("eu-wst-1")
    with pytest.raises(PlanError, match="FRA"):
        resolve_region("Frnace")


def test_a_region_of_two_providers_lists_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_index", lambda: {"x1": ("aws:x-1", "gcp:x-1")})
    with pytest.raises(PlanError, match=r"aws:x-1, gcp:x-1"):
        resolve_region("x-1")


@given(st.text(max_size=100))
def test_never_anything_but_a_region_or_a_plan_error(name: str) -> None:
    try:
        assert isinstance(resolve_region(name), Region)
    except PlanError as error:
        assert "\n" not in str(error)
