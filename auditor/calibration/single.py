"""Single kernels that were timed alone: what tells one operator's coefficients from another's.

A step's time is a sum of many kinds of work, so steps alone leave open which of them takes it.
A kernel is a network of one operation, of which a forward pass was timed.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from auditor.calibration.record import Run
from auditor.calibration.runs import LARGEST_BYTES
from auditor.calibration.samples import Samples, sums_of
from auditor.costs import Family
from auditor.errors import AuditError, CalibrationError
from auditor.hardware import Accelerator, resolve
from auditor.reading import read_limited
from auditor.step.kernels import Kernels

TABLE = "kernels.csv"
# Names the set-up of a source's kernels apart from that of its steps.
OF_KERNELS = " kernels"
_ELEMENT_BYTES = 4
# Operands and results, and floating-point operations, an element of the result, of operators that
# are no products: as `auditor.costs` counts them.
_UNARY, _BINARY = (2, 1), (3, 1)
_POINTWISE: Mapping[str, tuple[Family, tuple[int, int]]] = MappingProxyType(
    {
        "softmax": (Family.SOFTMAX, (2, 5)),
        "ln": (Family.NORMALIZATION, (2, 7)),
        **dict.fromkeys(("add", "mul", "div", "pow"), (Family.ELEMENTWISE, _BINARY)),
        **dict.fromkeys(("addu", "mulu", "divu", "powu"), (Family.ELEMENTWISE, _UNARY)),
        **dict.fromkeys(("tanh", "relu", "gelu"), (Family.ELEMENTWISE, _UNARY)),
    }
)
# Convolutions were timed with the choice of their algorithm and with memory allocated afresh: a
# third of a millisecond, whatever they do.
_NOT_TAKEN = frozenset({"conv"})


def read_single(path: Path) -> Samples:
    """Read the table of kernels.

    Raises:
        CalibrationError: it cannot be read, or a row is not of this form; names the row.
    """
    try:
        rows = list(csv.DictReader(read_limited(path, LARGEST_BYTES).decode("utf-8").splitlines()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CalibrationError(f"{path}: the kernels cannot be read: {error}") from error
    devices: dict[str, Accelerator] = {}
    runs, sums, log_times = [], [], []
    for number, row in enumerate(rows, start=2):
        try:
            if row["op"] in _NOT_TAKEN:
                continue
            run = _run(number, row)
            if run.hardware not in devices:
                devices[run.hardware] = resolve(run.hardware).accelerator
            sums.append(sums_of(run, _kernels(row), devices[run.hardware]))
            log_times.append(math.log(run.step_time_s))
        except (AuditError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise CalibrationError(f"{path}, row {number}: {error}; correct the row") from error
        runs.append(run)
    if not runs:
        return Samples.none()
    return Samples(tuple(runs), np.array(sums), np.array(log_times))


def beside(kernels: Samples, data: Samples) -> Samples:
    """Return the kernels of devices and sources that the steps are of too.

    What is left out of the steps is left out of the kernels.
    """
    devices = {run.hardware for run in data.runs}
    sources = {f"{run.source}{OF_KERNELS}" for run in data.runs}
    return kernels.where(run.hardware in devices and run.source in sources for run in kernels.runs)


def _run(number: int, row: Mapping[str, str]) -> Run:
    return Run(
        run_id=f"kernel {number}",
        graph=f"kernel:{row['op']}",
        batch_size=1,
        precision="fp32",
        hardware=row["hardware"],
        step_time_s=float(row["latency_s"]),
        phase="infer",
        source=f"{row['source']}{OF_KERNELS}",
    )


def _kernels(row: Mapping[str, str]) -> Kernels:
    if row["op"] == "bmm":
        batch, m, n, k = (float(row[name]) for name in ("batch", "m", "k", "n"))
        product = _Product(batch * m * n * k, k)
        return _one(Family.BATCHED_MATMUL, batch * (m * k + k * n + m * n), product=product)
    if row["op"] == "linear":
        m = float(row["batch"]) * float(row["m"])
        n, k = float(row["k"]), float(row["n"])
        product = _Product(m * n * k, k, n * k + n)
        return _one(Family.MATMUL, m * (k + n), product=product)
    family, (moved, flops) = _POINTWISE[row["op"]]
    count = float(row["batch"]) * float(row["width"])
    return _one(family, count * moved, other_flops=count * flops)


@dataclass(frozen=True, slots=True)
class _Product:
    """Multiply-accumulates, how many of them one result sums up, and elements of weights."""

    macs: float = 0.0
    contraction: float = 0.0
    weights: float = 0.0


def _one(
    family: Family, elements: float, *, product: _Product = _Product(), other_flops: float = 0.0
) -> Kernels:
    """One operation that reads and writes so many elements of activations."""
    return Kernels(
        families=(family.value,),
        macs=np.array([[product.macs, 0.0]]),
        other_flops=np.array([[other_flops, 0.0]]),
        batch_bytes=np.array([[elements * _ELEMENT_BYTES, 0.0]]),
        weight_bytes=np.array([[product.weights * _ELEMENT_BYTES, 0.0]]),
        launches=np.array([[1.0, 0.0]]),
        contraction=np.array([product.contraction]),
        element_bytes=np.array([float(_ELEMENT_BYTES)]),
        keeps_fp32=np.array([False]),
        batch_size=1,
        trained_parameter_count=0,
        trained_tensor_count=0,
        product_parameter_count=0,
    )
