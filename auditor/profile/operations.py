"""The operations of a training step: the graph's own, and those that no node stands for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from auditor.checkpointing import Segments
from auditor.costs import NOTHING, Family, UnknownCost, Work
from auditor.memory import CostedStep
from auditor.profile.costing import Costed, keeps_fp32_in_autocast, known
from auditor.profile.records import CostedOperation, FamilyProfile, OpTypeProfile, UnknownOperators
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


def costed_operations(
    steps: Iterable[CostedStep], scale: tuple[int, int], cut: Segments
) -> Iterable[CostedOperation]:
    """Turn the operations that run in every step into their work at the batch asked for.

    What is checkpointed runs forward once more in the backward pass.
    """
    for index, (operation, cost, _) in enumerate(steps):
        if cost.family is Family.CONSTANT:
            continue
        forward = cost.training_forward or cost.forward
        again = cut.is_recomputed(index)
        backward = cost.backward + forward if again else cost.backward
        yield CostedOperation(
            name=operation.node.name or (operation.node.outputs or ("",))[0],
            op_type=operation.node.key,
            family=cost.family,
            repeats=operation.repeats,
            forward=forward.repeated(operation.repeats).at_batch(*scale),
            backward=backward.repeated(operation.repeats).at_batch(*scale),
            forward_kernels=cost.forward_kernels * operation.repeats,
            backward_kernels=(cost.backward_kernels + again * cost.forward_kernels)
            * operation.repeats,
            element_bytes=_element_bytes(operation),
            fp32_in_autocast=keeps_fp32_in_autocast(operation, cost),
        )


def gradient_sums(steps: Iterable[CostedStep], scale: tuple[int, int]) -> Iterable[CostedOperation]:
    """Where a value feeds several operations, their gradients are added up."""
    readers: dict[str, int] = {}
    values: dict[str, Value] = {}
    for operation, _, grads in steps:
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


@dataclass(slots=True)
class _Sums:
    """Running sums of one group."""

    family: Family
    count: int = 0
    forward: Work = NOTHING
    training_forward: Work = NOTHING
    backward: Work = NOTHING


def _grouped(
    file_costs: Sequence[Costed],
    operations: Iterable[CostedOperation],
    scale: tuple[int, int],
    group: Callable[[str, Family], str],
) -> list[tuple[str, _Sums]]:
    """Sum the file's forward pass and the training step by group, the dearest first."""
    sums: dict[str, _Sums] = {}
    for operation, cost, _ in known(file_costs):
        if cost.family is not Family.CONSTANT:
            name = group(operation.node.key, cost.family)
            found = sums.setdefault(name, _Sums(cost.family))
            found.count += 1
            found.forward += cost.forward.repeated(operation.repeats).at_batch(*scale)
    for costed in operations:
        found = sums.setdefault(group(costed.op_type, costed.family), _Sums(costed.family))
        found.training_forward += costed.forward
        found.backward += costed.backward
    return sorted(sums.items(), key=lambda s: -(s[1].training_forward.flops + s[1].backward.flops))


def by_op_type(
    file_costs: Sequence[Costed], operations: Iterable[CostedOperation], scale: tuple[int, int]
) -> tuple[OpTypeProfile, ...]:
    """One entry an operator type, the dearest training step first."""
    return tuple(
        OpTypeProfile(
            op_type=name,
            family=found.family.value,
            count=found.count,
            forward=found.forward,
            training_forward=found.training_forward,
            backward=found.backward,
        )
        for name, found in _grouped(file_costs, operations, scale, lambda op_type, _: op_type)
    )


def by_family(
    file_costs: Sequence[Costed], operations: Iterable[CostedOperation], scale: tuple[int, int]
) -> tuple[FamilyProfile, ...]:
    """One entry an operator family, the dearest training step first."""
    return tuple(
        FamilyProfile(
            family=name,
            count=found.count,
            forward=found.forward,
            training_forward=found.training_forward,
            backward=found.backward,
        )
        for name, found in _grouped(file_costs, operations, scale, lambda _, family: family.value)
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
