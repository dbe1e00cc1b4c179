"""Writing a report: whole, or not at all."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

import click

from auditor.errors import OutputError
from auditor.escaping import log_lines
from auditor.writing import replacing


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
            with replacing(path.resolve()) as file:
                file.write(text.encode("utf-8"))
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
