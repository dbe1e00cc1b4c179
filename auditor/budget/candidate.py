"""One model of a configuration, and the hashes that say what of it has changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from auditor.budget.records import Limit
from auditor.errors import CalibrationError, HardwareError
from auditor.reading import read_limited
from auditor.workload import Plan

NO_CALIBRATION = "none"
_LARGEST_BYTES = 20_000_000  # of a calibration, as auditor.step reads it; of a hardware file


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One model to be checked.

    `path` is where its file is, seen from the working folder.  `calibration` is as in
    `auditor.pipeline.Request`: None for the one that ships, "none" for the roofline.
    """

    name: str
    path: Path
    plan: Plan
    limits: tuple[Limit, ...]
    hardware_file: Path | None = None
    calibration: Path | None = None


def plan_sha256(candidate: Candidate, reference: str) -> str:
    """SHA-256 of all that was asked of a model: its plan, and what `hardware_file` holds.

    `reference` stands for the set that PePR is against.  Equal for plans that say the same, however
    their numbers are written.

    Raises:
        HardwareError: the hardware file cannot be read.
    """
    said: dict[str, Any] = {"plan": _plain(candidate.plan), "reference": reference}
    if candidate.hardware_file is not None:
        said["hardware_file"] = _file_sha256(candidate.hardware_file, HardwareError)
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def artefact_sha256(calibration: Path | None) -> str | None:
    """SHA-256 of the calibration's file; None for the roofline, which has none.

    Raises:
        CalibrationError: it cannot be read.
    """
    if calibration is not None:
        if str(calibration) == NO_CALIBRATION:
            return None
        return _file_sha256(calibration, CalibrationError)
    import pkgutil

    try:
        data = pkgutil.get_data("auditor_calibration", "artefact.json")
    except OSError:
        data = None  # the file is missing; None itself says that the package is
    if data is None:
        raise CalibrationError("the calibration is not in the package: install auditor again")
    return hashlib.sha256(data).hexdigest()


def _file_sha256(path: Path, kind: type[HardwareError] | type[CalibrationError]) -> str:
    try:
        return hashlib.sha256(read_limited(path, _LARGEST_BYTES)).hexdigest()
    except OSError as error:
        reason = error.strerror or str(error)
        raise kind(f"{path}: cannot be read: {reason}; check the path") from error


def _plain(value: Any) -> Any:
    """Return what says something of a plan, with one form for a number: 90 and 90.0 are equal."""
    if is_dataclass(value):
        said = {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
        return {name: entry for name, entry in said.items() if entry not in (None, {})}
    if isinstance(value, Mapping):
        return {str(key): _plain(entry) for key, entry in value.items()}
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
