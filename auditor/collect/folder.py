"""Files of a folder, written beside their places and then moved: each is old or new, never half."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from auditor.errors import OutputError


def write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files, by their paths in `folder`, which is made where it is not there.

    Raises:
        OutputError: something cannot be written; what was there is untouched unless the disk
            fails between two moves.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder, prefix=".tables-") as name:
            beside = Path(name)
            for path, data in files.items():
                (beside / path).parent.mkdir(parents=True, exist_ok=True)
                (beside / path).write_bytes(data)
            for path in files:
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                os.replace(beside / path, folder / path)
    except OSError as error:
        raise OutputError(
            f"{folder}: cannot be written: {error.strerror or error}; choose another -o folder"
        ) from error
