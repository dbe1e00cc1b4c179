"""The roofline against measured trainings: ``python -m benchmarks.roofline``.

Three tables of published runs, one line a run, none of which the constants were set by:
PePR's trainings on an RTX 3090 with measured power and memory, timm's training throughput,
and ResNet-50 and BERT on other cards.  Then the errors, and how many runs lie within the
interval that the estimate claims.
"""

from __future__ import annotations

import csv
import math
import statistics
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor.pipeline import Audit, Request, audit
from auditor.step.constants import LEVEL
from auditor.workload import Plan

ROOT = Path(__file__).resolve().parent.parent
GRAPHS = ROOT / "benchmarks" / "graphs"
TABLES = ("pepr_lidc", "timm_train", "published")
Row = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One published run and what is estimated for it."""

    row: Row
    audit: Audit

    @property
    def measured_s(self) -> float:
        """Step time as measured."""
        return float(self.row["step_time_s"])

    @property
    def ratio(self) -> float:
        """Estimated over measured step time."""
        return self.audit.step.total_s / self.measured_s

    @property
    def inside(self) -> bool:
        """Whether the measured time lies in the estimate's interval."""
        interval = self.audit.estimate.step_time_s
        return interval.low <= self.measured_s <= interval.high


def read(table: str) -> list[Row]:
    with (GRAPHS / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def compare(row: Row) -> Comparison:
    """Audit the row's network as it was trained."""
    name = row["graph_file"]
    path = ROOT / name if "/" in name else GRAPHS / name
    dims = dict(pair.split("=") for pair in row.get("dims", "").split(";") if pair)
    plan = Plan(
        hardware=row["hardware"],
        batch_size=int(float(row["batch_size"])),
        precision=row["precision"],
        optimizer=row["optimizer"],
        dims={k: int(v) for k, v in dims.items()},
    )
    # The calibrated estimate has seen most of these runs; this is of the one that has not.
    request = Request(path=path, plan=plan, calibration=Path("none"))
    return Comparison(row=row, audit=audit(request))


def figures(found: Comparison) -> tuple[tuple[str, str], ...]:
    """The columns of one run: (heading, value), numbers to the right."""
    row, step = found.row, found.audit.step
    gpu_w, node_w = step.device_power_w, step.device_power_w + step.host_power_w
    measured_w = float(row["avg_power_w"]) if row.get("avg_power_w") else None
    measured_gb = row.get("mem_max_gb")
    return (
        ("batch", row["batch_size"]),
        ("est. ms", f"{step.total_s * 1e3:.1f}"),
        ("meas. ms", f"{found.measured_s * 1e3:.1f}"),
        ("ratio", f"{found.ratio:.2f}"),
        ("gpu W", f"{gpu_w:.0f}"),
        ("node W", f"{node_w:.0f}"),
        ("meas. W", f"{measured_w:.0f}" if measured_w else "-"),
        ("gpu J", f"{gpu_w * step.total_s:.1f}"),
        ("node J", f"{node_w * step.total_s:.1f}"),
        ("meas. J", f"{measured_w * found.measured_s:.1f}" if measured_w else "-"),
        ("est. GB", f"{found.audit.profile.memory.total_bytes / 1e9:.2f}"),
        ("meas. GB", f"{float(measured_gb):.2f}" if measured_gb else "-"),
    )


def line(found: Comparison, *, heading: bool = False) -> str:
    """One run as a line of the table, or the table's heading."""
    row = found.row
    texts = ("network", "hardware", "precision")
    if not heading:
        texts = (Path(row["graph_file"]).stem, row["hardware"], row["precision"])
    numbers = [h if heading else v for h, v in figures(found)]
    return f"{texts[0]:34s}{texts[1]:17s}{texts[2]:10s}" + "".join(f"{n:>9s}" for n in numbers)


def errors(label: str, found: Sequence[Comparison]) -> str:
    """Median ratio, median and mean absolute error, spread, and the interval's coverage."""
    ratios = [c.ratio for c in found]
    absolute = [abs(r - 1) for r in ratios]
    rms = math.sqrt(statistics.fmean(math.log(r) ** 2 for r in ratios))
    inside = sum(c.inside for c in found)
    return (
        f"{label}: {len(found)} runs, median ratio {statistics.median(ratios):.2f}, "
        f"error median {statistics.median(absolute):.0%} mean {statistics.fmean(absolute):.0%}, "
        f"rms of ln ratio {rms:.2f}, in the {LEVEL:.0%} interval {inside}/{len(found)}"
    )


def memory_errors(found: Sequence[Comparison]) -> str:
    """Estimated over measured peak memory, where it was measured."""
    ratios = [
        c.audit.profile.memory.total_bytes / 1e9 / float(c.row["mem_max_gb"])
        for c in found
        if c.row.get("mem_max_gb")
    ]
    absolute = [abs(r - 1) for r in ratios]
    return (
        f"memory: {len(ratios)} runs, median ratio {statistics.median(ratios):.2f}, "
        f"error median {statistics.median(absolute):.0%} worst {max(absolute):.0%}"
    )


def power_errors(found: Sequence[Comparison]) -> str:
    """Estimated over measured board power, where a board's was measured alone."""
    pairs = [
        (c.audit.step.device_power_w, float(c.row["avg_power_w"]))
        for c in found
        if c.row.get("avg_power_w") and "gpu" in c.row.get("power_scope", "").lower()
    ]
    ratios = [estimated / measured for estimated, measured in pairs]
    if not ratios:
        return "board power: no run"
    rms = math.sqrt(statistics.fmean(math.log(r) ** 2 for r in ratios))
    return (
        f"board power: {len(ratios)} runs, median ratio {statistics.median(ratios):.2f}, "
        f"rms of ln ratio {rms:.2f}"
    )


def pepr_energy(found: Sequence[Comparison]) -> str:
    """PePR measured board and CPU together: between the scopes gpu and node."""
    rows = [c for c in found if c.row["source"] == "pepr"]
    measured = [float(c.row["avg_power_w"]) * c.measured_s for c in rows]
    gpu = [c.audit.step.device_power_w * c.audit.step.total_s for c in rows]
    node = [
        g + c.audit.step.host_power_w * c.audit.step.total_s for g, c in zip(gpu, rows, strict=True)
    ]
    over_gpu = statistics.median(g / m for g, m in zip(gpu, measured, strict=True))
    over_node = statistics.median(n / m for n, m in zip(node, measured, strict=True))
    return (
        f"PePR energy of a step (board and CPU measured): estimate for scope gpu {over_gpu:.2f}, "
        f"for scope node {over_node:.2f} times the measured, median of {len(rows)}"
    )


def main() -> int:
    """Print every table and the errors."""
    whole: list[Comparison] = []
    summaries = []
    for table in TABLES:
        found = [compare(row) for row in read(table)]
        print(f"\n{table}\n{line(found[0], heading=True)}")
        for comparison in found:
            print(line(comparison))
        summaries.append(errors(table, found))
        whole += found
    print()
    print("\n".join([*summaries, errors("all", whole), memory_errors(whole), power_errors(whole)]))
    print(pepr_energy(whole))
    return 0


if __name__ == "__main__":
    sys.exit(main())
