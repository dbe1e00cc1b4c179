"""The pre-commit hook: its definition, and a real run in a repository of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pre_commit.clientlib import load_manifest

ROOT = Path(__file__).resolve().parents[1]
HOOKS = ROOT / ".pre-commit-hooks.yaml"
PARTS = ("auditor", "calibration", "schemas", "pyproject.toml", "README.md", HOOKS.name)

_NAMES = [f"GIT_{who}_{what}" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")]
# No setting of the machine's git is to count.
ALONE = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    **dict.fromkeys(_NAMES, "a@b.example"),
}


def test_the_definition_is_what_pre_commit_reads() -> None:
    (hook,) = load_manifest(str(HOOKS))
    assert (hook["id"], hook["language"], hook["entry"]) == ("audit-check", "python", "audit check")
    assert not hook["pass_filenames"]


@pytest.mark.parametrize(
    ("path", "runs"),
    [
        ("model.onnx", True),
        ("deep/er/model.onnx", True),
        ("auditor.toml", True),
        ("sub/pyproject.toml", True),
        ("audit.lock.json", True),
        ("model.onnx.txt", False),
        ("my-auditor.toml", False),
        ("train.py", False),
    ],
)
def test_it_runs_where_a_model_or_the_budget_changed(path: str, runs: bool) -> None:
    (hook,) = load_manifest(str(HOOKS))
    assert bool(re.search(hook["files"], path)) is runs


@pytest.mark.slow
class TestForReal:
    """Two repositories: this project as the source of the hook, and one that uses it."""

    def ran(self, *command: str, cwd: Path, code: int = 0) -> str:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, **ALONE, "PRE_COMMIT_HOME": str(cwd.parent / "cache")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    def committed(self, folder: Path) -> str:
        self.ran("git", "init", "-q", cwd=folder)
        self.ran("git", "add", "-A", cwd=folder)
        self.ran("git", "commit", "-q", "-m", "all", cwd=folder)
        return self.ran("git", "rev-parse", "HEAD", cwd=folder).strip()

    @pytest.fixture
    def source(self, tmp_path: Path) -> Path:
        made = tmp_path / "source"
        made.mkdir()
        for name in PARTS:
            path = ROOT / name
            if path.is_dir():
                unwanted = shutil.ignore_patterns("__pycache__")
                shutil.copytree(path, made / name, ignore=unwanted)
            else:
                shutil.copy(path, made / name)
        return made

    def test_a_commit_within_passes_and_one_that_exceeds_fails(
        self, source: Path, tmp_path: Path
    ) -> None:
        revision, user = self.committed(source), tmp_path / "user"
        user.mkdir()
        shutil.copy(ROOT / "examples" / "mobilenetv2.onnx", user)
        uses = {"repos": [{"repo": str(source), "rev": revision, "hooks": [{"id": "audit-check"}]}]}
        (user / ".pre-commit-config.yaml").write_text(yaml.safe_dump(uses), encoding="utf-8")
        configuration = user / "auditor.toml"
        text = (
            'hardware = "a100-sxm4-80gb"\nsamples = 1e6\nepochs = 10\n'
            '[limits]\nenergy_kwh = 1000\n[models.mobilenet]\npath = "mobilenetv2.onnx"\n'
        )
        configuration.write_text(text, encoding="utf-8")
        self.committed(user)
        command = (sys.executable, "-m", "pre_commit", "run", "--all-files")
        assert "Passed" in self.ran(*command, cwd=user)

        configuration.write_text(text.replace("1000", "0.001"), encoding="utf-8")
        self.ran("git", "add", "-A", cwd=user)
        said = self.ran(*command, cwd=user, code=1)
        assert "Failed" in said
        assert "exit code: 1" in said
        assert "energy_kwh" in said

        (user / "train.py").write_text("", encoding="utf-8")
        self.ran("git", "add", "train.py", cwd=user)
        only = self.ran(*command[:-1], "--files", "train.py", cwd=user)
        assert "Skipped" in only
