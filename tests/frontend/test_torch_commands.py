"""The commands where torch is missing, and an export under its target's name."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from builders import model, node, value, weight

from auditor.cli import run
from auditor.errors import AuditError, ShapeError
from auditor.frontend import Target
from auditor.frontend.audit import audit_export
from auditor.frontend.record import Export
from auditor.pipeline import Request
from auditor.workload import Plan

TARGET = Target("nets", "net")
A100 = "a100-sxm4-80gb"


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ") and err.endswith("\n") and err.count("\n") == 1
    return err


@pytest.mark.usefixtures("no_torch")
@pytest.mark.parametrize("command", ["model", "crosscheck"])
def test_without_torch_the_extra_is_named(capsys: pytest.CaptureFixture[str], command: str) -> None:
    options = ["--hardware", A100] if command == "model" else []
    err = refusal(capsys, command, "torch:nets:net", "--input", "1x3", *options)
    assert "pip install 'auditor[torch]'" in err
    assert "torch" not in sys.modules or importlib.util.find_spec("torch") is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["torch:nets:net"], "add --input"),
        (["torch:nets", "--input", "1x3"], "torch:MODULE:CALLABLE"),
        (["torch:nets:net", "--input", "1x3", "--trace"], "--trace"),
        (["net.onnx", "--input", "1x3"], "--shape"),
        (["crosscheck", "torch:nets:net"], "add --input"),
        (["crosscheck", "net.onnx"], "audit crosscheck torch:package.module:factory"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_imported(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    options = [] if arguments[0] == "crosscheck" else ["--hardware", A100]
    assert words in refusal(capsys, *arguments, *options)
    assert "nets" not in sys.modules


def test_the_help_says_that_code_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["crosscheck", "--help"]):
        assert run(arguments) == 0
        assert "imports and runs the code" in " ".join(capsys.readouterr().out.split())


def written(path: Path) -> Path:
    made = model(
        [node("MatMul", ["x", "w"], ["y"], name="product")],
        [value("x", ["batch", 8])],
        ["y"],
        [weight("w", 8, 4)],
    )
    path.write_bytes(made.SerializeToString())
    return path


def export(path: Path, count: int = 32, buffers: tuple[str, ...] = ()) -> Export:
    return Export(
        path=path,
        training=True,
        batch_open=True,
        parameter_count=count,
        buffers=buffers,
        notes=("how it came about",),
        warnings=("what went wrong",),
    )


def request(**plan: object) -> Request:
    return Request(path=Path(str(TARGET)), plan=Plan(hardware=A100, **plan))  # type: ignore[arg-type]


def test_an_export_is_audited_under_its_targets_name(tmp_path: Path) -> None:
    path = written(tmp_path / "network.onnx")
    found = audit_export(request(batch_size=4), TARGET, export(path))
    assert found.model.path == "torch:nets:net"
    assert found.model.file_bytes == path.stat().st_size
    assert found.profile.forward.macs == 4 * 8 * 4
    assert found.assumptions[0] == "how it came about"
    assert found.warnings[0] == "what went wrong"
    assert not any("parameters are found" in w for w in found.warnings)


def test_other_parameters_than_the_networks_are_a_warning(tmp_path: Path) -> None:
    path = written(tmp_path / "network.onnx")
    found = audit_export(request(), TARGET, export(path, 20, ("table",)))
    (line,) = [w for w in found.warnings if "parameters are found" in w]
    assert line.startswith("32 parameters are found in the export, the network has 20")
    assert "its buffers are table (--freeze" in line


def test_an_error_names_the_target_and_not_the_file(tmp_path: Path) -> None:
    path = written(tmp_path / "network.onnx")
    with pytest.raises(ShapeError, match="--dim nothing"):
        audit_export(request(dims={"nothing": 3}), TARGET, export(path))
    path.write_bytes(b"")
    with pytest.raises(AuditError) as caught:
        audit_export(request(), TARGET, export(path))
    assert str(caught.value).startswith("torch:nets:net: ")
    assert str(tmp_path) not in str(caught.value)


RESNET = Path(__file__).resolve().parents[2] / "examples" / "resnet50.onnx"


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["crosscheck", "--help"], [str(RESNET), "--hardware", A100], ["hardware", "a100"]],
)
def test_the_front_end_is_loaded_for_its_models_alone(tmp_path: Path, arguments: list[str]) -> None:
    code = (
        f"import sys; from auditor.cli import run; run({arguments!r})\n"
        "print(*(m for m in sys.modules if m.startswith(('auditor.frontend', 'torch', 'fvcore',"
        " 'onnxscript', 'onnx_ir'))), file=sys.stderr)"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert (found.returncode, found.stderr.strip()) == (0, "")
