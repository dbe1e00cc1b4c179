"""What a measured forward pass tells of the training step: fitted on networks of both."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass

import numpy as np

from auditor.calibration.fit import LEVEL, half_width
from auditor.calibration.record import Run
from auditor.calibration.samples import Samples
from auditor.step.artefact import Forward
from auditor.step.kernels import Floats

# One library's forward passes and training steps, in two tables of its source.
_SAME_LIBRARY = {"timm-benchmark-infer": "timm-benchmark"}


@dataclass(frozen=True, slots=True)
class Pairs:
    """Errors ln(modelled / measured) of forward passes and of training steps, (pairs,) both.

    A pair is of one network, device, precision and library; `setups` says of which.
    """

    forward: Floats
    training: Floats
    setups: tuple[tuple[str, str, str], ...]


def pairs(data: Samples, errors: Floats) -> Pairs:
    """Put the errors of forward passes beside those of training steps, each the mean of all."""
    forward: dict[tuple[str, str, str, str], list[float]] = defaultdict(list)
    training: dict[tuple[str, str, str, str], list[float]] = defaultdict(list)
    for run, error in zip(data.runs, errors.tolist(), strict=True):
        (forward if run.phase == "infer" else training)[_key(run)].append(error)
    both = sorted(set(forward) & set(training))
    return Pairs(
        forward=np.array([np.mean(forward[key]) for key in both]),
        training=np.array([np.mean(training[key]) for key in both]),
        setups=tuple(key[:3] for key in both),
    )


def _key(run: Run) -> tuple[str, str, str, str]:
    source = run.source or "own"
    return _SAME_LIBRARY.get(source, source), run.hardware, run.precision, run.graph


def forward_correction(found: Pairs, level: float = LEVEL) -> Forward | None:
    """Fit how much of the forward pass's error a training step shares; None without pairs.

    Least squares through nothing, every set-up weighing alike, from none of it to all; the half
    width is the conformal one of what is left.
    """
    if not found.setups:
        return None
    counts = Counter(found.setups)
    weight = np.array([1 / counts[setup] for setup in found.setups])
    square = (weight * found.forward**2).sum()
    together = (weight * found.forward * found.training).sum()
    # Forward passes without any error tell nothing of the steps'.
    share = float(np.clip(together / square, 0.0, 1.0)) if square > 0 else 0.0
    left = found.training - share * found.forward
    return Forward(share=share, half_width=half_width(left, found.setups, level))
