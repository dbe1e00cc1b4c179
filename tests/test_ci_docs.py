"""docs/ci.md says what the program does: its sessions are run again, its tables looked up.

``python tests/test_ci_docs.py`` writes what the sessions print now into the page.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "ci.md"
PAGE = DOCUMENT.read_text(encoding="utf-8")
GITLAB = ROOT / "examples" / "gitlab-ci.yml"
_SESSION = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def replayed(page: str, folder: Path) -> str:
    """The page with what its sessions print when they run in `folder`, one after the other.

    The first TOML is the configuration there, and `examples` are those of the repository.
    """
    (folder / "examples").symlink_to(ROOT / "examples")
    command = folder / "bin" / "audit"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m auditor "$@"\n', "utf-8")
    command.chmod(0o755)
    (configuration,) = re.findall(r"\A.*?^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (folder / "auditor.toml").write_text(configuration, encoding="utf-8")
    return _SESSION.sub(lambda found: f"```console\n{_session(found[1], folder)}```", page)


def _session(shown: str, folder: Path) -> str:
    said, code = "", 0
    for line in shown.splitlines():
        if line.startswith("$ "):
            printed, code = _ran(line.removeprefix("$ "), code, folder)
            said += f"{line}\n{printed}"
    return said


def _ran(line: str, before: int, folder: Path) -> tuple[str, int]:
    ran = subprocess.run(
        ["bash", "-c", f"(exit {before}); {line}"],
        cwd=folder,
        env={
            **os.environ,
            "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "AUDITOR_CACHE_DIR": str(folder / "cache"),
            "COLUMNS": "100",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    return ran.stdout, ran.returncode


def test_the_sessions_print_what_the_page_shows(tmp_path: Path) -> None:
    assert _SESSION.search(PAGE)
    assert replayed(PAGE, tmp_path) == PAGE


def test_every_quantity_is_in_the_table() -> None:
    from auditor.budget.quantities import QUANTITIES

    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|", PAGE, re.MULTILINE)
    bounds = {name: bound for name, _, bound in rows if bound in {"at most", "at least"}}
    said = {"max": "at most", "min": "at least"}
    assert bounds == {name: said[q.bound] for name, q in QUANTITIES.items()}


def test_the_inputs_and_outputs_of_the_action_are_those_of_the_file() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    section = PAGE.split("## GitHub\n")[1].split("\n## ")[0]
    shown = dict(re.findall(r"^\| `([\w-]+)` \| .* \| (`.*`|) ?\|$", section, re.MULTILINE))
    defaults = {n: i["default"] for n, i in action["inputs"].items()}
    assert shown == {n: f"`{d}`" if d else "" for n, d in defaults.items()}
    for name in action["outputs"]:
        assert f"`{name}`" in PAGE


def test_the_workflow_gives_the_action_what_it_takes() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    (workflow,) = (w for w in map(yaml.safe_load, blocks("yaml")) if "jobs" in w)
    steps = [s for job in workflow["jobs"].values() for s in job["steps"]]
    (ours,) = (s for s in steps if "auditor" in s.get("uses", ""))
    assert set(ours.get("with", {})) <= set(action["inputs"])


def test_the_pre_commit_configuration_is_one(tmp_path: Path) -> None:
    from pre_commit.clientlib import load_config

    (text,) = (b for b in blocks("yaml") if "repos:" in b)
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    (repository,) = load_config(str(tmp_path / "config.yaml"))["repos"]
    assert [hook["id"] for hook in repository["hooks"]] == ["audit-check"]


# Keys of a job (https://docs.gitlab.com/ci/yaml/), as far as the example may want them.
_JOB = {"stage", "image", "rules", "variables", "before_script", "script", "artifacts"}


def test_the_gitlab_job_has_the_keys_of_a_job() -> None:
    ((_, job),) = yaml.safe_load(GITLAB.read_text(encoding="utf-8")).items()
    assert set(job) <= _JOB
    assert all(isinstance(line, str) for line in (*job["before_script"], *job["script"]))
    assert all(set(rule) <= {"if", "changes", "when", "allow_failure"} for rule in job["rules"])
    artifacts = job["artifacts"]
    assert set(artifacts) <= {"when", "paths", "reports", "expire_in"}
    assert artifacts["when"] == "always"
    assert set(artifacts["reports"]) == {"junit"}


@pytest.mark.parametrize(("limit_kwh", "code"), [(1000, 0), (0.001, 1)])
def test_the_gitlab_job_runs_as_it_stands(tmp_path: Path, limit_kwh: float, code: int) -> None:
    ((_, job),) = yaml.safe_load(GITLAB.read_text(encoding="utf-8")).items()
    page = (
        '```toml\nhardware = "a100"\nsamples = 1e6\nepochs = 10\n[limits]\n'
        f'energy_kwh = {limit_kwh}\n[models.a]\npath = "examples/mobilenetv2.onnx"\n```\n'
    )
    replayed(page, tmp_path)
    # The runner puts the lines of a job into one script, which ends at the first that fails.
    said, found = _ran("set -eo pipefail; " + "; ".join(job["script"]), 0, tmp_path)
    assert found == code, said
    written = [*job["artifacts"]["paths"], job["artifacts"]["reports"]["junit"]]
    assert all((tmp_path / name).stat().st_size for name in written)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        DOCUMENT.write_text(replayed(PAGE, Path(scratch)), encoding="utf-8")
