"""After how many inferences a network that takes more to train pays that back, or never does."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.interval import Interval


@dataclass(frozen=True, slots=True)
class Costs:
    """Electricity in kWh, carbon in g or any other amount: once, and for every inference."""

    once: Interval
    per_inference: Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEven:
    """Inferences after which the second of two has cost no more than the first; None is never.

    `earliest` and `latest` are by the ends of the intervals that suit it best and worst; None
    there is that it never does.
    """

    inferences: float | None
    earliest: float | None
    latest: float | None


def inferences_to_break_even(extra_once: float, saved_each: float) -> float | None:
    """Number n >= 0 from which extra_once <= n saved_each; None where there is none.

    Nothing extra is paid back at once; what saves nothing pays back never.
    """
    if extra_once <= 0:
        return 0.0
    return extra_once / saved_each if saved_each > 0 else None


def break_even(first: Costs, second: Costs) -> BreakEven:
    """Compare two networks; `second` is the one that takes more to train.

    Both intervals are taken to their ends against each other, as if errors were unrelated: of
    two estimates of one tool they are not, so the range is on the wide side.  Where the second
    costs less to train but more to run, it is ahead from the start and is overtaken: ask
    for `break_even(second, first)`.
    """

    def between(ends: tuple[str, str]) -> float | None:
        mine, theirs = ends
        return inferences_to_break_even(
            getattr(second.once, mine) - getattr(first.once, theirs),
            getattr(first.per_inference, theirs) - getattr(second.per_inference, mine),
        )

    return BreakEven(
        inferences=between(("median", "median")),
        earliest=between(("low", "high")),
        latest=between(("high", "low")),
    )
