"""What a run will cost, told by those that are done, and whether it still fits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from auditor.measure.protocol import Schedule

# Building, moving and the first steps, before any run has shown how long they take here.
FIRST_OVERHEAD_S = 10.0
_QUANTILE = 0.9
# A run that takes so much longer than expected hangs.
_HANG_FACTOR = 5.0
# The first run of a library imports it, perhaps from a cold disk.
_LEAST_HANG_S = 150.0


def least_s(schedule: Schedule) -> float:
    """The shortest time in s that a run takes once it is built."""
    waiting_s = schedule.idle_s + schedule.warm_up_s + schedule.cool_down_s
    return waiting_s + schedule.window_s * schedule.trial_count


@dataclass(frozen=True, slots=True)
class Costs:
    """Times in s of the runs that are done, each less its schedule's least."""

    overheads_s: tuple[float, ...] = ()

    def with_run(self, elapsed_s: float, schedule: Schedule) -> Costs:
        """Learn from a finished run; one cut short by its own failure tells nothing."""
        overhead_s = elapsed_s - least_s(schedule)
        return Costs((*self.overheads_s, overhead_s)) if overhead_s >= 0 else self

    def expected_s(self, schedule: Schedule) -> float:
        """What nine of ten runs stay below, in s."""
        return least_s(schedule) + _quantile(self.overheads_s)

    def hang_s(self, schedule: Schedule) -> float:
        """The time in s after which a run is taken to hang."""
        return max(_LEAST_HANG_S, _HANG_FACTOR * self.expected_s(schedule))


def _quantile(values: Sequence[float]) -> float:
    """The value that nine of ten do not pass, of those there are."""
    if not values:
        return FIRST_OVERHEAD_S
    return sorted(values)[math.ceil(_QUANTILE * len(values)) - 1]


@dataclass(frozen=True, slots=True)
class Budget:
    """Time to spend, from `start_s` on a monotonic clock; `budget_s` None is without end."""

    start_s: float
    budget_s: float | None

    def left_s(self, now_s: float) -> float:
        """What is left at `now_s`."""
        if self.budget_s is None:
            return math.inf
        return self.start_s + self.budget_s - now_s
