"""``--format html`` as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from paging import EXAMPLES, taken

from auditor.cli.main import run

RESNET = str(EXAMPLES / "resnet50.onnx")
PLAN = ("--hardware", "a100-sxm4-80gb", "--samples", "1e6")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_an_audit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([RESNET, *PLAN, "--format", "json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert run([RESNET, *PLAN, "--format", "html", "-o", "page.html"]) == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert json.loads(taken(page).of("script")[0].text) == document


def test_a_comparison(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = str(EXAMPLES / "mobilenetv2.onnx")
    assert run(["compare", RESNET, other, *PLAN, "--format", "html", "-o", "page.html"]) == 0
    found = taken((tmp_path / "page.html").read_text(encoding="utf-8"))
    assert "2 networks compared" in found.of("h1")[0].text
    assert "Not assessed: it needs an accuracy" in found.of("main")[0].text  # none was given


def test_without_the_extra_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert run([RESNET, *PLAN, "--format", "html", "-o", "page.html"]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "auditor[html]" in err
    assert list(tmp_path.iterdir()) == []


def test_no_other_format_loads_the_page() -> None:
    code = (
        "import sys; from auditor.cli.main import run; "
        f"run([{RESNET!r}, '--hardware', 'a100-sxm4-80gb']); "
        "print(sorted({'jinja2', 'markupsafe', 'vl_convert'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[]"
