"""The Hugging Face card: read back by its library, and a README brought up to date in place."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from card_documents import bare, document, interval, options, reconciliation
from huggingface_hub import ModelCard
from hypothesis import given
from hypothesis import strategies as st

from auditor.cards import facts, render_card
from auditor.cards.readme import updated
from auditor.cards.yaml_lines import plain, yaml_lines
from auditor.errors import OutputError

WHERE = Path("README.md")


def card(audit: dict[str, Any] | None = None, **said: Any) -> str:
    return render_card("huggingface", document() if audit is None else audit, options(**said))


def grams_of_the_hub(value: object) -> float:
    """How the Hub's client reads an amount (huggingface_hub, ModelFilter by emissions)."""
    found = re.search(r"\d+\.\d+|\d+", str(value))
    assert found is not None
    return float(found[0])


class TestCard:
    def test_the_library_of_the_hub_reads_it_and_writes_the_same(self) -> None:
        read = ModelCard(card())
        data = read.data.to_dict()
        emissions = data["co2_eq_emissions"]
        assert emissions["emissions"] == 1000.0
        assert emissions["source"].startswith("estimated by auditor 0.1.0 before the training")
        assert "90% interval 500 to 2,000 g CO2e" in emissions["source"]
        assert emissions["geographical_location"] == "France (FRA)"
        assert emissions["hardware_used"] == "1 x A100 SXM4 80GB"
        assert "training_type" not in emissions
        assert ModelCard(str(read)).data.to_dict() == data
        assert read.text.strip().endswith("<!-- auditor:end -->")

    def test_scores_are_results(self) -> None:
        (result,) = ModelCard(card()).data.eval_results
        assert (result.metric_type, result.metric_value) == ("sam", 3.0)
        assert (result.task_type, result.dataset_name) == ("image-classification", "ImageNet")

    @pytest.mark.parametrize("said", [{"task": None}, {"dataset": None}])
    def test_a_task_is_not_made_up(self, said: dict[str, Any]) -> None:
        data = ModelCard(card(**said)).data.to_dict()
        assert "model-index" not in data
        assert data["energy"]["scores"]["sam"]["value"] == 3.0

    def test_the_electricity_is_in_our_own_key(self) -> None:
        energy = ModelCard(card()).data.to_dict()["energy"]
        assert energy["training"] == {
            "value": 4.0, "unit": "kWh", "basis": "estimated", "low": 2.0, "high": 8.0,
            "level": 0.9, "scope": "node", "method": "calibrated", "source": "auditor 0.1.0",
        }  # fmt: skip

    def test_without_an_amount_no_grams_are_given(self) -> None:
        data = ModelCard(card(bare())).data.to_dict()
        assert "co2_eq_emissions" not in data
        assert data["energy"]["training"]["value"] is None
        assert data["energy"]["training"]["not_assessed"].startswith("no amount of training")

    def test_measured_beside_estimated(self) -> None:
        audit = document()
        text = render_card("huggingface", audit, options(), reconciliation(audit))
        energy, duration = ModelCard(text).data.to_dict()["energy"]["measured"]
        assert (energy["value"], energy["predicted"]) == (2.5, 2.0)
        assert energy["prediction_error"] == pytest.approx(-0.2)
        assert duration["value"] == 8000.0
        assert (
            "| energy (gpu) | 2.50 kWh | 2.00 kWh | 1.00 kWh to 4.00 kWh (90%) | -20.0% |" in text
        )
        assert "- the clock was off\n" in text

    def test_a_training_type_is_said(self) -> None:
        data = ModelCard(card(training_type="fine-tuning")).data.to_dict()
        assert data["co2_eq_emissions"]["training_type"] == "fine-tuning"

    @given(st.floats(1e-9, 1e12))
    def test_the_hub_reads_the_grams_that_are_meant(self, grams: float) -> None:
        audit = document(operational_gco2e=interval(grams / 2, grams, grams * 2))
        head = card(audit).split("\n---\n", 1)[0]
        (line,) = re.findall(r"^  emissions: (.*)$", head, re.MULTILINE)
        assert grams_of_the_hub(line) == pytest.approx(grams, rel=1e-5)
        assert "e" not in line


class TestNumbers:
    @pytest.mark.parametrize(
        ("value", "text"),
        [(1e-5, "0.00001"), (0.0, "0.0"), (40.49990, "40.4999"), (1e21, "1" + "0" * 21 + ".0")],
    )
    def test_plain(self, value: float, text: str) -> None:
        assert plain(value) == text

    @given(st.floats(allow_nan=False, allow_infinity=False))
    def test_yaml_reads_a_number(self, value: float) -> None:
        (line,) = yaml_lines({"x": value})
        read = yaml.safe_load(line)["x"]
        assert isinstance(read, float) and read == pytest.approx(value, rel=1e-5)

    @given(st.text(st.characters(categories=("L", "M", "N", "P", "S", "Zs")), max_size=40))
    def test_yaml_reads_a_text(self, value: str) -> None:
        from auditor.report.lines import printable

        safe = printable(value)
        assert yaml.safe_load("\n".join(yaml_lines({"x": [{"y": safe}]}))) == {"x": [{"y": safe}]}


README = """---
# a comment of mine
license: apache-2.0   # kept
tags:
- onnx
- "two"
co2_eq_emissions:
  emissions: 12
  source: |
    codecarbon

    of last year
title: 'it''s'

energy: {a: 1,
  b: 2}

 
# the last word
---
# My model  

Text with trailing spaces.\t

<!-- auditor:begin -->
old
<!-- auditor:end -->
After, without a line end"""


def update(text: str, audit: dict[str, Any] | None = None, **said: Any) -> str:
    found = facts(document() if audit is None else audit, None)
    return updated(text, found, options(**said), WHERE)


class TestUpdate:
    def test_only_what_is_ours_changes(self) -> None:
        new = update(README)
        head, body = re.fullmatch(r"---\n(.*?)---\n(.*)", new, re.S).groups()  # type: ignore[union-attr]
        kept = (
            '# a comment of mine\nlicense: apache-2.0   # kept\ntags:\n- onnx\n- "two"\n'
            "title: 'it''s'\n\n\n \n# the last word\n# auditor:begin\n"
        )
        assert head.startswith(kept)
        assert head.endswith("# auditor:end\n")
        assert yaml.safe_load(head)["co2_eq_emissions"]["emissions"] == 1000.0
        assert body.startswith("# My model  \n\nText with trailing spaces.\t\n\n<!-- auditor:begin")
        assert body.endswith("<!-- auditor:end -->\nAfter, without a line end")
        assert "\nold\n" not in body

    @pytest.mark.parametrize(
        "text",
        [
            README,
            "",
            "# no head\n",
            "text",
            "---\n---\n",
            "---\nlicense: mit\n---\n",
            README.replace("\n", "\r\n"),
            "\ufeff# with a mark\n",
            "\ufeff---\nlicense: mit\n---\nbody",
            "---\nmodel-index:\n- name: mine\n---\n",
        ],
    )
    def test_a_second_update_changes_nothing(self, text: str) -> None:
        once = update(text)
        assert update(once) == once
        assert ModelCard(once.removeprefix("\ufeff"), ignore_metadata_errors=True).data.to_dict()[
            "energy"
        ]

    def test_line_ends_stay(self) -> None:
        new = update(README.replace("\n", "\r\n"))
        assert new.count("\n") == new.count("\r\n")

    def test_without_a_region_the_old_grams_go(self) -> None:
        """A figure that no longer holds is not left behind."""
        assert "co2_eq_emissions" not in update(update(README), bare())

    def test_results_of_others_stay(self) -> None:
        mine = "---\nmodel-index:\n- name: mine\n  results: []\n---\n"
        new = update(mine)
        assert new.count("model-index") == 1
        assert new.startswith("---\nmodel-index:\n- name: mine\n  results: []\n# auditor:begin\n")

    def test_own_results_follow(self) -> None:
        audit = document()
        audit["scores"]["sam"]["value"] = 7.0
        new = update(update("---\nlicense: mit\n---\n"), audit)
        (entry,) = yaml.safe_load(new.split("---\n")[1])["model-index"]
        assert entry["results"][0]["metrics"][0]["value"] == 7.0

    @pytest.mark.parametrize(
        ("text", "word"),
        [
            ("---\nlicense: mit\n", "no end"),
            ("---\n- a\n---\n", "no mapping"),
            ("---\na: [\n---\n", "cannot be read"),
            ("---\n{license: mit, energy: 1}\n---\n", "in braces"),
            ("---\nenergy: &x {a: 1}\nother: *x\n---\n", "cannot be read|tied to others"),
            ("---\na: 2026-99-99\n---\n", "cannot be read"),
            ("---\na: !!python/object:os.system x\n---\n", "cannot be read"),
            ("<!-- auditor:begin -->\n", "needs one"),
            ("<!-- auditor:end --><!-- auditor:begin -->\n", "needs one"),
            ("<!-- auditor:begin -->" * 2 + "<!-- auditor:end -->", "needs one"),
            ("---\n# auditor:begin\na: 1\n---\n", "needs one line"),
            ("---\nenergy: &a\n- *a\n---\n", "holds itself"),
        ],
    )
    def test_what_cannot_be_done_safely_is_refused(self, text: str, word: str) -> None:
        with pytest.raises(OutputError, match=word):
            update(text)

    @given(
        st.dictionaries(
            st.text("abcdefgh_", min_size=1, max_size=8).filter(lambda k: k != "energy"),
            st.recursive(
                st.none() | st.booleans() | st.integers() | st.text(max_size=12),
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(st.text("xyz", min_size=1, max_size=3), inner, max_size=3)
                ),
                max_leaves=6,
            ),
            max_size=5,
        ),
        st.sampled_from(["co2_eq_emissions", "energy"]),
    )
    def test_other_keys_keep_their_bytes(self, mine: dict[str, Any], ours: str) -> None:
        """Our old key between keys of others, with any value, block by block."""
        before = yaml.safe_dump(mine, default_flow_style=False) if mine else ""
        own = yaml.safe_dump({ours: mine}, default_flow_style=False)
        after = "zz: [1,\n  2]\n"
        new = update(f"---\n{before}{own}{after}---\nbody\n")
        assert new.startswith(f"---\n{before}{after}# auditor:begin\n")
