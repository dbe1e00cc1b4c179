"""The whole fit: roofline, residual, how wide the interval must be, and where the data end."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from auditor.calibration.core import Core, Settings, fit_core, log_times
from auditor.calibration.record import Run
from auditor.calibration.samples import Samples
from auditor.calibration.single import beside
from auditor.step.artefact import GROUPS, Residual
from auditor.step.kernels import Floats

LEVEL = 0.90
# A run further off than this is wrong or another network: it is not followed.
_LARGEST_ERROR = 0.4
_MOST_CENTRES = 600
FAMILY_FOLDS = 8
# Of networks of other families than one's own: how far the nearest is, for nearly all.
_INSIDE = 0.98


@dataclass(frozen=True, slots=True)
class Smoothing:
    """Of the residual's Gaussian process, in ln(time).

    How alike two networks must be to tell of one another (in the units of `features`), how large
    the residual is, and how much of it is noise.
    """

    length_scale: float = 0.8
    amplitude: float = 0.15
    noise: float = 0.08


@dataclass(frozen=True, slots=True)
class Choice:
    """All that is not fitted but chosen; `python -m benchmarks.selection` shows what by."""

    settings: Settings = field(default_factory=Settings)
    smoothing: Smoothing = field(default_factory=Smoothing)


@dataclass(frozen=True, slots=True)
class TimeModel:
    """Roofline and residual together."""

    core: Core
    residual: Residual

    def log_times(self, data: Samples, *, knows_setup: bool = True) -> Floats:
        """Modelled ln of all steps' times in s."""
        found = log_times(self.core, data, knows_setup=knows_setup)
        total: Floats = found + [self.residual.at(f) for f in _features(self.core, data)]
        return total


def fit_time(
    data: Samples, kernels: Samples | None = None, choice: Choice | None = None
) -> TimeModel:
    """Fit the model of time; the same data give the same numbers.

    Of `kernels` those are taken whose device and source the steps are of too.
    """
    from threadpoolctl import threadpool_limits

    choice = choice or Choice()
    # The systems are small: threads mostly wait for one another (three times as long where other
    # processes are busy), and how many there are shows in the last digits.
    with threadpool_limits(limits=1, user_api="blas"):
        core = fit_core(data, None if kernels is None else beside(kernels, data), choice.settings)
        return TimeModel(core, fit_residual(core, data, choice.smoothing))


def _features(core: Core, data: Samples) -> Floats:
    return np.array([core.features(r, s) for r, s in zip(data.runs, data.sums, strict=True)])


def fit_residual(core: Core, data: Samples, smoothing: Smoothing) -> Residual:
    """Fit the Gaussian process to what the roofline leaves, one point a network and set-up."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    left = np.clip(data.log_time - log_times(core, data), -_LARGEST_ERROR, _LARGEST_ERROR)
    places, points = _averaged(_features(core, data), left, [_network(r) for r in data.runs])
    chosen = _spread(places, _MOST_CENTRES)
    likeness = ConstantKernel(smoothing.amplitude**2) * RBF(smoothing.length_scale)
    kernel = likeness + WhiteKernel(smoothing.noise**2)
    process = GaussianProcessRegressor(kernel, alpha=0.0, optimizer=None)
    process.fit(places[chosen], points[chosen])
    return Residual(
        centres=places[chosen],
        weights=np.asarray(process.alpha_, np.float64),
        length_scale=smoothing.length_scale,
        amplitude=smoothing.amplitude,
    )


def _network(run: Run) -> tuple[str, ...]:
    return (run.graph, run.hardware, run.phase, run.precision)


def _averaged(places: Floats, values: Floats, keys: Sequence[Hashable]) -> tuple[Floats, Floats]:
    """Mean place and value of all rows of one key, in the order of first appearance."""
    index: dict[Hashable, int] = {}
    group = np.array([index.setdefault(key, len(index)) for key in keys])
    count = np.bincount(group)
    means = np.stack([np.bincount(group, column) / count for column in places.T], axis=1)
    return means, np.bincount(group, values) / count


def _spread(places: Floats, most: int) -> list[int]:
    """Indices of `most` places, each the farthest from those before it."""
    if len(places) <= most:
        return list(range(len(places)))
    chosen = [int(np.argmin(((places - places.mean(axis=0)) ** 2).sum(axis=1)))]
    nearest = ((places - places[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < most:
        chosen.append(int(np.argmax(nearest)))
        nearest = np.minimum(nearest, ((places - places[chosen[-1]]) ** 2).sum(axis=1))
    return sorted(chosen)


def held_out(
    data: Samples,
    group: Callable[[Run], str],
    *,
    folds: int | None = None,
    kernels: Samples | None = None,
) -> Floats:
    """Errors ln(modelled / measured) of runs whose whole group the fit did not see.

    `folds` puts groups together, every k-th in one; each alone where it is left out.  A set-up
    of which other runs were seen is known, as it is where one's own runs were given.
    """
    names = sorted({group(run) for run in data.runs})
    together = [names[k::folds] for k in range(min(folds, len(names)))] if folds else None
    errors = np.zeros(len(data.runs))
    for left_out in together or [[name] for name in names]:
        outside = np.array([group(run) in left_out for run in data.runs])
        model = fit_time(data.where(~outside), kernels)
        tested = data.where(outside)
        errors[outside] = model.log_times(tested) - tested.log_time
    return errors


def half_width(errors: Floats, groups: Sequence[Hashable], level: float = LEVEL) -> float:
    """Half width of the interval of ln(time) that holds `level` of the errors.

    Split conformal prediction with every group weighing alike (Vovk et al., "Algorithmic
    Learning in a Random World", 2005; Barber et al., "Conformal prediction beyond
    exchangeability", arXiv 2202.13415): the weighted quantile of the absolute errors, the run
    to come counted as one more group whose error could be any.
    """
    index: dict[Hashable, int] = {}
    group = np.array([index.setdefault(key, len(index)) for key in groups])
    weight = (1 / np.bincount(group))[group]
    order = np.argsort(np.abs(errors), kind="stable")
    reached = np.cumsum(weight[order]) / (len(index) + 1)
    position = int(np.searchsorted(reached, level))
    return float(np.abs(errors)[order[min(position, len(order) - 1)]])


def unseen_errors(data: Samples, kernels: Samples | None = None) -> Mapping[str, Floats]:
    """Errors of all runs by what of a run the fit did not see: see `Artefact`."""
    return {
        "family": held_out(data, _family, folds=FAMILY_FOLDS, kernels=kernels),
        "device": held_out(data, lambda r: r.hardware, kernels=kernels),
        "source": held_out(data, _source, kernels=kernels),
    }


def half_widths(data: Samples, errors: Mapping[str, Floats]) -> Mapping[str, float]:
    """How wide the interval is by what of a run was not seen."""
    setups = [(_source(run), run.hardware) for run in data.runs]
    clusters: Mapping[str, Sequence[Hashable]] = {
        "family": [(_source(run), _family(run)) for run in data.runs],
        "device": setups,
        "source": setups,
    }
    return {name: half_width(found, clusters[name]) for name, found in errors.items()}


def _family(run: Run) -> str:
    return run.family or run.graph


def _source(run: Run) -> str:
    return run.source or "own"


def farthest(model: TimeModel, data: Samples) -> float:
    """Distance, in length scales, within which nearly all networks have one of another family."""
    places = _features(model.core, data)
    families = np.array([_family(run) for run in data.runs])
    nearest = []
    for family in sorted(set(families)):
        mine, others = places[families == family], places[families != family]
        squares = ((mine[:, None, :] - others[None]) ** 2).sum(axis=2)
        nearest += list(np.sqrt(squares.min(axis=1)) / model.residual.length_scale)
    return float(np.quantile(nearest, _INSIDE))


def devices_of(core: Core) -> Mapping[str, Mapping[str, float]]:
    """Factors of the devices by group of terms."""
    return {
        name: {group: float(np.exp(f)) for group, f in zip(GROUPS, logs, strict=True)}
        for name, logs in core.device.items()
    }
