"""The collection with a worker that does as it is told."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import pytest
from collecting import DEVICE, FakeWorker, manifest_table, measured_outcome, train_entry

from auditor.collect.budget import Budget
from auditor.collect.collection import Collected, Collection, locked, planned
from auditor.collect.configuration import Configuration
from auditor.collect.jobs import Answer, Lost
from auditor.collect.manifest import Manifest, manifest_from
from auditor.collect.store import Outcome, Store, StoredNetwork, opened
from auditor.errors import HardwareError, OutputError

NAME = DEVICE["name"]
MANIFEST = manifest_from(
    manifest_table(train=[train_entry(batch_sizes=[1, 2, 4, 8, 16])]), "m.toml"
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path / "runs.db") as found:
        yield found


def collected(
    store: Store, worker: FakeWorker, budget_s: float | None = None, manifest: Manifest = MANIFEST
) -> tuple[Collected, list[str]]:
    said: list[str] = []
    budget = Budget(time.monotonic(), budget_s)
    return Collection(manifest, store, worker, said.append).run(budget), said


def test_every_run_is_measured_once(store: Store) -> None:
    worker = FakeWorker()
    found, said = collected(store, worker)
    assert (found.counts, found.left_count) == ({"measured": 5}, 0)
    assert worker.starts == 1 and not worker.is_running
    assert {r.configuration for r in store.runs()} == set(MANIFEST.runs)
    assert said[0] == f"NVIDIA H200: 5 runs to measure, 0 are in {store.path}"
    # 100 ms and 40 J are the fake's.
    assert said[1] == (
        "[1/5] plain:cnn@32 batch 1 fp32 momentum: 100 ms a step, 40 J a step, 400 W (8.0 s)"
    )
    again = FakeWorker()
    assert collected(store, again)[0].counts == {} and again.asked == []


def test_another_device_has_runs_of_its_own(store: Store) -> None:
    collected(store, FakeWorker())
    assert len(planned(MANIFEST, store, "another device").left) == 5
    assert planned(MANIFEST, store, NAME).done_count == 5


def test_what_goes_wrong_is_a_row_and_not_tried_again(store: Store) -> None:
    outcome = Outcome(status="out-of-memory", elapsed_s=1.0, reason="OutOfMemoryError: full")

    def answer(run: Configuration) -> Answer:
        return Answer(outcome if run.batch_size == 16 else measured_outcome())

    found, said = collected(store, FakeWorker(answer))
    assert found.counts == {"measured": 4, "out-of-memory": 1}
    assert any(line.endswith("out-of-memory: OutOfMemoryError: full") for line in said)
    assert planned(MANIFEST, store, NAME).left == ()


def test_a_worker_that_dies_costs_its_run_alone(store: Store) -> None:
    def answer(run: Configuration) -> Answer | Lost:
        return Lost("died (signal 11)") if run.batch_size == 4 else Answer(measured_outcome())

    worker = FakeWorker(answer)
    found, _ = collected(store, worker)
    assert found.counts == {"measured": 4, "failed": 1} and worker.starts == 2
    (failed,) = (r.outcome for r in store.runs() if r.outcome.status == "failed")
    assert failed.reason == "died (signal 11)"


FAILED_RUN = Outcome(status="failed", elapsed_s=1.0, reason="CUDA error")


@pytest.mark.parametrize("answer", [Lost("CUDA error"), Answer(FAILED_RUN, must_restart=True)])
def test_a_device_that_is_gone_ends_it(store: Store, answer: Answer | Lost) -> None:
    worker = FakeWorker(lambda _: answer)
    told = r"3 runs in a row failed with the device \(CUDA error\); check it, then run again"
    with pytest.raises(HardwareError, match=told):
        collected(store, worker)
    assert len(store.runs()) == 3 and not worker.is_running


def test_a_device_in_doubt_gets_a_new_worker(store: Store) -> None:
    """Also where every other run leaves it so: only those in a row count."""
    answers = cycle([Answer(FAILED_RUN, True), Answer(measured_outcome(), True)])
    worker = FakeWorker(lambda _: next(answers))
    found, _ = collected(store, worker)
    assert found.counts == {"failed": 3, "measured": 2} and worker.starts == 6


class TestBudget:
    def test_nothing_is_begun_that_would_not_end(self, store: Store) -> None:
        """The first is expected to take 3 + 1 + 2 x 2.5 + 0.2 s by the schedule and 10 s more."""
        worker = FakeWorker()
        found, said = collected(store, worker, budget_s=19.1)
        assert worker.asked == [] and found.left_count == 5
        assert said[-1] == "the budget does not hold another run of about 19 s"

    def test_it_learns_from_the_runs_that_are_done(self, store: Store) -> None:
        quick = replace(
            MANIFEST,
            schedule=replace(
                MANIFEST.schedule,
                idle_s=0.0,
                warm_up_s=0.0,
                window_s=0.05,
                trial_count=1,
                cool_down_s=0.0,
            ),
        )
        worker = FakeWorker(run_s=0.1)
        found, _ = collected(store, worker, budget_s=10.3, manifest=quick)
        # 10.05 s are expected of the first, about 0.1 s of all others.
        assert found.counts == {"measured": 5}

    def test_what_it_cuts_off_is_left_for_the_next_time(self, store: Store) -> None:
        worker = FakeWorker(lambda _: Lost("no answer within 25 s", hung=True))
        found, said = collected(store, worker, budget_s=25.0)
        assert store.runs() == () and found.left_count == 5
        assert worker.timeouts_s[0] == pytest.approx(25.0, abs=1.0)
        assert "cut off at the end of the budget" in said[-1]

    def test_what_hangs_within_it_failed(self, store: Store) -> None:
        def answer(run: Configuration) -> Answer | Lost:
            hangs = run.batch_size == 16
            return Lost("no answer", hung=True) if hangs else Answer(measured_outcome())

        found, _ = collected(store, FakeWorker(answer), budget_s=1000.0)
        assert found.counts == {"measured": 4, "failed": 1}


def test_brief_runs_wait_for_their_export(store: Store) -> None:
    entry = train_entry(optimizer=None, batch_sizes=[2]) | {"provider": "cuda"}
    manifest = manifest_from({"name": "mine", "infer": [entry]}, "m.toml")
    found, said = collected(store, FakeWorker(), manifest=manifest)
    assert (found.counts, found.left_count) == ({}, 1)
    assert said[-1] == "1 runs on onnxruntime wait for `audit collect profile`"
    (run,) = manifest.runs
    network = StoredNetwork(
        key=run.network_key, mode="infer", status="profiled", facts={}, kernels="{}", graph=b"g"
    )
    store.add_network(network)
    assert collected(store, FakeWorker(), manifest=manifest)[0].counts == {"measured": 1}


def test_two_collections_do_not_share_a_store(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    script = (
        "import sys, pathlib\nfrom auditor.collect.collection import locked\n"
        "with locked(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    input()\n"
    )
    command = [sys.executable, "-c", script, str(path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "encoding": "utf-8"}
    with subprocess.Popen(command, **pipes) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(OutputError, match="another collection writes to it"), locked(path):
            pass
        other.kill()
    with locked(path):
        pass
