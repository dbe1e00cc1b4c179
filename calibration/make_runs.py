"""Select and convert the measured runs that the estimate is calibrated on.

Run ``python calibration/make_runs.py DATA``, where ``DATA`` is the folder with the collected
measurements; needs nothing but the standard library, and gives the same files every time.
Writes ``calibration/runs.csv`` (whole steps and trainings) and ``calibration/kernels.csv``
(a sample of single kernels).  ``calibration/README.md`` says what is left out, and why.
"""

from __future__ import annotations

import csv
import gzip
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import run_kernels
import run_published as published
import run_sources as sources

from auditor.calibration.runs import RUN_COLUMNS

Row = dict[str, str]
HERE = Path(__file__).resolve().parent

TABLES: dict[str, Callable[[Iterable[Row]], Iterator[Row]]] = {
    "pepr.csv": sources.pepr,
    "timm_train_rtx3090.csv": sources.timm_train,
    "model_step_latency.csv": sources.model_step_latency,
    "pytorch_gpu_benchmark.csv": sources.pytorch_gpu_benchmark,
    "zeus_nsdi23.csv": sources.zeus,
    "lambda_benchmark.csv": sources.lambda_benchmark,
    "flopmetrics.csv": sources.flopmetrics,
    "nvidia_dle.csv": published.nvidia,
    "pycls_zoo.csv": published.pycls,
    "mlperf_training_power.csv": published.mlperf,
    "ec_nas_bench.csv.gz": published.ec_nas,
}


def read(path: Path) -> list[Row]:
    """Read a table, compressed or not."""
    if path.suffix == ".gz":
        with gzip.open(path, "rt", newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write(path: Path, columns: Iterable[str], rows: Iterable[Row]) -> None:
    """Write a table; a column that is none of `columns` is an error."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, tuple(columns), restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def runs(data: Path) -> Iterator[Row]:
    """The runs of every source, in the order of the sources and of their rows."""
    for name, convert in TABLES.items():
        yield from convert(read(data / name))
    trained = read(data / "timm_train_rtx3090.csv")
    yield from published.timm_infer(read(data / "timm_infer.csv.gz"), trained)


def main() -> None:
    """Write both tables and say how much each source gave."""
    data = Path(sys.argv[1])
    found = list(runs(data))
    write(HERE / "runs.csv", RUN_COLUMNS, found)
    for source, count in Counter(run["source"] for run in found).items():
        print(f"{source}: {count} runs")
    kernels = list(run_kernels.kernels(read(data / "kernel_latency.csv.gz")))
    write(HERE / "kernels.csv", run_kernels.COLUMNS, kernels)
    print(f"{len(kernels)} kernels")


if __name__ == "__main__":
    main()
