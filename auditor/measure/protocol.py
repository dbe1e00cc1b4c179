"""How a run is measured: idle, warm-up until steady, trials of a fixed window, cool-down."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from auditor.errors import HardwareError, PlanError
from auditor.measure.meter import Meter, NoMeter
from auditor.measure.recording import Mark, Recording
from auditor.measure.sampling import Sampler
from auditor.measure.trials import LOWEST_RATE_HZ, Measurement, Trial, analysed

__all__ = ["Measurement", "Schedule", "Trial", "Work", "measured", "measured_together"]

# Step times of this many chunks in a row within this share of each other: steady.
_STEADY_CHUNKS = 4
STEADY_SHARE = 0.05
_CHUNK_S = 0.25
_LARGEST_GROWTH = 8
_HIGHEST_RATE_HZ = 1000.0


class Work(Protocol):
    """What is repeated and measured."""

    def step(self) -> None:
        """Run one repetition; it may come back before the device has done it."""

    def wait(self) -> None:
        """Come back when the device has done all steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How long each phase takes, in s.

    `warm_up_s` is the least: warming up goes on until the time of a step is steady, or
    `longest_warm_up_s` have passed; and for as long as the sensor averages over.  `window_s`
    is the least of each of `trial_count` trials.
    """

    idle_s: float = 3.0
    warm_up_s: float = 2.0
    longest_warm_up_s: float = 20.0
    window_s: float = 5.0
    trial_count: int = 3
    cool_down_s: float = 1.0
    rate_hz: float = 50.0

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            PlanError: a figure is out of range; names it.
        """
        for name in ("idle_s", "warm_up_s", "longest_warm_up_s", "cool_down_s"):
            if not 0 <= getattr(self, name) <= 3600:
                raise PlanError(f"{name} {getattr(self, name):g}: give 0 to 3600 s")
        if not 0 < self.window_s <= 3600:
            raise PlanError(f"window_s {self.window_s:g}: give more than 0 and up to 3600 s")
        if not 1 <= self.trial_count <= 1000:
            raise PlanError(f"trial_count {self.trial_count}: give 1 to 1000")
        if not LOWEST_RATE_HZ <= self.rate_hz <= _HIGHEST_RATE_HZ:
            raise PlanError(
                f"rate_hz {self.rate_hz:g}: give {LOWEST_RATE_HZ:g} to {_HIGHEST_RATE_HZ:g} Hz"
            )


def measured(meter: Meter, work: Work, schedule: Schedule) -> Measurement:
    """Run `work` by the schedule with one meter.

    Raises:
        HardwareError: the meter fails, its sensor stands still, or the window is too short for it.
        AuditError: whatever `work` raises.
    """
    (found,) = measured_together((meter,), work, schedule)
    return found


def measured_together(
    meters: Sequence[Meter], work: Work, schedule: Schedule
) -> tuple[Measurement, ...]:
    """Run `work` once with several meters; one measurement each, in their order.

    Raises:
        HardwareError: as `measured` does, of any of the meters.
        AuditError: whatever `work` raises.
    """
    for meter in meters:
        _require_window(meter, schedule)
    run = _Run(work, [Sampler(meter, schedule.rate_hz) for meter in meters or (NoMeter(),)])
    with run.sampling():
        run.all_phases(schedule)
    return run.measurements()


def _require_window(meter: Meter, schedule: Schedule) -> None:
    description = meter.description
    if schedule.window_s < description.lowest_window_s:
        raise HardwareError(
            f"a window of {schedule.window_s:g} s is too short for the sensor of "
            f"{description.label}, which needs {description.lowest_window_s:g} s; give a longer "
            "--window"
        )


class _Run:
    """One run with its samplers and marks."""

    def __init__(self, work: Work, samplers: Sequence[Sampler]) -> None:
        self.work = work
        self.samplers = samplers
        self.marks: list[Mark] = []
        self.warnings: list[str] = []

    @contextlib.contextmanager
    def sampling(self) -> Iterator[None]:
        try:
            for sampler in self.samplers:
                sampler.start()
            yield
        finally:
            for sampler in self.samplers:
                sampler.stop()

    def all_phases(self, schedule: Schedule) -> None:
        self.mark("idle")
        self.sleep(schedule.idle_s)
        self.mark("warm-up")
        step_time_s = self.warm_up(schedule)
        for number in range(1, schedule.trial_count + 1):
            step_time_s = self.trial(f"trial {number}", schedule.window_s, step_time_s)
        self.mark("cool-down")
        self.sleep(schedule.cool_down_s)
        self.mark("end")

    def mark(self, label: str) -> None:
        self.marks.append(Mark(time.monotonic(), label))

    def check(self) -> None:
        for sampler in self.samplers:
            sampler.check()

    def sleep(self, duration_s: float) -> None:
        end_s = time.monotonic() + duration_s
        while (left_s := end_s - time.monotonic()) > 0:
            time.sleep(min(left_s, 0.2))
            self.check()

    def timed(self, count: int) -> float:
        """Run `count` repetitions; return the time in s until the device had done them."""
        start_s = time.monotonic()
        for _ in range(count):
            self.work.step()
            self.check()
        self.work.wait()
        return time.monotonic() - start_s

    def warm_up(self, schedule: Schedule) -> float:
        """Run until the time of a step is steady; return it in s."""
        start_s, count, recent = time.monotonic(), 1, list[float]()
        # A sensor that averages must have forgotten the idle time.
        windows_s = (sampler.meter.description.lowest_window_s for sampler in self.samplers)
        least_s = max(schedule.warm_up_s, *windows_s)
        while True:
            step_time_s = max(self.timed(count) / count, 1e-9)
            # A chunk too short tells of the clock, not of the work.
            if count * step_time_s >= _CHUNK_S / 2:
                recent = [*recent, step_time_s][-_STEADY_CHUNKS:]
            elapsed_s = time.monotonic() - start_s
            if elapsed_s >= least_s and _is_steady(recent):
                return step_time_s
            if elapsed_s >= max(least_s, schedule.longest_warm_up_s):
                self.warnings.append(
                    f"not steady after {elapsed_s:.1f} s of warm-up: the time of a step still "
                    f"changes by more than {STEADY_SHARE:.0%}"
                )
                return step_time_s
            count = _bounded(round(_CHUNK_S / step_time_s), count * _LARGEST_GROWTH)

    def trial(self, label: str, window_s: float, step_time_s: float) -> float:
        """Run one window; return the time of a step in s, by which the next is planned."""
        place, start_s = len(self.marks), time.monotonic()
        self.mark(label)
        count, elapsed_s = 0, 0.0
        while elapsed_s < window_s:
            # Half a percent more than predicted: a second, short chunk would cost a wait.
            planned = round(1.005 * (window_s - elapsed_s) / step_time_s) + 1
            more = _bounded(planned, max(count, 1) * 1_000_000)
            self.timed(more)
            count += more
            elapsed_s = time.monotonic() - start_s
            step_time_s = elapsed_s / count
        self.marks[place] = Mark(self.marks[place].time_s, label, count)
        return step_time_s

    def measurements(self) -> tuple[Measurement, ...]:
        total_s = self.marks[-1].time_s - self.marks[0].time_s
        return tuple(
            analysed(
                Recording(
                    description=sampler.meter.description,
                    readings=sampler.readings(),
                    marks=tuple(self.marks),
                ),
                self.warnings,
                sampler.busy_s / total_s if total_s else None,
            )
            for sampler in self.samplers
        )


def _is_steady(step_times_s: Sequence[float]) -> bool:
    if len(step_times_s) < _STEADY_CHUNKS:
        return False
    return max(step_times_s) <= (1 + STEADY_SHARE) * min(step_times_s)


def _bounded(count: int, most: int) -> int:
    return max(1, min(count, most))
