"""Who audits: processes of this machine, or the workers of a cluster.  The work is the same."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager
from multiprocessing import get_context
from types import TracebackType
from typing import Any, Protocol, Self

from auditor import __version__
from auditor.errors import AuditError, PlanError
from auditor.sweep.logs import quiet
from auditor.sweep.records import Done, Grid, Source

# A model that took down so many workers is not tried again.
MOST_DEATHS = 3
# Models given out for each worker: one in hand, the rest so that it need not wait.
_AHEAD = 3
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
DIED = "WorkerDied"


class Executor(Protocol):
    """Audits models as they come, and gives them back in the order they are done."""

    def audited(self, given: Iterator[Source], grid: Grid) -> Iterator[Done]:
        """Yield the rows of every model; no more of `given` is taken than is needed."""


def failed(source: Source, grid: Grid, kind: str, message: str) -> Done:
    """Return rows of a model of which nothing is known but why."""
    from auditor.sweep.work import failures

    return Done(source, tuple(failures(source, grid, kind, message)))


def work(source: Source, grid: Grid) -> Done:
    """What a worker does with one model; each pays for its imports once."""
    from auditor.sweep.work import done

    return done(source, grid)


def _begin() -> None:
    """In a new process, before anything of weight is imported.

    Each has one core's worth of models: threads of its own would only get in the others' way.
    """
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")
    # Ctrl-C goes to all processes of a terminal; the one that gave out the work ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class Local(AbstractContextManager["Local"]):
    """Processes of this machine.

    One that dies, killed or out of memory, takes the others of its pool along: all that was in
    hand is done again, first one model at a time, so that who is to blame is known.
    """

    def __init__(self, processes: int) -> None:
        self.processes = processes
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        """Start nothing yet: the first model does."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the processes; models in hand are let go of where there was an error."""
        self._stop(is_hasty=kind is not None)

    def _stop(self, *, is_hasty: bool) -> None:
        if self._pool is None:
            return
        workers = list((getattr(self._pool, "_processes", None) or {}).values())
        self._pool.shutdown(wait=not is_hasty, cancel_futures=True)
        for worker in workers if is_hasty else ():
            worker.terminate()
        self._pool = None

    def _submitted(self, source: Source, grid: Grid) -> Future[Done]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self.processes, mp_context=get_context("spawn"), initializer=_begin
            )
        return self._pool.submit(work, source, grid.of(source))

    def audited(self, given: Iterator[Source], grid: Grid) -> Iterator[Done]:
        """Yield the rows of every model."""
        deaths: dict[str, int] = {}
        again: list[Source] = []  # were in hand when a worker died
        running: dict[Future[Done], Source] = {}
        while True:
            most = 1 if again else _AHEAD * self.processes
            while len(running) < most and (source := _next(again, given)) is not None:
                try:
                    running[self._submitted(source, grid)] = source
                except BrokenProcessPool:  # it broke just now, and what runs will say so too
                    again.append(source)
                    break
            if not running:
                if not again:
                    return
                self._stop(is_hasty=False)
                continue
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            broken = [f for f in finished if isinstance(f.exception(), BrokenProcessPool)]
            for future in finished.difference(broken):
                source = running.pop(future)
                yield _result(future, source, grid)
            if broken:
                self._stop(is_hasty=False)
                is_alone = len(running) == 1
                for source in running.values():
                    deaths[source.name] = deaths.get(source.name, 0) + 1
                    if is_alone and deaths[source.name] >= MOST_DEATHS:
                        yield failed(source, grid, DIED, _died(deaths[source.name]))
                    else:
                        again.append(source)
                running.clear()


def _next(again: list[Source], given: Iterator[Source]) -> Source | None:
    return again.pop(0) if again else next(given, None)


def _died(times: int) -> str:
    return (
        f"its worker died, {times} times over: killed, or out of memory; audit it alone to see why"
    )


def _result(future: Any, source: Source, grid: Grid) -> Done:
    """What a future holds; an error that is none of ours is a row too, and a bug to report."""
    error = future.exception()
    if error is None:
        found: Done = future.result()
        return found
    return failed(source, grid, type(error).__name__, f"not expected: {error}")


class Cluster(AbstractContextManager["Cluster"]):
    """The workers of a Dask cluster, by its scheduler's address (https://distributed.dask.org).

    The scheduler gives a dead worker's models to others, and gives up on one that took several
    along.  Every worker must have this version of auditor, and reach the models by the same names.
    """

    def __init__(self, address: str, timeout_s: float = 10.0) -> None:
        self.address = address
        self.timeout_s = timeout_s
        self._client: Any = None

    def __enter__(self) -> Self:
        """Connect.

        Raises:
            PlanError: distributed is not installed, there is no scheduler at the address, it has
                no workers, or they have another version of auditor.
        """
        try:
            from distributed import Client
        except ImportError as error:
            raise PlanError("--scheduler needs `pip install 'auditor[dask]'`") from error
        quiet("distributed")
        try:
            self._client = Client(self.address, timeout=self.timeout_s, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise PlanError(
                f"--scheduler {self.address}: no scheduler answers: {error}; start "
                "`dask scheduler`, and give its address as tcp://host:8786"
            ) from error
        self._require_same_version()
        return self

    def _require_same_version(self) -> None:
        try:
            versions = self._client.run(_version)
        except ImportError as error:
            self._client.close()
            raise PlanError(
                f"--scheduler {self.address}: its workers lack auditor: {error}; install it"
            ) from error
        others = sorted({v for v in versions.values() if v != __version__})
        if others or not versions:
            self._client.close()
            said = f"workers with auditor {', '.join(others)}" if others else "no workers"
            raise PlanError(
                f"--scheduler {self.address}: {said}; start workers with auditor {__version__}"
            )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Disconnect; what this client had given out is let go of."""
        self._client.close()

    def audited(self, given: Iterator[Source], grid: Grid) -> Iterator[Done]:
        """Yield the rows of every model."""
        from distributed import as_completed

        running: dict[Any, Source] = {}
        finished = as_completed([], loop=self._client.loop)

        def fill() -> None:
            most = _AHEAD * max(1, sum(self._client.ncores().values()))
            while len(running) < most and (source := next(given, None)) is not None:
                future = self._client.submit(work, source, grid.of(source), pure=False)
                running[future] = source
                finished.add(future)

        try:
            fill()
            for future in finished:
                source = running.pop(future)
                yield _result(future, source, grid)
                future.release()
                fill()
        except (CancelledError, OSError, TimeoutError) as error:  # it cancels what it had in hand
            raise AuditError(
                f"--scheduler {self.address}: lost; what was done is kept: begin again with the "
                "same command when it is back"
            ) from error


def _version() -> str:
    from auditor import __version__

    return __version__
