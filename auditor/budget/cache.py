"""What was assessed before, kept on disk by what it was assessed from.

An entry is named by a hash of everything that the figures depend on: the model's bytes but for its
weights, the plan, the hardware file, the calibration, the version of this tool and its files.  So
an entry is never out of date, only unused; the oldest of many are dropped.  An entry that is
damaged is made anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from auditor import __version__

FOLDER_VARIABLE = "AUDITOR_CACHE_DIR"
MAX_ENTRY_BYTES = 1_000_000
MAX_ENTRIES = 5_000
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of entries; `folder` None keeps nothing."""

    folder: Path | None

    def get(self, of: Mapping[str, Any], make: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        """Return what was made of the same facts before, else make it and keep it.

        `of` and what is made are plain values, as JSON has them.  What `make` raises goes
        through and is not kept; a folder that cannot be written keeps nothing.
        """
        if self.folder is None:
            return dict(make())
        key = key_of(of)
        path = self.folder / key[:2] / f"{key}.json"
        found = _read(path, key)
        if found is None:
            made = json.dumps(dict(make()))
            _write(path, json.dumps({"key": key, "made": made, "sha256": _sha256(made)}))
            found = json.loads(made)
        return dict(found)

    def trim(self, most: int = MAX_ENTRIES) -> None:
        """Drop the oldest entries beyond so many, and what a killed process left half-written."""
        if self.folder is None:
            return
        entries = sorted(_entries(self.folder), reverse=True)
        for _, path in entries[most:]:
            with contextlib.suppress(OSError):  # another process was first
                os.unlink(path)


def default_folder(environment: Mapping[str, str] | None = None) -> Path | None:
    """Return where entries are kept: a folder of the user's, as each system has it.

    None where there is no home to put it in.
    """
    said = os.environ if environment is None else environment
    if own := said.get(FOLDER_VARIABLE):
        return Path(own)
    if sys.platform == "win32":
        base = said.get("LOCALAPPDATA")
        return Path(base) / "auditor" / "Cache" if base else None
    # Relative paths there are to be ignored (XDG Base Directory Specification).
    if (base := said.get("XDG_CACHE_HOME")) and os.path.isabs(base):
        return Path(base) / "auditor"
    home = said.get("HOME")
    if not home:
        return None
    if sys.platform == "darwin":
        return Path(home) / "Library" / "Caches" / "auditor"
    return Path(home) / ".cache" / "auditor"


def key_of(of: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of facts, and of the tool that makes something of them."""
    said = {**of, "tool": __version__, "files": tool_stamp(), "format": _FORMAT}
    return _sha256(json.dumps(said, sort_keys=True))


@cache
def tool_stamp() -> str:
    """Hash of names, sizes and times of the package's files: another state of it, another stamp.

    A version says which release it is; what was installed from a checkout has the same for long.
    """
    root = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for name, size_bytes, changed_ns in sorted(_files(os.fspath(root), "")):
        digest.update(f"{name} {size_bytes} {changed_ns}\n".encode())
    return digest.hexdigest()


def _files(folder: str, inside: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            name = f"{inside}/{entry.name}"
            if entry.is_dir() and entry.name != "__pycache__":
                yield from _files(entry.path, name)
            elif entry.is_file() and entry.name.endswith((".py", ".csv", ".json")):
                said = entry.stat()
                yield name, said.st_size, said.st_mtime_ns


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read(path: Path, key: str) -> dict[str, Any] | None:
    """Return an entry; None if there is none, or it is not what was written."""
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(MAX_ENTRY_BYTES))
        made = content["made"]
        if content["key"] != key or content["sha256"] != _sha256(made):
            return None
        found = json.loads(made)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _write(path: Path, text: str) -> None:
    """Put an entry in its place in one move, so that two processes may write it at once."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError:
        # Nothing is lost by it but time: the next run makes it again.
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _entries(folder: Path) -> Iterator[tuple[float, str]]:
    """When each file below the folder was written, and its path."""
    for inner in folder.glob("*/*.json"), folder.glob("*/.new.*"):
        for path in inner:
            with contextlib.suppress(OSError):
                yield path.stat().st_mtime, os.fspath(path)
