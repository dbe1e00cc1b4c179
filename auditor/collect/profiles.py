"""Which networks a store still lacks the export of, and having them made, one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from auditor.collect.configuration import INFER, TRAIN, Configuration
from auditor.collect.jobs import Answer, Lost, ProfileJob, Worker
from auditor.collect.manifest import Manifest
from auditor.collect.store import Store, StoredNetwork

# The largest decoders take ten minutes on two processors.
TIME_LIMIT_S = 1200.0
# Exporters keep some of every network that they have seen.
_JOBS_A_PROCESS = 15


@dataclass(frozen=True, slots=True)
class Lacking:
    """A network to profile, by one of its runs, as it trains or as it answers."""

    run: Configuration
    mode: str


def lacking(manifest: Manifest, store: Store) -> Iterator[Lacking]:
    """Networks of the manifest that the store has no profile of, nor the reason for none."""
    there = {mode: set(store.network_facts(mode)) for mode in (TRAIN, INFER)}
    for run in manifest.runs:
        for mode in (TRAIN, INFER) if run.kind == INFER else (TRAIN,):
            if run.network_key not in there[mode]:
                there[mode].add(run.network_key)
                yield Lacking(run, mode)


def make_profiles(
    manifest: Manifest, store: Store, worker: Worker, say: Callable[[str], None]
) -> tuple[int, int]:
    """Profile what is lacking, each kept at once; return how many could and could not be.

    Raises:
        HardwareError: the worker cannot start.
        OutputError: the store cannot be written.
    """
    left = list(lacking(manifest, store))
    made = failed = 0
    try:
        for place, item in enumerate(left):
            if place % _JOBS_A_PROCESS == 0:
                worker.start()
            found = _profile(item, worker)
            store.add_network(found)
            made, failed = made + (found.reason is None), failed + (found.reason is not None)
            name = f"{item.run.graph} {item.run.dims}".strip()
            say(f"[{place + 1}/{len(left)}] {name}, {item.mode}: {found.reason or found.status}")
    finally:
        worker.stop()
    return made, failed


def _profile(item: Lacking, worker: Worker) -> StoredNetwork:
    answer = worker.ask(ProfileJob(item.run, item.mode), TIME_LIMIT_S)
    if isinstance(answer, Answer) and isinstance(answer.result, StoredNetwork):
        return answer.result
    worker.start()
    return StoredNetwork(
        key=item.run.network_key,
        mode=item.mode,
        status="failed",
        reason=answer.reason if isinstance(answer, Lost) else "the worker answered otherwise",
    )
