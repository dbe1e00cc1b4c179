"""What the user says of a network's life beyond its training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

# Of a single option: what it must be, and the words for it.
Check = tuple[Callable[[Any], bool], str]

MAX_LIFE_YEARS = 100.0
MAX_GROWTH_PERCENT = 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """Years of service, and what happens in them; None is not said.

    `failed_runs` and `retrainings_per_year` each count whole trainings.  `inferences_per_day`
    are samples, at the start; `usage_growth_percent` is by how much they grow a year in the
    rebound scenario, negative where they shrink.  Inference runs on `inference_hardware`, in
    passes of `inference_batch_size` samples.
    """

    life_years: float | None = None
    inferences_per_day: float | None = None
    retrainings_per_year: float | None = None
    failed_runs: float | None = None
    usage_growth_percent: float | None = None
    inference_hardware: str | None = None
    inference_batch_size: int | None = None
    inference_precision: str | None = None

    @property
    def is_given(self) -> bool:
        """Whether anything of it is said."""
        return any(getattr(self, f.name) is not None for f in fields(self))

    def over(self, other: Lifecycle) -> Lifecycle:
        """Return this with `other`'s values where this one says nothing."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        return Lifecycle(
            **{n: getattr(other, n) if value is None else value for n, value in own.items()}
        )


LIFECYCLE_TEXTS = frozenset({"inference_hardware", "inference_precision"})
LIFECYCLE_INTEGERS = frozenset({"inference_batch_size"})
LIFECYCLE_CHECKS: dict[str, Check] = {
    "life_years": (
        lambda v: 0 < v <= MAX_LIFE_YEARS,
        f"a number of years above 0, at most {MAX_LIFE_YEARS:g}",
    ),
    "usage_growth_percent": (
        lambda v: -100 < v <= MAX_GROWTH_PERCENT,
        f"a percentage a year above -100, at most {MAX_GROWTH_PERCENT:g}",
    ),
    **{
        name: (lambda v: 0 <= v <= 1e18, "a number of 0 or more, at most 1e+18")
        for name in ("inferences_per_day", "retrainings_per_year", "failed_runs")
    },
}
