"""Workflow commands, read as the runner reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verdicts import (
    PAYLOADS,
    broken,
    change,
    compared,
    everything,
    exceeded,
    model,
    not_assessed,
    verdict,
    warned,
    within,
)

from auditor.budget.github import render_github
from auditor.budget.records import Cause
from auditor.escaping import printable

Command = tuple[str, dict[str, str], str]


def read(line: str) -> Command:
    """One command by the rules of the runner (actions/runner, ActionCommand.cs, TryParseV2)."""
    assert line.startswith("::")
    info, data = line[2:].split("::", 1)
    name, _, properties = info.partition(" ")
    pairs = (p.split("=", 1) for p in properties.split(",") if p)
    unescape = (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%"))
    found = {}
    for key, value in pairs:
        for escape, character in unescape:
            value = value.replace(escape, character)  # noqa: PLW2901
        found[key] = value
    for escape, character in (unescape[0], unescape[1], unescape[4]):
        data = data.replace(escape, character)
    return name, found, data


def commands(said: str) -> list[Command]:
    assert said.endswith("\n")
    return [read(line) for line in said[:-1].split("\n")]


def test_one_line_for_each_thing_to_say_the_worst_first() -> None:
    changed = (("energy_kwh", change(causes=(Cause.PLAN,), exceeds=False)),)
    one = model(warned(), exceeded(), within(), changes=changed, warnings=("odd",))
    said = render_github(compared(one, broken(), missing=("old",)))
    assert [(c, p.get("title"), p.get("file")) for c, p, _ in commands(said)] == [
        ("error", "resnet50: energy: exceeded", "examples/resnet50.onnx"),
        ("error", "broken: not judged", "broken.onnx"),
        ("warning", "resnet50: energy: warning", "examples/resnet50.onnx"),
        ("warning", "resnet50", "examples/resnet50.onnx"),
        ("warning", "lock file", "auditor.toml"),
        ("notice", "resnet50: against the lock file", "examples/resnet50.onnx"),
        ("notice", "training budget", None),
    ]


def test_a_line_whole() -> None:
    assert render_github(verdict(model(exceeded()))) == (
        "::error file=examples/resnet50.onnx,title=resnet50%3A energy%3A exceeded::energy_kwh is"
        " 15.00 kWh (90%25 interval 10.00 kWh to 20.00 kWh): the median is 3.000 kWh (25.0%25) over"
        " the limit (at most 12 kWh, by [limits] of auditor.toml)%0Aepochs 72 (is 90): 12.00 kWh\n"
        "::notice title=training budget::1 model: exceeded\n"
    )


def test_what_is_not_assessed_and_what_grew_are_errors() -> None:
    same_plan = change(causes=(Cause.TOOL,), exceeds=False)
    grew = (("energy_kwh", change()), ("duration_h", change()), ("sam", same_plan))
    said = commands(render_github(compared(model(not_assessed(), changes=grew))))
    assert [c for c, _, _ in said] == ["error", "error", "notice", "notice"]
    first, second = said[1][2].split("\n")
    assert first.startswith("energy_kwh ")
    assert second.startswith("duration_h ")
    assert said[2][2].startswith("sam ")


def test_all_within_says_no_more_than_that() -> None:
    said = render_github(verdict(model(within())))
    assert said == "::notice title=training budget::1 model: within\n"


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_a_name_makes_no_command_and_no_property(payload: str) -> None:
    found = commands(render_github(everything(payload)))
    plain = commands(render_github(everything("plain")))
    assert [(c, set(p)) for c, p, _ in found] == [(c, set(p)) for c, p, _ in plain]
    assert any(p.get("file") == printable(payload) for _, p, _ in found)


@given(st.text())
def test_the_runner_reads_every_name_as_it_is(name: str) -> None:
    said = render_github(verdict(broken(name, name=name)))
    command, properties, message = commands(said)[0]
    assert (command, message) == ("error", printable(name))
    assert properties["title"] == f"{printable(name)}: not judged"
