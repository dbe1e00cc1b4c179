"""Manifests, outcomes and workers for the tests of collecting; nothing here needs torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from auditor.collect.configuration import Configuration, Network
from auditor.collect.jobs import Answer, Job, Lost, MeasureJob
from auditor.collect.store import MEASURED, Outcome, StoredRun

DEVICE = {"name": "NVIDIA H200", "power_limit_w": 700.0, "torch": "2.11.0"}


def train_entry(**changes: Any) -> dict[str, Any]:
    entry = {
        "networks": ["plain:cnn"],
        "family": "cnn",
        "sizes": [32],
        "batch_sizes": [2, 4],
        "precisions": ["fp32"],
        "optimizer": "momentum",
    }
    return {k: v for k, v in (entry | changes).items() if v is not None}


def manifest_table(**changes: Any) -> dict[str, Any]:
    return {"name": "mine", "train": [train_entry()]} | changes


def configuration(**changes: Any) -> Configuration:
    values: dict[str, Any] = {
        "kind": "train",
        "network": Network(library="timm", name="resnet50"),
        "family": "resnet",
        "size": 224,
        "batch_size": 64,
        "precision": "tf32",
        "optimizer": "momentum",
        "layout": "nchw",
    }
    return Configuration(**(values | changes))


def figures(**changes: Any) -> dict[str, Any]:
    """50 steps of 0.1 s at 400 W: 40 J a step."""
    found = {
        "step_time_s": 0.1,
        "energy_j_per_step": 40.0,
        "energy_method": "counter",
        "energy_scope": "gpu",
        "energy_j": 2000.0,
        "mean_power_w": 400.0,
        "idle_power_w": 75.0,
        "duration_s": 5.0,
        "step_count": 50,
        "warnings": [],
        "memory": {"allocated_bytes": 12_300_000_000, "reserved_bytes": 13_000_000_000},
    }
    return found | changes


def measured_outcome(**changes: Any) -> Outcome:
    return Outcome(
        status=MEASURED,
        elapsed_s=8.0,
        figures=figures(**changes),
        recordings={"nvml": "# {}\ntime_s\n" + "0.0\n" * 200},
    )


def stored(run: Configuration, outcome: Outcome | None = None, **changes: Any) -> StoredRun:
    values: dict[str, Any] = {
        "key": run.key(DEVICE["name"]),
        "source": "mine",
        "configuration": run,
        "device": DEVICE,
        "outcome": outcome or measured_outcome(),
        "started_at": "2026-01-02T03:04:05+00:00",
    }
    return StoredRun(**(values | changes))


class FakeWorker:
    """Answers as `answer` says, in this process; counts its starts."""

    def __init__(
        self,
        answer: Callable[[Configuration], Answer | Lost] | None = None,
        run_s: float = 0.0,
    ) -> None:
        self.answer = answer or (lambda _: Answer(measured_outcome()))
        self.run_s = run_s
        self.starts = 0
        self.asked: list[Configuration] = []
        self.timeouts_s: list[float] = []
        self.is_running = False

    def start(self) -> Mapping[str, Any]:
        self.starts += 1
        self.is_running = True
        return DEVICE

    def ask(self, job: Job, timeout_s: float) -> Answer | Lost:
        assert self.is_running and isinstance(job, MeasureJob)
        self.asked.append(job.run)
        self.timeouts_s.append(timeout_s)
        time.sleep(self.run_s)
        found = self.answer(job.run)
        self.is_running = isinstance(found, Answer)
        return found

    def stop(self) -> None:
        self.is_running = False
