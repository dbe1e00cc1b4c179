"""``audit regions``: what it lists is what ``--region`` takes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import A100, RESNET, audit

from auditor.regions import resolve_region, search_regions


def test_all_of_them_in_text_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    text = audit(capsys, "regions")
    rows = json.loads(audit(capsys, "regions", "--format", "json").out)
    assert text.code == 0 and len(text.out.splitlines()) == 1 + len(rows) == 304
    assert text.out.splitlines()[0].split()[:2] == ["id", "name"]
    for row, line in zip(rows, text.out.splitlines()[1:], strict=True):
        assert line.startswith(row["id"]) and resolve_region(row["id"]).name == row["name"]


def test_a_row_by_hand(capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = json.loads(audit(capsys, "regions", "eu-north-1", "--format", "json").out)
    assert row["provider"] == "aws" and row["country"] == "SE" and row["kind"] == "cloud"
    assert (row["carbon_gco2e_per_kwh"], row["pue"], row["wue_l_per_kwh"]) == (24.71, 1.1, 0.02)
    assert row["year"] == 2024 and row["source"] and row["method"]
    line = audit(capsys, "regions", "gcp:europe-west9").out.splitlines()[1]
    assert line.split() == ["gcp:europe-west9", "Paris", "16.3", "2024", "-", "-"]


@pytest.mark.parametrize(
    ("query", "kind", "ids"),
    [
        ("fr", "country", {"FRA"}),
        ("germany", "all", {"DEU"}),
        ("FR", "cloud", {"aws:eu-west-3", "gcp:europe-west9"}),
        ("europe paris", "aws", {"aws:eu-west-3"}),
        ("CÔTE", "all", {"CIV"}),
    ],
)
def test_every_word_must_match(query: str, kind: str, ids: set[str]) -> None:
    assert {r.id for r in search_regions(query, kind)} == ids


def test_nothing_found_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    found = audit(capsys, "regions", "atlantis")
    assert found.code == 2 and "no region of kind all matches 'atlantis'" in found.err


def test_it_writes_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "regions.json"
    ran = audit(capsys, "regions", "--kind", "gcp", "--format", "json", "-o", path)
    assert ran.code == 0 and not ran.out
    assert len(json.loads(path.read_text(encoding="utf-8"))) == 42


# --- the options of an audit ------------------------------------------------------------


def document(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, object]:
    ran = audit(capsys, RESNET, *A100, "--samples", 1e6, "--format", "json", *arguments)
    assert ran.code == 0, ran.err
    found: dict[str, object] = json.loads(ran.out)
    return found


def test_by_region_with_and_without_a_kind(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, kind in ((["--by-region"], "all"), (["--by-region", "gcp"], "gcp")):
        found = document(capsys, *arguments)["by_region"]
        assert isinstance(found, dict) and found["kind"] == kind
    assert audit(capsys, RESNET, *A100, "--by-region", "moon").code == 2


def test_a_life_cycle_by_options_and_by_a_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--life-years", 3, "--inferences-per-day", 1e5, "--retrainings-per-year", 2)
    by_options = document(capsys, *options)["life_cycle"]
    plan = tmp_path / "plan.toml"
    plan.write_text(
        "[lifecycle]\nlife_years = 9\ninferences_per_day = 1e5\nretrainings_per_year = 2\n",
        encoding="utf-8",
    )
    by_plan = document(capsys, "--plan", plan, "--life-years", 3)["life_cycle"]
    assert by_options == by_plan and isinstance(by_plan, dict) and by_plan["life_years"] == 3


def test_prices_intensity_and_lifetimes_reach_the_impacts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = document(
        capsys, "--carbon-gco2e-per-kwh", 10, "--price-per-kwh", 0.5, "--currency", "CHF",
        "--wue-l-per-kwh", 2, "--lifetime-years", 6, "--device-utilisation", 1,
        "--price-per-device-hour", 3,
    )["impacts"]  # fmt: skip
    assert isinstance(found, dict)
    kwh = found["energy_kwh"]["median"]
    assert found["operational_gco2e"]["median"] == pytest.approx(10 * kwh)
    assert found["energy_cost"]["median"] == pytest.approx(0.5 * kwh)
    assert found["water_site_l"]["median"] == pytest.approx(2 * kwh)
    assert found["device_cost"]["median"] == pytest.approx(found["duration_s"]["median"] / 1200)
    assert found["currency"] == "CHF" and found["grid"]["method"] == "given"
    share = found["duration_s"]["median"] / (6 * 8760 * 3600)
    assert found["embodied"]["share_of_a_device"] == pytest.approx(share)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--price-per-kwh", -1], "--price-per-kwh"),
        (["--carbon-gco2e-per-kwh", "nan"], "--carbon-gco2e-per-kwh"),
        (["--device-utilisation", 0], "--device-utilisation"),
        (["--lifetime-years", 0], "--lifetime-years"),
        (["--currency", "a label far too long"], "--currency"),
        (["--inferences-per-day", 5], "--life-years"),
        (["--life-years", 1, "--usage-growth-percent", -100], "--usage-growth-percent"),
        (["--life-years", 1, "--inference-batch-size", 0], "--inference-batch-size"),
        (["--life-years", 1, "--inference-precision", "fp7"], "fp7"),
    ],
)
def test_impossible_options_are_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[object], says: str
) -> None:
    ran = audit(capsys, RESNET, *A100, *arguments)
    assert ran.code == 2 and not ran.out
    assert ran.err.count("\n") == 1 and says in ran.err
