"""The figures of a page are those of its document: all of them, exact, and rounded as written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paging import NAMES, at, made, page_of, taken

from auditor.page import render
from auditor.page.figures import Figures, words
from auditor.page.shares import family_parts, operation_parts, step_parts


def shown(page: str) -> dict[str, tuple[float, str]]:
    """Exact value and text by pointer; a figure that stands twice must stand the same."""
    found: dict[str, tuple[float, str]] = {}
    for element in taken(page).of("data"):
        pointer = element.attributes.get("data-path")
        if pointer is not None:
            value = float(element.attributes["value"] or "")
            assert found.setdefault(pointer, (value, element.text))[0] == value
    return found


def numbers(document: Any, pointer: str = "") -> Iterator[str]:
    """Pointers of all numbers below a pointer."""
    value = at(document, pointer)
    if isinstance(value, dict | list):
        keys = value if isinstance(value, dict) else range(len(value))
        for key in keys:
            yield from numbers(document, f"{pointer}/{key}")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield pointer


@pytest.mark.parametrize("name", NAMES)
def test_every_figure_is_the_documents(name: str) -> None:
    document, found = made(name), shown(page_of(name))
    assert len(found) > 60
    assert {p: v for p, (v, _) in found.items()} == {p: at(document, p) for p in found}


# What is not a figure of its own in the page, by its end: repeated elsewhere, or settings.
AUDIT = ("/step", "/estimate", "/measured_forward", "/impacts", "/by_region", "/alternatives",
         "/life_cycle", "/scores")  # fmt: skip
# impacts.duration_s and the prices are what was put in or stands in the estimate; sam.energy_kwh
# is the headline; alpha and beta are the score's constants.  The level of a row of a table is
# that of the estimate's intervals, said there.
LEFT = ("/impacts/duration_s", "/impacts/price_per_", "/scores/sam/energy_kwh",
        "/scores/sam/alpha", "/scores/sam/beta")  # fmt: skip


@pytest.mark.parametrize("name", ["full", "bare", "measured"])
def test_no_figure_of_an_audit_is_left_out(name: str) -> None:
    document, found = made(name), shown(page_of(name))
    there = {p for root in AUDIT for p in numbers(document, root) if not p.startswith(LEFT)}
    missing = {p for p in there - set(found) if not p.endswith("/operational_gco2e/level")}
    assert missing == set()


def test_no_figure_of_a_comparison_is_left_out() -> None:
    document, found = made("comparison"), shown(page_of("comparison"))
    keys = ("accuracy", "energy_kwh", "duration_s", "carbon_gco2e", "training_flops",
            "memory_bytes", "parameter_count")  # fmt: skip
    there = {p for i in range(2) for k in keys for p in numbers(document, f"/models/{i}/{k}")}
    there |= {p for p in numbers(document, "/models") if p.endswith(("/value", "/low", "/high"))}
    there |= set(numbers(document, "/paybacks")) | set(numbers(document, "/reference_set"))
    assert len(document["paybacks"]) == 1
    assert there - set(found) == set()


def test_rounded_as_a_person_reads_it() -> None:
    document = made("full")
    document["estimate"]["energy_kwh"] = {"low": 1000.4, "median": 1234.5, "high": 2345.6,
                                          "level": 0.9}  # fmt: skip
    found = shown(render(document))
    # The unit is that of the median: 1,234.5 kWh are 1.2345 MWh, so all three are in MWh.
    assert found["/estimate/energy_kwh/median"] == (1234.5, "1.23 MWh")
    assert found["/estimate/energy_kwh/low"] == (1000.4, "1.00 MWh")
    assert found["/estimate/energy_kwh/high"] == (2345.6, "2.35 MWh")
    assert found["/estimate/energy_kwh/level"] == (0.9, "90 %")


def test_the_headline_is_the_scope_asked_for_with_its_interval() -> None:
    (lead,) = [e for e in taken(page_of("full")).of("p") if e.attributes.get("class") == "headline"]
    assert lead.text.split()[1] == "kWh" and "whole training, estimated" in lead.text
    bare = [e.text for e in taken(page_of("bare")).of("p")]
    assert any("a million samples, estimated" in text for text in bare)
    assert any("The whole training is not assessed" in text for text in bare)


@pytest.mark.parametrize("name", ["full", "bare"])
def test_what_the_page_derives_stands_in_it_in_its_order(name: str) -> None:
    document = made(name)
    tables = [step_parts(document), operation_parts(document), family_parts(document)]
    parts = [part for table in tables for part in table]
    found = [e for e in taken(page_of(name)).of("data") if "data-derived" in e.attributes]
    values = [float(e.attributes["value"] or "") for e in found]
    assert values == [v for part in parts for v in (part.share, part.energy_kwh)]
    # The rows of each table are of one whole step, hence of all the devices' energy.
    for table in tables:
        assert sum(part.share for part in table) == pytest.approx(1)


def test_a_comparison_in_which_no_model_could_be_audited() -> None:
    failures = [{"name": "a", "path": "a.onnx", "reason": "no such file"}]
    empty = {"models": [], "failures": failures, "swaps": [], "paybacks": [], "scope": None}
    found = taken(render(made("comparison") | empty))
    assert "no such file" in found.of("main")[0].text
    assert "not assessed" in found.of("header")[0].text
    paths = [e.attributes["data-path"] or "" for e in found.of("data")]
    assert paths and all(path.startswith("/reference_set/") for path in paths)


def test_a_score_without_a_value_at_an_end_of_its_interval_says_so() -> None:
    document = made("comparison")
    document["models"][0]["scores"]["sam"] |= {"value": 2.0, "low": 1.5, "high": None}
    text = taken(render(document)).of("main")[0].text
    assert "1.50 to undefined" in text
    audit = made("full")
    audit["scores"]["sam"] |= {"value": 2.0, "low": 1.5, "high": None}
    assert "2.00 (1.50 to undefined)" in taken(render(audit)).of("main")[0].text


def test_null_is_in_words_and_never_zero() -> None:
    document = made("bare")
    assert document["impacts"]["operational_gco2e"] is None
    rows = [e.text.split("\n") for e in taken(page_of("bare")).of("tr")]
    (row,) = [r for r in rows if "operational carbon" in r[0]]
    assert "not assessed" in " ".join(row) and "0" not in " ".join(row).replace("CO2", "")
    assert "None" not in taken(page_of("bare")).of("main")[0].text


@given(st.floats(0, 1, exclude_max=True))
def test_a_share_below_the_whole_is_not_rounded_up_to_it(share: float) -> None:
    assert not words(share, "share").startswith("100")


@given(st.floats(1e-9, 1e12))
def test_reading_a_rounded_number_gives_the_value_to_three_digits(value: float) -> None:
    # Half a unit of the third digit is at most 0.5 % of the value.
    assert float(words(value, "number").replace(",", "")) == pytest.approx(value, rel=5.001e-3)


def test_counts_are_whole_where_they_are() -> None:
    assert words(1281167.0, "count") == "1,281,167"
    assert words(0.5, "count") == "0.5"
    assert words(3e18, "count") == "3.00 E"


def test_pointers_reach_into_lists() -> None:
    assert Figures({"a": [{"b": 2}, {"b": 3}]}).at("/a/1/b") == 3
