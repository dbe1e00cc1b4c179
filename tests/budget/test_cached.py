"""A second check of the same files says the same, without the stages that made the first."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from builders import DATA

from auditor.budget.cache import Cache
from auditor.budget.cached import cached_stages
from auditor.budget.check import Against, Stages, check
from auditor.budget.config import read_configuration
from auditor.budget.records import Verdict

RESNET = DATA.parents[1] / "examples" / "resnet50.onnx"
SETTING = """
hardware = "a100-sxm4-80gb"
samples = 1e6
region = "FRA"
accuracy = 0.76
[limits]
energy_kwh = {energy_kwh}
pepr_e = 0.1
[models.one]
path = "one.onnx"
[models.two]
path = "two.onnx"
epochs = {epochs}
"""
AGAINST = Against(lock_name="audit.lock.json", lock=None, tolerance=None)
SECOND = """
import sys
from auditor.cli.main import run
code = run(["check"])
loaded = {"auditor.pipeline", "onnx", "numpy"} & set(sys.modules)
print(sorted(loaded), file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("one.onnx", "two.onnx"):
        shutil.copy(RESNET, tmp_path / name)
    return tmp_path


def checked(folder: Path, energy_kwh: float = 1e-3, epochs: int = 2) -> tuple[Verdict, list[str]]:
    """The verdict, and what had to be done for it."""
    path = folder / "auditor.toml"
    path.write_text(SETTING.format(energy_kwh=energy_kwh, epochs=epochs))
    kept, done = Cache(folder / "cache"), list[str]()
    plain = Stages()

    def assess(candidate: object) -> object:
        done.append(f"assess {candidate.name}")  # type: ignore[attr-defined]
        return plain.assess(candidate)  # type: ignore[arg-type]

    def remedy(candidate: object, *rest: object) -> object:
        done.append(f"remedy {candidate.name}")  # type: ignore[attr-defined]
        return plain.remedy(candidate, *rest)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("auditor.budget.cached.assessed", assess)
        patched.setattr("auditor.budget.cached.with_remedies", remedy)
        found = check(read_configuration(path, ()), AGAINST, cached_stages(kept)).verdict
    return found, done


ALL = ["assess one", "assess two", "remedy one", "remedy two"]


def test_the_second_verdict_is_the_first(folder: Path) -> None:
    first, done = checked(folder)
    assert done == ALL
    assert any(j.remedies for m in first.models for j in m.judgements)
    second, again = checked(folder)
    assert again == []
    assert second == first
    uncached = check(read_configuration(folder / "auditor.toml", ()), AGAINST).verdict
    assert uncached == first


def test_another_plan_is_assessed_and_the_rest_is_not(folder: Path) -> None:
    checked(folder)
    _, done = checked(folder, epochs=3)
    # PePR is against both models, so what one of them takes counts in the other's remedies.
    assert done == ["assess two", "remedy one", "remedy two"]


def test_another_limit_asks_for_remedies_alone(folder: Path) -> None:
    checked(folder)
    _, done = checked(folder, energy_kwh=2e-3)
    assert done == ["remedy one", "remedy two"]


def test_another_model_under_the_same_name_is_assessed(folder: Path) -> None:
    checked(folder)
    shutil.copy(DATA.parents[1] / "examples" / "mobilenetv2.onnx", folder / "one.onnx")
    _, done = checked(folder)
    assert done == ["assess one", "remedy one", "remedy two"]


def test_a_broken_model_is_not_kept(folder: Path) -> None:
    (folder / "one.onnx").write_bytes(b"not a model")
    found, _ = checked(folder)
    assert found.exit_code == 2
    shutil.copy(RESNET, folder / "one.onnx")
    found, done = checked(folder)
    assert "assess one" in done and found.exit_code == 1


def test_the_second_run_loads_no_graph(folder: Path) -> None:
    checked(folder, energy_kwh=1e9)
    runs = [
        subprocess.run(
            [sys.executable, "-c", SECOND], cwd=folder, capture_output=True, text=True, check=False
        )
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout
    assert runs[0].stderr != "[]\n"
    assert runs[1].stderr == "[]\n"
