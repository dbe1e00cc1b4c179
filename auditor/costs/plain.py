"""The commonest pattern: every input read once, every output written once."""

from __future__ import annotations

from collections.abc import Iterable

from auditor.costs.records import Cost, Family, Grads, Work, names, work
from auditor.shapes import Operation, Value


def forward_only(
    op: Operation,
    family: Family,
    *,
    macs: int = 0,
    flops: int = 0,
    reads: Iterable[Value | None] | None = None,
) -> Cost:
    """Cost of an operator that no gradient flows through; it reads all inputs if not told."""
    read = op.inputs if reads is None else reads
    return Cost(
        family=family,
        forward=work(macs=macs, other_flops=flops, reads=read, writes=op.outputs),
    )


def streamed(
    op: Operation,
    grads: Grads,
    family: Family,
    flops: tuple[int, int],
    saved: tuple[Value | None, ...] = (),
) -> Cost:
    """Cost of one pass forward and one backward, with FLOPs of (forward, backward).

    Backward reads the result's gradient and what was saved, and writes every gradient.
    """
    backward = Work()
    if grads:
        targets = [op.inputs[i] for i in grads]
        backward = work(other_flops=flops[1], reads=(op.result, *saved), writes=targets)
    return Cost(
        family=family,
        forward=work(other_flops=flops[0], reads=op.inputs, writes=op.outputs),
        backward=backward,
        backward_kernels=1 if grads else 0,
        saved=names(*saved) if grads else (),
    )
