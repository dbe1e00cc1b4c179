"""The comparison as JSON, CSV and text: by its schema, without formulas, for any name."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from builders import DATA
from comparing import compared, saved
from hypothesis import given
from hypothesis import strategies as st

from auditor.compare import Comparison, Failure
from auditor.compare.columns import render_csv, safe
from auditor.compare.document import document, render_json
from auditor.compare.records import Criterion, Swap
from auditor.compare.text import MOST_SWAPS, render_text
from auditor.scores import METRICS, Choices, published_sets

ROOT = DATA.parents[1]
SCHEMA = json.loads((ROOT / "schemas" / "comparison.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
HOSTILE = "=cmd|' /C calc'!A1\x1b[2J\n\u202ename"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    folder = tmp_path_factory.mktemp("models")
    paths = (*saved(folder, narrow=8, wide=4096), folder / "missing.onnx")
    return compared(paths, {"narrow": 0.7, "wide": 0.8})


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    paths = saved(tmp_path_factory.mktemp("bare"), a=8, b=16)
    return compared(paths, None, Choices(reference=published_sets()["imagenet"]), samples=None)


def hostile(found: Comparison) -> Comparison:
    """The same with names that attack a terminal and a spreadsheet."""
    first = replace(found.entries[0], name=HOSTILE, path="\t=1+1")
    failed = Failure("@SUM(A1)", "-1", "+1\r\nsecond line")
    return replace(found, entries=(first, *found.entries[1:]), failures=(failed,))


class TestJson:
    def test_the_schema_is_one(self) -> None:
        jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def test_documents_are_valid_by_the_schema(self, found: Comparison, bare: Comparison) -> None:
        swap = Swap(by=Criterion.COMPUTE, but=Criterion.ENERGY, ahead="a", behind="b", sure=True)
        for made in (found, bare, hostile(found), replace(found, swaps=(swap,))):
            VALIDATOR.validate(json.loads(render_json(made)))

    def test_nothing_audited_is_valid_too(self, tmp_path: Path) -> None:
        made = compared((tmp_path / "a.onnx", tmp_path / "b.onnx"))
        VALIDATOR.validate(json.loads(render_json(made)))

    def test_the_figures_are_those_of_the_comparison(self, found: Comparison) -> None:
        parsed = json.loads(render_json(found))
        assert [m["name"] for m in parsed["models"]] == ["narrow", "wide"]
        for model, entry in zip(parsed["models"], found.entries, strict=True):
            assert model["energy_kwh"]["median"] == entry.amounts.energy_kwh.median
            assert model["scores"]["sam"]["value"] == entry.scores[0].median
            assert model["ranks"] == dict(entry.ranks)
        assert parsed["failures"][0]["name"] == "missing"

    def test_names_come_back_as_they_were_and_drive_no_terminal(self, found: Comparison) -> None:
        text = render_json(hostile(found))
        assert json.loads(text)["models"][0]["name"] == HOSTILE
        assert text.replace("\n", "").isprintable()

    def test_the_schema_names_every_metric_and_criterion(self) -> None:
        model = SCHEMA["$defs"]["model"]["properties"]
        ids = [m.id for m in METRICS]
        assert list(model["scores"]["properties"]) == ids
        assert set(model["ranks"]["properties"]) == {*ids, *Criterion}

    def test_what_is_not_assessed_is_null(self, bare: Comparison) -> None:
        for model in document(bare)["models"]:
            assert model["carbon_gco2e"] is None and model["place"] is None
            assert {s["value"] for s in model["scores"].values()} == {None}
            assert all(s["undefined_because"] for s in model["scores"].values())


class TestCsv:
    def rows(self, found: Comparison) -> list[dict[str, str]]:
        return list(csv.DictReader(io.StringIO(render_csv(found))))

    def test_a_row_a_model_and_the_failures_after_them(self, found: Comparison) -> None:
        narrow, wide, missing = self.rows(found)
        assert (narrow["model"], wide["model"], missing["model"]) == ("narrow", "wide", "missing")
        first = found.entries[0]
        assert float(narrow["energy_kwh"]) == first.amounts.energy_kwh.median
        assert float(narrow["energy_kwh_low"]) == first.amounts.energy_kwh.low
        assert narrow["rank_energy_kwh"] == "1" and narrow["on_front"] == "true"
        assert float(narrow["netscore"]) == first.scores[5].median
        assert narrow["netscore_low"] == "" and narrow["error"] == ""
        assert missing["error"] and missing["energy_kwh"] == ""

    def test_what_is_not_assessed_is_an_empty_cell(self, bare: Comparison) -> None:
        for row in self.rows(bare):
            assert row["carbon_gco2e"] == row["accuracy"] == row["sam"] == row["on_front"] == ""
            assert row["sam_undefined_because"] == "no accuracy is given"

    def test_no_cell_of_a_hostile_name_is_a_formula(self, found: Comparison) -> None:
        rows = self.rows(hostile(found))
        assert rows[0]["model"].startswith("'=cmd") and rows[0]["path"].startswith("'")
        assert rows[-1]["model"] == "'@SUM(A1)" and rows[-1]["path"] == "'-1"
        assert rows[-1]["error"].startswith("'+1")
        assert render_csv(hostile(found)).replace("\n", "").isprintable()

    @given(st.text())
    def test_no_text_is_a_formula_or_drives_a_terminal(self, text: str) -> None:
        cell = safe(text)
        assert not cell.startswith(tuple("=+-@\t\r＝＋－＠"))
        assert cell.isprintable()
        if text.isprintable() and not text.startswith(tuple("=+-@＝＋－＠")):
            assert cell == text


class TestText:
    def test_blocks_and_their_figures(self, found: Comparison) -> None:
        text = render_text(found)
        for start in ("per training", "rank by", "Pareto front", "score (median", "not audited"):
            assert f"\n{start}" in f"\n{text}"
        assert "- missing: " in text
        assert "compute, energy and carbon rank the models alike" in text
        (row,) = [line for line in text.splitlines() if line.startswith("PePR-E (compared)")]
        assert "0.700 (" in row and "0.400 (" in row

    def test_a_swap_is_said_in_words(self, found: Comparison) -> None:
        swap = Swap(by=Criterion.COMPUTE, but=Criterion.ENERGY, ahead="a", behind="b", sure=True)
        text = render_text(replace(found, swaps=(swap,)))
        assert "- by compute (FLOPs) a takes less than b, by energy it takes more\n" in text
        unsure = render_text(replace(found, swaps=(replace(swap, sure=False),)))
        assert "by energy it takes more, but their intervals overlap" in unsure

    def test_many_swaps_are_counted(self, found: Comparison) -> None:
        swap = Swap(by=Criterion.COMPUTE, but=Criterion.ENERGY, ahead="a", behind="b", sure=True)
        text = render_text(replace(found, swaps=(swap,) * (MOST_SWAPS + 3)))
        assert text.count("a takes less than b") == MOST_SWAPS
        assert "- and 3 pairs more" in text

    def test_one_reason_for_all_is_said_once(self, found: Comparison) -> None:
        # A training of far less than 1 kWh, and no region.
        small = [replace(e.scores[0], median=None, undefined_because="why") for e in found.entries]
        entries = tuple(
            replace(e, scores=(s, *e.scores[1:])) for e, s in zip(found.entries, small, strict=True)
        )
        assert render_text(replace(found, entries=entries)).count("SAM is undefined: why") == 1
        one = replace(found, entries=(entries[0], found.entries[1]))
        assert "- SAM of narrow is undefined: why\n" in render_text(one)

    def test_without_accuracies_nothing_is_scored(self, bare: Comparison) -> None:
        text = render_text(bare)
        assert "\nscores: not assessed (needs accuracies: --accuracy-file)\n" in text
        assert "Pareto front, accuracy against energy: not assessed" in text
        assert text.startswith("per sample") and "SAM" not in text

    def test_nothing_audited(self, tmp_path: Path) -> None:
        text = render_text(compared((tmp_path / "a.onnx", tmp_path / "b.onnx")))
        assert text.startswith("not audited\n- a: ")

    def test_names_drive_no_terminal(self, found: Comparison) -> None:
        text = render_text(hostile(found))
        assert text.replace("\n", "").isprintable()
        assert "second line" in text
