"""Names, doc strings and metadata of a stranger's file are data in everything that is written.

Models, files and configurations full of one text go through the real command line; what comes out
is read by a reader of its format and compared with what a harmless text gives.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from payloads import PAYLOADS, PLAIN
from telling import (
    CARDS,
    COMMAND,
    JSON_CARDS,
    MARKDOWN_CARDS,
    elements,
    front_matter,
    outputs,
    page,
    pages,
    rows,
    stem,
    tree,
)

from auditor.escaping import printable

# One of each kind where every test runs, all of them behind the marker.
FAST = (
    "formula", "formula tab", "script end", "link", "pipes", "command wrapped", "old command",
    "lines", "yaml anchor", "comment", "nul",
)  # fmt: skip
CORPUS = pytest.mark.parametrize(
    "said",
    [
        pytest.param(said, id=name, marks=() if name in FAST else pytest.mark.long)
        for name, said in PAYLOADS.items()
    ],
)
_FORMULAS = tuple("=+-@\t\r\N{FULLWIDTH EQUALS SIGN}")


def texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {t for k, v in value.items() for t in (k, *texts(v))}
    if isinstance(value, list):
        return {t for v in value for t in texts(v)}
    return {value} if isinstance(value, str) else set()


@CORPUS
def test_every_command_ends_as_with_a_harmless_name(said: str) -> None:
    plain = outputs(PLAIN)
    assert {name: t.code for name, t in outputs(said).items()} == {
        name: t.code for name, t in plain.items()
    }
    # And what is compared below is there: a file of which all is said, and one that is refused.
    assert {t.code for t in plain.values()} == {0, 2}
    assert all(t.out for name, t in plain.items() if "error" not in name)


@CORPUS
def test_nothing_drives_a_terminal(said: str) -> None:
    for name, found in outputs(said).items():
        shown = (found.out + found.err).replace("\n", "").replace("\u200b", "")
        assert shown.isprintable(), name


@CORPUS
def test_no_line_of_a_log_is_a_command(said: str) -> None:
    for name, found in outputs(said).items():
        lines = found.err.splitlines()
        if name != "check github":
            lines += found.out.splitlines()
        assert [line for line in lines if COMMAND.search(line)] == [], name


@CORPUS
def test_an_error_is_one_line(said: str) -> None:
    for name, found in outputs(said).items():
        assert found.err.count("\n") == (1 if found.code == 2 else 0), name


def annotations(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """Commands with the names of their properties, as the runner reads them."""
    found = []
    for line in text.splitlines():
        _, head, _ = line.split("::", 2)
        command, _, properties = head.partition(" ")
        found.append((command, tuple(p.partition("=")[0] for p in properties.split(",") if p)))
    return found


@CORPUS
def test_annotations_are_those_of_a_harmless_name(said: str) -> None:
    found, plain = outputs(said)["check github"].out, outputs(PLAIN)["check github"].out
    assert annotations(found) == annotations(plain)
    assert {command for command, _ in annotations(found)} == {"error", "warning", "notice"}


@CORPUS
@pytest.mark.parametrize("name", ["audit markdown", "check markdown"])
def test_markdown_has_the_elements_of_a_harmless_name(name: str, said: str) -> None:
    found = outputs(said)[name].out
    assert elements(found) == elements(outputs(PLAIN)[name].out)
    assert not re.search(r"<(a|img|script)\b", "".join(elements(found)))


@CORPUS
@pytest.mark.parametrize("form", MARKDOWN_CARDS)
def test_markdown_cards_too(form: str, said: str) -> None:
    found, plain = (outputs(text)[f"card {form}"].out for text in (said, PLAIN))
    if form == "huggingface":
        found, plain = front_matter(found)[1], front_matter(plain)[1]
    assert elements(found) == elements(plain)


@CORPUS
def test_yaml_gives_the_name_back(said: str) -> None:
    head, _ = front_matter(outputs(said)["card huggingface"].out)
    assert set(head) == set(front_matter(outputs(PLAIN)["card huggingface"].out)[0])
    assert head["model-index"][0]["name"] == printable(said or PLAIN)


@CORPUS
@pytest.mark.parametrize("form", JSON_CARDS)
def test_cards_in_json_give_the_name_back(form: str, said: str) -> None:
    found = json.loads(outputs(said)[f"card {form}"].out)
    assert printable(said or PLAIN) in texts(found)


def test_no_card_is_left_out() -> None:
    assert {*JSON_CARDS, *MARKDOWN_CARDS, "badge"} == set(CARDS)


@CORPUS
def test_json_gives_names_back_whole(said: str) -> None:
    audit = json.loads(outputs(said)["audit json"].out)
    assert {o["name"] for o in audit["step"]["top_operations"]} >= {f"{said}4"}
    assert audit["model"]["producer"] == (f"{said} {said}".strip() or None)
    assert audit["model"]["inputs"][0]["name"] == f"{said}x"
    check = json.loads(outputs(said)["check json"].out)
    assert [m["name"] for m in check["models"]] == [said, f"{said}bad"]
    compare = json.loads(outputs(said)["compare json"].out)
    assert compare["models"][0]["name"] == Path(f"{stem(said)}.onnx").stem


@CORPUS
def test_no_cell_is_a_formula(said: str) -> None:
    """A text that would be one has an apostrophe before it; numbers are the program's own."""
    found = rows(outputs(said)["compare csv"].out)
    assert [len(row) for row in found] == [len(found[0])] * 4  # the header and three models
    for cell in (cell for row in found for cell in row):
        if cell.startswith(_FORMULAS):
            float(cell)


@CORPUS
def test_xml_has_the_elements_of_a_harmless_name(said: str) -> None:
    for name in ("check junit", "card badge"):
        assert tree(outputs(said)[name].out) == tree(outputs(PLAIN)[name].out)


PAGED = ("script end", "picture", "comment", "cdata", "template", "old command", "nul")


@pytest.mark.parametrize("name", PAGED)
@pytest.mark.parametrize("of", ["audit", "compare"])
def test_a_page_has_the_elements_of_a_harmless_name(of: str, name: str) -> None:
    """tests/page holds the page against more of them, document by document."""
    said = PAYLOADS[name]
    found, plain = page(pages(said)[of].out), page(pages(PLAIN)[of].out)
    assert found.found == plain.found
    assert found.comments == plain.comments
