"""Fit of the additive roofline: one coefficient a term, factors of devices and of set-ups.

A mixed model in logarithms.  A step takes

    ((G e^a)^4 + (H e^b)^4)^(1/4),  G = sum of coefficient x device factor x time at peak,

where H is the launches times the host's time for one, and a, b belong to the set-up that was
measured (software, clocks, host).  Every coefficient is drawn to what is expected without
data, every factor and set-up to one: what a device never measured gets.  Least squares of
ln(time) with a soft absolute loss, by Gauss-Newton steps with damping (Levenberg, Marquardt).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from auditor.calibration.record import Run
from auditor.calibration.samples import Samples, setup_of
from auditor.step.artefact import GROUP_OF_TERM, GROUPS, features
from auditor.step.kernels import Floats
from auditor.step.terms import LAUNCH, PRIORS, SHARPNESS, TERMS, overlapped_s

_LAUNCH = TERMS.index(LAUNCH)
_PRIOR = np.log([PRIORS[t] for t in TERMS])
# Eager frameworks launch a kernel in some microseconds.
_HOST_PRIOR = np.log(8.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Standard deviations of logarithms: how far each kind of parameter is let from its prior.

    `noise` is that of a run; devices with fewer than `fewest_runs` have no factors of their own;
    a set-up of more than `counted_runs` weighs as that many, to the fourth root.
    """

    coefficient: float = 0.7
    launch: float = 0.3
    host: float = 0.5
    setup: float = 0.2
    setup_host: float = 0.4
    device: float = 0.4
    noise: float = 0.07
    fewest_runs: int = 25
    counted_runs: int = 60
    steps: int = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """Logarithms of what was fitted: `device` by hardware (groups,), `setup` (device, host)."""

    coefficients: Floats
    host: float
    device: Mapping[str, Floats]
    setup: Mapping[str, tuple[float, float]]

    def seconds(self, hardware: str, sums: Floats) -> Floats:
        """Modelled times by term in s, the set-up left out."""
        own = self.device.get(hardware)
        logs = self.coefficients if own is None else self.coefficients + own[GROUP_OF_TERM]
        return sums * np.exp(logs)

    def log_time(self, run: Run, sums: Floats, *, knows_setup: bool = True) -> float:
        """Modelled ln of the step's time in s."""
        device, host = self.setup.get(setup_of(run), (0.0, 0.0)) if knows_setup else (0.0, 0.0)
        busy = self.seconds(run.hardware, sums).sum() * np.exp(device)
        launched = sums[_LAUNCH] * np.exp(self.host + host)
        return float(np.log(overlapped_s(busy, launched)))

    def features(self, run: Run, sums: Floats) -> Floats:
        """What the residual is a function of."""
        seconds = self.seconds(run.hardware, sums)
        return features(seconds, sums[_LAUNCH], run.phase == "infer")


class _Problem:
    """Residuals and their derivatives for one vector of parameters.

    The vector holds coefficients, the host's time, the set-ups' two effects, and the devices'
    factors, one after the other.
    """

    def __init__(self, data: Samples, settings: Settings) -> None:
        self.data, self.settings = data, settings
        self.setups = sorted(set(data.setups))
        counts = Counter(run.hardware for run in data.runs)
        self.devices = sorted(h for h, n in counts.items() if n >= settings.fewest_runs)
        self.setup_of_run = np.array([self.setups.index(s) for s in data.setups])
        self.rows_of_device = [
            np.array([run.hardware == device for run in data.runs]) for device in self.devices
        ]
        terms, setups = len(TERMS), len(self.setups)
        self.host_at = terms
        self.setup_at = terms + 1
        self.setup_host_at = self.setup_at + setups
        self.device_at = self.setup_host_at + setups
        self.size = self.device_at + len(self.devices) * len(GROUPS)
        self.prior = np.concatenate([_PRIOR, [_HOST_PRIOR], np.zeros(self.size - terms - 1)])
        self.strength = 1 / self._deviations()
        in_setup = np.bincount(self.setup_of_run)[self.setup_of_run]
        weight = np.minimum(1.0, settings.counted_runs / in_setup) ** 0.25
        self.weight = weight / settings.noise
        self.to_groups = np.zeros((terms, len(GROUPS)))
        self.to_groups[np.arange(terms), GROUP_OF_TERM] = 1

    def _deviations(self) -> Floats:
        s, setups = self.settings, len(self.setups)
        coefficients = np.full(len(TERMS), s.coefficient)
        coefficients[_LAUNCH] = s.launch
        return np.concatenate(
            [
                coefficients,
                [s.host],
                np.full(setups, s.setup),
                np.full(setups, s.setup_host),
                np.full(len(self.devices) * len(GROUPS), s.device),
            ]
        )

    def device_factors(self, vector: Floats) -> Floats:
        return vector[self.device_at :].reshape(len(self.devices), len(GROUPS))

    def evaluate(self, vector: Floats) -> tuple[Floats, Floats]:
        """Weighted errors of the runs (n,), and their derivatives (n, size)."""
        logs = np.tile(vector[: len(TERMS)], (len(self.data.runs), 1))
        for rows, own in zip(self.rows_of_device, self.device_factors(vector), strict=True):
            logs[rows] += own[GROUP_OF_TERM]
        seconds = self.data.sums * np.exp(logs)
        busy = seconds.sum(axis=1)
        setup, setup_host = (
            vector[at : at + len(self.setups)][self.setup_of_run]
            for at in (self.setup_at, self.setup_host_at)
        )
        device_s = busy * np.exp(setup)
        host_s = self.data.sums[:, _LAUNCH] * np.exp(vector[self.host_at] + setup_host)
        power = device_s**SHARPNESS + host_s**SHARPNESS
        device_part, host_part = device_s**SHARPNESS / power, host_s**SHARPNESS / power
        errors = (np.log(power) / SHARPNESS - self.data.log_time) * self.weight
        rates = np.zeros((len(errors), self.size))
        by_term = seconds / busy[:, None] * device_part[:, None]
        rates[:, : len(TERMS)] = by_term
        rates[:, self.host_at] = host_part
        every = np.arange(len(errors))
        rates[every, self.setup_at + self.setup_of_run] = device_part
        rates[every, self.setup_host_at + self.setup_of_run] = host_part
        by_group = by_term @ self.to_groups
        for index, rows in enumerate(self.rows_of_device):
            at = self.device_at + index * len(GROUPS)
            rates[rows, at : at + len(GROUPS)] = by_group[rows]
        return errors, rates * self.weight[:, None]

    def cost(self, errors: Floats, vector: Floats) -> float:
        soft = 2 * (np.sqrt(1 + errors**2) - 1)
        return float(soft.sum() + (((vector - self.prior) * self.strength) ** 2).sum())


def fit_core(data: Samples, settings: Settings | None = None) -> Core:
    """Fit the model; the same data give the same numbers."""
    settings = settings or Settings()
    problem = _Problem(data, settings)
    vector = _minimum(problem, settings.steps)
    setups = range(len(problem.setups))
    return Core(
        coefficients=vector[: len(TERMS)],
        host=float(vector[problem.host_at]),
        device=dict(zip(problem.devices, problem.device_factors(vector), strict=True)),
        setup={
            problem.setups[i]: (
                float(vector[problem.setup_at + i]),
                float(vector[problem.setup_host_at + i]),
            )
            for i in setups
        },
    )


def _minimum(problem: _Problem, steps: int) -> Floats:
    vector, damping = problem.prior.copy(), 1e-2
    errors, rates = problem.evaluate(vector)
    cost = problem.cost(errors, vector)
    for _ in range(steps):
        # Weights that make squares of the soft absolute loss.
        soft = (1 / np.sqrt(1 + errors**2))[:, None]
        curvature = (rates * soft).T @ rates + np.diag(problem.strength**2)
        slope = (rates * soft).T @ errors + problem.strength**2 * (vector - problem.prior)
        before = cost
        for _ in range(6):
            damped = curvature + damping * np.diag(np.diag(curvature))
            trial = vector + np.clip(np.linalg.solve(damped, -slope), -1, 1)
            tried, tried_rates = problem.evaluate(trial)
            if (tried_cost := problem.cost(tried, trial)) < cost:
                vector, errors, rates, cost = trial, tried, tried_rates, tried_cost
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
