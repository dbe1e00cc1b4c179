"""One file, no network, small, in order for those who cannot see the charts."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import sys
from pathlib import Path

import pytest
from paging import NAMES, made, page_of, taken

from auditor.errors import OutputError
from auditor.page import LARGEST_BYTES, page, render

ROOT = Path(page.__file__).resolve().parents[2]


@pytest.mark.parametrize("name", NAMES)
class TestEvery:
    def test_below_two_megabytes(self, name: str) -> None:
        assert 0 < len(page_of(name).encode("utf-8")) < LARGEST_BYTES == 2_000_000

    def test_nothing_is_fetched(self, name: str) -> None:
        found = taken(page_of(name))
        tags = {e.tag for e in found.elements}
        assert not tags & {"link", "img", "iframe", "object", "embed", "base", "form", "video"}
        for element in found.elements:
            assert "src" not in element.attributes and "style" not in element.attributes
            assert not any(key.startswith("on") for key in element.attributes)
            href = element.attributes.get("href", "#")
            assert href is not None and href.startswith("#")
        (style,) = found.of("style")
        assert "url(" not in style.text and "@import" not in style.text

    def test_the_policy_admits_these_scripts_and_nothing_else(self, name: str) -> None:
        found = taken(page_of(name))
        (policy,) = [
            e.attributes["content"] or ""
            for e in found.of("meta")
            if e.attributes.get("http-equiv") == "Content-Security-Policy"
        ]
        parts = dict(part.split(" ", 1) for part in policy.split("; "))
        code = [e for e in found.of("script") if "type" not in e.attributes]
        assert len(code) == 2
        assert parts["default-src"] == "'none'"
        assert parts["script-src"].split() == [hashed(e.text) for e in code]
        assert parts["style-src"].split() == [hashed(e.text) for e in found.of("style")]
        assert "unsafe" not in policy

    def test_links_lead_to_headings(self, name: str) -> None:
        found = taken(page_of(name))
        ids = [e.attributes["id"] for e in found.elements if "id" in e.attributes]
        assert len(ids) == len(set(ids))
        assert {(e.attributes["href"] or "")[1:] for e in found.of("a")} <= set(ids)
        named = {e.attributes["aria-labelledby"] for e in found.of("section")}
        assert named <= set(ids)

    def test_headings_and_landmarks(self, name: str) -> None:
        found = taken(page_of(name))
        levels = [int(e.tag[1]) for e in found.of("h1", "h2", "h3")]
        assert levels[0] == 1 and levels.count(1) == 1
        assert all(b <= a + 1 for a, b in itertools.pairwise(levels))
        for landmark in ("header", "nav", "main", "footer", "title"):
            assert len(found.of(landmark)) == 1
        assert found.of("html")[0].attributes["lang"] == "en"

    def test_tables_have_captions_and_headers(self, name: str) -> None:
        found = taken(page_of(name))
        tables = found.of("table")
        assert len(tables) >= 5
        assert len(found.of("caption")) == len(found.of("thead")) == len(tables)
        assert all(e.attributes["scope"] in ("col", "row") for e in found.of("th"))
        scrolls = [e for e in found.of("div") if e.attributes.get("class") == "scroll"]
        assert len(scrolls) == len(tables)
        assert all(e.attributes["tabindex"] == "0" and e.attributes["role"] for e in scrolls)

    def test_every_chart_has_its_place(self, name: str) -> None:
        found = taken(page_of(name))
        charts = json.loads(found.of("script")[1].text)
        places = {e.attributes["id"] for e in found.of("div") if "id" in e.attributes}
        assert charts and set(charts) == places
        assert all(spec["description"] for spec in charts.values())


def hashed(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"


def test_the_document_stands_in_the_page() -> None:
    assert json.loads(taken(page_of("full")).of("script")[0].text) == made("full")


@pytest.mark.parametrize("module", ["jinja2", "vl_convert"])
def test_without_the_extra(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from auditor.page import bundle

    bundle.chart_library.cache_clear()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(OutputError, match=r"^--format html: .+ not installed; pip install") as e:
        render(made("bare"))
    assert "'auditor[html]'" in str(e.value)


def test_another_document_is_refused() -> None:
    for document in ({}, {"models": []}, made("bare") | {"step": None}):
        with pytest.raises(OutputError, match=r"is not as in .*schema\.json"):
            render(document)


def test_not_a_number_is_refused() -> None:
    document = made("bare")
    document["estimate"]["samples_per_s"] = float("nan")
    with pytest.raises(OutputError, match="not a number"):
        render(document)


def test_a_page_too_large_is_refused() -> None:
    document = made("bare") | {"warnings": ["w" * 600_000]}
    with pytest.raises(OutputError, match="2,000,000 are allowed; use --format json"):
        render(document)


def test_a_script_that_would_end_early_is_refused() -> None:
    from auditor.page.bundle import inside_script

    assert inside_script("a < b") == "a < b"
    for code in ('"</SCRIPT>"', "x <!--y", '"<script"', "a\r\nb"):
        with pytest.raises(OutputError, match="chart library"):
            inside_script(code)


def test_templates_are_installed() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["setuptools"]["package-data"]["auditor.page"] == ["templates/*"]
    assert (ROOT / "auditor" / "page" / "templates" / "audit.html").exists()
