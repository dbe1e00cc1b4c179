"""A file written whole, or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

# Of the target's name in that of the file beside it: names are of 255 bytes at most.
_NAMED = 40


@contextlib.contextmanager
def replacing(path: Path, ending: str = "") -> Iterator[BinaryIO]:
    """Yield a new file beside the target, which takes its place in one move at the end.

    A reader sees the old file or the new; where anything goes wrong the old one stays.  Who is
    killed leaves the file beside it.  An `ending` of the target's name, for it to be called by, is
    for who knows that no other writes the target now: it takes the place of what the one before
    left.

    Raises:
        OSError: the target is a folder, or cannot be written.
    """
    if path.is_dir():
        raise IsADirectoryError(None, "it is a folder", str(path))
    # Named before it is made: whenever a signal comes, what is there is known and goes away.
    if ending:
        temporary = path.with_name(path.name + ending)
    else:
        temporary = path.parent / f".{path.name[:_NAMED]}.{os.urandom(8).hex()}.tmp"
    try:
        if ending:
            temporary.unlink(missing_ok=True)
        # Opened only if it is new, so through no link that another put there.
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        # Gone where all went well; else nothing half-written may stay.
        with contextlib.suppress(OSError):
            os.unlink(temporary)
