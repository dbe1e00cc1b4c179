"""What strangers put into names is text in every format, and nothing else."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from card_documents import PAYLOADS, poisoned
from markdown_it import MarkdownIt

from auditor.cards import FORMATS, render_card
from auditor.report.lines import printable

JSON = ("cyclonedx", "spdx", "boamps", "json")
MARKDOWN = ("huggingface", "ai-act", "compute-form")
OURS = tuple(form for form in FORMATS if form != "html")  # the page has its own tests
CORPUS = pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())


def card(form: str, payload: str) -> str:
    made, found, said = poisoned(payload)
    return render_card(form, made, said, found)


def test_every_format_is_one_of_these() -> None:
    assert set(OURS) == {*JSON, *MARKDOWN, "badge"}


@CORPUS
@pytest.mark.parametrize("form", OURS)
def test_nothing_drives_a_terminal(form: str, payload: str) -> None:
    assert card(form, payload).replace("\n", "").isprintable()


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [t for k, v in value.items() for t in (k, *texts(v))]
    if isinstance(value, list):
        return [t for v in value for t in texts(v)]
    return [value] if isinstance(value, str) else []


@CORPUS
@pytest.mark.parametrize("form", JSON)
def test_json_holds_the_name_as_it_is(form: str, payload: str) -> None:
    assert printable(payload) in texts(json.loads(card(form, payload)))


def tags(markdown: str) -> list[str]:
    """The elements that a reader of Markdown makes, with their attributes."""
    return re.findall(r"<[^>]*>", MarkdownIt("commonmark").enable("table").render(markdown))


def body(form: str, payload: str) -> str:
    text = card(form, payload)
    return text.split("\n---\n", 1)[1] if form == "huggingface" else text


@CORPUS
@pytest.mark.parametrize("form", MARKDOWN)
def test_markdown_has_the_elements_that_it_has_with_a_plain_name(form: str, payload: str) -> None:
    assert tags(body(form, payload)) == tags(body(form, "plain"))


@CORPUS
def test_yaml_gives_the_name_back(payload: str) -> None:
    head = card("huggingface", payload).split("\n---\n", 1)[0]
    (found,) = yaml.safe_load_all(head)
    name = printable(payload)
    assert set(found) == {"co2_eq_emissions", "energy", "model-index"}
    assert found["co2_eq_emissions"]["hardware_used"] == f"1 x {name}"
    assert found["co2_eq_emissions"]["geographical_location"] == f"{name} ({name})"
    assert found["model-index"][0]["name"] == name
    assert found["model-index"][0]["results"][0]["task"]["type"] == name


@CORPUS
def test_the_picture_has_the_elements_that_it_has_with_a_plain_name(payload: str) -> None:
    found = ElementTree.fromstring(card("badge", payload))  # noqa: S314 - our own text
    plain = ElementTree.fromstring(card("badge", "plain"))  # noqa: S314
    assert [e.tag for e in found.iter()] == [e.tag for e in plain.iter()]
    title = found.findtext("{http://www.w3.org/2000/svg}title")
    assert title is not None and title.startswith(f"{printable(payload)}: training energy ")


@pytest.mark.parametrize("payload", ["\x1b[2J", "\u202e", "\ud800"])
def test_the_corpus_is_of_what_would_do_harm(payload: str) -> None:
    """What is put in does not come through by being taken out."""
    assert "\N{REPLACEMENT CHARACTER}" in card("json", payload)
