"""Writing a report: whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import click

from auditor.errors import OutputError


def write(text: str, path: Path | None, option: str = "-o") -> None:
    """Print `text`, or put it into the file at `path` in one move; `option` names the file.

    Raises:
        OutputError: the file cannot be written; what was there before is untouched.
    """
    if path is None:
        _print(text)
        return
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_text(text, encoding="utf-8")  # a device or a pipe: nothing to replace
        else:
            _replace(path.resolve(), text)
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(
            f"{path}: cannot be written: {reason}; choose another {option} file"
        ) from error


def _print(text: str) -> None:
    """Write to standard output.

    Raises:
        OutputError: its reader has gone, or the disk behind it is full.
    """
    try:
        click.echo(text, nl=False)
    except OSError as error:
        # Let what is left in the buffer go nowhere, or the interpreter complains as it ends.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise click.exceptions.Exit(2) from error  # who has gone wants no explanation
        raise OutputError(
            f"standard output: {error.strerror or error}; write to a file with -o"
        ) from error


def _replace(path: Path, text: str) -> None:
    """Write beside the target, then rename over it: a reader sees the old file or the new."""
    import tempfile  # takes longer to load than most reports to write, and few are files

    if path.is_dir():
        raise IsADirectoryError(None, "it is a folder", str(path))
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp keeps others out; a report has the rights that any new file has.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, path)
    finally:
        # Gone where all went well; else nothing half-written may stay.
        with contextlib.suppress(OSError):
            os.unlink(temporary)
