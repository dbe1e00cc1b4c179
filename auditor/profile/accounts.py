"""What the optimizer's update costs, and what a training step holds in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from auditor.costs import Work
from auditor.memory import activation_memory
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


def memory_of(
    costs: Sequence[Costed],
    trained: Mapping[str, Value],
    graph: ShapedGraph,
    options: ProfileOptions,
) -> Memory:
    """Account for parameters, gradients, optimizer states and activations in bytes."""
    mode, optimizer = options.precision, options.optimizer
    count = parameter_count(trained.values())
    products = product_parameters(trained)
    fp32 = _kept_in_fp32(costs) if mode.keeps_fp32 else frozenset()

    def value_bytes(value: Value) -> int:
        if not value.is_float:
            return value.bytes
        return value.size * (4 if value.name in fp32 else mode.activation_bytes)

    steps = list(known(costs))
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
        for operation, cost, _ in known(costs)
        if keeps_fp32_in_autocast(operation, cost)
        for v in operation.outputs
        if v is not None
    )
