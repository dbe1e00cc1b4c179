"""Names come from strangers: in the page they are text, whatever they hold."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paging import made, page_of, taken

from auditor.page import render

PAYLOADS = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</SCRIPT ><img src=x onerror=alert(1)>",
    "<!--<script>",
    "]]><svg onload=alert(1)>",
    "](javascript:alert(1))",
    '" onmouseover="alert(1)',
    "' autofocus onfocus='alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "</style><style>body{display:none}",
    "&lt;b&gt;&amp;",
    "datum['constructor']",
    "`|$(reboot)|`",
)
TREACHEROUS = "a\x00b\x1b[31mc\u202ed\u2028e\ud800f\r\n"  # the last but two is half a character


def structure(page: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(e.tag, tuple(e.attributes)) for e in taken(page).elements]


def poisoned(document: dict[str, Any], text: str) -> dict[str, Any]:
    """Put `text` wherever a document holds a stranger's words."""
    if "models" in document:
        document["models"][0] |= {"name": text, "path": text, "overrides": [text], "region": text}
        document["models"][0]["warnings"] = [text]
        document["models"][1]["place"] |= {"possibly_by": [text], "surely_by": [text]}
        document["failures"] = [{"name": text, "path": text, "reason": text}]
        document["notes"] = [text]
        document["reference_set"]["name"] = text
        return document
    document["model"]["path"] = f"x/{text}"
    document["model"]["producer"] = text
    document["model"]["inputs"][0]["name"] = text
    document["hardware"] |= {"name": text, "requested": text, "source": text}
    document["impacts"]["currency"] = text
    for row in document["step"]["top_operations"]:
        row |= {"name": text, "op_type": text, "family": text}
    for row in (document["profile"]["by_family"][0], document["step"]["by_family"][0]):
        row["family"] = text
    document["by_region"]["regions"][0] |= {"name": text, "id": text}
    document["alternatives"]["rows"][0]["change"] = text
    document["alternatives"]["skipped"] = [{"hardware": text, "reason": text}]
    document["assumptions"] = [text]
    document["warnings"] = [text]
    document["profile"]["unknown"] = [{"op_type": text, "count": 1, "share": 0.1, "reason": text}]
    return document


@pytest.fixture(scope="module", autouse=True)
def _small_audit() -> None:
    page_of("full")  # once, outside of what is timed


def short() -> dict[str, Any]:
    document = made("full")
    document["by_region"]["regions"] = document["by_region"]["regions"][:3]
    return document


@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("kind", ["audit", "comparison"])
def test_a_payload_adds_no_element_and_no_attribute(kind: str, payload: str) -> None:
    fresh = short if kind == "audit" else lambda: made("comparison")
    harmless, page = render(poisoned(fresh(), "name")), render(poisoned(fresh(), payload))
    assert structure(page) == structure(harmless)
    found = taken(page)
    assert found.comments == []
    assert payload in found.of("main")[0].text
    document, charts, *_ = found.of("script")
    assert json.loads(document.text) == poisoned(fresh(), payload)
    assert payload in json.dumps(json.loads(charts.text), ensure_ascii=False).replace('\\"', '"')


@given(st.text(max_size=40))
@settings(max_examples=15, deadline=None)
def test_any_name_is_text(name: str) -> None:
    document = made("comparison")
    page = render(poisoned(document, name))
    assert structure(page) == structure(render(poisoned(document, "name")))


def test_what_does_not_print_is_replaced_where_it_is_read() -> None:
    page = render(poisoned(short(), TREACHEROUS))
    page.encode("utf-8")  # half a character could not be written
    assert re.search("[\x00-\x09\x0b-\x1f\x7f\u202e\u2028]", page) is None or all(
        c == "\t" for c in re.findall("[\x00-\x09\x0b-\x1f\x7f]", page)
    )
    found = taken(page)
    assert "a\N{REPLACEMENT CHARACTER}b" in found.of("main")[0].text
    # The embedded document keeps it, in escapes.
    assert json.loads(found.of("script")[0].text)["warnings"] == [TREACHEROUS]


def test_names_are_in_no_expression_of_a_chart() -> None:
    charts = json.loads(taken(render(poisoned(short(), "zebra"))).of("script")[1].text)
    assert len(charts) == 8
    for spec in charts.values():
        data = spec.pop("data")
        for chooser in spec.get("params", []):
            chooser["bind"].pop("options")  # compared with, never run
        assert "zebra" not in json.dumps(spec)
        assert data["values"]


def test_two_rows_of_a_chart_are_never_one() -> None:
    document = made("comparison")
    for model, end in zip(document["models"], ("a", "b"), strict=True):
        model["name"] = end + "x" * 60
    charts = json.loads(taken(render(document)).of("script")[1].text)
    for spec in charts.values():
        labels = [row["label"] for row in spec["data"]["values"]]
        assert len(set(labels)) == len(labels) == 2
