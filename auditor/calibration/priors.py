"""What is expected of the fit's parameters before a run is seen: how far they vary, and together.

The inverse of a covariance in logarithms.  What one coefficient shows, its like are thought to
have too: those of one kind, of one family of operators, of one rate or width share an effect
each beside their own (Gelman and Hill, "Data Analysis Using Regression and Multilevel Models",
2007, chapter 12).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from auditor.costs import PRODUCTS, Family
from auditor.step.artefact import GROUPS
from auditor.step.kernels import Floats
from auditor.step.terms import TERMS

# Kinds whose terms have a rate or a width for their last part.
_RATED = ("compute", "memory")
_VECTOR = (Family.GROUPED_CONVOLUTION, Family.DEPTHWISE_CONVOLUTION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Standard deviations of logarithms.

    `own` of a coefficient of arithmetic or memory beside what it shares with others of its
    `family`, `rate` and `kind`; `loose` of every other.  `device` of a device's factor of a
    group of terms, `device_scale` of all its factors together.  `source` and `setup` of the
    device's time, `source_host` and `setup_host` of the host's.
    """

    own: float = 0.2
    family: float = 0.25
    rate: float = 0.15
    kind: float = 0.2
    loose: float = 0.3
    host: float = 0.5
    device: float = 0.5
    device_scale: float = 0.2
    source: float = 0.15
    source_host: float = 0.4
    setup: float = 0.15
    setup_host: float = 0.3


def coefficient_precision(spread: Spread) -> Floats:
    """Inverse covariance of the coefficients' logarithms, shape (terms, terms)."""
    labels = [_labels(*term.split("/")) for term in TERMS]
    own = [spread.own if rate else spread.loose for _, _, rate in labels]
    covariance = np.diag(np.square(own))
    deviations = (spread.kind, spread.family, spread.rate)
    for deviation, shared in zip(deviations, zip(*labels, strict=True), strict=True):
        covariance += deviation**2 * _alike(shared)
    return np.asarray(np.linalg.inv(covariance), np.float64)


def _labels(what: str, *of: str) -> tuple[str | None, str | None, str | None]:
    """Kind, family and rate of a term: those of one label share an effect."""
    if not of:
        return None, None, None
    if len(of) == 1:  # a latency, by rate alone
        return what, None, None
    kind = f"{what} {_unit(Family(of[0]))}"
    return kind, f"{kind} {of[0]}", f"{kind} {of[-1]}" if what in _RATED else None


def _unit(family: Family) -> str:
    if family in _VECTOR:
        return "on vector units"
    return "of products" if family in PRODUCTS else "of the rest"


def _alike(labels: Sequence[str | None]) -> Floats:
    """One where two labels are the same, but for None, which is like nothing."""
    rows = [[a is not None and a == b for b in labels] for a in labels]
    return np.array(rows, np.float64)


def device_precision(spread: Spread) -> Floats:
    """Inverse covariance of one device's factors, shape (groups, groups)."""
    size = len(GROUPS)
    covariance = spread.device**2 * np.eye(size) + spread.device_scale**2
    return np.asarray(np.linalg.inv(covariance), np.float64)
