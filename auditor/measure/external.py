"""Bytes of a file below a model's folder: opened here, once, and nowhere else.

A runtime that is handed a location opens it by name, some time after that name was checked, and
follows what it finds there.  So it is handed bytes instead.  Links are resolved first; then every
part of the resolved path is opened relative to the folder before it and none may be a link any
more, so that what is put in between check and opening is refused and not followed.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np

from auditor.errors import ModelLoadError

_OUTSIDE = "which is outside the model's folder and not opened; put the file there"
# Where there is none of these flags (Windows), a name is opened as it was resolved.
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = getattr(os, "O_DIRECTORY", 0)
# A named pipe would wait for somebody to write.
_AT_ONCE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a tensor's bytes lie; `where` begins the sentence of an error about them."""

    where: str
    folder: Path
    location: str
    offset: int
    byte_count: int


def read_below(place: Place) -> Any:
    """Return the bytes at a place as a numpy array of uint8.

    Raises:
        FileNotFoundError: there is no such file.
        ModelLoadError: it is outside the folder, no plain file, too short, or cannot be read.
    """
    if not stays_inside(place.location, place.folder):
        raise ModelLoadError(place.where + _OUTSIDE)
    try:
        with os.fdopen(_opened(place.folder, place.location), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise ModelLoadError(f"{place.where}which is no plain file; put the weights there")
            needed = place.offset + place.byte_count
            if status.st_size < needed:
                raise ModelLoadError(
                    f"{place.where}which has {status.st_size} of the {needed} bytes it should; "
                    "check the download, or export the model again"
                )
            file.seek(place.offset)
            found = np.empty(place.byte_count, np.uint8)
            read = file.readinto(found.data)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise ModelLoadError(place.where + _OUTSIDE) from error
        reason = error.strerror or str(error)
        raise ModelLoadError(f"{place.where}which cannot be read: {reason}") from error
    if read != place.byte_count:
        raise ModelLoadError(f"{place.where}which became shorter while it was read; try again")
    return found


def _opened(folder: Path, location: str) -> int:
    """Open the file that a location leads to, no part of its resolved path being a link."""
    root = folder.resolve()
    parts = (root / location).resolve().relative_to(root).parts
    if os.open not in os.supports_dir_fd:
        return os.open(root.joinpath(*parts), os.O_RDONLY | _AT_ONCE)
    at = os.open(root, os.O_RDONLY | _FOLDER | _AT_ONCE)
    try:
        for index, part in enumerate(parts):
            is_last = index + 1 == len(parts)
            flags = os.O_RDONLY | _NO_LINK | _AT_ONCE | (0 if is_last else _FOLDER)
            inner = os.open(part, flags, dir_fd=at)
            os.close(at)
            at = inner
    except OSError:
        os.close(at)
        raise
    return at


def stays_inside(location: str, folder: Path) -> bool:
    """Whether a location is a relative path that leads, links followed, to below `folder`."""
    for path in (PurePosixPath(location), PureWindowsPath(location)):
        if path.is_absolute() or path.drive or path.root or ".." in path.parts:
            return False
    try:
        root = folder.resolve()
        target = (root / location).resolve()
        return bool(location) and target != root and target.is_relative_to(root)
    except (OSError, RuntimeError, ValueError):  # a loop of links, or no name at all
        return False
