"""The documents say what the program does: commands are run, figures looked up."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from auditor.cli import run
from auditor.hardware import catalogue
from auditor.step import constants
from auditor.workload import read_plan_file

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
METHOD = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
RECONCILE = (ROOT / "docs" / "reconcile.md").read_text(encoding="utf-8")


def test_the_readme_shows_what_its_first_command_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    (command,) = re.findall(r"^    python3 -m venv .*/audit (.*)$", README, re.MULTILINE)
    assert run(shlex.split(command)) == 0
    (shown,) = re.findall(r"^```\n(model .*?)^```", README, re.MULTILINE | re.DOTALL)
    assert capsys.readouterr().out.startswith(shown)


def test_the_page_on_measurements_shows_what_its_commands_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    log, shown, row = re.findall(r"^```\w*\n(.*?)^```", RECONCILE, re.MULTILINE | re.DOTALL)
    (tmp_path / "training_carbontracker.log").write_text(log, encoding="utf-8")
    for command in re.findall(r"^    audit (.*)$", RECONCILE, re.MULTILINE):
        assert run(shlex.split(command)) == 0
    assert capsys.readouterr().out == shown
    assert (tmp_path / "my_runs.csv").read_text(encoding="utf-8") == row


def test_every_option_that_the_readme_names_exists(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    known = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    assert set(re.findall(r"`(--[a-z-]+)", README)) <= known


def test_the_files_that_the_documents_link_to_exist() -> None:
    for document in (README, *(p.read_text("utf-8") for p in ROOT.glob("*.md"))):
        for target in re.findall(r"\]\(([\w./-]+)\)", document):
            assert (ROOT / target).exists(), target


@pytest.mark.parametrize(
    "stated",
    [
        f"deviation of the logarithm {constants.TIME_LOG_STD:.2f} for time",
        f"{constants.POWER_LOG_STD:.2f} for power",
        f"at {constants.LEVEL:.0%}".replace("%", " %"),
        f"plus {constants.KERNEL_OVERHEAD_S * 1e6:.0f} µs a",
        f"Idle power is {constants.IDLE_SHARE_OF_TDP:.0%}".replace("%", " %"),
        f"to {constants.MEMORY_POWER_SHARE:.0%} of the way".replace("%", " %"),
        f"to {constants.GAP_POWER_SHARE:.0%}".replace("%", " %"),
        f"adds {constants.HOST_BASE_W:.0f} W + {constants.HOST_SHARE_OF_TDP:.0%}".replace(
            "%", " %"
        ),
        f"at {constants.LINK_SHARE:.0%} of the published rate".replace("%", " %"),
        f"but for the last {constants.LAST_BUCKET_BYTES / 1e6:.0f} MB",
        f"keeps {constants.RESERVED_BYTES / 1e9:g} GB for context",
        f"66 of the {len(catalogue())} rows",
    ],
)
def test_the_constants_are_those_that_the_method_states(stated: str) -> None:
    assert stated in " ".join(METHOD.split())


def test_the_example_plan_can_be_read() -> None:
    plan = read_plan_file(ROOT / "examples" / "plan.toml")
    assert dict(plan.dims) == {"sequence": 384}
    assert plan.hardware == "a100-sxm4-80gb"
