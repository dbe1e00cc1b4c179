"""The table that a sweep is for: Parquet, or JSON Lines, written as a whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import IO, Any

from auditor.errors import OutputError, PlanError
from auditor.sweep.columns import COLUMNS
from auditor.sweep.records import Row
from auditor.writing import replacing

PART_ENDING = ".sweep.part"
PARQUET, LINES = ".parquet", ".jsonl"
_ROWS_AT_ONCE = 2000
Writer = Callable[[Iterable[Row], IO[bytes]], None]


def writer_for(path: Path) -> Writer:
    """Return what writes the table, by the ending of its name.

    Raises:
        PlanError: it has another ending, or the library for Parquet is not installed.
    """
    if path.suffix == LINES:
        return _lines
    if path.suffix != PARQUET:
        raise PlanError(f"-o {path}: name a table that ends in {PARQUET} or {LINES}")
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise PlanError(
            f"-o {path}: Parquet needs `pip install 'auditor[sweep]'`; or name a file that ends "
            f"in {LINES}"
        ) from error
    return _parquet


def write_table(rows: Iterable[Row], path: Path, write: Writer) -> None:
    """Write beside the target, then rename over it.

    The store is locked meanwhile, so this sweep alone writes the target.

    Raises:
        OutputError: it cannot be written; what was there before is untouched.
    """
    try:
        with replacing(path.resolve(), PART_ENDING) as file:
            write(rows, file)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(f"{path}: cannot be written: {reason}; choose another -o file") from error


def _lines(rows: Iterable[Row], file: IO[bytes]) -> None:
    for row in rows:
        file.write(json.dumps(row, allow_nan=False).encode() + b"\n")


def _parquet(rows: Iterable[Row], file: IO[bytes]) -> None:
    import pyarrow
    import pyarrow.parquet

    schema = pyarrow.schema([(name, kind) for name, kind in COLUMNS])
    with pyarrow.parquet.ParquetWriter(file, schema, compression="zstd") as target:
        for some in _batches(map(_text, rows)):
            target.write_table(pyarrow.Table.from_pylist(some, schema=schema))


def _batches(rows: Iterator[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    while some := list(islice(rows, _ROWS_AT_ONCE)):
        yield some


def _text(row: Row) -> Mapping[str, Any]:
    """A file's name may hold bytes that are no text; Parquet holds text alone."""
    return {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in row.items()
    }
