"""Fit of power and throttling on measured runs, and how far it is off on runs it never saw.

A mixed model in logarithms, as that of time: figures of all boards, drawn to what is expected
without data; a factor of each device, and of each source's processors, drawn to one.  Least squares
of ln(power) and, where one run was measured under several limits, of ln(time over that at the
highest), with a soft absolute loss.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache
from types import MappingProxyType

import numpy as np

from auditor.calibration.core import Core
from auditor.calibration.fit import half_width
from auditor.calibration.record import Run
from auditor.calibration.samples import dims_of, sums_of
from auditor.hardware import Accelerator, resolve
from auditor.step.kernels import Floats, Kernels
from auditor.step.power import (
    FIGURES,
    Boards,
    PowerModel,
    asked_power_w,
    limited_power_w,
    node_power_w,
    stretch,
    stretched_total_s,
    time_shares,
)
from auditor.step.terms import LATENCY, TERMS, UPDATE, VECTOR

# What every figure is before a run is seen, and how far it is let from it: standard deviations of
# logarithms.  Exponent and floor by the cubic law (dynamic power with the third power of the
# clock) and half the dynamic power at the lowest voltage; processors and the rest as a workstation
# has them.  Idle power shows in no run: it keeps what is expected.
_PRIORS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "arithmetic_share": (1.05, 0.3),
        "memory_share": (0.9, 0.3),
        "waiting_share": (0.1, 0.4),
        "idle_share_of_tdp": (0.08, 0.1),
        "limit_sharpness": (4.0, 0.4),
        "clock_exponent": (1 / 3, 0.3),
        "voltage_floor_share": (0.5, 0.3),
        "processor_w": (60.0, 0.5),
        "rest_share": (0.1, 0.4),
    }
)
_CENTRE = np.log([_PRIORS[name][0] for name in FIGURES])
_SPREAD = np.array([_PRIORS[name][1] for name in FIGURES])
# The same of the factors: how much of its design power a board is built to ask for, and a
# desktop's processor against two of a server.
_DEVICE_SPREAD, _PROCESSOR_SPREAD = 0.4, 0.7
# Standard deviation of a run's ln(power) or ln(time); of those of quality C, whose power is the
# highest it can be, twice as much.
_NOISE = 0.08
_WEAK_NOISE = 2.0
# More runs of one source on one device weigh as many as this.
_COUNTED_RUNS = 60
_TOLERANCE = 1e-10
_MOST_STEPS = 200

_ARITHMETIC = ("compute", "feed", LATENCY)
_MEMORY = ("memory", VECTOR, UPDATE)
_KINDS = np.array(
    [[t.split("/")[0] in kind for kind in (_ARITHMETIC, _MEMORY)] for t in TERMS], np.float64
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerRows:
    """Runs with a measured power, as arrays over them.

    `busy_s` (n, 2) are modelled times of arithmetic and of memory traffic at full clocks;
    `measured_s` and `modelled_s` the whole step's: measured at the highest limit of its kind, and
    modelled without knowing the set-up.  `slowed` is the measured time over that at the highest
    limit, nan where there is no other.  Power, limit and design power are of one device, in W;
    `idle_w` is nan where it is not known.
    """

    runs: tuple[Run, ...]
    busy_s: Floats
    measured_s: Floats
    modelled_s: Floats
    slowed: Floats
    power_w: Floats
    limit_w: Floats
    tdp_w: Floats
    idle_w: Floats

    def where(self, chosen: Iterable[bool]) -> PowerRows:
        """Return those that are chosen."""
        mask = np.fromiter(chosen, np.bool_, len(self.runs))
        arrays = {f.name: getattr(self, f.name)[mask] for f in fields(self) if f.name != "runs"}
        kept = tuple(run for run, is_kept in zip(self.runs, mask, strict=True) if is_kept)
        return PowerRows(runs=kept, **arrays)


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerFit:
    """The fitted model; `processors` are the sources' own factors of `processor_w`.

    `half_width` is of ln(power) at `auditor.calibration.fit.LEVEL`, of sources never seen.
    """

    model: PowerModel
    processors: Mapping[str, float]
    half_width: float = float("nan")


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerError:
    """How far power is off on one source and device, the `left_out` of which was never seen.

    Median and 90th percentile of the absolute, and median of the signed, ln(modelled / measured).
    """

    left_out: str
    source: str
    hardware: str
    scope: str
    rows: int
    median: float
    percentile_90: float
    bias: float


def power_rows(
    runs: Iterable[Run], networks: Mapping[tuple[str, str], Kernels], core: Core
) -> PowerRows:
    """Take the runs whose power was measured and whose network there is a profile of."""
    taken: list[Run] = []
    busy_s: list[Floats] = []
    modelled_s: list[float] = []
    for run in runs:
        kernels = networks.get((run.graph, dims_of(run)))
        device = _device(run.hardware)
        if kernels is None or run.mean_power_w is None or device.tdp_w is None:
            continue
        sums = sums_of(run, kernels, device)
        taken.append(run)
        busy_s.append(core.seconds(run.hardware, sums) @ _KINDS)
        modelled_s.append(float(np.exp(core.log_time(run, sums, knows_setup=False))))
    return rows_of(taken, np.array(busy_s).reshape(-1, 2), np.array(modelled_s))


def rows_of(runs: Sequence[Run], busy_s: Floats, modelled_s: Floats) -> PowerRows:
    """Put runs of measured power beside their modelled times in s: (n, 2) and (n,)."""
    devices = [_device(run.hardware) for run in runs]
    tdp_w = np.array([float(device.tdp_w or np.nan) for device in devices])
    limit_w = np.array([run.power_limit_w or t for run, t in zip(runs, tdp_w, strict=True)])
    highest: dict[object, tuple[float, float]] = {}
    for run, limit in zip(runs, limit_w.tolist(), strict=True):
        highest[_kind(run)] = max(highest.get(_kind(run), (0.0, 0.0)), (limit, run.step_time_s))
    slowed = [
        run.step_time_s / highest[_kind(run)][1] if limit < highest[_kind(run)][0] else np.nan
        for run, limit in zip(runs, limit_w.tolist(), strict=True)
    ]
    return PowerRows(
        runs=tuple(runs),
        busy_s=busy_s,
        measured_s=np.array([highest[_kind(run)][1] for run in runs]),
        modelled_s=modelled_s,
        slowed=np.array(slowed),
        power_w=np.array([(run.mean_power_w or np.nan) / run.device_count for run in runs]),
        limit_w=limit_w,
        tdp_w=tdp_w,
        idle_w=np.array([np.nan if d.idle_w is None else d.idle_w for d in devices]),
    )


@cache
def _device(hardware: str) -> Accelerator:
    return resolve(hardware).accelerator


def _kind(run: Run) -> object:
    """What two runs share that differ in their power limit alone."""
    return (
        run.source,
        run.hardware,
        run.device_count,
        run.graph,
        run.dims,
        run.phase,
        run.layout,
        run.batch_size,
        run.precision,
        run.optimizer,
    )


def _source(run: Run) -> str:
    return run.source or "own"


def log_power(fit: PowerFit, rows: PowerRows, total_s: Floats) -> tuple[Floats, Floats]:
    """Modelled ln of the power measured, and of the time over that at the design power.

    `total_s` (n,) is the time of the step at full clocks, in s.
    """
    model = fit.model
    idle_w = np.where(np.isnan(rows.idle_w), model.idle_share_of_tdp * rows.tdp_w, rows.idle_w)
    factors = [model.devices.get(run.hardware, 1.0) for run in rows.runs]
    boards = Boards(tdp_w=rows.tdp_w, idle_w=idle_w, limit_w=rows.limit_w, factor=np.array(factors))
    asked_w = asked_power_w(model, boards, time_shares(rows.busy_s, total_s))
    board_w = limited_power_w(model, boards, asked_w, rows.limit_w)
    own = np.array([fit.processors.get(_source(run), 1.0) for run in rows.runs])
    processor_w = model.processor_w * own
    scope = np.array([run.power_scope for run in rows.runs])
    power_w = np.select(
        [scope == "gpu", scope == "gpu+cpu"],
        [board_w, board_w + processor_w],
        node_power_w(model, board_w, processor_w),
    )
    busy_s = rows.busy_s.sum(axis=1)
    slowed = stretched_total_s(busy_s, total_s, stretch(model, boards, asked_w)) / total_s
    return np.log(power_w), np.log(slowed)


class _Problem:
    """Weighted errors for one vector: figures, devices' factors, processors' factors.

    Each is a distance from its prior in standard deviations.
    """

    def __init__(self, rows: PowerRows) -> None:
        self.rows = rows
        self.devices = sorted({run.hardware for run in rows.runs})
        beside = {_source(run) for run in rows.runs if run.power_scope != "gpu"}
        self.sources = sorted(beside)
        self.size = len(FIGURES) + len(self.devices) + len(self.sources)
        self.log_power = np.log(rows.power_w)
        self.has_limit = ~np.isnan(rows.slowed)
        self.log_slowed = np.log(rows.slowed[self.has_limit])
        self.weight = _weights(rows.runs)

    def fit(self, vector: Floats) -> PowerFit:
        figures, rest = np.split(vector, [len(FIGURES)])
        devices, sources = np.split(rest, [len(self.devices)])
        values = np.exp(_CENTRE + _SPREAD * figures).tolist()
        by_device = np.exp(_DEVICE_SPREAD * devices).tolist()
        by_source = np.exp(_PROCESSOR_SPREAD * sources).tolist()
        own = MappingProxyType(dict(zip(self.devices, by_device, strict=True)))
        return PowerFit(
            model=PowerModel(**dict(zip(FIGURES, values, strict=True)), devices=own),
            processors=MappingProxyType(dict(zip(self.sources, by_source, strict=True))),
        )

    def errors(self, vector: Floats) -> Floats:
        """Errors whose squares are the loss: runs softened, the distance from the prior as is."""
        power, slowed = log_power(self.fit(vector), self.rows, self.rows.measured_s)
        of_power = (power - self.log_power) * self.weight
        of_time = (slowed[self.has_limit] - self.log_slowed) * self.weight[self.has_limit]
        errors = np.concatenate([of_power, of_time])
        # The root of 2 (sqrt(1 + e^2) - 1), written so that small errors keep their digits.
        soft = errors * np.sqrt(2 / (1 + np.sqrt(1 + errors**2)))
        return np.concatenate([soft, vector])


def _weights(runs: Sequence[Run]) -> Floats:
    """One over each run's noise; many runs of one source on one device count as fewer."""
    index: dict[object, int] = {}
    group = np.array([index.setdefault((_source(r), r.hardware), len(index)) for r in runs])
    fewer = np.sqrt(np.minimum(1.0, _COUNTED_RUNS / np.bincount(group)))[group]
    noise = np.array([_NOISE * (_WEAK_NOISE if r.quality == "C" else 1.0) for r in runs])
    weights: Floats = fewer / noise
    return weights


def fit_figures(rows: PowerRows) -> PowerFit:
    """Fit the model alone, without its half width; the same rows give the same numbers."""
    from scipy.optimize import least_squares

    problem = _Problem(rows)
    found = least_squares(
        problem.errors,
        np.zeros(problem.size),
        jac="2-point",
        ftol=_TOLERANCE,
        xtol=_TOLERANCE,
        gtol=_TOLERANCE,
        max_nfev=_MOST_STEPS,
    )
    return problem.fit(found.x)


def held_out(rows: PowerRows, group: Callable[[Run], str], *, knows_time: bool = True) -> Floats:
    """Errors ln(modelled / measured power) of runs whose whole group the fit did not see.

    The step's time is the measured one, so that the error is of power alone, or with
    `knows_time` false the modelled one, as in an estimate.
    """
    errors = np.zeros(len(rows.runs))
    for name in sorted({group(run) for run in rows.runs}):
        outside = np.array([group(run) == name for run in rows.runs])
        fit = fit_figures(rows.where(~outside))
        errors[outside] = _errors(fit, rows.where(outside), knows_time)
    return errors


def _errors(fit: PowerFit, rows: PowerRows, knows_time: bool) -> Floats:
    total_s = rows.measured_s if knows_time else rows.modelled_s
    return log_power(fit, rows, total_s)[0] - np.log(rows.power_w)


def fit_power(rows: PowerRows) -> PowerFit:
    """Fit the model, and how far power is off on sources that it never saw.

    The errors are those beside measured times: the interval of energy adds that of time.
    """
    errors = held_out(rows, _source)
    width = half_width(errors, [(_source(run), run.hardware) for run in rows.runs])
    return replace(fit_figures(rows), half_width=width)


def power_errors(rows: PowerRows, *, knows_time: bool = True) -> tuple[PowerError, ...]:
    """Errors of power by source, device and scope: nothing left out, the source, the device."""
    seen = _errors(fit_figures(rows), rows, knows_time)
    by_source = held_out(rows, _source, knows_time=knows_time)
    by_device = held_out(rows, lambda run: run.hardware, knows_time=knows_time)
    return (
        *_by_setup("nothing", rows, seen),
        *_by_setup("source", rows, by_source),
        *_by_setup("device", rows, by_device),
    )


def _by_setup(left_out: str, rows: PowerRows, errors: Floats) -> Iterable[PowerError]:
    setups = [(_source(run), run.hardware, run.power_scope or "") for run in rows.runs]
    for setup in sorted(set(setups)):
        own = errors[[s == setup for s in setups]]
        source, hardware, scope = setup
        yield PowerError(
            left_out=left_out,
            source=source,
            hardware=hardware,
            scope=scope,
            rows=len(own),
            median=float(np.median(np.abs(own))),
            percentile_90=float(np.quantile(np.abs(own), 0.9)),
            bias=float(np.median(own)),
        )
