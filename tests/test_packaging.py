"""What the built package holds, and that it works where nothing but it is installed."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from auditor import __version__

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("auditor", "calibration", "schemas", "pyproject.toml", "README.md")


def ran(*command: object, cwd: Path) -> str:
    found = subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, encoding="utf-8", check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of a copy: a build in the working tree would leave its folders there."""
    import shutil

    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("built")
    for name in PARTS:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif path.exists():
            shutil.copy(path, source / name)
    ran(sys.executable, "-m", "pip", "wheel", "--no-deps", "-q", "-w", built, source, cwd=source)
    (found,) = built.glob("*.whl")
    return found


@pytest.mark.slow
class TestWheel:
    def test_only_names_of_ones_own_reach_site_packages(self, wheel: Path) -> None:
        names = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
        own = {"auditor", "auditor_calibration", "auditor_schemas"}
        assert names == own | {f"auditor-{__version__}.dist-info"}

    def test_every_module_table_and_schema_is_inside(self, wheel: Path) -> None:
        names = set(zipfile.ZipFile(wheel).namelist())
        for pattern in ("*.py", "*.csv", "py.typed"):
            for path in (ROOT / "auditor").rglob(pattern):
                assert path.relative_to(ROOT).as_posix() in names
        for path in (ROOT / "schemas").glob("*.json"):
            assert f"auditor_schemas/{path.name}" in names
        shipped = [*(ROOT / "calibration").glob("*.csv*"), ROOT / "calibration" / "artefact.json"]
        for path in shipped:
            assert f"auditor_calibration/{path.name}" in names
        assert not any("test" in name.lower() for name in names)

    def test_an_audit_runs_from_a_clean_environment(self, wheel: Path, tmp_path: Path) -> None:
        venv.create(tmp_path / "env", with_pip=True)
        python = tmp_path / "env" / "bin" / "python"
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        ran(python, "-m", "pip", "install", "-q", wheel, cwd=elsewhere)
        network = ROOT / "examples" / "resnet50.onnx"
        command = tmp_path / "env" / "bin" / "audit"
        found = json.loads(
            ran(command, network, "--hardware", "a100", "--format", "json", cwd=elsewhere)
        )
        assert found["model"]["training_parameter_count"] == 25_557_032
        assert found["tool"] == {"name": "auditor", "version": __version__}
        assert ran(command, "hardware", "a100", cwd=elsewhere).startswith("id ")
        where = ran(python, "-c", "import auditor; print(auditor.__file__)", cwd=elsewhere)
        assert Path(where.strip()).is_relative_to(tmp_path / "env")
        read = "from importlib.resources import files; print(*files('auditor_schemas').iterdir())"
        assert "audit.schema.json" in ran(python, "-c", read, cwd=elsewhere)


def test_every_package_is_listed() -> None:
    """setuptools takes what is listed and nothing else; a forgotten one fails once installed."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    there = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "auditor").rglob("__init__.py")
    }
    assert set(project["tool"]["setuptools"]["packages"]) == there | {
        "auditor_calibration",
        "auditor_schemas",
    }
    assert project["project"]["scripts"] == {"audit": "auditor.cli:main"}
