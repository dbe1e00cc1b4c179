"""Files of strangers, read so that none hangs, none fills the memory, and JSON is what it says."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

_SHOWN = 40
# Between two dots of a key in TOML; the first and the last piece may have more around them.
_PART_OF_KEY = re.compile(r"""[\w"' \t-]*+""")
_MOST_PARTS = 100


def opened(path: Path) -> BinaryIO:
    """Open a regular file to read.

    A pipe would wait for its writer, a device may have no end: neither is opened for longer than
    it takes to see what it is.

    Raises:
        OSError: it cannot be opened, is no regular file, or its name cannot be one.
    """
    # Without waiting: a pipe that nobody writes would keep us for ever.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        handle = os.open(path, flags)
    except ValueError as error:  # a NUL in the name, or half a character
        raise OSError(errno.EINVAL, f"no name of a file: {error}") from error
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "a pipe or a device; write it to a file and give that")
        return os.fdopen(handle, "rb")
    except OSError:
        os.close(handle)
        raise


def read_limited(path: Path, largest_bytes: int) -> bytes:
    """Return the content of a regular file of at most so many bytes; never read more.

    Raises:
        OSError: as `opened`; or it is larger.
    """
    with opened(path) as file:
        data = file.read(largest_bytes + 1)
    if len(data) > largest_bytes:
        raise OSError(errno.EFBIG, f"larger than {largest_bytes} bytes; is it the right file?")
    return data


def unpacked(data: bytes, largest_bytes: int) -> bytes:
    """Return what gzip packed, of at most so many bytes; a small file may unpack to any size.

    Raises:
        OSError: it is not of gzip, cut off, damaged, or larger.
    """
    import gzip  # only tables of networks are packed
    import zlib

    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            found = file.read(largest_bytes + 1)
    except (EOFError, zlib.error) as error:
        raise OSError(errno.EINVAL, f"not whole: {error}") from error
    if len(found) > largest_bytes:
        raise OSError(errno.EFBIG, f"unpacks to more than {largest_bytes} bytes")
    return found


def toml_table(data: bytes) -> dict[str, Any]:
    """Return the table that TOML is.

    A key of thousands of parts costs Python's reader time and memory by their square, 20 GB for
    one of 200 kB: it is refused before.

    Raises:
        ValueError: it is not TOML in UTF-8, or nested beyond all reason.
    """
    import tomllib  # most audits have no file to read

    text = data.decode("utf-8")
    in_row = 0
    for piece in text.split("."):
        in_row = in_row + 1 if _PART_OF_KEY.fullmatch(piece) else 0
        if in_row > _MOST_PARTS:
            raise ValueError(f"a key of more than {_MOST_PARTS} parts")
    try:
        return tomllib.loads(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def finite(digits: str) -> float:
    """Read a number of JSON; one too large for a float is none.

    Raises:
        ValueError: it is beyond a float.
    """
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:_SHOWN]} is beyond any number")
    return value


def strict_json(
    text: str | bytes,
    number: Callable[[str], float] = finite,
    whole: Callable[[str], int] = int,
) -> Any:
    """Return what JSON holds.

    Python's reader takes more than the standard has and other readers do: NaN, infinities, and a
    name twice in an object, of which readers take now the first and now the last.

    Raises:
        ValueError: it is not JSON in UTF-8, has one of these, or is nested beyond all reason.
    """
    try:
        return json.loads(
            text,
            parse_float=number,
            parse_int=whole,
            parse_constant=_no_number,
            object_pairs_hook=_once,
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice[:_SHOWN]!r} stands twice in one object")
    return found
