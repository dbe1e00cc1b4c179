"""Time of `audit check` as a whole process: ``python -m benchmarks.check``.

Twenty models the size of ResNet-50, each of a plan of its own, against one of them: nothing kept
from before, then everything; within their limits, and over them, where remedies are looked for.
Exit code 1 if one of the project's bounds is missed.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RESNET = Path(__file__).resolve().parent.parent / "examples" / "resnet50.onnx"
MODELS = 20
PAIRS = 5
# Twenty uncached over one; the second run over the first.
MOST_OF_ONE, MOST_OF_FIRST = 3.0, 1 / 3
SHARED = 'hardware = "a100-sxm4-80gb"\nsamples = 1281167\nepochs = 90\nregion = "FRA"\n'


def seconds(folder: Path, expected: int, *models: str) -> float:
    """Wall time of one check, whose exit code is to be `expected`.

    Raises:
        RuntimeError: it was another.
    """
    begun = time.perf_counter()
    ran = subprocess.run(
        [sys.executable, "-m", "auditor", "check", *models],
        cwd=folder,
        env={**os.environ, "AUDITOR_CACHE_DIR": str(folder / "cache")},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    took = time.perf_counter() - begun
    if ran.returncode != expected:
        raise RuntimeError(f"audit check ended with {ran.returncode}, not {expected}")
    return took


def cold(folder: Path, expected: int, *models: str) -> float:
    shutil.rmtree(folder / "cache", ignore_errors=True)
    return seconds(folder, expected, *models)


def measured(folder: Path, expected: int) -> tuple[float, float]:
    """Print times and ratios; return the medians of both ratios."""
    cold(folder, expected)  # the first run fills the system's own caches
    found = []
    for _ in range(PAIRS):
        one, first = cold(folder, expected, "r0"), cold(folder, expected)
        found.append((one, first, seconds(folder, expected)))
    of_one = statistics.median(first / one for one, first, _ in found)
    of_first = statistics.median(second / first for _, first, second in found)
    one, first, second = (statistics.median(column) for column in zip(*found, strict=True))
    print(
        f"one model {one:.2f} s, {MODELS} models {first:.2f} s ({of_one:.1f} times), "
        f"again {second:.2f} s ({of_first:.2f} of the first)"
    )
    return of_one, of_first


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        models = ""
        for number in range(MODELS):
            shutil.copy(RESNET, folder / f"r{number}.onnx")
            models += f'[models.r{number}]\npath = "r{number}.onnx"\nbatch_size = {32 + number}\n'
        ratios = []
        for title, limit_kwh, expected in (("within limits", 1e9, 0), ("over a limit", 1.0, 1)):
            text = f"{SHARED}[limits]\nenergy_kwh = {limit_kwh:g}\n{models}"
            (folder / "auditor.toml").write_text(text, encoding="utf-8")
            print(f"{title}: ", end="", flush=True)
            ratios.append(measured(folder, expected))
    (of_one, of_first), (_, again) = ratios
    sys.exit(int(of_one > MOST_OF_ONE or max(of_first, again) > MOST_OF_FIRST))


if __name__ == "__main__":
    main()
