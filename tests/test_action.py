"""The composite action: its scripts run as the runner runs them, on real models."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from auditor.budget.markdown import MARKER

ROOT = Path(__file__).resolve().parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
INSTALL, CHECK = STEPS["Install Auditor"], STEPS["Check the budget"]
# As the runner starts `shell: bash`.
BASH = ("bash", "--noprofile", "--norc", "-eo", "pipefail")
PARTS = ("auditor", "calibration", "schemas", "pyproject.toml", "README.md")
PLAN = 'hardware = "a100-sxm4-80gb"\nsamples = 1e6\nepochs = 10\n'


@dataclass(frozen=True)
class Ran:
    code: int
    log: str
    outputs: dict[str, str]
    summary: str


@dataclass(frozen=True)
class Runner:
    """A workspace and the folder that the runner clears after each job."""

    workspace: Path
    temporary: Path
    action: Path = ROOT

    def configure(self, limit_kwh: float, more: str = "", name: str = "mobilenet") -> None:
        shutil.copy(ROOT / "examples" / "mobilenetv2.onnx", self.workspace / "mobilenet.onnx")
        table = f'[models.{json.dumps(name)}]\npath = "mobilenet.onnx"\n'
        text = f"{PLAN}[limits]\nenergy_kwh = {limit_kwh}\n{table}{more}"
        (self.workspace / "auditor.toml").write_text(text, encoding="utf-8")

    def run(self, step: Mapping[str, Any], **inputs: str) -> Ran:
        script = self.temporary / "script.sh"
        script.write_text(step["run"], encoding="utf-8")
        files = {n: self.temporary / n for n in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for file in files.values():
            file.write_text("", encoding="utf-8")
        given = {n: i["default"] for n, i in ACTION["inputs"].items()}
        given |= {n.replace("_", "-"): v for n, v in inputs.items()}
        environment = {
            **{n: os.environ[n] for n in ("PATH", "HOME") if n in os.environ},
            **{n: v for n, v in os.environ.items() if n.startswith("PIP_")},
            **{n: str(p) for n, p in files.items()},
            "RUNNER_TEMP": str(self.temporary),
            "AUDITOR_CACHE_DIR": str(self.temporary / "cache"),
            **{n: self.evaluated(v, given) for n, v in step["env"].items()},
        }
        folder = self.evaluated(step.get("working-directory", "."), given)
        ran = subprocess.run(
            [*BASH, script],
            cwd=self.workspace / folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        outputs = dict(
            line.split("=", 1) for line in files["GITHUB_OUTPUT"].read_text("utf-8").splitlines()
        )
        summary = files["GITHUB_STEP_SUMMARY"].read_text("utf-8")
        return Ran(ran.returncode, ran.stdout, outputs, summary)

    def evaluated(self, text: str, inputs: Mapping[str, str]) -> str:
        """The runner's expressions, as far as the action has any."""
        known = {f"inputs.{n}": v for n, v in inputs.items()}
        known |= {"github.action_path": str(self.action), "steps.python.outputs.python-path": ""}
        return re.sub(r"\$\{\{ ([\w.-]+) \}\}", lambda found: known[found[1]], text)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """After the installing step, which needs a network: this Python stands in for what it makes."""
    made = Runner(tmp_path / "workspace", tmp_path / "temporary")
    made.workspace.mkdir()
    python = made.temporary / "auditor" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n', encoding="utf-8")
    python.chmod(0o755)
    return made


def heard(log: str) -> list[str]:
    """The lines that the runner takes for commands (actions/runner, ActionCommandManager)."""
    found, stopped = [], ""
    for line in log.splitlines():
        if stopped:
            stopped = "" if line.strip() == f"::{stopped}::" else stopped
        elif line.startswith("::stop-commands::"):
            stopped = line.removeprefix("::stop-commands::")
        elif line.lstrip().startswith("::") or "##[" in line:
            found.append(line)
    assert not stopped
    return found


def test_the_scripts_hold_no_expression() -> None:
    """An input in the text of a script would be run."""
    for step in (INSTALL, CHECK):
        assert "${{" not in step["run"]
        assert step["shell"] == "bash"


def test_what_the_steps_take_is_declared_and_described() -> None:
    inputs, outputs = ACTION["inputs"], ACTION["outputs"]
    taken = set(re.findall(r"inputs\.([\w-]+)", (ROOT / "action.yml").read_text("utf-8")))
    assert taken == set(inputs)
    assert all(entry["description"].strip() for entry in (*inputs.values(), *outputs.values()))
    for name, output in outputs.items():
        assert output["value"] == f"${{{{ steps.{CHECK['id']}.outputs.{name} }}}}"


def test_within(runner: Runner) -> None:
    runner.configure(1000.0)
    found = runner.run(CHECK)
    assert found.code == 0, found.log
    assert found.outputs["exit-code"] == "0"
    verdict = json.loads(Path(found.outputs["verdict-file"]).read_text("utf-8"))
    assert [m["name"] for m in verdict["models"]] == ["mobilenet"]
    assert found.summary == Path(found.outputs["summary-file"]).read_text("utf-8")
    assert found.summary.startswith(f"{MARKER}\n## Training budget: 1 model: within")
    assert Path(found.outputs["junit-file"]).read_text("utf-8").startswith("<?xml")
    assert [line.split("::")[1].split()[0] for line in heard(found.log)][-1] == "notice"
    assert not any(line.startswith("::error") for line in heard(found.log))


def test_exceeded(runner: Runner) -> None:
    runner.configure(0.001)
    found = runner.run(CHECK)
    assert (found.code, found.outputs["exit-code"]) == (1, "1"), found.log
    assert "**exceeded**" in found.summary
    errors = [line for line in heard(found.log) if line.startswith("::error")]
    assert len(errors) == 1
    assert "file=" in errors[0]
    assert "title=mobilenet%3A" in errors[0]


def test_a_broken_model_hides_nothing(runner: Runner) -> None:
    runner.configure(0.001, '[models.broken]\npath = "broken.onnx"\n')
    (runner.workspace / "broken.onnx").write_bytes(b"not a model")
    found = runner.run(CHECK)
    assert (found.code, found.outputs["exit-code"]) == (2, "2"), found.log
    assert "**exceeded**" in found.summary
    assert "### Not judged" in found.summary
    assert sum(line.startswith("::error") for line in heard(found.log)) == 2


def test_without_a_verdict_the_reason_is_shown(runner: Runner) -> None:
    runner.configure(1.0, '"odd%0A" = 1\n')
    found = runner.run(CHECK)
    assert (found.code, found.outputs) == (2, {"exit-code": "2"}), found.log
    assert found.summary.startswith("## Training budget: not judged\n\n    error: ")
    (line,) = heard(found.log)
    assert line.startswith("::error title=training budget::error: ")
    assert "odd%250A" in line


def test_each_input_reaches_the_command(runner: Runner) -> None:
    runner.configure(1000.0, '[models.other]\npath = "mobilenet.onnx"\n')
    below = runner.workspace / "below"
    below.mkdir()
    for path in list(runner.workspace.glob("*.*")):
        path.rename(below / (path.name if path.suffix == ".onnx" else "my.toml"))
    written = runner.run(
        CHECK, working_directory="below", config="my.toml", lock="my.json", arguments="--update"
    )
    assert written.code == 0, written.log
    assert (below / "my.json").is_file()
    found = runner.run(
        CHECK,
        working_directory="below",
        config="my.toml",
        models="other\nmobilenet",
        lock="my.json",
        tolerance="5%",
    )
    assert found.code == 0, found.log
    assert "my.json, tolerance 5%" in found.summary
    one = runner.run(CHECK, working_directory="below", config="my.toml", models="other")
    verdict = json.loads(Path(one.outputs["verdict-file"]).read_text("utf-8"))
    assert [m["name"] for m in verdict["models"]] == ["other"]


HOSTILE = (
    "; touch pwned",
    "$(touch pwned)",
    "`touch pwned`",
    "x\ntouch pwned\n",
    '" ; touch pwned ; "',
    "' ; touch pwned ; '",
    "&& touch pwned",
    "::add-mask::x\n::set-output name=x::y ##[error]z",
    "$GITHUB_OUTPUT",
    "-c import os; os.mkdir('pwned')",
)


@pytest.mark.parametrize("name", ["config", "models", "lock", "tolerance", "arguments"])
def test_a_hostile_input_runs_nothing(runner: Runner, name: str) -> None:
    runner.configure(1000.0)
    before = sorted(p.name for p in runner.workspace.iterdir())
    together = "\n".join(HOSTILE) if name in {"models", "arguments"} else "".join(HOSTILE)
    found = runner.run(CHECK, **{name: together})
    assert set(found.outputs) <= {"exit-code", "verdict-file", "summary-file", "junit-file"}
    assert not list(runner.workspace.parent.rglob("pwned"))
    assert sorted(p.name for p in runner.workspace.iterdir()) == before
    for line in heard(found.log):
        assert re.match(r"::(error|warning|notice) [^:]*::", line), line
    assert found.code == 2, found.log


def test_a_model_is_no_option(runner: Runner) -> None:
    runner.configure(1000.0)
    found = runner.run(CHECK, models="--help")
    assert found.code == 2, found.log
    assert "--help" in found.summary


@pytest.mark.parametrize("name", ["::add-mask::x", "##[error]x", "a`$(touch pwned)`b", "-h"])
def test_a_hostile_name_is_a_name(runner: Runner, name: str) -> None:
    runner.configure(0.001, name=name)
    found = runner.run(CHECK)
    assert found.code == 1, found.log
    assert not list(runner.workspace.parent.rglob("pwned"))
    for line in heard(found.log):
        assert re.match(r"::(error|warning|notice) [^:]*::", line), line


@pytest.mark.slow
def test_both_steps_from_the_checkout_of_the_action(tmp_path: Path) -> None:
    """Installed for real, from a copy: a build in the working tree leaves its folders there."""
    made = Runner(tmp_path / "workspace", tmp_path / "temporary", tmp_path / "action")
    for folder in (made.workspace, made.temporary, made.action):
        folder.mkdir()
    for name in PARTS:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, made.action / name)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", path)  # `python` is the one that runs the tests
        installed = made.run(INSTALL)
        assert installed.code == 0, installed.log
        made.configure(0.001)
        assert made.run(CHECK).code == 1
        made.configure(1000.0)
        assert made.run(CHECK).code == 0
