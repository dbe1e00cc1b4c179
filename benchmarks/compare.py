"""Auditor beside other ways to read a model: ``python -m benchmarks.compare``.

Whole processes, weights and all: onnx-tool on ResNet-50; onnx's own load and shape
inference on BERT-base and GPT-2; a decoder of 7 billion parameters; a network of 10^5 nodes
beside one of 10^4.  The sides take turns, so that the ratios hold on a noisy machine; memory
is the peak of the resident set, Auditor's largest over the other's smallest.  One line a
bound; exit code 1 if one is missed or a command fails, 2 if onnx-tool is not there.

onnx-tool needs no more than ``pip install onnx-tool``, here or in an environment of its own,
whose Python ``--onnx-tool-python`` names.  ``--profile`` says where an audit's time goes
instead.
"""

from __future__ import annotations

import argparse
import compileall
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.speed import MIB, ROOT, audit, fill, run

MB = 1e6
# Twice what the largest of them needs: one that runs away is not to take the machine along.
MOST_BYTES = 8 * 2**30
RESNET = "examples/resnet50.onnx"
BERT = "examples/bert_base.onnx"
GPT2 = "benchmarks/graphs/gpt2.onnx"
LLAMA = "benchmarks/graphs/llama_7b.onnx"
TEXT = ("--batch-size", "8", "--dim", "sequence=128")

LOAD_AND_INFER = "import sys, onnx; onnx.shape_inference.infer_shapes(onnx.load(sys.argv[1]))"
ONNX_TOOL = (
    "import sys, numpy, onnx_tool; "
    "image = numpy.zeros((1, 3, 224, 224), numpy.float32); "
    "onnx_tool.model_profile(sys.argv[1], {'input': image})"
)


@dataclass(frozen=True, slots=True)
class Side:
    """What the runs of one command took: wall time in s, peak of resident memory in MB."""

    name: str
    seconds: tuple[float, ...]
    peaks_mb: tuple[float, ...]

    def __str__(self) -> str:
        return f"{self.name} {statistics.median(self.seconds):.2f} s, {max(self.peaks_mb):.0f} MB"


@dataclass(frozen=True, slots=True)
class Check:
    """A figure and the most that it may be."""

    label: str
    figure: float
    bound: float
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether the figure keeps its bound."""
        return self.figure <= self.bound

    def __str__(self) -> str:
        digits = 0 if self.unit else 2
        verdict = "met" if self.met else "MISSED"
        return (
            f"  {self.label}: {self.figure:.{digits}f}{self.unit}, "
            f"at most {self.bound:g}{self.unit}: {verdict}"
        )


def alternate(commands: dict[str, list[str]], repetitions: int) -> list[Side]:
    """Run the commands in turn, after one run each that fills the caches."""
    for command in commands.values():
        run(command)
    rounds = [[run(command) for command in commands.values()] for _ in range(repetitions)]
    return [
        Side(name, tuple(s for s, _ in runs), tuple(m * MIB / MB for _, m in runs))
        for name, runs in zip(commands, zip(*rounds, strict=True), strict=True)
    ]


def time_ratio(one: Side, other: Side) -> float:
    """The median of the ratios of runs that followed each other."""
    return statistics.median(a / b for a, b in zip(one.seconds, other.seconds, strict=True))


def peak_mb(side: Side) -> float:
    return max(side.peaks_mb)


def said(title: str, sides: Sequence[Side], checks: list[Check]) -> list[Check]:
    print(f"{title}: {'; '.join(map(str, sides))}", *checks, sep="\n", flush=True)
    return checks


def against_onnx_tool(folder: Path, python: str, repetitions: int) -> list[Check]:
    path = fill("inside", RESNET, folder / "resnet50.onnx")
    ours, theirs = alternate(
        {"audit": audit(path), "onnx-tool": [python, "-c", ONNX_TOOL, str(path)]}, repetitions
    )
    checks = [
        Check("time over onnx-tool's", time_ratio(ours, theirs), 0.9),
        Check("memory over onnx-tool's", peak_mb(ours) / min(theirs.peaks_mb), 0.35),
    ]
    path.unlink()
    return said("ResNet-50, 102 MB of weights inside", [ours, theirs], checks)


def against_onnx(name: str, path: Path, repetitions: int) -> list[Check]:
    bare = [sys.executable, "-c", LOAD_AND_INFER, str(path)]
    ours, theirs = alternate(
        {"audit": audit(path, *TEXT), "onnx load + infer_shapes": bare}, repetitions
    )
    checks = [
        Check("time over onnx's", time_ratio(ours, theirs), 0.2),
        Check("memory", peak_mb(ours), 150, " MB"),
    ]
    title = f"{name}, {path.stat().st_size / MB:.0f} MB of weights inside"
    path.unlink()
    return said(title, [ours, theirs], checks)


def large_decoder(folder: Path, repetitions: int) -> list[Check]:
    path = fill("beside", LLAMA, folder / "llama_7b.onnx")
    command = audit(path, "--batch-size", "1", "--dim", "sequence=1024")
    (ours,) = alternate({"audit": command}, repetitions)
    checks = [Check("memory", peak_mb(ours), 200, " MB")]
    return said("Llama of 7 billion parameters, weights beside", [ours], checks)


def linear(folder: Path, count: int) -> Path:
    path = folder / f"linear_{count}.onnx"
    command = [sys.executable, "-m", "benchmarks.linear", str(count), str(path)]
    subprocess.run(command, cwd=ROOT, check=True)
    return path


def growth(folder: Path, repetitions: int) -> list[Check]:
    small, large = alternate(
        {f"{count:,} nodes": audit(linear(folder, count)) for count in (10_000, 100_000)},
        repetitions,
    )
    checks = [Check("time over that of a tenth of the nodes", time_ratio(large, small), 11)]
    return said("A long plain network", [small, large], checks)


def has_onnx_tool(python: str) -> bool:
    try:
        found = subprocess.run([python, "-c", "import onnx_tool"], capture_output=True, check=False)
    except OSError:
        return False
    return found.returncode == 0


def profiles() -> int:
    """Where the time of an audit goes, by function, without weights: they cost next to none."""
    for path, options in ((RESNET, ()), (GPT2, TEXT)):
        command = [sys.executable, "-m", "benchmarks.where", path, "--hardware", "a100", *options]
        subprocess.run(command, cwd=ROOT, check=True)
    return 0


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description="Auditor beside onnx-tool and onnx, with bounds.")
    made.add_argument("--onnx-tool-python", default=sys.executable, metavar="PYTHON")
    made.add_argument("--repetitions", type=int, default=5, metavar="N")
    made.add_argument("--profile", action="store_true", help="where the time goes, by function")
    return made


def measured(folder: Path, python: str, repetitions: int) -> list[Check]:
    """Every comparison, its files made in `folder`."""
    checks = against_onnx_tool(folder, python, 2 * repetitions + 1)
    bert = fill("inside", BERT, folder / "bert_base.onnx")
    checks += against_onnx("BERT-base", bert, repetitions)
    gpt2 = fill("inside", GPT2, folder / "gpt2.onnx")
    checks += against_onnx("GPT-2", gpt2, repetitions)
    checks += large_decoder(folder, repetitions)
    return checks + growth(folder, min(3, repetitions))


def main() -> int:
    """Measure everything; 0 if every bound is met, 2 if there is nothing to compare with."""
    asked = parser().parse_args()
    # An installed package has its bytecode; a checkout may be forbidden to write it.
    compileall.compile_dir(ROOT / "auditor", quiet=1)
    if asked.profile:
        return profiles()
    python, repetitions = asked.onnx_tool_python, max(1, asked.repetitions)
    if not has_onnx_tool(python):
        print(
            f"error: {python} has no onnx-tool; run `{python} -m pip install onnx-tool`, or name "
            "the Python of an environment that has it with --onnx-tool-python",
            file=sys.stderr,
        )
        return 2
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    try:
        with tempfile.TemporaryDirectory() as name:
            checks = measured(Path(name), python, repetitions)
    except RuntimeError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    missed = sum(not c.met for c in checks)
    print(f"{missed} of {len(checks)} BOUNDS MISSED" if missed else f"all {len(checks)} bounds met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
