"""Measured runs as the fit takes them: times at peak by term, beside the time that was measured."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from auditor.calibration.record import Run
from auditor.hardware import Accelerator, resolve
from auditor.optimizers import optimizer
from auditor.precision import Precision, precision
from auditor.profile import updated
from auditor.step.kernels import Floats, Kernels
from auditor.step.rates import rates
from auditor.step.terms import TERMS, Passes, step_terms

# Weak by the table's own mark: the configuration is inferred, or the network has changed since.
_WEAK = frozenset({"C"})


@dataclass(frozen=True, slots=True)
class Samples:
    """Runs with `sums` (runs, terms), times at peak in s, and `log_time` (runs,), of s."""

    runs: tuple[Run, ...]
    sums: Floats
    log_time: Floats

    def where(self, chosen: Iterable[bool]) -> Samples:
        """Return those that are chosen."""
        mask = np.fromiter(chosen, np.bool_, len(self.runs))
        kept = tuple(run for run, is_kept in zip(self.runs, mask, strict=True) if is_kept)
        return Samples(kept, self.sums[mask], self.log_time[mask])

    def joined(self, others: Samples) -> Samples:
        """Return these, and the others after them."""
        return Samples(
            self.runs + others.runs,
            np.concatenate([self.sums, others.sums]),
            np.concatenate([self.log_time, others.log_time]),
        )

    @classmethod
    def none(cls) -> Samples:
        """Return no runs."""
        return cls((), np.zeros((0, len(TERMS))), np.zeros(0))

    @property
    def setups(self) -> tuple[str, ...]:
        """Where each was measured: one source on one device."""
        return tuple(setup_of(run) for run in self.runs)


def setup_of(run: Run) -> str:
    """Name the set-up of a run: its source and its device."""
    return f"{run.source or 'own'}|{run.hardware}"


def sums_of(run: Run, kernels: Kernels, accelerator: Accelerator) -> Floats:
    """Times at peak in s of one step of a run, by term."""
    mode = precision(run.precision)
    passes = Passes(backward=run.phase != "infer", update_bytes=_update_bytes(run, kernels, mode))
    terms = step_terms(kernels, run.batch_size, rates(accelerator, mode), mode, passes)
    return terms.sums()


def _update_bytes(run: Run, kernels: Kernels, mode: Precision) -> int:
    """Traffic of a run's own optimizer; Adam's where the table names none."""
    if run.phase != "train":
        return 0
    work = updated(kernels.trained_parameter_count, optimizer(run.optimizer or "adam"), mode)
    return work.read_bytes + work.written_bytes


def is_usable(run: Run, highest_limit_w: Mapping[str, float]) -> bool:
    """Whether a run can say how fast its device is: alone, at full clocks, channels first."""
    limit = run.power_limit_w
    throttled = limit is not None and limit < highest_limit_w[run.hardware]
    return (
        run.device_count == 1
        and run.layout != "nhwc"
        and run.quality not in _WEAK
        and not throttled
    )


def samples(runs: Iterable[Run], networks: Mapping[tuple[str, str], Kernels]) -> Samples:
    """Take the runs that are usable and whose network there is a profile of."""
    runs = tuple(runs)
    highest: dict[str, float] = {}
    for run in runs:
        highest[run.hardware] = max(highest.get(run.hardware, 0.0), run.power_limit_w or 0.0)
    devices: dict[str, Accelerator] = {}
    taken: list[Run] = []
    sums: list[Floats] = []
    for run in runs:
        kernels = networks.get((run.graph, dims_of(run)))
        if kernels is None or not is_usable(run, highest):
            continue
        if run.hardware not in devices:
            devices[run.hardware] = resolve(run.hardware).accelerator
        taken.append(run)
        sums.append(sums_of(run, kernels, devices[run.hardware]))
    times = np.array([math.log(run.step_time_s) for run in taken])
    return Samples(tuple(taken), np.array(sums), times)


def dims_of(run: Run) -> str:
    """A run's dimensions as the tables write them."""
    return ";".join(f"{name}={size}" for name, size in run.dims)
