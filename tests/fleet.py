"""Models by the hundred, small and of mixed kinds, and a few that are broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from builders import model, node, value, weight
from onnx import ModelProto

from auditor.sweep.records import Grid, NamedPlan
from auditor.workload import Plan

HARDWARE = ("a100-sxm4-80gb", "rtx3090")
BROKEN_EVERY = 50
# One process, one row a model.
ASKED = ("--hardware", "a100-sxm4-80gb", "--samples", "1e6", "--processes", "1", "-o", "all.jsonl")


def dense(depth: int, width: int) -> ModelProto:
    nodes, weights = [], []
    for index in range(depth):
        nodes += [
            node("MatMul", [f"x{index}", f"w{index}"], [f"y{index}"]),
            node("Relu", [f"y{index}"], [f"x{index + 1}"]),
        ]
        weights.append(weight(f"w{index}", width, width))
    return model(nodes, [value("x0", ["batch", width])], [value(f"x{depth}", None)], weights)


def convolutional(depth: int, width: int) -> ModelProto:
    nodes, weights = [], []
    for index in range(depth):
        nodes += [
            node("Conv", [f"x{index}", f"w{index}"], [f"y{index}"], pads=[1, 1, 1, 1]),
            node("Relu", [f"y{index}"], [f"x{index + 1}"]),
        ]
        weights.append(weight(f"w{index}", width, width, 3, 3))
    return model(
        nodes, [value("x0", ["batch", width, 16, 16])], [value(f"x{depth}", None)], weights
    )


def attentive(depth: int, width: int) -> ModelProto:
    nodes, weights = [], []
    for index in range(depth):
        of = f"_{index}"
        nodes += [
            *(node("MatMul", [f"x{index}", f"{n}{of}"], [f"{n}x{of}"]) for n in "qkv"),
            node("Transpose", [f"kx{of}"], [f"kt{of}"], perm=[0, 2, 1]),
            node("MatMul", [f"qx{of}", f"kt{of}"], [f"scores{of}"]),
            node("Softmax", [f"scores{of}"], [f"shares{of}"]),
            node("MatMul", [f"shares{of}", f"vx{of}"], [f"x{index + 1}"]),
        ]
        weights += [weight(f"{n}{of}", width, width) for n in "qkv"]
    return model(nodes, [value("x0", ["batch", 8, width])], [value(f"x{depth}", None)], weights)


KINDS = (dense, convolutional, attentive)


def fleet(folder: Path, count: int) -> list[Path]:
    """Write so many models into a folder; every fiftieth is broken."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        path = folder / f"m{number:04d}.onnx"
        made = KINDS[number % 3](1 + number // 3 % 5, 8 * (1 + number // 15 % 20))
        content = made.SerializeToString()
        is_broken = number % BROKEN_EVERY == BROKEN_EVERY - 1
        path.write_bytes(content[: len(content) // 2] if is_broken else content)
        paths.append(path)
    return paths


def grid(**said: Any) -> Grid:
    plans = (
        NamedPlan("short", Plan(samples=1e6)),
        NamedPlan("long", Plan(samples=1e6, epochs=10.0)),
    )
    return Grid(**{"plans": plans, "hardware": HARDWARE, **said})


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-W", "error", "-m", "auditor", "sweep", *map(str, arguments)]


def run(*arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def keys(found: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(r["source"], r["plan"], r["hardware_requested"]) for r in found]


def heavy(count: int, side: int) -> ModelProto:
    """A chain of products with weights inside the file."""
    from onnx import numpy_helper

    zeros = np.zeros((side, side), np.float32)
    weights = [numpy_helper.from_array(zeros, f"w{i}") for i in range(count)]
    nodes = [node("MatMul", [f"x{i}", f"w{i}"], [f"x{i + 1}"]) for i in range(count)]
    return model(nodes, [value("x0", ["batch", side])], [value(f"x{count}", None)], weights)
