"""Processes that die take nothing along but what killed them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fleet import fleet, grid

from auditor.sweep import executor
from auditor.sweep.executor import DIED, MOST_DEATHS, Local
from auditor.sweep.records import Done, Grid, Source

# Once in the gate is enough: together these take minutes.
pytestmark = pytest.mark.slow

POISON = "poison.onnx"


def listed(paths: list[Path]) -> Iterator[Source]:
    return iter([Source(str(path), None, "") for path in paths])


def deadly(source: Source, asked: Grid) -> Done:
    """What a worker does where one model kills it."""
    if source.name.endswith(POISON):
        os.kill(os.getpid(), signal.SIGKILL)
    return executor.work(source, asked)


def raising(source: Source, asked: Grid) -> Done:
    raise ZeroDivisionError("a bug")


def test_every_model_comes_back_once(tmp_path: Path) -> None:
    paths = fleet(tmp_path, 20)
    with Local(2) as workers:
        found = list(workers.audited(listed(paths), grid()))
    assert sorted(d.source.name for d in found) == [str(p) for p in paths]
    assert all(len(d.rows) == 4 for d in found)


def test_no_more_is_taken_than_is_needed(tmp_path: Path) -> None:
    taken = []

    def counted() -> Iterator[Source]:
        for source in listed(fleet(tmp_path, 30)):
            taken.append(source)
            yield source

    with Local(1) as workers:
        next(workers.audited(counted(), grid()))
        assert len(taken) <= 5


def test_a_model_that_kills_its_worker_is_a_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "work", deadly)
    paths = [*fleet(tmp_path, 6), tmp_path / POISON, *fleet(tmp_path / "more", 6)]
    with Local(2) as workers:
        found = {d.source.name: d for d in workers.audited(listed(paths), grid())}
    assert sorted(found) == sorted(map(str, paths))
    for name, done in found.items():
        kinds = {row["error_type"] for row in done.rows}
        assert kinds == ({DIED} if name.endswith(POISON) else {None})
    assert f"{MOST_DEATHS} times" in str(found[str(tmp_path / POISON)].rows[0]["error"])


def test_a_worker_killed_from_outside_loses_nothing(tmp_path: Path) -> None:
    paths = fleet(tmp_path, 120)
    with Local(2) as workers:
        found = workers.audited(listed(paths), grid())
        first = next(found)
        pool = workers._pool
        assert pool is not None
        victim = next(iter(pool._processes))
        killer = threading.Timer(0.05, os.kill, (victim, signal.SIGKILL))
        killer.start()
        rest = list(found)
        killer.join()
    names = sorted(d.source.name for d in (first, *rest))
    assert names == [str(p) for p in paths]
    broken = [d for d in (first, *rest) if any(r["error_type"] == DIED for r in d.rows)]
    assert not broken


def test_an_error_that_is_a_bug_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executor, "work", raising)
    with Local(1) as workers:
        (done,) = workers.audited(listed(fleet(tmp_path, 1)), grid())
    assert {row["error_type"] for row in done.rows} == {"ZeroDivisionError"}


def test_processes_end_with_it(tmp_path: Path) -> None:
    with Local(2) as workers:
        list(workers.audited(listed(fleet(tmp_path, 4)), grid()))
        pool = workers._pool
        assert pool is not None
        alive = list(pool._processes.values())
        assert alive
    time.sleep(0.05)
    assert not any(process.is_alive() for process in alive)
