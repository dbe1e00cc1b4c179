"""What people read of impacts: figures by hand, the tables that were asked for, markup escaped."""

from __future__ import annotations

from typing import Any

import pytest
from builders import DATA

from auditor.pipeline import Audit, Request, audit
from auditor.report.impact_lines import asked_tables, beyond_carbon_rows
from auditor.report.markdown import render_markdown
from auditor.report.text import print_terminal, render_text
from auditor.workload import Lifecycle, Plan

RESNET = DATA.parents[1] / "examples" / "resnet50.onnx"
LIFE = Lifecycle(life_years=2.0, inferences_per_day=1e6, failed_runs=1.0, usage_growth_percent=50.0)


def audited(by_region: str | None = None, alternatives: bool = False, **plan: Any) -> Audit:
    given = {"hardware": "a100-sxm4-80gb", "precision": "amp", "samples": 1e7} | plan
    return audit(
        Request(path=RESNET, plan=Plan(**given), by_region=by_region, alternatives=alternatives)
    )


def rows_of(found: Audit) -> dict[str, str]:
    return dict(beyond_carbon_rows(found.impacts))


def test_a_cost_stands_only_where_there_is_a_price() -> None:
    assert "cost" not in rows_of(audited())
    found = audited(price_per_kwh=100.0, currency="EUR")
    energy = found.estimate.energy
    assert energy is not None
    shown = rows_of(found)["cost"]
    amount, currency, _ = shown.split(maxsplit=2)
    # 100 EUR for a kWh, in three digits.
    assert float(amount) == pytest.approx(100 * energy.node_kwh.median, rel=5e-3)
    assert currency == "EUR"
    assert shown.endswith("for electricity (node)")
    both = rows_of(audited(price_per_kwh=1.0, price_per_device_hour=2.0))["cost"]
    assert "for electricity (node); " in both and both.endswith("for the devices' hours")


def test_what_is_not_assessed_is_in_words_in_every_format() -> None:
    found = audited(hardware="rtx3090")
    for text in (render_text(found), render_markdown(found)):
        assert "e-waste, minerals, water of the grid" in text
        assert "no published figure is known for the device of rtx3090" in text
    assert rows_of(found)["water"].startswith("not assessed: no WUE is known")


def test_water_names_the_wue_it_is_by() -> None:
    assert rows_of(audited(region="aws:us-west-1"))["water"].endswith("at the site, WUE 0.51 l/kWh")


def test_regions_show_the_ends_the_middle_and_the_chosen_in_order() -> None:
    (table,) = asked_tables(audited(by_region="aws", region="aws:eu-west-1"))
    assert table.title == "by region (aws, node)"
    names = [row[0] for row in table.rows]
    assert "eu-north-1" in names[0] and "ap-south-1" in names[-1]
    assert len(names) == 3 + 1 + 1 + 3
    # Ireland is dirtier than the middle of the thirty.
    assert names.index("(median)") < next(i for i, n in enumerate(names) if "eu-west-1)" in n)
    assert table.rows[0][-1] == "1 of 30" and table.rows[-1][-1] == "30 of 30"
    # Without a choice there is no row of it, and with one of the ends no second row.
    assert len(asked_tables(audited(by_region="aws"))[0].rows) == 7
    assert len(asked_tables(audited(by_region="aws", region="aws:eu-north-1"))[0].rows) == 7


def test_a_life_cycle_names_what_takes_most_and_what_is_not_said() -> None:
    found = audited(lifecycle=LIFE)
    (table,) = asked_tables(found)
    assert found.beyond.life_cycle is not None and found.beyond.life_cycle.dominant is not None
    assert f"{found.beyond.life_cycle.dominant} takes" in table.title
    by_name = {row[0]: row for row in table.rows}
    assert by_name["search"][2:4] == ("not assessed", "--trials is not given")
    assert by_name["failed runs"][1] == "1"
    assert by_name["inference"][1] == "730,500,000"  # 1e6 a day, 365.25 days, 2 years
    assert "total, use +50 % a year" in by_name
    (still,) = asked_tables(audited(lifecycle=Lifecycle(life_years=1.0)))
    assert still.title == "life cycle (1 year, node)"
    assert {r[0]: r for r in still.rows}["rebound"][2] == "not assessed"


def test_without_an_amount_tables_say_so() -> None:
    found = audited(samples=None, by_region="all", alternatives=True)
    for table in asked_tables(found):
        assert table.rows[0][0].startswith("not assessed: no amount of training given")
        assert all(len(row) == len(table.header) for row in table.rows)


def test_the_tables_stand_in_text_markdown_and_at_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = audited(by_region="cloud", alternatives=True, lifecycle=LIFE, region="FR")
    print_terminal(found)
    terminal = capsys.readouterr().out
    for table in asked_tables(found):
        assert len(table.rows) > 2
        assert f"\n{table.title}\n" in render_text(found)
        assert table.title in terminal
        assert table.title.split(" (")[0] in render_markdown(found)


def test_a_label_of_a_stranger_drives_no_terminal() -> None:
    found = audited(price_per_kwh=1.0, currency="\u202e<b>")
    assert "\u202e" not in render_text(found)
    assert "<b>" not in render_markdown(found)
