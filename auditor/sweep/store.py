"""What a sweep has found so far, in an SQLite file beside its table.

Each model is there whole or not at all.  Write-ahead logging with full synchronization; a model's
rows are one transaction's, under its number and their places in the grid, so no row is lost that
was said to be there, and none is there twice.  The models are listed in it too: however many they
are, none has to be held in memory.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from auditor.errors import OutputError
from auditor.sweep.records import Done, Row, Source

# "ASwp" in ASCII; a file with another number is some other program's.
_APPLICATION_ID = 0x41537770
_VERSION = 1
_WAIT_S = 5.0
_TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, said TEXT NOT NULL) STRICT;
CREATE TABLE sources (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE, -- as JSON has it, since a file's name may be no text
    size_bytes INTEGER,
    stamp TEXT NOT NULL,
    listing INTEGER NOT NULL,
    is_done INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX open_sources ON sources (is_done, number);
CREATE TABLE rows (
    source INTEGER NOT NULL REFERENCES sources (number) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    said TEXT NOT NULL,
    PRIMARY KEY (source, place)
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many models there are, and how many of them are done."""

    models: int
    models_done: int


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

    def require(self, facts: Sequence[tuple[str, str]]) -> None:
        """Note what all rows are made under, or hold it against what they were made under.

        Raises:
            OutputError: they were made under something else.
        """
        with self._transaction() as connection:
            before = dict(connection.execute("SELECT name, said FROM facts").fetchall())
            other = [name for name, said in facts if before.get(name, said) != said]
            if other:
                raise OutputError(
                    f"{self.path}: holds a sweep begun with another {' and '.join(other)}; "
                    "finish that one, delete the file, or choose another -o file"
                )
            connection.executemany("INSERT OR IGNORE INTO facts VALUES (?, ?)", facts)

    def list(self, found: Iterable[Source]) -> None:
        """Take over the models there are; what is no more, or has changed, loses its rows.

        Raises:
            OutputError: the disk is full, or the file is not usable.
        """
        with self._transaction() as connection:
            (listing,) = connection.execute(
                "SELECT coalesce(max(listing), 0) + 1 FROM sources"
            ).fetchone()
            for source in found:
                _listed(connection, source, listing)
            connection.execute("DELETE FROM sources WHERE listing < ?", (listing,))

    def counts(self) -> Counts:
        """Return how far it is."""
        query = "SELECT count(*), coalesce(sum(is_done), 0) FROM sources"
        models, done = self._connection.execute(query).fetchone()
        return Counts(models, done)

    def open_sources(self, page: int = 1000) -> Iterator[Source]:
        """Yield the models that are not done, in the order they were listed."""
        last = -1
        while True:
            rows = self._connection.execute(
                "SELECT number, name, size_bytes, stamp FROM sources "
                "WHERE is_done = 0 AND number > ? ORDER BY number LIMIT ?",
                (last, page),
            ).fetchall()
            if not rows:
                return
            for last, name, size_bytes, stamp in rows:  # noqa: B007
                yield Source(json.loads(name), size_bytes, stamp)

    def add(self, found: Iterable[Done]) -> None:
        """Keep the rows of some models: they are there once this returns.

        Raises:
            OutputError: the disk is full, or the file is not usable.
        """
        with self._transaction() as connection:
            for done in found:
                _added(connection, done)

    def rows(self) -> Iterator[Row]:
        """Yield all rows, those of one model after those of the one listed before it."""
        # Cursors of their own: what is read may be written meanwhile.
        query = "SELECT said FROM rows ORDER BY source, place"
        for (said,) in self._connection.execute(query):
            yield json.loads(said)

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def remove(self) -> None:
        """Close it and delete it, with what SQLite keeps beside it."""
        self.close()
        for ending in ("", "-wal", "-shm"):
            with contextlib.suppress(OSError):
                self.path.with_name(self.path.name + ending).unlink()


def _listed(connection: sqlite3.Connection, source: Source, listing: int) -> None:
    before = connection.execute(
        "SELECT number, stamp FROM sources WHERE name = ?", (json.dumps(source.name),)
    ).fetchone()
    if before is None:
        connection.execute(
            "INSERT INTO sources (name, size_bytes, stamp, listing) VALUES (?, ?, ?, ?)",
            (json.dumps(source.name), source.size_bytes, source.stamp, listing),
        )
        return
    number, stamp = before
    # Of what has no stamp nobody knows whether it changed: a file that is not there.
    if stamp != source.stamp or not stamp:
        connection.execute("DELETE FROM rows WHERE source = ?", (number,))
        connection.execute("UPDATE sources SET is_done = 0 WHERE number = ?", (number,))
    connection.execute(
        "UPDATE sources SET size_bytes = ?, stamp = ?, listing = ? WHERE number = ?",
        (source.size_bytes, source.stamp, listing, number),
    )


def _added(connection: sqlite3.Connection, done: Done) -> None:
    found = connection.execute(
        "SELECT number FROM sources WHERE name = ? AND is_done = 0", (json.dumps(done.source.name),)
    ).fetchone()
    if found is None:  # another worker had it too, and was first
        return
    connection.executemany(
        "INSERT INTO rows VALUES (?, ?, ?)",
        [
            (found[0], place, json.dumps(row, separators=(",", ":")))
            for place, row in enumerate(done.rows)
        ],
    )
    connection.execute("UPDATE sources SET is_done = 1 WHERE number = ?", found)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Store]:
    """Open a store, or make it.

    Raises:
        OutputError: it cannot be made, is another program's, or another sweep is writing it.
    """
    try:
        connection = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None)
    except sqlite3.Error as error:
        raise _unusable(path, error) from error
    store = Store(path, connection)
    try:
        _prepare(connection, path)
        yield store
    except sqlite3.Error as error:
        raise _unusable(path, error) from error
    finally:
        store.close()


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    # One sweep at a time: a second one is told so, and does not do the work again.
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    (number,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if tables and (number, version) != (_APPLICATION_ID, _VERSION):
        raise OutputError(f"{path}: is no file of a sweep; choose another -o file")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("BEGIN IMMEDIATE")
    if not tables:
        for statement in filter(str.strip, _TABLES.split(";")):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")


def _unusable(path: Path, error: sqlite3.Error) -> OutputError:
    if "locked" in str(error):
        return OutputError(
            f"{path}: another sweep is writing it; wait for it, or choose another -o"
        )
    return OutputError(f"{path}: {error}; free some room, or choose another -o file")
