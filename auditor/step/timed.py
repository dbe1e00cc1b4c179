"""What both ways to time a step give: times by pass and operation, and how far they may be off."""

from __future__ import annotations

from dataclasses import dataclass, replace

from auditor.costs import Family


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """Time on one device, and which part of it is bound by what."""

    total_s: float = 0.0
    compute_bound_s: float = 0.0
    memory_bound_s: float = 0.0
    overhead_s: float = 0.0

    def __add__(self, other: Seconds) -> Seconds:
        return Seconds(
            total_s=self.total_s + other.total_s,
            compute_bound_s=self.compute_bound_s + other.compute_bound_s,
            memory_bound_s=self.memory_bound_s + other.memory_bound_s,
            overhead_s=self.overhead_s + other.overhead_s,
        )

    def times(self, factor: float) -> Seconds:
        """Scale every part."""
        return Seconds(
            total_s=self.total_s * factor,
            compute_bound_s=self.compute_bound_s * factor,
            memory_bound_s=self.memory_bound_s * factor,
            overhead_s=self.overhead_s * factor,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationTime:
    """Time of one operation in one step: forward and backward together."""

    name: str
    op_type: str
    family: Family
    forward: Seconds
    backward: Seconds

    @property
    def total_s(self) -> float:
        """Forward and backward."""
        return self.forward.total_s + self.backward.total_s

    def times(self, factor: float) -> OperationTime:
        """Scale both passes."""
        if factor == 1:  # nearly always, and there are many operations
            return self
        return replace(
            self, forward=self.forward.times(factor), backward=self.backward.times(factor)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """How the time was found and how far it may be off.

    Half widths are of ln(time) and ln(power) at `level`; `reasons` say what is outside the
    data, nothing where `in_domain`, which is None where there are no data to be outside of.
    """

    method: str
    time_half_width: float
    power_half_width: float
    level: float
    in_domain: bool | None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """Times of one optimizer step on one device, by pass and by operation."""

    operations: tuple[OperationTime, ...]
    forward: Seconds
    backward: Seconds
    update: Seconds
    confidence: Confidence
