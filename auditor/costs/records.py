"""What an operation costs: arithmetic and traffic, forward and backward."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from auditor.shapes import Value


class Family(StrEnum):
    """Operators that use the hardware alike: each has its own share of the peak."""

    POINTWISE_CONVOLUTION = "pointwise_convolution"
    CONVOLUTION = "convolution"
    GROUPED_CONVOLUTION = "grouped_convolution"
    DEPTHWISE_CONVOLUTION = "depthwise_convolution"
    MATMUL = "matmul"
    BATCHED_MATMUL = "batched_matmul"
    RECURRENT = "recurrent"
    NORMALIZATION = "normalization"
    SOFTMAX = "softmax"
    ELEMENTWISE = "elementwise"
    POOLING = "pooling"
    REDUCTION = "reduction"
    EMBEDDING = "embedding"
    MOVEMENT = "movement"
    LOSS = "loss"
    OPTIMIZER = "optimizer"
    CONSTANT = "constant"


PRODUCTS = frozenset(
    {
        Family.POINTWISE_CONVOLUTION,
        Family.CONVOLUTION,
        Family.GROUPED_CONVOLUTION,
        Family.DEPTHWISE_CONVOLUTION,
        Family.MATMUL,
        Family.BATCHED_MATMUL,
        Family.RECURRENT,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """Arithmetic and traffic of one pass.

    `macs` are multiply-accumulates of products; `other_flops` everything else, one per
    elementary operation.  `weight_read_bytes` and `weight_written_bytes` are the parts
    of the traffic that do not grow with the batch.  Bytes are at the file's own types.
    """

    macs: int = 0
    other_flops: int = 0
    read_bytes: int = 0
    written_bytes: int = 0
    weight_read_bytes: int = 0
    weight_written_bytes: int = 0

    @property
    def flops(self) -> int:
        """Floating-point operations: 2 per MAC plus the rest."""
        return 2 * self.macs + self.other_flops

    def __add__(self, other: Work) -> Work:
        return Work(
            macs=self.macs + other.macs,
            other_flops=self.other_flops + other.other_flops,
            read_bytes=self.read_bytes + other.read_bytes,
            written_bytes=self.written_bytes + other.written_bytes,
            weight_read_bytes=self.weight_read_bytes + other.weight_read_bytes,
            weight_written_bytes=self.weight_written_bytes + other.weight_written_bytes,
        )

    def at_batch(self, numerator: int, denominator: int) -> Work:
        """Scale to another batch size; traffic of weights stays as it is."""
        if numerator == denominator:
            return self

        def scaled(count: int) -> int:
            return count * numerator // denominator

        return Work(
            macs=scaled(self.macs),
            other_flops=scaled(self.other_flops),
            read_bytes=scaled(self.read_bytes - self.weight_read_bytes) + self.weight_read_bytes,
            written_bytes=scaled(self.written_bytes - self.weight_written_bytes)
            + self.weight_written_bytes,
            weight_read_bytes=self.weight_read_bytes,
            weight_written_bytes=self.weight_written_bytes,
        )

    def repeated(self, times: int) -> Work:
        """Return the work of doing this `times` over."""
        if times == 1:
            return self
        return Work(
            macs=self.macs * times,
            other_flops=self.other_flops * times,
            read_bytes=self.read_bytes * times,
            written_bytes=self.written_bytes * times,
            weight_read_bytes=self.weight_read_bytes * times,
            weight_written_bytes=self.weight_written_bytes * times,
        )


NOTHING = Work()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """One operation's cost.

    `training_forward` differs from `forward` where training computes more (statistics of
    batch normalization).  `saved` names the values that the backward pass needs;
    `extra_saved_bytes` is what it keeps beside them (indices, masks).  `is_view` says
    that the output shares the input's memory.
    """

    family: Family
    forward: Work
    backward: Work = NOTHING
    training_forward: Work | None = None
    forward_kernels: int = 1
    backward_kernels: int = 0
    saved: tuple[str, ...] = ()
    extra_saved_bytes: int = 0
    is_view: bool = False


@dataclass(frozen=True, slots=True)
class UnknownCost:
    """An operation that could not be costed, and why: reported, never zero."""

    reason: str


Grads = frozenset[int]  # positions of the inputs that need a gradient


def work(
    *,
    macs: int = 0,
    other_flops: int = 0,
    reads: Iterable[Value | None] = (),
    writes: Iterable[Value | None] = (),
) -> Work:
    """Add up the traffic of whole values; constants' share is what the batch does not scale.

    The gradient of a value has its size, so a backward formula passes the value itself.
    """
    read = [v for v in reads if v is not None]
    written = [v for v in writes if v is not None]
    return Work(
        macs=macs,
        other_flops=other_flops,
        read_bytes=sum(v.bytes for v in read),
        written_bytes=sum(v.bytes for v in written),
        weight_read_bytes=sum(v.bytes for v in read if v.is_constant),
        weight_written_bytes=sum(v.bytes for v in written if v.is_constant),
    )


def names(*values: Value | None) -> tuple[str, ...]:
    """Names of those values that take memory of their own (constants do not)."""
    return tuple(v.name for v in values if v is not None and not v.is_constant)
