"""Fit of the additive roofline: one coefficient a term, factors of devices and of set-ups.

A mixed model in logarithms.  A step takes

    ((G e^a)^4 + (H e^b)^4)^(1/4),  G = sum of coefficient x device factor x time at peak,

where H is the launches times the host's time for one, and a, b belong to where it was measured:
to the source (its software and its way of measuring) and to the set-up, a source on a device
(clocks, host).  Every coefficient is drawn to what is expected without data and to its like
(`priors`), every factor and effect to one: what a device never measured gets.  Single kernels
stand beside the steps, with more scatter.  Least squares of ln(time) with a soft absolute
loss, by Gauss-Newton steps with damping (Levenberg, Marquardt).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from auditor.calibration.priors import Spread, coefficient_precision, device_precision
from auditor.calibration.record import Run
from auditor.calibration.samples import Samples, setup_of
from auditor.step.artefact import GROUP_OF_TERM, GROUPS, features
from auditor.step.kernels import Floats
from auditor.step.terms import LAUNCH, PRIORS, SHARPNESS, TERMS, overlapped_s

Indices = NDArray[np.intp]

_LAUNCH = TERMS.index(LAUNCH)
_PRIOR = np.log([PRIORS[t] for t in TERMS])
# Eager frameworks launch a kernel in some microseconds.
_HOST_PRIOR = np.log(8.0)
_TO_GROUPS = np.eye(len(GROUPS))[GROUP_OF_TERM]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Of the fit: how far parameters vary, and what a run weighs.

    `noise` is the standard deviation of ln(time) of a run, `kernel_noise` of a single kernel;
    devices with fewer than `fewest_runs` have no factors of their own; a set-up of more than
    `counted_runs` weighs as that many, to the fourth root.
    """

    spread: Spread = field(default_factory=Spread)
    noise: float = 0.07
    kernel_noise: float = 0.23
    fewest_runs: int = 25
    counted_runs: int = 1000
    steps: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """Logarithms of what was fitted.

    `device` by hardware, shape (groups,); `source` and `setup` by name, of the device's and of
    the host's time, a set-up's with its source's in it.
    """

    coefficients: Floats
    host: float
    device: Mapping[str, Floats]
    source: Mapping[str, tuple[float, float]]
    setup: Mapping[str, tuple[float, float]]

    def seconds(self, hardware: str, sums: Floats) -> Floats:
        """Modelled times by term in s, the set-up left out."""
        own = self.device.get(hardware)
        logs = self.coefficients if own is None else self.coefficients + own[GROUP_OF_TERM]
        return sums * np.exp(logs)

    def effects(self, run: Run) -> tuple[float, float]:
        """What is known of where a run was measured; zeros if nothing is."""
        of_source = self.source.get(run.source or "own", (0.0, 0.0))
        return self.setup.get(setup_of(run), of_source)

    def log_time(self, run: Run, sums: Floats, *, knows_setup: bool = True) -> float:
        """Modelled ln of the step's time in s."""
        device, host = self.effects(run) if knows_setup else (0.0, 0.0)
        busy = self.seconds(run.hardware, sums).sum() * np.exp(device)
        launched = sums[_LAUNCH] * np.exp(self.host + host)
        return float(np.log(overlapped_s(busy, launched)))

    def features(self, run: Run, sums: Floats) -> Floats:
        """What the residual is a function of."""
        seconds = self.seconds(run.hardware, sums)
        return features(seconds, sums[_LAUNCH], run.phase == "infer")


@dataclass(frozen=True, slots=True)
class _Block:
    """Runs of one device, and which parameters they depend on: the common ones and its own."""

    rows: Indices
    columns: Indices


@dataclass(frozen=True, slots=True)
class _State:
    """Where one vector of parameters leaves the runs.

    Weighted errors (n,); the parts that the device's time by term (n, terms) and the host's time
    (n,) have in the step's.
    """

    errors: Floats
    shares: Floats
    host_share: Floats


class _Problem:
    """Errors and their derivatives for one vector of parameters.

    The vector holds coefficients, the host's time, the sources' two effects, the set-ups', and
    the devices' factors, one after the other.
    """

    def __init__(self, data: Samples, kernels: Samples, settings: Settings) -> None:
        self.data = data.joined(kernels)
        runs, setups = self.data.runs, self.data.setups
        self.sources = sorted({source_of(setup) for setup in setups})
        self.setups = sorted(set(setups))
        counts = Counter(run.hardware for run in runs)
        self.devices = sorted(h for h, n in counts.items() if n >= settings.fewest_runs)
        self.source_of_run = np.array([self.sources.index(source_of(s)) for s in setups])
        self.setup_of_run = np.array([self.setups.index(s) for s in setups])
        self.source_at = len(TERMS) + 1
        self.setup_at = self.source_at + 2 * len(self.sources)
        self.device_at = self.setup_at + 2 * len(self.setups)
        self.size = self.device_at + len(self.devices) * len(GROUPS)
        self.prior = np.concatenate([_PRIOR, [_HOST_PRIOR], np.zeros(self.size - len(TERMS) - 1)])
        self.precision = self._precision(settings.spread)
        self.weight = self._weights(settings, len(kernels.runs))
        self.blocks = list(self._blocks(np.array([run.hardware for run in runs])))

    def _precision(self, spread: Spread) -> Floats:
        found = np.zeros((self.size, self.size))
        terms = len(TERMS)
        found[:terms, :terms] = coefficient_precision(spread)
        deviations = [spread.host]
        deviations += len(self.sources) * [spread.source] + len(self.sources) * [spread.source_host]
        deviations += len(self.setups) * [spread.setup] + len(self.setups) * [spread.setup_host]
        effects = np.arange(terms, self.device_at)
        found[effects, effects] = 1 / np.square(deviations)
        of_device = device_precision(spread)
        for at in range(self.device_at, self.size, len(GROUPS)):
            found[at : at + len(GROUPS), at : at + len(GROUPS)] = of_device
        return found

    def _weights(self, settings: Settings, kernel_count: int) -> Floats:
        in_setup = np.bincount(self.setup_of_run)[self.setup_of_run]
        weight = np.minimum(1.0, settings.counted_runs / in_setup) ** 0.25 / settings.noise
        weight[len(weight) - kernel_count :] *= settings.noise / settings.kernel_noise
        found: Floats = weight
        return found

    def _blocks(self, hardware: NDArray[np.str_]) -> Iterator[_Block]:
        common, groups = np.arange(self.device_at), np.arange(len(GROUPS))
        for index, device in enumerate(self.devices):
            own = self.device_at + index * len(GROUPS) + groups
            yield _Block(np.flatnonzero(hardware == device), np.concatenate([common, own]))
        others = np.flatnonzero(~np.isin(hardware, self.devices))
        if len(others):
            yield _Block(others, common)

    def device_factors(self, vector: Floats) -> Floats:
        return vector[self.device_at :].reshape(len(self.devices), len(GROUPS))

    def effects(self, vector: Floats) -> tuple[Floats, Floats]:
        """Of sources (2, sources) and of set-ups (2, set-ups): on the device, on the host."""
        sources = vector[self.source_at : self.setup_at].reshape(2, -1)
        return sources, vector[self.setup_at : self.device_at].reshape(2, -1)

    def state(self, vector: Floats) -> _State:
        logs = np.tile(vector[: len(TERMS)], (len(self.data.runs), 1))
        for block, own in zip(self.blocks, self.device_factors(vector), strict=False):
            logs[block.rows] += own[GROUP_OF_TERM]
        seconds = self.data.sums * np.exp(logs)
        busy = seconds.sum(axis=1)
        sources, setups = self.effects(vector)
        on_device, on_host = sources[:, self.source_of_run] + setups[:, self.setup_of_run]
        device_s = busy * np.exp(on_device)
        host_s = self.data.sums[:, _LAUNCH] * np.exp(vector[len(TERMS)] + on_host)
        power = device_s**SHARPNESS + host_s**SHARPNESS
        return _State(
            errors=(np.log(power) / SHARPNESS - self.data.log_time) * self.weight,
            shares=seconds / busy[:, None] * (device_s**SHARPNESS / power)[:, None],
            host_share=host_s**SHARPNESS / power,
        )

    def rates(self, state: _State, block: _Block) -> Floats:
        """Derivatives of a block's weighted errors by its columns."""
        rows = block.rows
        found = np.zeros((len(rows), len(block.columns)))
        shares, host = state.shares[rows], state.host_share[rows]
        device = shares.sum(axis=1)
        found[:, : len(TERMS)] = shares
        found[:, len(TERMS)] = host
        every = np.arange(len(rows))
        for at, index, count in (
            (self.source_at, self.source_of_run[rows], len(self.sources)),
            (self.setup_at, self.setup_of_run[rows], len(self.setups)),
        ):
            found[every, at + index] = device
            found[every, at + count + index] = host
        if len(block.columns) > self.device_at:
            found[:, self.device_at :] = shares @ _TO_GROUPS
        found *= self.weight[rows, None]
        return found

    def curvature(self, state: _State, vector: Floats) -> tuple[Floats, Floats]:
        """Second derivatives of the cost (size, size), nearly, and the first ones (size,)."""
        found, slope = self.precision.copy(), self.precision @ (vector - self.prior)
        # Weights that make squares of the soft absolute loss.
        soft = 1 / np.sqrt(1 + state.errors**2)
        for block in self.blocks:
            rates = self.rates(state, block)
            weighted = rates * soft[block.rows, None]
            found[np.ix_(block.columns, block.columns)] += weighted.T @ rates
            slope[block.columns] += weighted.T @ state.errors[block.rows]
        return found, slope

    def cost(self, state: _State, vector: Floats) -> float:
        away = vector - self.prior
        soft = 2 * (np.sqrt(1 + state.errors**2) - 1)
        return float(soft.sum() + away @ self.precision @ away)


def source_of(setup: str) -> str:
    """The source in a set-up's name."""
    return setup.partition("|")[0]


def fit_core(
    data: Samples, kernels: Samples | None = None, settings: Settings | None = None
) -> Core:
    """Fit the model on steps and on single kernels; the same data give the same numbers."""
    settings = settings or Settings()
    problem = _Problem(data, kernels or Samples.none(), settings)
    vector = _minimum(problem, settings.steps)
    sources, setups = problem.effects(vector)
    by_source = dict(zip(problem.sources, _pairs(sources), strict=True))
    return Core(
        coefficients=vector[: len(TERMS)],
        host=float(vector[len(TERMS)]),
        device=dict(zip(problem.devices, problem.device_factors(vector), strict=True)),
        source=by_source,
        setup={
            name: (own[0] + by_source[source_of(name)][0], own[1] + by_source[source_of(name)][1])
            for name, own in zip(problem.setups, _pairs(setups), strict=True)
        },
    )


def _pairs(effects: Floats) -> list[tuple[float, float]]:
    return [(float(device), float(host)) for device, host in effects.T]


def _minimum(problem: _Problem, steps: int) -> Floats:
    vector, damping = problem.prior.copy(), 1e-2
    state = problem.state(vector)
    cost = problem.cost(state, vector)
    for _ in range(steps):
        curvature, slope = problem.curvature(state, vector)
        before = cost
        for _ in range(6):
            damped = curvature + damping * np.diag(np.diag(curvature))
            trial = vector + np.clip(np.linalg.solve(damped, -slope), -1, 1)
            tried = problem.state(trial)
            if (tried_cost := problem.cost(tried, trial)) < cost:
                vector, state, cost = trial, tried, tried_cost
                damping = max(damping / 5, 1e-6)
                break
            damping *= 5
        if before - cost < 1e-4 * before:
            break
    return vector


def log_times(core: Core, data: Samples, *, knows_setup: bool = True) -> Floats:
    """Modelled ln of all steps' times in s."""
    pairs: Sequence[tuple[Run, Floats]] = list(zip(data.runs, data.sums, strict=True))
    return np.array([core.log_time(run, s, knows_setup=knows_setup) for run, s in pairs])
