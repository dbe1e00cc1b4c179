"""Reading text of a bounded size."""

from __future__ import annotations

from pathlib import Path

from auditor.errors import CalibrationError
from auditor.reading import read_limited

LARGEST_BYTES = 100_000_000  # a power trace of eight devices, ten times a second, for a day


def read_text(path: Path, wanted: str) -> str:
    """The text of a file in UTF-8, with Unix line ends.

    Raises:
        CalibrationError: it cannot be read, is too large or no text; `wanted` says what to give.
    """
    try:
        data = read_limited(path, LARGEST_BYTES)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CalibrationError(f"{path}: cannot be read: {reason}; give {wanted}") from error
    if not data.strip():
        raise CalibrationError(f"{path}: the file is empty; give {wanted}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CalibrationError(f"{path}: not text in UTF-8; give {wanted}") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
