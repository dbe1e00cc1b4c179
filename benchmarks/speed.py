"""Time and memory of an audit as a whole process: ``python -m benchmarks.speed``.

Prints ratios, taken pair by pair in one run so that they hold on a noisy machine, and
peaks of resident memory as the operating system counts them.  Exit code 1 if one of the
project's bounds is missed.
"""

from __future__ import annotations

import compileall
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAIRS = 11
MIB = 2**20

LOAD_AND_INFER = (
    "import sys, onnx; m = onnx.load(sys.argv[1], load_external_data=False); "
    "onnx.shape_inference.infer_shapes(m)"
)


def run(command: Sequence[str]) -> tuple[float, float]:
    """Run a command; return its wall time in s and its peak of resident memory in MiB.

    Raises:
        RuntimeError: it failed.
    """
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}")
    return seconds, usage.ru_maxrss / 1024


def audit(path: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "auditor", str(path), "--hardware", "a100", *options]


def fill(how: str, source: str, target: Path) -> Path:
    """Make a file with weights, in a process of its own: a child's peak counts its parent's."""
    source_path = ROOT / source
    command = [sys.executable, "-m", "benchmarks.fill", how, str(source_path), str(target)]
    subprocess.run(command, cwd=ROOT, check=True)
    return target


def ratio(label: str, path: Path, bound: float) -> bool:
    """Print audit over load-and-infer on one file; tell whether it keeps the bound."""
    bare = [sys.executable, "-c", LOAD_AND_INFER, str(path)]
    run(audit(path)), run(bare)  # the first runs fill the caches
    pairs = [(run(audit(path)), run(bare)) for _ in range(PAIRS)]
    ratios = [a[0] / b[0] for a, b in pairs]
    median = statistics.median(ratios)
    print(
        f"{label}: audit {statistics.median(a[0] for a, _ in pairs):.3f} s, "
        f"onnx load + infer_shapes {statistics.median(b[0] for _, b in pairs):.3f} s, "
        f"ratio {median:.2f} ({min(ratios):.2f} to {max(ratios):.2f}), bound {bound:.1f}"
    )
    return median <= bound


def memory(label: str, path: Path, options: Sequence[str], bound_mib: float) -> bool:
    """Print the peak memory of an audit; tell whether it keeps the bound."""
    seconds, peak = run(audit(path, *options))
    size = path.stat().st_size / MIB
    print(f"{label}: file {size:.1f} MiB, {seconds:.2f} s, peak {peak:.0f} MiB, bound {bound_mib}")
    return peak < bound_mib


def main() -> int:
    """Measure everything; 0 if every bound is kept."""
    # An installed package has its bytecode; a checkout may be forbidden to write it.
    compileall.compile_dir(ROOT / "auditor", quiet=1)
    small = ROOT / "examples" / "resnet50.onnx"
    tokens = ("--dim", "sequence=1024", "--batch-size", "1")
    with tempfile.TemporaryDirectory() as folder:
        kept = [ratio("resnet50, structure only", small, 2.0)]
        full = fill("inside", "examples/resnet50.onnx", Path(folder) / "resnet50.onnx")
        kept.append(ratio("resnet50, 100 MB of weights inside", full, 1.0))
        gpt2 = fill("inside", "benchmarks/graphs/gpt2.onnx", Path(folder) / "gpt2.onnx")
        kept.append(memory("GPT-2, weights inside", gpt2, tokens, 150))
        llama = fill("beside", "benchmarks/graphs/llama_7b.onnx", Path(folder) / "llama.onnx")
        kept.append(memory("Llama 7B, weights beside", llama, tokens, 200))
    print("all bounds kept" if all(kept) else "A BOUND IS MISSED")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
