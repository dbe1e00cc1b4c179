"""From the tables to the artefact: fitted, checked for what it cannot know, written as JSON."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from auditor.calibration.fit import (
    LEVEL,
    TimeModel,
    devices_of,
    farthest,
    fit_time,
    half_widths,
    unseen_errors,
)
from auditor.calibration.forward import forward_correction, pairs
from auditor.calibration.power import fit_power, power_rows
from auditor.calibration.profiles import read_networks
from auditor.calibration.runs import read_runs
from auditor.calibration.samples import samples
from auditor.calibration.single import TABLE, read_single
from auditor.errors import CalibrationError
from auditor.step.artefact import VERSION, digest_of
from auditor.step.power import PowerModel
from auditor.step.terms import TERMS

TABLES = ("runs.csv", "networks.csv", "profiles.csv.gz", TABLE)
# Enough that a refit on another machine's arithmetic gives the same text.
_DIGITS = 6


def built(folder: Path) -> dict[str, Any]:
    """Fit everything on the tables of a folder; return the artefact's content.

    Raises:
        CalibrationError: a table is missing or wrong, or holds too few runs.
    """
    runs = read_runs(folder / "runs.csv")
    networks = read_networks(folder)
    data = samples(runs, networks)
    if len(data.runs) < len(TERMS):
        raise CalibrationError(
            f"{folder}: {len(data.runs)} usable runs are too few to fit {len(TERMS)} terms; "
            "correct the shipped calibration with them instead (`audit calibrate RUNS.csv`)"
        )
    kernels = read_single(folder / TABLE)
    model = fit_time(data, kernels)
    errors = unseen_errors(data, kernels)
    forward = forward_correction(pairs(data, errors["source"]))
    power = fit_power(power_rows(runs, networks, model.core))
    content = {
        "version": VERSION,
        "coefficients": _rounded(dict(zip(TERMS, np.exp(model.core.coefficients), strict=True))),
        "host_s_per_launch": _significant(float(np.exp(model.core.host)) * 1e-6),
        "devices": {name: _rounded(own) for name, own in devices_of(model.core).items()},
        "residual": _residual(model),
        "power": _power(power.model),
        "half_widths": _rounded(half_widths(data, errors)),
        "forward": None if forward is None else _rounded(asdict(forward)),
        "power_half_width": _significant(power.half_width),
        "level": LEVEL,
        "hardware": sorted({run.hardware for run in data.runs}),
        "precisions": sorted({run.precision for run in data.runs}),
        "farthest": _significant(farthest(model, data)),
        "tables": {name: _sha256(folder / name) for name in TABLES},
        "versions": {name: version(name) for name in ("numpy", "scipy", "scikit-learn")},
        "run_count": len(data.runs),
    }
    return content | {"digest": digest_of(content)}


def _residual(model: TimeModel) -> dict[str, Any]:
    found = model.residual
    return {
        "centres": [[_significant(x) for x in row] for row in found.centres.tolist()],
        "weights": [_significant(x) for x in found.weights.tolist()],
        "length_scale": found.length_scale,
        "amplitude": found.amplitude,
    }


def _power(model: PowerModel) -> dict[str, Any]:
    figures = model.as_dict()
    devices = _rounded(figures.pop("devices"))
    return _rounded(figures) | {"devices": devices}


def _rounded(numbers: Mapping[str, float]) -> dict[str, float]:
    return {name: _significant(float(number)) for name, number in numbers.items()}


def _significant(number: float) -> float:
    return float(f"{number:.{_DIGITS}g}")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def written(content: Mapping[str, Any]) -> str:
    """The artefact as text: one line a key, so that a change can be read."""
    lines = [f'"{key}": {json.dumps(value)}' for key, value in content.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"
