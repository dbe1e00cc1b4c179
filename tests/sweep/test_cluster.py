"""A Dask cluster of processes on loopback, one worker killed in the middle."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fleet import HARDWARE, command, fleet, keys, rows, run

pytest.importorskip("distributed")
pytestmark = pytest.mark.slow
ON = ("--hardware", ",".join(HARDWARE), "--samples", "1e6")


@dataclass
class Cluster:
    address: str
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]]


def _dask(*arguments: str, log: Path) -> subprocess.Popen[bytes]:
    code = "from dask.__main__ import main; main()"
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments], stdout=file, stderr=subprocess.STDOUT
        )


def _address(log: Path) -> str:
    for _ in range(300):
        found = re.search(r"Scheduler at:\s+(tcp://\S+)", log.read_text("utf-8", "replace"))
        if found:
            return found[1]
        time.sleep(0.1)
    raise AssertionError(log.read_text("utf-8", "replace"))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler and three workers of one thread each."""
    own = tmp_path / "dask"
    own.mkdir()
    log = own / "scheduler.log"
    with contextlib.ExitStack() as ending:

        def ended(process: subprocess.Popen[bytes]) -> subprocess.Popen[bytes]:
            ending.callback(process.wait)
            ending.callback(process.kill)
            return process

        asked = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        scheduler = ended(_dask("scheduler", *asked, log=log))
        address = _address(log)
        asked = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(own))
        workers = [
            ended(_dask("worker", address, *asked, log=own / f"worker{n}.log")) for n in range(3)
        ]
        for number, _ in enumerate(workers):
            _wait_for(own / f"worker{number}.log", "Registered to")
        yield Cluster(address, scheduler, workers)


def _wait_for(log: Path, said: str) -> None:
    for _ in range(300):
        if said in log.read_text("utf-8", "replace"):
            return
        time.sleep(0.1)
    raise AssertionError(log.read_text("utf-8", "replace"))


def test_a_worker_killed_in_the_middle(cluster: Cluster, tmp_path: Path) -> None:
    paths = fleet(tmp_path / "models", 300)
    with subprocess.Popen(
        command("models", *ON, "-o", "all.jsonl", "--scheduler", cluster.address),
        cwd=tmp_path,
        stderr=subprocess.PIPE,
    ) as client:
        store = tmp_path / "all.jsonl.sweep.db-wal"
        while client.poll() is None and not (store.exists() and store.stat().st_size > 50_000):
            time.sleep(0.02)
        cluster.workers[0].send_signal(signal.SIGKILL)
        _, said = client.communicate(timeout=200)
    assert client.returncode == 0, said
    found = rows(tmp_path / "all.jsonl")
    assert len(found) == len(set(keys(found))) == 2 * len(paths)
    assert {r["error_type"] for r in found} == {None, "ModelLoadError"}
    assert run(tmp_path / "models", *ON, "-o", "own.jsonl", cwd=tmp_path).returncode == 0
    assert found == rows(tmp_path / "own.jsonl")


def test_a_client_killed_in_the_middle(cluster: Cluster, tmp_path: Path) -> None:
    fleet(tmp_path / "models", 200)
    arguments = ("models", *ON, "-o", "all.jsonl", "--scheduler", cluster.address)
    with subprocess.Popen(command(*arguments), cwd=tmp_path, stderr=subprocess.DEVNULL) as client:
        store = tmp_path / "all.jsonl.sweep.db-wal"
        while client.poll() is None and not (store.exists() and store.stat().st_size > 50_000):
            time.sleep(0.02)
        os.kill(client.pid, signal.SIGKILL)
    assert not (tmp_path / "all.jsonl").exists()
    again = run(*arguments, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    found = rows(tmp_path / "all.jsonl")
    assert len(found) == len(set(keys(found))) == 400


def test_no_scheduler_there(tmp_path: Path) -> None:
    fleet(tmp_path / "models", 1)
    ran = run("models", *ON, "-o", "a.jsonl", "--scheduler", "tcp://127.0.0.1:9", cwd=tmp_path)
    assert ran.returncode == 2
    last = ran.stderr.splitlines()[-1]
    assert last.startswith("error: --scheduler tcp://127.0.0.1:9: no scheduler answers")


def test_a_scheduler_that_goes_is_one_line_and_nothing_is_lost(
    cluster: Cluster, tmp_path: Path
) -> None:
    fleet(tmp_path / "models", 300)
    arguments = ("models", *ON, "-o", "all.jsonl")
    with subprocess.Popen(
        command(*arguments, "--scheduler", cluster.address), cwd=tmp_path, stderr=subprocess.PIPE
    ) as client:
        store = tmp_path / "all.jsonl.sweep.db-wal"
        while client.poll() is None and not (store.exists() and store.stat().st_size > 50_000):
            time.sleep(0.02)
        cluster.scheduler.kill()
        _, said = client.communicate(timeout=200)
    assert client.returncode == 2, said
    assert "Traceback" not in said.decode()
    last = said.decode().splitlines()[-1]
    assert last.startswith(f"error: --scheduler {cluster.address}: lost")
    assert (tmp_path / "all.jsonl.sweep.db").exists()
