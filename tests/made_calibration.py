"""A calibration made up of round figures: every term at what is expected without data."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from auditor.calibration.build import written
from auditor.step.artefact import GROUPS, digest_of
from auditor.step.terms import PRIORS, TERMS

CONTENT: dict[str, Any] = {
    "version": 2,
    "coefficients": {term: PRIORS[term] for term in TERMS},
    "host_s_per_launch": 8e-6,
    "devices": {"rtx3090": dict.fromkeys(GROUPS, 1.25)},
    "residual": {
        "centres": [[0.1] * (len(GROUPS) + 2)],
        "weights": [0.5],
        "length_scale": 2.0,
        "amplitude": 0.5,
    },
    "power": {
        "arithmetic_share": 1.0,
        "memory_share": 0.8,
        "waiting_share": 0.1,
        "idle_share_of_tdp": 0.1,
        "limit_sharpness": 4.0,
        "clock_exponent": 0.4,
        "voltage_floor_share": 0.5,
        "processor_w": 60.0,
        "rest_share": 0.1,
        "devices": {"rtx3090": 1.1},
    },
    "half_widths": {"family": 0.15, "device": 0.3, "source": 0.39},
    "forward": {"share": 0.8, "half_width": 0.25},
    "power_half_width": 0.2,
    "level": 0.9,
    "hardware": ["rtx3090"],
    "precisions": ["amp", "fp32"],
    "farthest": 3.0,
    "tables": {"runs.csv": "0" * 64},
    "versions": {"numpy": "1.0"},
    "run_count": 1000,
}


def content(**changes: Any) -> dict[str, Any]:
    """The made-up content with its digest."""
    made = copy.deepcopy(CONTENT) | changes
    return made | {"digest": digest_of(made)}


def artefact_file(folder: Path, **changes: Any) -> Path:
    path = folder / "base.json"
    path.write_text(written(content(**changes)), encoding="utf-8")
    return path
