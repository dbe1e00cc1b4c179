"""The worker's process as the collection holds it: started, asked, and killed where it hangs."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from auditor.collect.jobs import Answer, Job, Lost, Ready, Setup, Unable
from auditor.errors import HardwareError

# Importing torch from a cold disk and waking the driver.
_START_S = 300.0
_STOP_S = 10.0

Main = Callable[[Connection, Setup], None]


class WorkerProcess:
    """A process that runs `main`, begun by spawning: none of this process's state reaches it."""

    def __init__(self, main: Main, setup: Setup, start_s: float = _START_S) -> None:
        self._main = main
        self._setup = setup
        self._start_s = start_s
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None

    def start(self) -> Mapping[str, Any]:
        """Start the process, in place of one that was there; return what its device is.

        Raises:
            HardwareError: it ends, hangs, or cannot work on this machine.
        """
        self.stop()
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=self._main, args=(theirs, self._setup), daemon=True, name="auditor-worker"
        )
        self._process.start()
        theirs.close()
        found = self._received(self._start_s)
        if isinstance(found, Ready):
            return found.device
        self._kill()
        reason = found.reason if isinstance(found, Unable | Lost) else "it does not answer"
        raise HardwareError(f"the worker cannot start: {reason}")

    def ask(self, job: Job, timeout_s: float) -> Answer | Lost:
        """Have a job done; the worker is gone where the answer is `Lost`."""
        if self._connection is None:
            return Lost("the worker is not running")
        try:
            self._connection.send(job)
        except OSError as error:
            found: Any = Lost(f"the worker died: {error}")
        else:
            found = self._received(timeout_s)
        if isinstance(found, Answer):
            return found
        self._kill()
        return found if isinstance(found, Lost) else Lost("the worker gave no answer to the job")

    def _received(self, timeout_s: float) -> Any:
        connection, process = self._connection, self._process
        if connection is None or process is None:
            return Lost("the worker is not running")
        try:
            if connection.poll(timeout_s):
                return connection.recv()
        except (EOFError, OSError):
            process.join(_STOP_S)
            return Lost(f"the worker died ({_ending(process.exitcode)})")
        return Lost(f"no answer within {timeout_s:.0f} s", hung=True)

    def stop(self) -> None:
        """End the process: told to, then killed where it does not."""
        connection, process = self._connection, self._process
        self._connection = self._process = None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.send(None)
        if process is not None:
            process.join(_STOP_S)
            process.kill()
            process.join(_STOP_S)
        if connection is not None:
            connection.close()

    def _kill(self) -> None:
        if self._process is not None:
            self._process.kill()
        self.stop()


def _ending(code: int | None) -> str:
    if code is None:
        return "still ending"
    return f"signal {-code}" if code < 0 else f"exit code {code}"
