"""The command line as a user meets it: exit code, stdout, stderr, and the files it leaves."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from builders import DATA, model, node, value, weight

from auditor.cli.main import run

ROOT = DATA.parents[1]
RESNET = ROOT / "examples" / "resnet50.onnx"
MOBILENET = ROOT / "examples" / "mobilenetv2.onnx"
BERT = ROOT / "examples" / "bert_base.onnx"
A100 = ("--hardware", "a100-sxm4-80gb")


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


def audit(capsys: pytest.CaptureFixture[str], *arguments: object) -> Ran:
    """Run the command in this process, as it is far faster to start."""
    capsys.readouterr()
    code = run([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return Ran(code, out, err)


def process(
    *arguments: object, cwd: Path, prefix: Sequence[str] = ("-m", "auditor")
) -> subprocess.CompletedProcess[str]:
    """Run the command as a process of its own."""
    return subprocess.run(
        [sys.executable, "-W", "error", *prefix, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def listing(folder: Path) -> dict[str, bytes | None]:
    """Every path below `folder` with its content, None for a folder."""
    return {
        os.fspath(p.relative_to(folder)): p.read_bytes() if p.is_file() else None
        for p in sorted(folder.rglob("*"))
    }


def _chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def png() -> bytes:
    """A valid picture of one grey pixel."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\x00\x80")
    parts = (_chunk(b"IHDR", header), _chunk(b"IDAT", pixels), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def cyclic() -> bytes:
    nodes = [node("Add", ["x", "b"], ["a"], name="one"), node("Relu", ["a"], ["b"], name="two")]
    return model(nodes, [value("x", ["batch", 4])], ["b"]).SerializeToString()


def custom(op_type: str = "Mystery") -> bytes:
    """A product and an operator that nobody knows."""
    nodes = [
        node("MatMul", ["x", "w"], ["a"]),
        node(op_type, ["a"], ["b"], domain="com.example"),
    ]
    made = model(nodes, [value("x", ["batch", 8])], ["a", "b"], [weight("w", 8, 4)])
    return made.SerializeToString()
