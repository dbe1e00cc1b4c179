"""What an audit does not do: load what it does not need, open a socket, read the weights."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import onnx
import pytest
from builders import model, node, value, weight
from command_line import A100, RESNET, audit, process

HEAVY = (
    "onnx",
    "numpy",
    "sklearn",
    "onnxruntime",
    "torch",
    "google.protobuf",
    "rich",
    "jsonschema",
)
LOADED = "import sys\nprint(*(m for m in {heavy!r} if m in sys.modules), file=sys.stderr)"


@pytest.mark.parametrize(
    "code",
    [
        "import auditor",
        "import auditor.cli",
        "from auditor.cli import run; run(['--help'])",
        "from auditor.cli import run; run(['--version'])",
        "from auditor.cli import run; run(['hardware', 'a100'])",
        "from auditor.cli import run; run(['model', '--help'])",
    ],
)
def test_nothing_heavy_is_loaded_before_a_model_is(tmp_path: Path, code: str) -> None:
    found = process(code + "\n" + LOADED.format(heavy=HEAVY), cwd=tmp_path, prefix=("-c",))
    assert (found.returncode, found.stderr.strip()) == (0, "")


def test_an_audit_loads_no_framework(tmp_path: Path) -> None:
    never = ("sklearn", "onnxruntime", "torch", "timm", "transformers", "pynvml", "rich")
    code = f"from auditor.cli import run; run([{str(RESNET)!r}, *{A100!r}])\n"
    found = process(code + LOADED.format(heavy=never), cwd=tmp_path, prefix=("-c",))
    assert (found.returncode, found.stderr.strip()) == (0, "")
    assert found.stdout.startswith("model ")


def test_the_check_of_what_is_loaded_would_notice(tmp_path: Path) -> None:
    code = f"from auditor.cli import run; run([{str(RESNET)!r}, *{A100!r}])\n"
    found = process(code + LOADED.format(heavy=("onnx", "numpy")), cwd=tmp_path, prefix=("-c",))
    assert found.stderr.split() == ["onnx", "numpy"]


def test_no_socket_is_opened(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a socket was opened")

    for name in ("socket", "create_connection", "getaddrinfo", "socketpair"):
        monkeypatch.setattr(socket, name, refuse)
    full = ("--samples", "1e6", "--region", "FR", "--accuracy", "0.76", "--format", "json")
    assert audit(capsys, RESNET, *A100, *full).code == 0
    assert audit(capsys, "hardware", "a100").code == 0


RECORDER = """
import sys
opened = []
def record(event, arguments):
    if event in ("open", "os.open") or event.startswith("socket"):
        opened.append(f"{event} {arguments[0]!r}")
sys.addaudithook(record)
from auditor.cli import run
code = run(sys.argv[1:])
print(*opened, sep="\\n", file=sys.stderr)
sys.exit(code)
"""


def test_the_weights_file_beside_the_model_is_never_opened(tmp_path: Path) -> None:
    made = model(
        [node("MatMul", ["x", "w"], ["y"])],
        [value("x", ["batch", 8])],
        ["y"],
        [weight("w", 8, 4)],
    )
    made.graph.initializer[0].external_data[0].value = "weights.data"
    (tmp_path / "net.onnx").write_bytes(made.SerializeToString())
    (tmp_path / "weights.data").write_bytes(bytes(8 * 4 * 4))
    arguments = ("net.onnx", *A100, "--samples", "100", "--format", "json", "-o", "out.json")
    found = process(*arguments, cwd=tmp_path, prefix=("-c", RECORDER))
    assert found.returncode == 0, found.stderr
    # The recorder does see what is opened: the model, and the report.
    assert "net.onnx" in found.stderr
    assert "out.json" in found.stderr
    assert "weights.data" not in found.stderr
    assert not any(line.startswith("socket") for line in found.stderr.splitlines())
    # That is a model with weights in a file, which onnx would read.
    assert onnx.load(tmp_path / "net.onnx").graph.initializer[0].raw_data == bytes(8 * 4 * 4)


def test_the_audit_is_the_same_with_and_without_the_weights_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = model(
        [node("MatMul", ["x", "w"], ["y"])],
        [value("x", ["batch", 8])],
        ["y"],
        [weight("w", 8, 4)],
    )
    made.graph.initializer[0].external_data[0].value = "weights.data"
    (tmp_path / "net.onnx").write_bytes(made.SerializeToString())
    without = audit(capsys, "net.onnx", *A100, "--format", "json")
    (tmp_path / "weights.data").write_bytes(b"no weights at all")
    assert audit(capsys, "net.onnx", *A100, "--format", "json") == without
    assert without.code == 0


def test_an_audit_leaves_the_model_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, stamp = RESNET.read_bytes(), RESNET.stat().st_mtime_ns
    assert audit(capsys, RESNET, *A100).code == 0
    assert (RESNET.read_bytes(), RESNET.stat().st_mtime_ns) == (before, stamp)
