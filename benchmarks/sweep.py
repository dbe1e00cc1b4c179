"""How far `audit sweep` goes: ``python -m benchmarks.sweep``.

Two processes against one, each model against a bare audit of it, peak memory over ten times as many
models, and a model of 10 GB in a bucket on loopback.  Exit code 1 if one of the project's bounds
is missed.  It needs two free cores and `pip install '.[sweep,s3]'`.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.bucket import served

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
MODELS = ("resnet50", "mobilenetv2", "vit_b_16")
PLAN = ("--hardware", "a100-sxm4-80gb", "--samples", "1e6")
LEAST_SPEEDUP, MOST_OVER_BARE, MOST_GROWTH, MOST_READ_BYTES = 1.8, 1.3, 1.1, 5_000_000
FEW, MANY = 30, 300
GIB = 2**30

# A bare audit without its start-up: what `audit MODEL --format json` does once all is loaded.
BARE = """
import gc, sys, time
from pathlib import Path
from auditor.pipeline import Request, audit
from auditor.report.document import render_json
from auditor.workload import Plan
gc.disable()
plan = Plan(hardware="a100-sxm4-80gb", samples=1e6)
paths = [Path(p) for p in sys.argv[1:]]
def all_of_them():
    for path in paths:
        render_json(audit(Request(path=path, plan=plan)))
all_of_them()
begun = time.perf_counter()
for _ in range(10):
    all_of_them()
print((time.perf_counter() - begun) / 10 / len(paths))
"""
# Peak memory (KiB) of a command and of all that it starts.
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stderr=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def fleet(folder: Path, count: int) -> Path:
    folder.mkdir()
    for number in range(count):
        name = MODELS[number % len(MODELS)]
        shutil.copy(EXAMPLES / f"{name}.onnx", folder / f"{name}_{number:05d}.onnx")
    return folder


def command(source: object, output: Path, processes: int) -> list[str]:
    asked = [str(source), *PLAN, "--processes", str(processes), "-o", str(output)]
    return [sys.executable, "-m", "auditor", "sweep", *asked]


def seconds(source: object, output: Path, processes: int) -> float:
    begun = time.perf_counter()
    subprocess.run(command(source, output, processes), check=True, stderr=subprocess.DEVNULL)
    return time.perf_counter() - begun


def speed(folder: Path) -> Iterator[tuple[str, bool]]:
    few, many, output = folder / "few", folder / "many", folder / "all.jsonl"
    # What a model takes is the difference of two sweeps, so that the start counts in neither.
    one, two, bare = [], [], []
    for _ in range(3):
        paths = [str(EXAMPLES / f"{model}.onnx") for model in MODELS]
        ran = subprocess.run(
            [sys.executable, "-c", BARE, *paths], check=True, capture_output=True, text=True
        )
        bare.append(float(ran.stdout))
        one.append((seconds(many, output, 1) - seconds(few, output, 1)) / (MANY - FEW))
        two.append((seconds(many, output, 2) - seconds(few, output, 2)) / (MANY - FEW))
    faster = statistics.median(a / b for a, b in zip(one, two, strict=True))
    over = statistics.median(a / b for a, b in zip(one, bare, strict=True))
    yield (
        f"one process {1 / statistics.median(one):.1f} models a second, two "
        f"{1 / statistics.median(two):.1f}: {faster:.2f} times, at least {LEAST_SPEEDUP}",
        faster >= LEAST_SPEEDUP,
    )
    yield (
        f"a model {1e3 * statistics.median(one):.1f} ms, a bare audit of it "
        f"{1e3 * statistics.median(bare):.1f} ms: {over:.2f} times, at most {MOST_OVER_BARE}",
        over <= MOST_OVER_BARE,
    )


def memory(folder: Path) -> tuple[str, bool]:
    """Peak of the largest process; ten times as many models are to take no more."""
    found = []
    for of in ("few", "many"):
        asked = command(folder / of, folder / "all.jsonl", 2)
        ran = subprocess.run(
            [sys.executable, "-c", PEAK, *asked], check=True, capture_output=True, text=True
        )
        found.append(int(ran.stdout.splitlines()[-1]) / 1024)
    growth = found[1] / found[0]
    return (
        f"peak of the largest process: {found[0]:.0f} MiB for {FEW} models, {found[1]:.0f} MiB for "
        f"{MANY}: {growth:.2f} times, at most {MOST_GROWTH}",
        growth <= MOST_GROWTH,
    )


def large_model(path: Path, size_bytes: int) -> None:
    """Write a chain of products of weights in one file, whose weights are holes in it."""
    from onnx import TensorProto, helper

    side = 4096
    count = size_bytes // (4 * side * side)
    nodes = [helper.make_node("MatMul", [f"x{i}", f"w{i}"], [f"x{i + 1}"]) for i in range(count)]
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", side])
        for name in ("x0", f"x{count}")
    ]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:])
    imports = [helper.make_opsetid("", 20)]
    head = helper.make_model(graph, opset_imports=imports).SerializeToString()
    weights = [_head_of_tensor(f"w{i}", side) for i in range(count)]
    payload = 4 * side * side
    # Field 7 of the model is its graph, field 5 of that a tensor; messages of one field are merged.
    inside = sum(len(_field(5, len(w) + payload)) + len(w) + payload for w in weights)
    with path.open("wb") as file:
        file.write(head + _field(7, inside))
        for weight in weights:
            file.write(_field(5, len(weight) + payload) + weight)
            file.seek(payload, os.SEEK_CUR)
        file.truncate(file.tell())


def _head_of_tensor(name: str, side: int) -> bytes:
    from onnx import TensorProto

    head = TensorProto(name=name, dims=[side, side], data_type=TensorProto.FLOAT)
    return bytes(head.SerializeToString()) + _field(9, 4 * side * side)


def _field(number: int, length: int) -> bytes:
    """Key and length of a field of bytes (https://protobuf.dev/programming-guides/encoding/)."""
    found = bytearray()
    for value in (number << 3 | 2, length):
        rest = value
        while rest >= 0x80:
            found.append(rest & 0x7F | 0x80)
            rest >>= 7
        found.append(rest)
    return bytes(found)


def bucket(folder: Path) -> tuple[str, bool]:
    (folder / "bucket").mkdir()
    large_model(folder / "bucket" / "large.onnx", 10 * GIB)
    output = folder / "large.jsonl"
    with served(folder) as environment:
        begun = time.perf_counter()
        subprocess.run(
            command("s3://bucket/large.onnx", output, 1),
            check=True,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **environment},
        )
        took = time.perf_counter() - begun
    row = json.loads(output.read_text("utf-8"))
    return (
        f"{row['model_file_bytes'] / GIB:.2f} GiB in a bucket: {row['read_bytes']:,} bytes read in "
        f"{row['read_requests']} requests, {took:.1f} s; at most {MOST_READ_BYTES:,} bytes",
        row["status"] == "ok" and row["read_bytes"] <= MOST_READ_BYTES,
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fleet(folder / "few", FEW), fleet(folder / "many", MANY)
        held = []
        for line, is_held in (bucket(folder), memory(folder), *speed(folder)):
            print(line, flush=True)
            held.append(is_held)
    sys.exit(int(not all(held)))


if __name__ == "__main__":
    main()
