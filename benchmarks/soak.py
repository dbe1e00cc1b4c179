"""Thousands of audits in one process, of good models and bad ones: memory, files and threads.

    python benchmarks/soak.py [COUNT]

Prints the resident memory every 200 audits, its growth since the 400th, when all that is loaded
once is loaded, and what is left open.  Linux alone says these of a process.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from auditor.errors import AuditError
from auditor.pipeline import Request, audit
from auditor.report.document import render_json
from auditor.report.markdown import render_markdown
from auditor.report.text import render_text
from auditor.workload import Plan

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
COUNT = 2000
EVERY = 200
SETTLED = 400
PLAN = Plan(hardware="a100-sxm4-80gb", samples=1e6, region="FRA", dims={"sequence": 64})


@dataclass(frozen=True, slots=True)
class Reading:
    """What the process holds after so many audits."""

    audits: int
    refused: int
    resident_bytes: int
    open_files: int
    threads: int


def held(audits: int, refused: int) -> Reading:
    """Read it from the system, all garbage collected."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return Reading(
        audits,
        refused,
        pages * os.sysconf("SC_PAGE_SIZE"),
        len(os.listdir("/proc/self/fd")),
        threading.active_count(),
    )


def models(folder: Path) -> Sequence[Path]:
    """Good models and what is none: cut off, changed in one byte, of another kind, absent."""
    good = [EXAMPLES / "resnet50.onnx", EXAMPLES / "mobilenetv2.onnx", EXAMPLES / "bert_base.onnx"]
    data = good[1].read_bytes()
    bad = {
        "empty.onnx": b"",
        "cut.onnx": data[: len(data) // 2],
        "text.onnx": b"no model at all\n" * 100,
        "zeros.onnx": bytes(10_000),
        **{
            f"changed{place}.onnx": data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
            for place in range(200, len(data), len(data) // 12)
        },
    }
    for name, content in bad.items():
        (folder / name).write_bytes(content)
    return [*good, *(folder / name for name in bad), folder / "absent.onnx"]


def soak(count: int = COUNT, every: int = EVERY) -> Iterator[Reading]:
    """Audit so many models one after the other; yield what is held every so often."""
    with tempfile.TemporaryDirectory(prefix="auditor-soak-") as name:
        paths, refused = models(Path(name)), 0
        for number, path in enumerate(islice(cycle(paths), count), start=1):
            try:
                found = audit(Request(path=path, plan=PLAN))
                for render in (render_json, render_text, render_markdown):
                    render(found)
            except AuditError:
                refused += 1
            if number % every == 0:
                yield held(number, refused)


def growth_bytes(readings: Sequence[Reading], settled: int = SETTLED) -> int:
    """How much more is held at the end than when all was loaded."""
    return readings[-1].resident_bytes - next(
        r.resident_bytes for r in readings if r.audits >= settled
    )


def main() -> None:
    readings = []
    for reading in soak(int(sys.argv[1]) if len(sys.argv) > 1 else COUNT):
        readings.append(reading)
        print(
            f"{reading.audits:6} audits, {reading.refused} refused  "
            f"{reading.resident_bytes / 1e6:8.1f} MB resident  "
            f"{reading.open_files} files open  {reading.threads} threads",
            flush=True,
        )
    if readings and readings[-1].audits > SETTLED:
        print(f"growth since audit {SETTLED}: {growth_bytes(readings) / 1e6:+.2f} MB")


if __name__ == "__main__":
    main()
