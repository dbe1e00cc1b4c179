"""Writing a report: whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import click

from auditor.errors import OutputError
from auditor.escaping import log_lines

# Of the target's name in that of the file beside it: names are of 255 bytes at most.
_NAMED = 40


def write(text: str, path: Path | None, option: str = "-o", commands: bool = False) -> None:
    """Print `text`, or put it into the file at `path` in one move; `option` names the file.

    What is printed may land in the log of a CI runner, which is not to find its own commands in
    it, unless `commands` says that the text is of these.

    Raises:
        OutputError: the file cannot be written; what was there before is untouched.
    """
    if path is None:
        _print(text if commands else log_lines(text))
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
    if path.is_dir():
        raise IsADirectoryError(None, "it is a folder", str(path))
    # Named before it is made: whenever a signal comes, what is there is known and goes away.
    temporary = path.parent / f".{path.name[:_NAMED]}.{os.urandom(8).hex()}.tmp"
    try:
        # Opened only if it is new, so through no link that another put there.
        with temporary.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        # Gone where all went well; else nothing half-written may stay.
        with contextlib.suppress(OSError):
            os.unlink(temporary)
