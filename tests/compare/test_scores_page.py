"""docs/scores.md: its commands run and print what it shows, its table is the registry."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from builders import DATA

from auditor.cli import run
from auditor.scores import METRICS, published_sets

ROOT = DATA.parents[1]
PAGE = (ROOT / "docs" / "scores.md").read_text(encoding="utf-8")


def test_its_command_prints_what_it_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    table, plan, shown = re.findall(r"^```\w*\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "acc.csv").write_text(table, encoding="utf-8")
    (tmp_path / "plan.toml").write_text(plan, encoding="utf-8")
    (command,) = re.findall(r"^    audit (compare .*)$", PAGE, re.MULTILINE)
    assert run(shlex.split(command)) == 0
    assert shown in capsys.readouterr().out


def test_every_metric_and_set_is_in_it() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ")]
    for metric in METRICS:
        (row,) = [r for r in rows if r.startswith(f"| {metric.title.split('-')[0]}")]
        assert metric.source in row
    assert all(f"`{name}`" in PAGE for name in published_sets())


def test_the_number_of_published_rows_is_that_of_the_sample() -> None:
    lines = (DATA / "pepr_published.csv").read_text(encoding="utf-8").splitlines()
    assert f"has {len(lines) - 1} published rows" in PAGE
