"""What was fitted on measured runs, as the estimate reads it: plain JSON, no code.

`schemas/artefact.schema.json` describes the file; `calibration/README.md` says how it was fitted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from auditor.errors import CalibrationError
from auditor.reading import read_limited, strict_json
from auditor.step.kernels import Floats
from auditor.step.local import Local, local_runs
from auditor.step.power import PowerModel, power_model
from auditor.step.terms import TERMS

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 2
# What of a run's kind the data may hold: see `Artefact`.
HALF_WIDTHS = ("family", "device", "source")
# Ours is 0.3 MB; one of another size is none of ours.
LARGEST_BYTES = 20_000_000
# Of its figures, all of them ratios, seconds a launch, watts or logarithms.
_SMALLEST, _LARGEST = 1e-12, 1e9
_WIDEST = 20.0  # of ln(time) and ln(power)


def group_of(term: str) -> str:
    """Name of the group of terms that a device's own factor is for."""
    parts = term.split("/")
    return "/".join(parts[:2]) if len(parts) > 2 or parts[0] == "memory" else parts[0]


GROUPS = tuple(dict.fromkeys(map(group_of, TERMS)))
GROUP_OF_TERM = np.array([GROUPS.index(group_of(t)) for t in TERMS], np.intp)


@dataclass(frozen=True, slots=True, kw_only=True)
class Residual:
    """A kernel regression of ln(measured / modelled time) that is nothing away from its centres.

    `centres` (n, features) and `weights` (n,): the mean of a Gaussian process with a squared
    exponential kernel of `length_scale` and `amplitude` (Rasmussen and Williams, "Gaussian
    Processes for Machine Learning", 2006, eq. 2.23).
    """

    centres: Floats
    weights: Floats
    length_scale: float
    amplitude: float

    def at(self, features: Floats) -> float:
        """Return ln of the factor for one network's features."""
        if not len(self.weights):
            return 0.0
        squares = ((self.centres - features) ** 2).sum(axis=1)
        kernel = self.amplitude**2 * np.exp(-squares / (2 * self.length_scale**2))
        return float(kernel @ self.weights)

    def distance(self, features: Floats) -> float:
        """Distance to the nearest centre, in length scales."""
        if not len(self.weights):
            return float("inf")
        squares = ((self.centres - features) ** 2).sum(axis=1)
        return float(np.sqrt(squares.min())) / self.length_scale


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """How a training step follows its network's forward pass, measured on the same device.

    `share` of ln(measured / modelled time) of the forward pass is the step's too; `half_width`
    of ln(time) is what is left.
    """

    share: float
    half_width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredForward:
    """A forward pass that was measured on `hardware`, its time in s beside the modelled one."""

    hardware: str
    measured_s: float
    modelled_s: float

    @property
    def log_ratio(self) -> float:
        """ln(measured / modelled time)."""
        return float(np.log(self.measured_s / self.modelled_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """The fitted estimate.

    `coefficients` by term; `host_s_per_launch` is how long the host takes to launch a kernel;
    `devices` holds, by hardware id, factors by group of terms.  `half_widths` are of ln(time)
    and ln(power) at `level`, by what the run has in common with the data: "family" (device and
    set-up measured, the network's family not), "device" (the device not), "source" (the
    set-up not).  `hardware` and `precisions` are those of the data, and `farthest` the distance
    in length scales beyond which a network is unlike them.  `digest` is of the file's content.
    `forward` is None where no network was measured both ways; `measured`, which no file holds,
    is of the network at hand.
    """

    coefficients: Mapping[str, float]
    host_s_per_launch: float
    devices: Mapping[str, Mapping[str, float]]
    residual: Residual
    power: PowerModel
    half_widths: Mapping[str, float]
    power_half_width: float
    level: float
    hardware: tuple[str, ...]
    precisions: tuple[str, ...]
    farthest: float
    tables: Mapping[str, str]
    digest: str
    forward: Forward | None = None
    local: Local | None = None
    measured: MeasuredForward | None = None

    def measured_for(self, hardware: str) -> MeasuredForward | None:
        """The measured forward pass, where it is of this device."""
        return self.measured if self.measured and self.measured.hardware == hardware else None

    def local_for(self, hardware: str) -> Local | None:
        """Own runs, where they are of this device: they tell of no other."""
        return self.local if self.local and self.local.hardware == hardware else None

    def factors(self, hardware: str) -> Floats:
        """Coefficients in the order of `TERMS`, with the device's own factors."""
        base = np.array([self.coefficients[t] for t in TERMS])
        own = self.devices.get(hardware)
        if own is None:
            return base
        factors: Floats = base * np.array([own.get(g, 1.0) for g in GROUPS])[GROUP_OF_TERM]
        return factors


def features(seconds: Floats, launch_s: float, is_inference: bool) -> Floats:
    """Describe a step by where its time goes: what the residual is a function of.

    `seconds` are the modelled times by term, `launch_s` the term of the launches at its unit.
    """
    total = seconds.sum()
    shares = np.bincount(GROUP_OF_TERM, seconds, len(GROUPS)) / total
    length = 0.5 * np.log(total / max(launch_s, 1e-12))
    return np.append(2 * np.sqrt(shares), [length, float(is_inference)])


def digest_of(content: Mapping[str, Any]) -> str:
    """SHA-256 of everything but the digest itself, its keys in order."""
    rest = {key: value for key, value in content.items() if key != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def read_artefact(path: Path) -> Artefact:
    """Read a calibration.

    Raises:
        CalibrationError: it cannot be read, is not one, or was changed by hand.
    """
    return parsed(read_content(path), str(path))


def read_content(path: Path) -> Any:
    """Return the JSON of a calibration's file, unchecked.

    Raises:
        CalibrationError: it cannot be read, or is not JSON.
    """
    try:
        return strict_json(read_limited(path, LARGEST_BYTES))
    except (OSError, ValueError) as error:
        raise CalibrationError(f"{path}: not a readable calibration: {error}") from error


@lru_cache(maxsize=1)
def shipped_artefact() -> Artefact:
    """Return the calibration that comes with the package.

    Raises:
        CalibrationError: the package lacks it or it was changed.
    """
    import pkgutil

    try:
        data = pkgutil.get_data("auditor_calibration", "artefact.json")
    except OSError:
        data = None  # the file is missing; None itself says that the package is
    if data is None:
        raise CalibrationError("the calibration is not in the package: install auditor again")
    return parsed(json.loads(data), "the package's artefact.json")


def parsed(content: Any, where: str) -> Artefact:
    """Build the record from a JSON value.

    Raises:
        CalibrationError: it is not one, or its digest does not match.
    """
    if not isinstance(content, dict) or content.get("version") != VERSION:
        raise CalibrationError(f"{where}: not a calibration of version {VERSION}; fit it again")
    try:
        digest = digest_of(content)
    except ValueError as error:  # half a character in a name
        raise CalibrationError(f"{where}: not a whole calibration: {error}") from error
    if content.get("digest") != digest:
        raise CalibrationError(
            f"{where}: its content does not match its digest: it was changed after it was "
            "fitted; fit it again with `audit calibrate`"
        )
    try:
        return _built(content)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        raise CalibrationError(
            f"{where}: not a whole calibration: {error!r}; fit it again"
        ) from None


def _built(content: Mapping[str, Any]) -> Artefact:
    _require_plausible(content)
    widths = content["half_widths"]
    places = len(GROUPS) + 2
    local = local_runs(content["local"]) if "local" in content else None
    if local is not None and local.time.places.shape[1] != places:
        raise ValueError(f"places of own runs have not {places} numbers")
    return Artefact(
        coefficients=MappingProxyType({t: _positive(content["coefficients"], t) for t in TERMS}),
        host_s_per_launch=_positive(content, "host_s_per_launch", least=0.0),
        devices=MappingProxyType(
            {h: {g: _positive(own, g) for g in own} for h, own in content["devices"].items()}
        ),
        residual=_residual(content["residual"]),
        power=power_model(content["power"]),
        half_widths=MappingProxyType({k: _positive(widths, k, most=_WIDEST) for k in HALF_WIDTHS}),
        power_half_width=_positive(content, "power_half_width", most=_WIDEST),
        level=_positive(content, "level", most=1.0),
        hardware=tuple(content["hardware"]),
        precisions=tuple(content["precisions"]),
        farthest=float(content["farthest"]),
        tables=MappingProxyType(dict(content["tables"])),
        digest=content["digest"],
        forward=_forward(content["forward"]),
        local=local,
    )


def _require_plausible(value: Any, name: str = "content") -> None:
    """Refuse figures with which the estimate could not be reckoned: all are small numbers.

    Raises:
        ValueError: names where one is not.
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _require_plausible(inner, key)
    elif isinstance(value, list):
        for inner in value:
            _require_plausible(inner, name)
    elif isinstance(value, float) and not abs(value) <= _LARGEST:  # NaN too
        raise ValueError(f"{name} = {value:g} is beyond any figure of a calibration")


def _positive(
    content: Mapping[str, Any], name: str, least: float = _SMALLEST, most: float = _LARGEST
) -> float:
    """A figure that is divided by, or of which a logarithm or an exponential is taken.

    Raises:
        ValueError: it is none of these.
    """
    value = float(content[name])
    if not least <= value <= most:
        raise ValueError(f"{name} = {value:g} must be from {least:g} to {most:g}")
    return value


def _residual(content: Mapping[str, Any]) -> Residual:
    centres, weights = _matrix(content["centres"]), np.array(content["weights"], np.float64)
    if weights.shape != (len(centres),):
        raise ValueError("the residual has not one weight for each centre")
    return Residual(
        centres=centres,
        weights=weights,
        length_scale=_positive(content, "length_scale"),
        amplitude=float(content["amplitude"]),
    )


def _forward(content: Mapping[str, Any] | None) -> Forward | None:
    if content is None:
        return None
    return Forward(share=float(content["share"]), half_width=float(content["half_width"]))


def _matrix(rows: Sequence[Sequence[float]]) -> Floats:
    return np.array(rows, np.float64).reshape(len(rows), len(GROUPS) + 2)
