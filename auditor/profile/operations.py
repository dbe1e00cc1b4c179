"""The operations of a training step: the graph's own, and those that no node stands for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from auditor.costs import Family, UnknownCost, Work
from auditor.profile.costing import Costed, keeps_fp32_in_autocast, known
from auditor.profile.records import CostedOperation, OpTypeProfile, UnknownOperators
from auditor.shapes import Operation, Value, dtype_bits

# Softmax cross-entropy over the outputs: log-softmax (5 a logit) and its gradient (2).
LOSS_FLOPS = 5
LOSS_BACKWARD_FLOPS = 2


def _element_bytes(operation: Operation) -> float:
    """Size of the file's floating-point type at this operation; 4 where it has none."""
    for value in (*operation.outputs, *operation.inputs):
        if value is not None and value.is_float:
            return dtype_bits(value.dtype) / 8
    return 4.0


def costed_operations(costs: Iterable[Costed], scale: tuple[int, int]) -> Iterable[CostedOperation]:
    """Turn the operations that run in every step into their work at the batch asked for."""
    for operation, cost, _ in known(costs):
        if cost.family is Family.CONSTANT:
            continue
        forward = cost.training_forward or cost.forward
        yield CostedOperation(
            name=operation.node.name or (operation.node.outputs or ("",))[0],
            op_type=operation.node.key,
            family=cost.family,
            repeats=operation.repeats,
            forward=forward.repeated(operation.repeats).at_batch(*scale),
            backward=cost.backward.repeated(operation.repeats).at_batch(*scale),
            forward_kernels=cost.forward_kernels * operation.repeats,
            backward_kernels=cost.backward_kernels * operation.repeats,
            element_bytes=_element_bytes(operation),
            fp32_in_autocast=keeps_fp32_in_autocast(operation, cost),
        )


def gradient_sums(costs: Iterable[Costed], scale: tuple[int, int]) -> Iterable[CostedOperation]:
    """Where a value feeds several operations, their gradients are added up."""
    readers: dict[str, int] = {}
    values: dict[str, Value] = {}
    for operation, _, grads in known(costs):
        for index in grads:
            value = operation.inputs[index]
            if value is not None and not value.is_constant:
                readers[value.name] = readers.get(value.name, 0) + 1
                values[value.name] = value
    total, kernels = Work(), 0
    for name, count in readers.items():
        size, value_bytes = values[name].size, values[name].bytes
        total += Work(
            other_flops=size * (count - 1),
            read_bytes=2 * value_bytes * (count - 1),
            written_bytes=value_bytes * (count - 1),
        )
        kernels += count - 1
    if kernels:
        yield _synthetic(Family.ELEMENTWISE, "(sums of gradients)", (Work(), total), scale, kernels)


def loss(outputs: Sequence[Value], scale: tuple[int, int]) -> CostedOperation:
    """Softmax cross-entropy over every floating-point output, the largest part of any loss."""
    logits = [v for v in outputs if v.is_float and v.known]
    size, logit_bytes = sum(v.size for v in logits), sum(v.bytes for v in logits)
    forward = Work(other_flops=LOSS_FLOPS * size, read_bytes=logit_bytes, written_bytes=logit_bytes)
    backward = Work(
        other_flops=LOSS_BACKWARD_FLOPS * size, read_bytes=logit_bytes, written_bytes=logit_bytes
    )
    return _synthetic(Family.LOSS, "(loss)", (forward, backward), scale, 2)


def _synthetic(
    family: Family, name: str, works: tuple[Work, Work], scale: tuple[int, int], kernels: int
) -> CostedOperation:
    """An entry for forward and backward work that no node of the file stands for."""
    forward, backward = works
    return CostedOperation(
        name=name,
        op_type=name,
        family=family,
        repeats=1,
        forward=forward.at_batch(*scale),
        backward=backward.at_batch(*scale),
        forward_kernels=kernels if forward != Work() else 0,
        backward_kernels=kernels if backward != Work() else 0,
        element_bytes=4.0,
        fp32_in_autocast=family is Family.LOSS,
    )


def by_op_type(
    file_costs: Sequence[Costed],
    operations: Iterable[CostedOperation],
    scale: tuple[int, int],
) -> tuple[OpTypeProfile, ...]:
    """One entry an operator type, the dearest training step first."""
    rows: dict[str, OpTypeProfile] = {}

    def row(op_type: str, family: Family) -> OpTypeProfile:
        empty = Work()
        new = OpTypeProfile(
            op_type=op_type,
            family=family.value,
            count=0,
            forward=empty,
            training_forward=empty,
            backward=empty,
        )
        return rows.setdefault(op_type, new)

    for operation, cost, _ in known(file_costs):
        if cost.family is not Family.CONSTANT:
            entry = row(operation.node.key, cost.family)
            forward = cost.forward.repeated(operation.repeats).at_batch(*scale)
            rows[entry.op_type] = replace(
                entry, count=entry.count + 1, forward=entry.forward + forward
            )
    for costed in operations:
        entry = row(costed.op_type, costed.family)
        rows[entry.op_type] = replace(
            entry,
            training_forward=entry.training_forward + costed.forward,
            backward=entry.backward + costed.backward,
        )
    return tuple(
        sorted(rows.values(), key=lambda r: -(r.training_forward.flops + r.backward.flops))
    )


def unknown_operators(costs: Sequence[Costed]) -> tuple[UnknownOperators, ...]:
    """Group the operations without a cost by type and reason, the commonest first."""
    groups: dict[tuple[str, str], int] = {}
    for operation, cost, _ in costs:
        if isinstance(cost, UnknownCost):
            key = (operation.node.key, cost.reason)
            groups[key] = groups.get(key, 0) + 1
    return tuple(
        UnknownOperators(op_type=t, count=n, share=n / len(costs), reason=r)
        for (t, r), n in sorted(groups.items(), key=lambda g: -g[1])
    )
