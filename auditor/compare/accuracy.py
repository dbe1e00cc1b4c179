"""Accuracies of models, in a CSV table with the columns model and accuracy."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from auditor.errors import PlanError
from auditor.reading import read_limited

COLUMNS = ("model", "accuracy")
_MAX_FILE_BYTES = 10_000_000


def read_accuracies(path: Path) -> Mapping[str, float]:
    """Return the accuracy of each model as a fraction, by what the table calls the model.

    Raises:
        PlanError: the file cannot be read or lacks a column; a model stands in two rows; or an
            accuracy is not a fraction from 0 to 1, as one in per cent.
    """
    found: dict[str, float] = {}
    for number, row in _rows(path):
        model, text = (row["model"] or "").strip(), (row["accuracy"] or "").strip()
        if not model:
            raise PlanError(f"{path}:{number}: the row names no model")
        if model in found:
            raise PlanError(f"{path}:{number}: {model!r} has a row already; give one accuracy each")
        found[model] = _fraction(text, f"{path}:{number}: {model!r}")
    return MappingProxyType(found)


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Read the rows with the numbers of their lines.

    Raises:
        PlanError: the file cannot be read, is too long, or has not the columns.
    """
    try:
        text = read_limited(path, _MAX_FILE_BYTES).decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        columns = set(reader.fieldnames or ())
        rows = [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise PlanError(f"{path}: cannot be read: {error.strerror}; check the path") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise PlanError(f"{path}: not a CSV table in UTF-8: {error}; correct it") from error
    if not set(COLUMNS) <= columns:
        raise PlanError(f"{path}: needs the columns {' and '.join(COLUMNS)}, in its first line")
    return rows


def _fraction(text: str, where: str) -> float:
    """Read a fraction.

    Raises:
        PlanError: it is none; what looks like per cent is named as such.
    """
    percent = text.endswith("%")
    try:
        value = float(text.removesuffix("%"))
    except ValueError as error:
        raise PlanError(f"{where}: accuracy {text!r} is no number; give a fraction") from error
    if percent or 1 < value <= 100:
        remedy = f"{value / 100:.6g}"
        raise PlanError(f"{where}: accuracy {text} is in per cent; give the fraction {remedy}")
    if not 0 <= value <= 1:
        raise PlanError(f"{where}: accuracy {text}: must be a fraction from 0 to 1, as 0.76")
    return value
