"""What the optimizer's update costs, and what a training step holds in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from auditor.checkpointing import StepSizes, checkpointed_memory, segments
from auditor.costs import Work
from auditor.profile.costing import Costed, keeps_fp32_in_autocast, known
from auditor.profile.records import Memory, ProfileOptions
from auditor.shapes import ShapedGraph, Value
from auditor.training import parameter_count


def update_work(count: int, options: ProfileOptions) -> Work:
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


def product_parameters(trained: Mapping[str, Value]) -> int:
    """Parameters of two dimensions or more: those that a low-precision copy is made of."""
    return sum(v.size for v in trained.values() if len(v.shape or ()) > 1)


@dataclass(frozen=True, slots=True)
class Parameters:
    """Those of the training graph, and those of them that are trained."""

    learned: Mapping[str, Value]
    trained: Mapping[str, Value]


def memory_of(
    costs: Sequence[Costed],
    parameters: Parameters,
    graph: ShapedGraph,
    options: ProfileOptions,
) -> Memory:
    """Account for parameters, gradients, optimizer states and activations in bytes, per device."""
    mode, optimizer = options.precision, options.optimizer
    held = parameter_count(parameters.learned.values())
    trained = parameter_count(parameters.trained.values())
    products = product_parameters(parameters.learned)
    fp32 = _kept_in_fp32(costs) if mode.keeps_fp32 else frozenset()

    def value_bytes(value: Value) -> int:
        width = 4 if value.name in fp32 else mode.activation_bytes
        return value.size * width if value.is_float else value.bytes

    steps = [step for step in known(costs) if step[0].repeats]
    logits = [v for v in graph.outputs if v.is_float and v.known]
    # The loss keeps the log-probabilities and makes the logits' gradient, both in fp32
    # under autocast.
    width = 4 if mode.keeps_fp32 else mode.activation_bytes
    loss_bytes = 2 * width * sum(v.size for v in logits)
    frozen, sharding = optimizer.name == "none", options.sharding

    def at_batch(count: int) -> int:
        return count * options.batch_size // options.graph_batch_size

    def share(count: int, is_split: bool) -> int:
        return -(-count // options.devices) if is_split else count

    def gradient_bytes(value: Value) -> int:
        own = value.name in parameters.trained
        return share(value.size * mode.gradient_bytes * own, sharding.splits_gradients)

    sizes = StepSizes(
        value_bytes,
        gradient_bytes,
        loss_bytes,
    )
    peaks = checkpointed_memory(steps, segments(steps, options.checkpointing), logits, sizes)
    parameters_bytes = held * mode.parameter_bytes + products * mode.copy_bytes
    states_bytes = 0 if frozen else trained * optimizer.states * mode.state_bytes
    gradients_bytes = share(trained * mode.gradient_bytes, sharding.splits_gradients)
    return Memory(
        parameters_bytes=share(parameters_bytes, sharding.splits_parameters),
        gradients_bytes=gradients_bytes,
        optimizer_bytes=share(states_bytes, sharding.splits_optimizer),
        activations_bytes=at_batch(peaks.peak_bytes),
        saved_bytes=at_batch(peaks.saved_bytes),
        moments=tuple(
            (at_batch(a), gradients_bytes if options.keeps_gradients else g)
            for a, g in peaks.moments
        ),
    )


def _kept_in_fp32(costs: Iterable[Costed]) -> frozenset[str]:
    """Outputs of the operations that autocast runs in fp32."""
    return frozenset(
        v.name
        for operation, cost, _ in known(costs)
        if keeps_fp32_in_autocast(operation, cost)
        for v in operation.outputs
        if v is not None
    )
