"""What the optimizer's update costs, and what a training step holds in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from auditor.checkpointing import Segments, StepSizes, checkpointed_memory
from auditor.costs import Work
from auditor.memory import CostedStep
from auditor.optimizers import Optimizer
from auditor.precision import Precision
from auditor.profile.costing import keeps_fp32_in_autocast
from auditor.profile.records import Memory, ProfileOptions
from auditor.shapes import Value
from auditor.training import parameter_count


def _share(count: int, options: ProfileOptions, *, is_split: bool) -> int:
    """What one device holds of `count`: all of it, or its part."""
    return -(-count // options.devices) if is_split else count


def update_work(trained: int, options: ProfileOptions) -> Work:
    """The optimizer reads parameter, gradient and states, and writes all but the gradient.

    Each device updates those of the `trained` parameters that it holds the states of.
    """
    count = _share(trained, options, is_split=options.sharding.splits_optimizer)
    return updated(count, options.optimizer, options.precision)


def updated(count: int, optimizer: Optimizer, mode: Precision) -> Work:
    """Work of updating `count` parameters once; none without an optimizer."""
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
    steps: Sequence[CostedStep],
    cut: Segments,
    parameters: Parameters,
    outputs: Sequence[Value],
    options: ProfileOptions,
) -> Memory:
    """Account for parameters, gradients, optimizer states and activations in bytes, per device.

    `cut` divides the `steps`, those of the graph that run, into checkpointed segments.
    """
    mode, optimizer = options.precision, options.optimizer
    held = parameter_count(parameters.learned.values())
    trained = parameter_count(parameters.trained.values())
    products = product_parameters(parameters.learned)
    fp32 = _kept_in_fp32(steps) if mode.keeps_fp32 else frozenset()

    def value_bytes(value: Value) -> int:
        width = 4 if value.name in fp32 else mode.activation_bytes
        return value.size * width if value.is_float else value.bytes

    logits = [v for v in outputs if v.is_float and v.known]
    # The loss keeps the log-probabilities and makes the logits' gradient, both in fp32
    # under autocast.
    width = 4 if mode.keeps_fp32 else mode.activation_bytes
    loss_bytes = 2 * width * sum(v.size for v in logits)
    frozen, sharding = optimizer.name == "none", options.sharding

    def at_batch(count: int) -> int:
        return count * options.batch_size // options.graph_batch_size

    def gradient_bytes(value: Value) -> int:
        own = value.name in parameters.trained
        return _share(
            value.size * mode.gradient_bytes * own, options, is_split=sharding.splits_gradients
        )

    sizes = StepSizes(value_bytes, gradient_bytes, loss_bytes)
    peaks = checkpointed_memory(steps, cut, logits, sizes)
    parameters_bytes = held * mode.parameter_bytes + products * mode.copy_bytes
    states_bytes = 0 if frozen else trained * optimizer.states * mode.state_bytes
    gradients_bytes = _share(
        trained * mode.gradient_bytes, options, is_split=sharding.splits_gradients
    )
    return Memory(
        parameters_bytes=_share(parameters_bytes, options, is_split=sharding.splits_parameters),
        gradients_bytes=gradients_bytes,
        optimizer_bytes=_share(states_bytes, options, is_split=sharding.splits_optimizer),
        activations_bytes=at_batch(peaks.peak_bytes),
        saved_bytes=at_batch(peaks.saved_bytes),
        moments=tuple(
            (at_batch(a), gradients_bytes if options.keeps_gradients else g)
            for a, g in peaks.moments
        ),
    )


def _kept_in_fp32(steps: Iterable[CostedStep]) -> frozenset[str]:
    """Outputs of the operations that autocast runs in fp32."""
    return frozenset(
        v.name
        for operation, cost, _ in steps
        if keeps_fp32_in_autocast(operation, cost)
        for v in operation.outputs
        if v is not None
    )
