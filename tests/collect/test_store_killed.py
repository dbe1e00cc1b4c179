"""A collection killed again and again, for real: nothing is lost, doubled or half there."""

from __future__ import annotations

import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from auditor.collect.collection import planned
from auditor.collect.manifest import manifest_from
from auditor.collect.store import opened

HERE = Path(__file__).resolve().parent
KILLS = 50
# Fake runs of 1 ms with a recording; every run's key is printed once it is kept.
COLLECTING = """
import sys, time
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from collecting import DEVICE, FakeWorker
from test_store_killed import manifest
from auditor.collect.budget import Budget
from auditor.collect.collection import Collection, locked
from auditor.collect.store import opened

class Telling(FakeWorker):
    def ask(self, job, timeout_s):
        if not self.asked:
            print("asked", flush=True)
        else:
            print("kept", self.asked[-1].key(DEVICE["name"]), flush=True)
        return super().ask(job, timeout_s)

path = Path(sys.argv[1])
with locked(path), opened(path) as store:
    print("opened", flush=True)
    Collection(manifest(), store, Telling(run_s=0.001), lambda line: None).run(Budget(0.0, None))
print("finished", flush=True)
"""


def manifest():
    entry = {
        "networks": ["plain:cnn", "plain:unet", "timm:resnet18"],
        "family": "cnn",
        "sizes": [32, 64, 96, 128],
        "batch_sizes": [1, 2, 4, 8, 16, 32, 64, 128, 256, 512],
        "precisions": ["fp32", "tf32"],
        "optimizer": "sgd",
    }
    return manifest_from({"name": "killed", "train": [entry]}, "made.toml")


def started(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COLLECTING, str(path), str(HERE), str(HERE.parent)],
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )


def kept_keys(path: Path) -> list[str]:
    """Keys in the order they were written, after checking that all of the file is whole."""
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    rows = connection.execute("SELECT key, figures FROM runs ORDER BY rowid").fetchall()
    recorded = connection.execute("SELECT key FROM recordings").fetchall()
    connection.close()
    assert all(json.loads(figures)["step_count"] == 50 for _, figures in rows)
    assert sorted(key for key, _ in rows) == sorted(key for (key,) in recorded)
    return [key for key, _ in rows]


def killed(path: Path, told_count: int | None, after_s: float) -> list[str]:
    """Start a collection, kill it some time after it told so many runs; return those it told.

    None is before the first run, just after the store was opened.
    """
    process = started(path)
    assert process.stdout is not None
    assert process.stdout.readline() == "opened\n"
    lines = []
    if told_count is not None:
        lines = [process.stdout.readline() for _ in range(1 + told_count)]
    time.sleep(after_s)
    process.send_signal(signal.SIGKILL)
    out, _ = process.communicate()
    lines += out.splitlines()
    return [line.split()[1] for line in lines if line.startswith("kept ")]


def test_nothing_is_lost_doubled_or_half_there(tmp_path: Path) -> None:
    path, drawn = tmp_path / "runs.db", random.Random(20260101)  # noqa: S311  (no secret)
    with opened(tmp_path / "empty.db") as empty:
        runs = planned(manifest(), empty, "NVIDIA H200").left
    whole_order = [run.key("NVIDIA H200") for run in runs]
    counts = []
    for number in range(KILLS):
        told_count = number % 4 if number % 5 else None
        told = killed(path, told_count, drawn.uniform(0.0, 0.004))
        keys = kept_keys(path)
        assert set(told) <= set(keys)
        # Each restart went on where the last had stopped, in the order of a whole collection.
        assert keys == whole_order[: len(keys)]
        counts.append(len(keys))
    assert counts == sorted(counts)
    # 30 of the kills came after a run or more was told.
    assert len(set(counts)) >= 30
    process = started(path)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0 and out.endswith("finished\n")
    assert kept_keys(path) == whole_order
