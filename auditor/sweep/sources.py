"""From what was given to the models it means: files, folders, patterns, URLs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from auditor.errors import ModelLoadError, PlanError
from auditor.sweep.open import file_system, is_remote, listing_errors
from auditor.sweep.records import Source

ENDING = ".onnx"
_PATTERN = frozenset("*?[")
# What changes with a remote file, as its file system calls it.
_STAMPS = ("ETag", "etag", "md5Hash", "crc32c", "sha256", "blob_id", "mtime", "LastModified")


def sources(given: Sequence[str]) -> Iterator[Source]:
    """Yield the models meant, those of one argument after those of the one before.

    A folder stands for all ``.onnx`` files below it, a pattern (``*``, ``**``, ``?``, ``[a-z]``)
    for what it fits, any other name for itself.  A model that two arguments mean comes twice.

    Raises:
        ModelLoadError: a folder or a pattern has no model, or cannot be listed.
        PlanError: there is no such protocol, or its library is not installed.
    """
    for name in given:
        yield from _remote(name) if is_remote(name) else _local(name)


def _local(name: str) -> Iterator[Source]:
    path = Path(name)
    if path.is_dir():
        yield from _some(name, (_file(p) for p in _below(name) if p.endswith(ENDING)))
    elif _PATTERN & set(name) and not path.exists():
        import glob

        found = glob.iglob(name, recursive=True)
        yield from _some(name, (_file(p) for p in sorted(found) if os.path.isfile(p)))
    else:
        yield _file(name)  # what is not there is a failure of its own, in its row


def _below(folder: str) -> Iterator[str]:
    """Every file below a folder, in the order of their names; links to folders are not followed."""
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    for entry in ordered:
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path)
        elif entry.is_file():
            yield entry.path


def _file(path: str) -> Source:
    try:
        said = os.stat(path)
    except (OSError, ValueError):
        return Source(path, None, "")
    return Source(path, said.st_size, f"{said.st_size} {said.st_mtime_ns}")


def _some(name: str, found: Iterator[Source]) -> Iterator[Source]:
    """Yield them all.

    Raises:
        ModelLoadError: there is none.
    """
    count = 0
    for count, source in enumerate(found, start=1):  # noqa: B007
        yield source
    if not count:
        raise ModelLoadError(f"{name}: no {ENDING} file is there; check the path or the pattern")


def _remote(url: str) -> Iterator[Source]:
    require_no_secret(url)
    system, path = file_system(url)
    try:
        if _PATTERN & set(path) and _can_list(url):
            listed = system.glob(path, detail=True)
        elif _can_list(url) and system.isdir(path):
            listed = {p: i for p, i in system.find(path, detail=True).items() if p.endswith(ENDING)}
        else:
            yield _object(url, system, path)
            return
    except listing_errors() as error:
        raise ModelLoadError(f"{url}: cannot be listed: {error}; check the URL") from error
    files = ((p, info) for p, info in sorted(listed.items()) if info.get("type") != "directory")
    prefix = url.partition("://")[0] + "://"
    yield from _some(
        url, (Source(prefix + p.lstrip("/"), info.get("size"), _stamp(info)) for p, info in files)
    )


def _can_list(url: str) -> bool:
    """A web server has no folders that all would list alike; its URLs are files."""
    return not url.startswith(("http://", "https://"))


def _object(url: str, system: Any, path: str) -> Source:
    try:
        info = system.info(path)
    except listing_errors():
        return Source(url, None, "")  # a failure of its own, in its row
    return Source(url, info.get("size"), _stamp(info))


def _stamp(info: dict[str, Any]) -> str:
    said = [f"{key}={info[key]}" for key in _STAMPS if info.get(key) is not None]
    return " ".join([f"size={info.get('size')}", *said])


def require_no_secret(url: str) -> None:
    """Refuse a URL with a password in it: it would stand in every row.

    Raises:
        PlanError: there is one.
    """
    parts = urlsplit(url)
    if parts.password is not None:
        shown = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        raise PlanError(
            f"{shown}: a password in the URL would stand in the table; put it into the "
            "environment or fsspec's configuration"
        )
