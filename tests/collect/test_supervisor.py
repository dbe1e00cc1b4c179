"""The worker's process, for real: it answers, dies, hangs, and ends with its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from collecting import configuration, measured_outcome

from auditor.collect.jobs import Answer, Lost, MeasureJob, Ready, Setup, Unable
from auditor.collect.manifest import DEFAULT_SCHEDULE
from auditor.collect.supervisor import WorkerProcess
from auditor.errors import HardwareError

HERE = Path(__file__).resolve().parent
SETUP = Setup(device="cpu", meter="none")


def working(connection: Connection, setup: Setup) -> None:
    """Does what the batch size says: 1 answers, 2 dies, 3 hangs, 4 talks nonsense."""
    connection.send(Ready({"name": "fake", "pid": os.getpid(), "device": setup.device}))
    while (job := connection.recv()) is not None:
        if job.run.batch_size == 2:
            os.kill(os.getpid(), signal.SIGSEGV)
        if job.run.batch_size == 3:
            time.sleep(3600)
        connection.send("?" if job.run.batch_size == 4 else Answer(measured_outcome()))


def unable(connection: Connection, setup: Setup) -> None:
    connection.send(Unable("torch is not installed"))


def stillborn(connection: Connection, setup: Setup) -> None:
    sys.exit(3)


def mute(connection: Connection, setup: Setup) -> None:
    time.sleep(3600)


def job(batch_size: int) -> MeasureJob:
    return MeasureJob(configuration(batch_size=batch_size), DEFAULT_SCHEDULE)


@pytest.fixture(scope="module")
def worker() -> Iterator[WorkerProcess]:
    found = WorkerProcess(working, SETUP)
    yield found
    found.stop()


def is_alive(pid: int) -> bool:
    """Whether it runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def ended(pid: int) -> bool:
    deadline_s = time.monotonic() + 20
    while is_alive(pid) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    return not is_alive(pid)


def test_it_answers_and_ends_when_told(worker: WorkerProcess) -> None:
    device = worker.start()
    assert device["name"] == "fake" and device["device"] == "cpu"
    assert worker.ask(job(1), 60) == Answer(measured_outcome())
    worker.stop()
    assert ended(device["pid"])
    assert worker.ask(job(1), 60) == Lost("the worker is not running")


def test_it_dies(worker: WorkerProcess) -> None:
    worker.start()
    assert worker.ask(job(2), 60) == Lost("the worker died (signal 11)")
    assert worker.start()["name"] == "fake"
    assert worker.ask(job(1), 60) == Answer(measured_outcome())


def test_it_hangs_and_is_killed(worker: WorkerProcess) -> None:
    pid = worker.start()["pid"]
    assert worker.ask(job(3), 0.2) == Lost("no answer within 0 s", hung=True)
    assert ended(pid)


def test_it_answers_something_else(worker: WorkerProcess) -> None:
    worker.start()
    assert worker.ask(job(4), 60) == Lost("the worker gave no answer to the job")


@pytest.mark.parametrize(
    ("main", "reason"),
    [
        (unable, "torch is not installed"),
        (stillborn, r"the worker died \(exit code 3\)"),
        (mute, "no answer within 1 s"),
    ],
)
def test_it_cannot_start(main: object, reason: str) -> None:
    start_s = 1.0 if main is mute else 60.0
    with pytest.raises(HardwareError, match=f"^the worker cannot start: {reason}$"):
        WorkerProcess(main, SETUP, start_s).start()  # type: ignore[arg-type]


PARENT = """
import sys, time
sys.path[:0] = sys.argv[1:]
from auditor.collect.jobs import Setup
from auditor.collect.supervisor import WorkerProcess
from test_supervisor import SETUP, job, receiving
if __name__ == "__main__":
    worker = WorkerProcess(receiving, SETUP)
    print(worker.start()["pid"], flush=True)
    worker.ask(job(1), 3600)
"""


def receiving(connection: Connection, setup: Setup) -> None:
    """Works for an hour, with the thread of the real worker that listens meanwhile."""
    from auditor.collect.worker import received_in_a_thread

    jobs = received_in_a_thread(connection)
    connection.send(Ready({"name": "fake", "pid": os.getpid()}))
    jobs.get()
    time.sleep(3600)


@pytest.mark.skipif(sys.platform == "win32", reason="kills")
def test_it_ends_with_its_parent_in_the_middle_of_a_run() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(HERE), str(HERE.parent)],
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert is_alive(pid)
    parent.kill()
    parent.communicate()
    assert ended(pid)
