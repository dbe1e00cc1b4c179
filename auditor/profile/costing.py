"""Costs of every operation of a graph, and their sums."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from auditor.costs import Cost, Family, Grads, UnknownCost, Work, cost_of
from auditor.memory import CostedStep
from auditor.shapes import Operation

Costed = tuple[Operation, Cost | UnknownCost, Grads]


def costs_of(operations: Sequence[Operation], grads: Sequence[Grads]) -> tuple[Costed, ...]:
    """Cost every operation; `grads` are the positions of its inputs that need gradients."""
    return tuple((op, cost_of(op, g), g) for op, g in zip(operations, grads, strict=True))


def file_costs(operations: Sequence[Operation], training: Iterable[Costed]) -> tuple[Costed, ...]:
    """Costs of the file's own operations; most of them are in the training graph as well.

    The forward part of a cost does not depend on the gradients, so it can be taken over.
    """
    done = {id(op): cost for op, cost, _ in training}
    return tuple(
        (op, done[id(op)] if id(op) in done else cost_of(op, frozenset()), frozenset())
        for op in operations
    )


def known(costs: Iterable[Costed]) -> Iterable[CostedStep]:
    """Leave out the operations that have no cost."""
    return ((op, cost, g) for op, cost, g in costs if isinstance(cost, Cost))


def running(costs: Iterable[Costed]) -> list[CostedStep]:
    """Leave out besides those that never run, as the other branch of an If."""
    return [step for step in known(costs) if step[0].repeats]


def total(works: Iterable[Work]) -> Work:
    """Add up many works without a record for every partial sum."""
    totals = [0] * 6
    for w in works:
        totals[0] += w.macs
        totals[1] += w.other_flops
        totals[2] += w.read_bytes
        totals[3] += w.written_bytes
        totals[4] += w.weight_read_bytes
        totals[5] += w.weight_written_bytes
    return Work(
        macs=totals[0],
        other_flops=totals[1],
        read_bytes=totals[2],
        written_bytes=totals[3],
        weight_read_bytes=totals[4],
        weight_written_bytes=totals[5],
    )


def keeps_fp32_in_autocast(operation: Operation, cost: Cost) -> bool:
    """Whether PyTorch's autocast runs the operation in fp32."""
    if operation.op_type == "BatchNormalization":
        return False  # cuDNN takes half-precision input with fp32 statistics
    return cost.family in (Family.SOFTMAX, Family.NORMALIZATION, Family.LOSS)
