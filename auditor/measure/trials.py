"""From a recording to figures: trials, their energy two ways, and what to mind about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

from auditor.errors import HardwareError
from auditor.measure.recording import Mark, Recording
from auditor.measure.spread import Mean, mean_of
from auditor.measure.window import (
    Point,
    counted_j,
    counter_points,
    integrated_j,
    longest_gap_s,
    mean_or_none,
    power_points,
    within,
)

LOWEST_RATE_HZ = 20.0
# Counter and integral of the same sensor differ by the edges of the window and by what the
# samples missed; by more than this, one of them is wrong.
LARGEST_DISAGREEMENT = 0.05
_ENOUGH_TO_TELL = 10
_LONGEST_GAP_S = 0.5
# NVML calls these reasons for lower clocks too; neither is a limit that the work ran into.
_HARMLESS = frozenset({"idle", "application clocks"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One window of work: how often it ran, how long (s), and what the meter read meanwhile.

    Energies in J are of the whole window; None where the meter has no such reading.
    `memory_used_bytes` and `temperature_c` are the highest, `sm_clock_hz` and `utilization`
    means, `throttled_share` the share of readings with any reason in `throttle_reasons`.
    """

    label: str
    repetition_count: int
    duration_s: float
    energy_integrated_j: float | None
    energy_counter_j: float | None
    sample_count: int
    utilization: float | None = None
    memory_used_bytes: int | None = None
    sm_clock_hz: float | None = None
    temperature_c: float | None = None
    throttle_reasons: frozenset[str] = frozenset()
    throttled_share: float = 0.0
    process_count: int | None = None

    @property
    def energy_j(self) -> float | None:
        """Energy in J by the counter, else by integration."""
        counted = self.energy_counter_j
        return counted if counted is not None else self.energy_integrated_j

    @property
    def mean_power_w(self) -> float | None:
        """Mean power in W over the window; None where no energy was read."""
        return None if self.energy_j is None else self.energy_j / self.duration_s

    @property
    def step_time_s(self) -> float:
        """Time in s of one repetition."""
        return self.duration_s / self.repetition_count


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """All trials of one meter; a repetition is one `Work.step`.

    `idle_power_w` is the mean before the work began.  `sampling_share` is the CPU time that
    sampling took, as a share of one core over the run; None for a recording read from a file.
    """

    trials: tuple[Trial, ...]
    idle_power_w: float | None
    recording: Recording
    warnings: tuple[str, ...]
    sampling_share: float | None = None

    @property
    def energy_method(self) -> str | None:
        """How energy was had: "counter", "integrated" or "modelled"; None where it was not read."""
        if self.trials[0].energy_j is None:
            return None
        if self.recording.description.is_modelled:
            return "modelled"
        return "integrated" if self.trials[0].energy_counter_j is None else "counter"

    @property
    def scope(self) -> str:
        """Whose electricity it is: "gpu", "cpu", "cpu+dram", "host", "soc" or "none"."""
        return self.recording.description.scope

    @property
    def energy_j(self) -> Mean | None:
        """Energy of one repetition in J, with the interval of the trials.

        Of a modelled energy the interval is widened by the range of the model.
        """
        energies_j = [
            t.energy_j / t.repetition_count for t in self.trials if t.energy_j is not None
        ]
        if not energies_j:
            return None
        description = self.recording.description
        return mean_of(energies_j).widened(description.lowest_factor, description.highest_factor)

    @property
    def step_time_s(self) -> Mean:
        """Time of one repetition in s, with the interval of the trials."""
        return mean_of([trial.step_time_s for trial in self.trials])

    @property
    def mean_power_w(self) -> float | None:
        """Mean power in W over the trials' time."""
        read = [(t.energy_j, t.duration_s) for t in self.trials if t.energy_j is not None]
        return sum(e for e, _ in read) / sum(d for _, d in read) if read else None

    @property
    def disagreement(self) -> float | None:
        """Integrated energy over the counter's, less 1; None where one of them is missing."""
        pairs = [(t.energy_integrated_j, t.energy_counter_j) for t in self.trials]
        both = [(i, c) for i, c in pairs if i is not None and c]
        return sum(i for i, _ in both) / sum(c for _, c in both) - 1 if both else None


def analysed(
    recording: Recording, more_warnings: Sequence[str] = (), sampling_share: float | None = None
) -> Measurement:
    """Return what a recording shows: every phase "trial ..." with a count is a trial.

    Raises:
        HardwareError: it has no trial, or the sensor stands still: a power of zero or always the
            same, a counter that does not move or that fell.
    """
    power, counter = power_points(recording.readings), _counter_points(recording)
    trials = tuple(
        _trial(recording, mark, end_s, (power, counter))
        for mark, end_s in recording.phases("trial")
        if mark.repetition_count
    )
    if not trials:
        raise HardwareError(
            f"the recording of {recording.description.label} has no trial; measure again"
        )
    _require_alive(recording, power, trials)
    idle_power_w = _idle_power_w(recording, power, counter)
    found = Measurement(
        trials=trials,
        idle_power_w=idle_power_w,
        recording=recording,
        warnings=(),
        sampling_share=sampling_share,
    )
    warnings = (*more_warnings, *_warnings(found))
    return Measurement(
        trials=trials,
        idle_power_w=idle_power_w,
        recording=recording,
        warnings=warnings,
        sampling_share=sampling_share,
    )


def _counter_points(recording: Recording) -> list[Point]:
    return counter_points(recording.readings, recording.description.label)


def _trial(
    recording: Recording, mark: Mark, end_s: float, points: tuple[list[Point], list[Point]]
) -> Trial:
    power, counter = points
    readings = within(recording.readings, mark.time_s, end_s)
    memory = [r.memory_used_bytes for r in readings if r.memory_used_bytes is not None]
    celsius = [r.temperature_c for r in readings if r.temperature_c is not None]
    processes = [r.process_count for r in readings if r.process_count is not None]
    reasons = [r.throttle_reasons - _HARMLESS for r in readings]
    return Trial(
        label=mark.label,
        repetition_count=mark.repetition_count or 0,
        duration_s=end_s - mark.time_s,
        energy_integrated_j=integrated_j(power, mark.time_s, end_s),
        energy_counter_j=counted_j(counter, mark.time_s, end_s),
        sample_count=len(readings),
        utilization=mean_or_none(r.utilization for r in readings),
        memory_used_bytes=max(memory, default=None),
        sm_clock_hz=mean_or_none(r.sm_clock_hz for r in readings),
        temperature_c=max(celsius, default=None),
        throttle_reasons=frozenset().union(*reasons),
        throttled_share=fmean(map(bool, reasons)) if reasons else 0.0,
        process_count=max(processes, default=None),
    )


def _idle_power_w(recording: Recording, power: list[Point], counter: list[Point]) -> float | None:
    """Mean power in W of the phase "idle"; None where there was none or nothing was read.

    A sensor that averages still shows at its beginning what was before: that is left out.
    """
    averaged_s = recording.description.lowest_window_s
    for mark, end_s in recording.phases("idle"):
        # Up to the last reading before the work: the next one is of the work already.
        inside = within(recording.readings, mark.time_s, end_s)
        last_s = inside[-1].time_s if inside else end_s
        start_s = mark.time_s + min(averaged_s, (end_s - mark.time_s) / 2)
        energy_j = integrated_j(power, start_s, last_s)
        if energy_j is not None:
            return energy_j / (last_s - start_s)
        energy_j = counted_j(counter, start_s, end_s)
        if energy_j is not None and end_s > start_s:
            return energy_j / (end_s - start_s)
    return None


def _require_alive(recording: Recording, power: list[Point], trials: Sequence[Trial]) -> None:
    """Refuse a sensor that stands still.

    Raises:
        HardwareError: it does.
    """
    if recording.description.is_modelled:
        return
    label = recording.description.label
    for trial in trials:
        if trial.energy_integrated_j == 0:
            raise HardwareError(
                f"{label}: its power sensor reads 0 W in {trial.label}; check nvidia-smi, or "
                "measure on a device that has one"
            )
        if trial.energy_counter_j == 0:
            raise HardwareError(
                f"{label}: its energy counter does not move in {trial.label}; give a longer "
                "--window, or measure with --no-counter"
            )
    if len(power) >= _ENOUGH_TO_TELL and len({watts for _, watts in power}) == 1:
        raise HardwareError(
            f"{label}: its power sensor reads {power[0][1]:g} W all the time, idle and at work, "
            "so it stands still; check nvidia-smi, or measure on a device that has one"
        )


def _warnings(found: Measurement) -> Iterator[str]:
    """What a reader of the figures should know."""
    yield from _of_the_energy(found)
    for trial in found.trials:
        if trial.throttled_share:
            yield (
                f"{trial.label}: clocks held down in {trial.throttled_share:.0%} of the readings: "
                f"{', '.join(sorted(trial.throttle_reasons))}"
            )
    others = max((t.process_count or 0 for t in found.trials), default=0)
    if others:
        count = "1 other process" if others == 1 else f"{others} other processes"
        yield f"{count} on the device: their energy is in the figures"


def _of_the_energy(found: Measurement) -> Iterator[str]:
    method, recording = found.energy_method, found.recording
    if method == "integrated":
        yield "the device has no energy counter: energy is integrated from its power readings"
    apart = found.disagreement
    if apart is not None and abs(apart) > LARGEST_DISAGREEMENT:
        yield (
            f"power integrated is {apart:+.1%} beside the energy counter, which is reported: "
            "measure longer (--window)"
        )
    if method is None:
        return
    rate_hz = sum(t.sample_count for t in found.trials) / sum(t.duration_s for t in found.trials)
    if rate_hz < LOWEST_RATE_HZ:
        yield f"power was sampled at {rate_hz:.1f} Hz, less than {LOWEST_RATE_HZ:g} Hz"
    gap_s = max(longest_gap_s(recording.readings, *span) for span in _spans(recording))
    if gap_s > _LONGEST_GAP_S:
        yield f"no reading for {gap_s:.2f} s in a trial: the processor was busy with other work"


def _spans(recording: Recording) -> Iterator[tuple[float, float]]:
    yield from (
        (mark.time_s, end_s) for mark, end_s in recording.phases("trial") if mark.repetition_count
    )
