"""The collection: what is left to measure, in its order, run by run into the store."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from auditor.collect.budget import Budget, Costs
from auditor.collect.configuration import INFER, TRAIN, Configuration
from auditor.collect.jobs import Answer, Lost, MeasureJob, Worker
from auditor.collect.manifest import Manifest
from auditor.collect.order import ordered, place_of
from auditor.collect.store import FAILED, MEASURED, Outcome, Store, StoredRun
from auditor.errors import HardwareError, OutputError

# A device that is gone fails everything at once, and that is no finding about the runs.
_MOST_BAD_IN_A_ROW = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Runs of a manifest on a device: those to measure, in order, and how many are done.

    `waiting_count` runs of exported networks wait for their export.
    """

    left: tuple[Configuration, ...]
    done_count: int
    waiting_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What a collection came to: outcomes by status, and the runs that are left."""

    counts: Mapping[str, int]
    left_count: int
    elapsed_s: float


def planned(manifest: Manifest, store: Store, device_name: str) -> Plan:
    """Order the runs that the store does not have of this device yet."""
    finished = {run.key for run in store.runs()}
    facts = store.network_facts(TRAIN)
    places = [place_of(run, facts.get(run.network_key)) for run in manifest.runs]
    is_done = [run.key(device_name) in finished for run in manifest.runs]
    exported = {key for key, about in store.network_facts(INFER).items() if about is not None}
    waits = [run.kind == INFER and run.network_key not in exported for run in manifest.runs]
    left = [i for i, done in enumerate(is_done) if not (done or waits[i])]
    done_places = [p for p, done in zip(places, is_done, strict=True) if done]
    order = ordered([places[i] for i in left], done_places)
    return Plan(
        left=tuple(manifest.runs[left[i]] for i in order),
        done_count=sum(is_done),
        waiting_count=sum(w and not d for w, d in zip(waits, is_done, strict=True)),
    )


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep other collections off a store, for as long as the context lasts or the process lives.

    Raises:
        OutputError: another one is at it.
    """
    try:
        import fcntl
    except ImportError:  # no such lock on this system; the store itself stays whole
        yield
        return
    beside = path.with_name(f"{path.name}.lock")
    try:
        handle = os.open(beside, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise OutputError(f"{beside}: cannot be made: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise OutputError(f"{path}: another collection writes to it; wait, or name another") from (
            error
        )
    try:
        yield
    finally:
        os.close(handle)


class Collection:
    """One call of `audit collect`: a manifest, a store, a worker, and a line for each run."""

    def __init__(
        self, manifest: Manifest, store: Store, worker: Worker, say: Callable[[str], None]
    ) -> None:
        self.manifest = manifest
        self.store = store
        self.worker = worker
        self.say = say
        self.counts: Counter[str] = Counter()
        self.bad_in_a_row = 0
        self.device: Mapping[str, Any] = {}

    def run(self, budget: Budget) -> Collected:
        """Measure what is left until all is done or the budget does not hold another run.

        Raises:
            HardwareError: the worker cannot start, or dies again and again.
            OutputError: the store cannot be written.
        """
        self.device = self.worker.start()
        try:
            found = planned(self.manifest, self.store, self.device["name"])
            self.say(
                f"{self.device['name']}: {len(found.left)} runs to measure, "
                f"{found.done_count} are in {self.store.path}"
            )
            if found.waiting_count:
                self.say(
                    f"{found.waiting_count} runs on onnxruntime wait for `audit collect profile`"
                )
            left_count = self._measure(found.left, budget) + found.waiting_count
        finally:
            self.worker.stop()
        return Collected(
            counts=dict(self.counts),
            left_count=left_count,
            elapsed_s=time.monotonic() - budget.start_s,
        )

    def _measure(self, left: tuple[Configuration, ...], budget: Budget) -> int:
        """Return how many runs are left."""
        costs, schedule = Costs(), self.manifest.schedule
        for place, run in enumerate(left):
            expected_s, left_s = costs.expected_s(schedule), budget.left_s(time.monotonic())
            if expected_s > left_s:
                self.say(f"the budget does not hold another run of about {expected_s:.0f} s")
                return len(left) - place
            hang_s = costs.hang_s(schedule)
            start_s, began = time.monotonic(), datetime.now(UTC)
            answer = self._asked(run, min(hang_s, left_s))
            elapsed_s = time.monotonic() - start_s
            if isinstance(answer, Lost) and answer.hung and left_s < hang_s:
                self.say(f"{run}: cut off at the end of the budget; it stays to be measured")
                return len(left) - place
            outcome = self._outcome(answer, elapsed_s)
            self._keep(run, outcome, began)
            self.say(f"[{place + 1}/{len(left)}] {run}: {told(outcome)}")
            self._restart_where_needed(answer, outcome)
            if outcome.status == MEASURED:
                costs = costs.with_run(elapsed_s, schedule)
                schedule = replace(schedule, idle_s=0.0)  # the worker has its baseline now
        return 0

    def _asked(self, run: Configuration, timeout_s: float) -> Answer | Lost:
        job = MeasureJob(run, self.manifest.schedule, self._graph(run))
        return self.worker.ask(job, timeout_s)

    def _outcome(self, answer: Answer | Lost, elapsed_s: float) -> Outcome:
        if isinstance(answer, Answer) and isinstance(answer.result, Outcome):
            return answer.result
        reason = answer.reason if isinstance(answer, Lost) else "the worker answered otherwise"
        return Outcome(status=FAILED, elapsed_s=elapsed_s, reason=reason)

    def _restart_where_needed(self, answer: Answer | Lost, outcome: Outcome) -> None:
        """Start the worker anew where it is gone or its device is not to be trusted.

        Raises:
            HardwareError: that was so too often in a row, or it cannot start.
        """
        if isinstance(answer, Answer) and not answer.must_restart:
            self.bad_in_a_row = 0
            return
        # One that was measured and left memory behind is no sign of a device that is gone.
        self.bad_in_a_row = 0 if outcome.status == MEASURED else self.bad_in_a_row + 1
        if self.bad_in_a_row == _MOST_BAD_IN_A_ROW:
            raise HardwareError(
                f"{_MOST_BAD_IN_A_ROW} runs in a row failed with the device ({outcome.reason}); "
                "check it, then run again with --retry-failed"
            )
        self.worker.start()

    def _graph(self, run: Configuration) -> bytes | None:
        if run.kind != INFER:
            return None
        network = self.store.network(run.network_key, INFER)
        return None if network is None else network.graph

    def _keep(self, run: Configuration, outcome: Outcome, began: datetime) -> None:
        self.counts[outcome.status] += 1
        self.store.add(
            StoredRun(
                key=run.key(self.device["name"]),
                source=self.manifest.name,
                configuration=run,
                device=self.device,
                outcome=outcome,
                started_at=began.isoformat(timespec="seconds"),
            )
        )


def told(outcome: Outcome) -> str:
    """An outcome in a few words."""
    if outcome.figures is None:
        return f"{outcome.status}: {outcome.reason}"
    step_s, energy_j = outcome.figures["step_time_s"], outcome.figures["energy_j_per_step"]
    power_w = outcome.figures["mean_power_w"]
    energy = "energy not measured"
    if energy_j is not None:
        energy = f"{energy_j:.4g} J a step, {power_w:.0f} W"
    return f"{1e3 * step_s:.4g} ms a step, {energy} ({outcome.elapsed_s:.1f} s)"
