"""Layer 6: the sum of a graph's costs, by operator and by family, with what is unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from auditor.costs import Cost, Family, Grads, UnknownCost, Work, cost_of, is_constant
from auditor.memory import activation_memory
from auditor.optimizers import Optimizer
from auditor.precision import Precision
from auditor.shapes import Operation, ShapedGraph, Value, dtype_bits
from auditor.training import (
    BatchNorm,
    gradients,
    parameter_count,
    parameters,
    recompose,
    restore_batch_normalization,
)

# Softmax cross-entropy over the outputs: log-softmax (5 a logit) and its gradient (2).
LOSS_FLOPS = 5
LOSS_BACKWARD_FLOPS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CostedOperation:
    """One operation of the training step with its cost, at the batch size asked for."""

    name: str
    op_type: str
    family: Family
    repeats: int
    forward: Work
    backward: Work
    forward_kernels: int
    backward_kernels: int
    element_bytes: float  # of the file's floating-point type here
    fp32_in_autocast: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OpTypeProfile:
    """All operators of one type: what the file's forward pass and the training step cost."""

    op_type: str
    family: str
    count: int
    forward: Work
    training_forward: Work
    backward: Work


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownOperators:
    """Operators of one type that have no cost: how many, which share of all, and why."""

    op_type: str
    count: int
    share: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Memory of a training step per device in bytes; activations at their peak."""

    parameters_bytes: int
    gradients_bytes: int
    optimizer_bytes: int
    activations_bytes: int

    @property
    def total_bytes(self) -> int:
        """Everything held at the step's peak, without the framework's own workspace."""
        return self.static_bytes + self.activations_bytes

    @property
    def static_bytes(self) -> int:
        """What does not depend on the batch."""
        return self.parameters_bytes + self.gradients_bytes + self.optimizer_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """Static cost of one forward and backward pass of `batch_size` samples on one device.

    `forward` is that of the file as it is; `training_forward` and `backward` those of the
    training graph (normalization restored, loss added).  `parameter_count` counts the
    file's parameters, `training_parameter_count` those of the training graph.
    """

    batch_size: int
    graph_batch_size: int
    forward: Work
    training_forward: Work
    backward: Work
    optimizer_update: Work
    by_op_type: tuple[OpTypeProfile, ...]
    operations: tuple[CostedOperation, ...]
    unknown: tuple[UnknownOperators, ...]
    node_count: int
    known_node_count: int
    parameter_count: int
    training_parameter_count: int
    product_parameter_count: int
    restored_count: int
    undecided_count: int
    recomposed: Mapping[str, int]
    memory: Memory

    @property
    def coverage(self) -> float:
        """Share of the nodes whose cost is known."""
        return self.known_node_count / self.node_count if self.node_count else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileOptions:
    """How to look at a graph: the batch, the numeric mode, and what the step consists of."""

    batch_size: int
    graph_batch_size: int
    precision: Precision
    optimizer: Optimizer
    batch_norm: BatchNorm = BatchNorm.AUTO


Costed = tuple[Operation, Cost | UnknownCost, Grads]


def profile(graph: ShapedGraph, options: ProfileOptions) -> Profile:
    """Sum up the costs of `graph` and of the training step behind it."""
    stored = parameters(graph)
    restored = restore_batch_normalization(graph, options.batch_norm)
    # A parameter that folding made is gone, those that it swallowed are back.
    trained = {n: v for n, v in stored.items() if n not in restored.dropped}
    trained |= restored.added
    training_graph, recomposed = recompose(restored.graph)
    grads = gradients(training_graph.operations, trained, training_graph.outputs)
    training = _costs(training_graph.operations, grads)
    file_costs = _file_costs(graph.operations, training)
    scale = (options.batch_size, options.graph_batch_size)
    operations = (
        *_costed_operations(training, scale),
        *_gradient_sums(training, scale),
        _loss(training_graph.outputs, scale),
    )
    counted = [c for c in file_costs if not is_constant(c[0])]
    return Profile(
        batch_size=options.batch_size,
        graph_batch_size=options.graph_batch_size,
        forward=_sum(c.forward.repeated(o.repeats) for o, c, _ in _known(file_costs)).at_batch(
            *scale
        ),
        training_forward=_sum(o.forward for o in operations),
        backward=_sum(o.backward for o in operations),
        optimizer_update=_update(parameter_count(trained.values()), options),
        by_op_type=_by_op_type(file_costs, operations, scale),
        operations=operations,
        unknown=_unknown(counted),
        node_count=len(graph.operations),
        known_node_count=len(graph.operations)
        - sum(1 for _, c, _ in counted if isinstance(c, UnknownCost)),
        parameter_count=parameter_count(stored.values()),
        training_parameter_count=parameter_count(trained.values()),
        product_parameter_count=_product_parameters(trained),
        restored_count=restored.count,
        undecided_count=restored.undecided,
        recomposed=recomposed,
        memory=_memory(training, trained, training_graph, options),
    )


def _costs(operations: Sequence[Operation], grads: Sequence[Grads]) -> tuple[Costed, ...]:
    return tuple((op, cost_of(op, g), g) for op, g in zip(operations, grads, strict=True))


def _file_costs(operations: Sequence[Operation], training: Iterable[Costed]) -> tuple[Costed, ...]:
    """Costs of the file's own operations; most of them are in the training graph as well.

    The forward part of a cost does not depend on the gradients, so it can be taken over.
    """
    done = {id(op): cost for op, cost, _ in training}
    return tuple(
        (op, done[id(op)] if id(op) in done else cost_of(op, frozenset()), frozenset())
        for op in operations
    )


def _known(costs: Iterable[Costed]) -> Iterable[tuple[Operation, Cost, Grads]]:
    return ((op, cost, g) for op, cost, g in costs if isinstance(cost, Cost))


def _sum(works: Iterable[Work]) -> Work:
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


def _element_bytes(operation: Operation) -> float:
    """Size of the file's floating-point type at this operation; 4 where it has none."""
    for value in (*operation.outputs, *operation.inputs):
        if value is not None and value.is_float:
            return dtype_bits(value.dtype) / 8
    return 4.0


def _autocast_keeps_fp32(operation: Operation, cost: Cost) -> bool:
    if operation.op_type == "BatchNormalization":
        return False  # cuDNN takes half-precision input with fp32 statistics
    return cost.family in (Family.SOFTMAX, Family.NORMALIZATION, Family.LOSS)


def _costed_operations(
    costs: Iterable[Costed], scale: tuple[int, int]
) -> Iterable[CostedOperation]:
    for operation, cost, _ in _known(costs):
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
            fp32_in_autocast=_autocast_keeps_fp32(operation, cost),
        )


def _gradient_sums(costs: Iterable[Costed], scale: tuple[int, int]) -> Iterable[CostedOperation]:
    """Where a value feeds several operations, their gradients are added up."""
    readers: dict[str, int] = {}
    values: dict[str, Value] = {}
    for operation, _, grads in _known(costs):
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


def _loss(outputs: Sequence[Value], scale: tuple[int, int]) -> CostedOperation:
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
        backward_kernels=kernels,
        element_bytes=4.0,
        fp32_in_autocast=family is Family.LOSS,
    )


def _update(count: int, options: ProfileOptions) -> Work:
    """The optimizer reads parameter, gradient and states, and writes all but the gradient."""
    mode, optimizer = options.precision, options.optimizer
    if optimizer.name == "none":
        return Work()
    states = optimizer.states * mode.state_bytes
    return Work(
        other_flops=optimizer.flops * count,
        read_bytes=count * (mode.parameter_bytes + mode.gradient_bytes + states),
        written_bytes=count * (mode.parameter_bytes + states),
    )


def _by_op_type(
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

    for operation, cost, _ in _known(file_costs):
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


def _unknown(costs: Sequence[Costed]) -> tuple[UnknownOperators, ...]:
    groups: dict[tuple[str, str], int] = {}
    for operation, cost, _ in costs:
        if isinstance(cost, UnknownCost):
            key = (operation.node.key, cost.reason)
            groups[key] = groups.get(key, 0) + 1
    return tuple(
        UnknownOperators(op_type=t, count=n, share=n / len(costs), reason=r)
        for (t, r), n in sorted(groups.items(), key=lambda g: -g[1])
    )


def _product_parameters(trained: Mapping[str, Value]) -> int:
    """Parameters of two dimensions or more: those that a low-precision copy is made of."""
    return sum(v.size for v in trained.values() if len(v.shape or ()) > 1)


def _memory(
    costs: Sequence[Costed],
    trained: Mapping[str, Value],
    graph: ShapedGraph,
    options: ProfileOptions,
) -> Memory:
    mode, optimizer = options.precision, options.optimizer
    count = parameter_count(trained.values())
    products = _product_parameters(trained)
    fp32 = _kept_in_fp32(costs) if mode.keeps_fp32 else frozenset()

    def value_bytes(value: Value) -> int:
        if not value.is_float:
            return value.bytes
        return value.size * (4 if value.name in fp32 else mode.activation_bytes)

    steps = list(_known(costs))
    logits = [v for v in graph.outputs if v.is_float and v.known]
    # The loss keeps the log-probabilities and makes the logits' gradient, both in fp32
    # under autocast.
    loss_width = 4 if mode.keeps_fp32 else mode.activation_bytes
    loss_bytes = 2 * loss_width * sum(v.size for v in logits)
    peak = activation_memory(steps, value_bytes, logits, loss_bytes).peak_bytes
    frozen = optimizer.name == "none"
    return Memory(
        parameters_bytes=count * mode.parameter_bytes + products * mode.copy_bytes,
        gradients_bytes=count * mode.gradient_bytes,
        optimizer_bytes=0 if frozen else count * optimizer.states * mode.state_bytes,
        activations_bytes=peak * options.batch_size // options.graph_batch_size,
    )


def _kept_in_fp32(costs: Iterable[Costed]) -> frozenset[str]:
    """Outputs of the operations that autocast runs in fp32."""
    return frozenset(
        v.name
        for operation, cost, _ in _known(costs)
        if _autocast_keeps_fp32(operation, cost)
        for v in operation.outputs
        if v is not None
    )
