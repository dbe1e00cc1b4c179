"""The store: every finished run is in an SQLite file at once, whole or not at all.

Write-ahead logging with full synchronization: a run is there once its transaction has ended,
whatever is killed afterwards, and a run that was being written is not there.  The key of a run
is the table's primary key, so no run can be there twice.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from auditor.collect.configuration import Configuration, canonical, configuration_from
from auditor.errors import OutputError

MEASURED, OUT_OF_MEMORY, REFUSED, FAILED = "measured", "out-of-memory", "refused", "failed"
STATUSES = (MEASURED, OUT_OF_MEMORY, REFUSED, FAILED)
# "ACol" in ASCII; a file with another number is some other program's.
_APPLICATION_ID = 0x41436F6C
_VERSION = 1
_WAIT_S = 30.0
_TABLES = """
CREATE TABLE runs (
    key TEXT PRIMARY KEY,
    source TEXT NOT NULL,
    configuration TEXT NOT NULL CHECK (json_valid(configuration)),
    device TEXT NOT NULL CHECK (json_valid(device)),
    status TEXT NOT NULL CHECK (status IN ('measured', 'out-of-memory', 'refused', 'failed')),
    reason TEXT,
    figures TEXT CHECK (figures IS NULL OR json_valid(figures)),
    started_at TEXT NOT NULL,
    elapsed_s REAL NOT NULL,
    CHECK ((status = 'measured') = (figures IS NOT NULL)),
    CHECK ((status = 'measured') = (reason IS NULL))
) STRICT;
CREATE TABLE recordings (
    key TEXT NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
    meter TEXT NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (key, meter)
) STRICT;
CREATE TABLE networks (
    key TEXT NOT NULL,
    mode TEXT NOT NULL CHECK (mode IN ('train', 'infer')),
    status TEXT NOT NULL CHECK (status IN ('profiled', 'failed')),
    reason TEXT,
    facts TEXT CHECK (facts IS NULL OR json_valid(facts)),
    kernels BLOB,
    graph BLOB,
    PRIMARY KEY (key, mode)
) STRICT;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a run: its figures where it was measured, else a reason.

    `figures` is JSON as docs/collect.md lists it; `recordings` are texts of
    `auditor.measure.recording`, by the meter's name; `elapsed_s` is all that the run took.
    """

    status: str
    elapsed_s: float
    reason: str | None = None
    figures: Mapping[str, Any] | None = None
    recordings: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A finished run: what it was, on which device, what came of it, and when it began (UTC)."""

    key: str
    source: str
    configuration: Configuration
    device: Mapping[str, Any]
    outcome: Outcome
    started_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredNetwork:
    """A network's profile, or why there is none.

    `facts` has the sums that runs are ordered by; `kernels` are the two calibration tables'
    parts as JSON; `graph` is the exported file without weights.
    """

    key: str
    mode: str
    status: str
    reason: str | None = None
    facts: Mapping[str, Any] | None = None
    kernels: str | None = None
    graph: bytes | None = None


class Store:
    """An open store; `opened` makes one."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
        except sqlite3.Error as error:
            raise _unusable(self.path, error) from error

    def _all(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise _unusable(self.path, error) from error

    def add(self, run: StoredRun) -> None:
        """Write a finished run with its recordings, in one transaction.

        Raises:
            OutputError: it is there already, or the file cannot be written.
        """
        outcome = run.outcome
        recordings = (outcome.recordings or {}).items()
        with self._transaction() as connection:
            connection.execute(
                "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    run.key,
                    run.source,
                    canonical(run.configuration.as_dict()),
                    canonical(dict(run.device)),
                    outcome.status,
                    outcome.reason,
                    None if outcome.figures is None else canonical(dict(outcome.figures)),
                    run.started_at,
                    outcome.elapsed_s,
                ),
            )
            connection.executemany(
                "INSERT INTO recordings VALUES (?, ?, ?)",
                [(run.key, meter, zlib.compress(text.encode())) for meter, text in recordings],
            )

    def runs(self) -> tuple[StoredRun, ...]:
        """Every finished run, in the order they were written; recordings are read apart."""
        found = self._all(
            "SELECT key, source, configuration, device, status, reason, figures, started_at, "
            "elapsed_s FROM runs ORDER BY rowid"
        )
        return tuple(map(_stored_run, found))

    def forget(self, status: str) -> int:
        """Delete the runs of a status, so that they are tried again; return how many."""
        with self._transaction() as connection:
            return connection.execute("DELETE FROM runs WHERE status = ?", (status,)).rowcount

    def recordings(self, key: str) -> Mapping[str, str]:
        """The recordings of a run by their meter."""
        found = self._all("SELECT meter, content FROM recordings WHERE key = ?", key)
        return {meter: zlib.decompress(content).decode() for meter, content in found}

    def forget_failed_networks(self) -> int:
        """Delete the networks that could not be profiled; return how many."""
        with self._transaction() as connection:
            found = connection.execute("DELETE FROM networks WHERE status = 'failed'")
            return found.rowcount

    def add_network(self, network: StoredNetwork) -> None:
        """Write a network's profile, in place of one that was there."""
        kernels = None if network.kernels is None else network.kernels.encode()
        packed = [
            None if part is None else zlib.compress(part) for part in (kernels, network.graph)
        ]
        facts = None if network.facts is None else canonical(dict(network.facts))
        with self._transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO networks VALUES (?, ?, ?, ?, ?, ?, ?)",
                (network.key, network.mode, network.status, network.reason, facts, *packed),
            )

    def network_facts(self, mode: str) -> Mapping[str, Mapping[str, Any] | None]:
        """Facts of the networks that were profiled in a mode, by key; None where that failed."""
        found = self._all("SELECT key, facts FROM networks WHERE mode = ?", mode)
        return {key: None if facts is None else json.loads(facts) for key, facts in found}

    def network(self, key: str, mode: str) -> StoredNetwork | None:
        """The whole profile of a network; None where it was not made."""
        found = self._all("SELECT * FROM networks WHERE key = ? AND mode = ?", key, mode)
        if not found:
            return None
        *start, reason, facts, kernels, graph = found[0]
        return StoredNetwork(
            key=start[0],
            mode=start[1],
            status=start[2],
            reason=reason,
            facts=None if facts is None else json.loads(facts),
            kernels=None if kernels is None else zlib.decompress(kernels).decode(),
            graph=None if graph is None else zlib.decompress(graph),
        )

    def close(self) -> None:
        """Close the file; the log is written back into it."""
        self._connection.close()


def _stored_run(row: tuple[Any, ...]) -> StoredRun:
    key, source, configuration, device, status, reason, figures, started_at, elapsed_s = row
    return StoredRun(
        key=key,
        source=source,
        configuration=configuration_from(json.loads(configuration)),
        device=json.loads(device),
        outcome=Outcome(
            status=status,
            elapsed_s=elapsed_s,
            reason=reason,
            figures=None if figures is None else json.loads(figures),
        ),
        started_at=started_at,
    )


def _unusable(path: Path, error: Exception) -> OutputError:
    return OutputError(f"{path}: the store cannot be used: {error}; name another --store")


@contextlib.contextmanager
def opened(path: Path, must_exist: bool = False) -> Iterator[Store]:
    """Open the store at `path`, made where there is none, for as long as the context lasts.

    Raises:
        OutputError: it cannot be opened, or is no store of this program and version.
    """
    if must_exist and not path.is_file():
        raise OutputError(f"{path}: there is no such store; `audit collect` makes one")
    try:
        connection = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None)
    except sqlite3.Error as error:
        raise _unusable(path, error) from error
    try:
        try:
            _prepare(path, connection)
        except sqlite3.Error as error:
            raise _unusable(path, error) from error
        yield Store(path, connection)
    finally:
        connection.close()


def _prepare(path: Path, connection: sqlite3.Connection) -> None:
    """Make the tables of a new file; make sure that another is a store.

    Raises:
        OutputError: it is not.
    """
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    # Under the lock: two collections may start at the same moment.
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        (count,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if count == 0 and application == 0:
            for statement in _TABLES.split(";\n"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        elif (application, version) != (_APPLICATION_ID, _VERSION):
            raise OutputError(
                f"{path}: is no store of this version of `audit collect`; name another --store"
            )
    # Kept in the file, and cannot be changed within a transaction.
    connection.execute("PRAGMA journal_mode = WAL")
