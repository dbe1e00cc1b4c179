"""The layers of docs/architecture.md, as import-linter has them."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "importlinter"
]


def test_every_import_goes_one_way() -> None:
    found = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert f"{len(LINTER['contracts'])} kept, 0 broken" in found.stdout


def test_every_module_stands_in_a_layer() -> None:
    """A new module that is in no layer would be free to import what it likes."""
    (layers,) = [c["layers"] for c in LINTER["contracts"] if c["type"] == "layers"]
    listed = {
        name.strip().removeprefix("auditor.") for layer in layers for name in layer.split("|")
    }
    there = {
        path.stem
        for path in (ROOT / "auditor").iterdir()
        if (path.suffix == ".py" and path.stem != "__init__") or (path / "__init__.py").exists()
    }
    assert there == listed
