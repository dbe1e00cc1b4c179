"""Own runs of one set-up, one host with one device: what its times are off by.

ln(measured / modelled time) is what all runs of the set-up share plus what networks differ by, the
more alike the nearer they are: a Gaussian process (Rasmussen and Williams, "Gaussian Processes
for Machine Learning", 2006, eq. 2.23 to 2.26) of a constant and a squared exponential kernel.  One
run moves a network like its own nearly all the way, and any other part of it.  All widths are
half widths at the calibration's level: they are proportional to standard deviations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from auditor.step.kernels import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Half widths of ln(time): what runs share, what networks differ by, and what repeats do.

    `length_scale` says how alike networks must be to tell of one another.
    """

    common: float
    network: float
    noise: float
    length_scale: float

    def between(self, places: Floats, others: Floats) -> Floats:
        """Covariance of the effects at two sets of places: (n, features), (m, features)."""
        squares = ((places[:, None, :] - others[None]) ** 2).sum(axis=2)
        alike = np.exp(-squares / (2 * self.length_scale**2))
        return np.asarray(self.common**2 + self.network**2 * alike)


@dataclass(frozen=True, slots=True)
class Own:
    """Own runs by their places, the `features` of their steps, and ln(measured / modelled time)."""

    places: Floats
    logs: Floats
    spread: Spread
    _inverse: Floats = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        spread = self.spread
        noise = spread.noise**2 * np.eye(len(self.logs))
        inverse = np.linalg.inv(spread.between(self.places, self.places) + noise)
        object.__setattr__(self, "_inverse", inverse)

    @property
    def log_common(self) -> float:
        """Part that every network shares: what one unlike all of them is off by."""
        return float(self.spread.common**2 * (self._inverse @ self.logs).sum())

    @property
    def common_half_width(self) -> float:
        """Half width of that part."""
        known = self.spread.common**4 * float(self._inverse.sum())
        return self._widening * float(np.sqrt(max(self.spread.common**2 - known, 0.0)))

    @property
    def far_half_width(self) -> float:
        """Half width of ln(time) of a network unlike all of them."""
        differs = self._widening * float(np.hypot(self.spread.network, self.spread.noise))
        return float(np.hypot(self.common_half_width, differs))

    def distance(self, place: Floats) -> float:
        """Distance to the nearest run, in length scales."""
        squares = ((self.places - place) ** 2).sum(axis=1)
        return float(np.sqrt(squares.min())) / self.spread.length_scale

    def log_at(self, place: Floats) -> float:
        """Posterior mean of the effect on one network's time."""
        return float(self._with(place) @ self._inverse @ self.logs)

    def half_width_at(self, place: Floats) -> float:
        """Half width of ln(time) of one network."""
        near = self._with(place)
        whole = self.spread.common**2 + self.spread.network**2
        variance = max(whole - float(near @ self._inverse @ near), 0.0) + self.spread.noise**2
        return self._widening * float(np.sqrt(variance))

    def _with(self, place: Floats) -> Floats:
        near: Floats = self.spread.between(place[None], self.places)[0]
        return near

    @property
    def _widening(self) -> float:
        """More than 1 where the runs differ more than the calibration expects.

        The likeliest scale of all widths, which are taken at 90 in 100.
        """
        squares = float(self.logs @ self._inverse @ self.logs) * _QUANTILE**2
        return max(1.0, float(np.sqrt(squares / len(self.logs))))


# Of the normal distribution at 90 in 100: half widths over standard deviations.
_QUANTILE = 1.6449


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """What own runs say of one device: its time, and a factor of its power.

    `power_factor` is of what `power_scope` covers, 1 if none was measured; `power_half_width` is
    of ln(power).  `count` networks were measured.
    """

    hardware: str
    precisions: tuple[str, ...]
    count: int
    time: Own
    power_factor: float
    power_scope: str | None
    power_half_width: float


def local_runs(content: Mapping[str, Any]) -> Local:
    """Read the object ``local`` of a corrected calibration.

    Raises:
        KeyError, TypeError, ValueError: it is not one.
    """
    return Local(
        hardware=str(content["hardware"]),
        precisions=tuple(content["precisions"]),
        count=int(content["count"]),
        time=own_runs(content["time"]),
        power_factor=float(content["power_factor"]),
        power_scope=content["power_scope"],
        power_half_width=float(content["power_half_width"]),
    )


def own_runs(content: Mapping[str, Any]) -> Own:
    """Read own runs from the object ``time`` of a corrected calibration.

    Raises:
        KeyError, TypeError, ValueError: it is not one.
    """
    names = ("common", "network", "noise", "length_scale")
    places = np.array(content["places"], np.float64)
    logs = np.array(content["logs"], np.float64)
    if places.ndim != 2 or logs.shape != places.shape[:1] or not len(logs):
        raise ValueError("places and logs of own runs do not fit together")
    return Own(places, logs, Spread(**{name: float(content[name]) for name in names}))
