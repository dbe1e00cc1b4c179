"""Text of strangers: what is shown in logs and in JSON, whatever is put in."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import LONGEST_MESSAGE, PlanError, clipped
from auditor.escaping import json_text, log_lines

# Letters of which commands of CI runners are made.
COMMANDS = st.text(alphabet="#[]:\n avso.", max_size=40)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain: a::b #1 [x]", "plain: a::b #1 [x]"),
        ("::error::x", ": :error::x"),
        ("a\n  ::error::x\nb", "a\n  : :error::x\nb"),
        (":::x", ": ::x"),
        ("x ##[error]y", "x # #[error]y"),
        ("###[a] ##vso[b.c d]", "## #[a] # #vso[b.c d]"),
        ("## a heading", "## a heading"),
    ],
)
def test_a_space_parts_what_begins_a_command(text: str, shown: str) -> None:
    assert log_lines(text) == shown


@given(COMMANDS)
def test_no_line_is_a_command_and_nothing_but_spaces_is_added(text: str) -> None:
    shown = log_lines(text)
    assert not any(line.lstrip().startswith("::") for line in shown.split("\n"))
    assert re.search(r"##[\w.-]*\[", shown) is None
    assert shown.replace(" ", "") == text.replace(" ", "")
    assert log_lines(shown) == shown


@given(st.dictionaries(st.text(), st.text() | COMMANDS, max_size=4))
def test_json_gives_back_what_was_put_in(document: dict[str, str]) -> None:
    text = json_text(document)
    assert json.loads(text) == document
    assert text.replace("\n", "").isprintable()
    assert log_lines(text) == text


def test_no_json_without_numbers() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        json_text({"energy_kwh": float("inf")})


def test_a_long_text_keeps_its_start_and_its_end() -> None:
    """Of 12 characters three are the end, nine the start."""
    assert clipped("abcdefghijkl", 12) == "abcdefghijkl"
    assert clipped("abcdefghijklm", 12) == "abcdefghi [...] klm"


def test_a_message_is_one_line_of_bounded_length() -> None:
    said = str(PlanError("name\n" * 100_000 + "the remedy"))
    assert len(said) <= LONGEST_MESSAGE + 7
    assert said.endswith("the remedy") and "\n" not in said
