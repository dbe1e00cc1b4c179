"""Sum up a graph's costs and those of the training step behind it."""

from __future__ import annotations

import math

from auditor.checkpointing import segments
from auditor.errors import ShapeError
from auditor.profile.accounts import Parameters, memory_of, product_parameters, update_work
from auditor.profile.costing import costs_of, file_costs, known, running, total
from auditor.profile.operations import (
    by_family,
    by_op_type,
    costed_operations,
    gradient_sums,
    loss,
    unknown_operators,
)
from auditor.profile.records import Profile, ProfileOptions
from auditor.shapes import ShapedGraph
from auditor.training import (
    attention_as,
    gradients,
    learned,
    parameter_count,
    parameters,
    possible_tie,
    quantized_products,
    recompose,
    restore_batch_normalization,
    selected,
    unfuse,
)

# A trillion trillion trillion: the fastest machine would take longer than there is time.
LARGEST_AMOUNT = 10**36


def profile(graph: ShapedGraph, options: ProfileOptions) -> Profile:
    """Sum up the costs of `graph` and of the training step behind it.

    Raises:
        ShapeError: they are more than any step could take.
        PlanError: an option does not fit the graph.
    """
    stored, node_count = parameters(graph), len(graph.operations)
    graph, quantized_count = quantized_products(graph)
    restored = restore_batch_normalization(unfuse(graph), options.batch_norm)
    # A parameter that folding made is gone, those that it swallowed are back.
    kept = {n: v for n, v in learned(graph, stored).items() if n not in restored.dropped}
    kept |= restored.added
    trained = selected(kept, restored.graph, options.freeze, options.trainable)
    whole, attention_count = attention_as(restored.graph, options.attention)
    training_graph, recomposed = recompose(whole)
    grads = gradients(training_graph, trained)
    training = costs_of(training_graph.operations, grads)
    own = file_costs(graph.operations, training)
    scale = (options.batch_size, options.graph_batch_size)
    steps = running(training)
    cut = segments(steps, options.checkpointing)
    operations = (
        *costed_operations(steps, scale, cut),
        *gradient_sums(steps, scale),
        loss(training_graph.outputs, scale),
    )
    unknown = unknown_operators(own)
    count = parameter_count(trained.values())
    found = Profile(
        batch_size=options.batch_size,
        graph_batch_size=options.graph_batch_size,
        forward=total(c.forward.repeated(o.repeats) for o, c, _ in known(own)).at_batch(*scale),
        training_forward=total(o.forward for o in operations),
        backward=total(o.backward for o in operations),
        optimizer_update=update_work(count, options),
        by_op_type=by_op_type(own, operations, scale),
        by_family=by_family(own, operations, scale),
        operations=operations,
        unknown=unknown,
        node_count=node_count,
        known_node_count=node_count - sum(u.count for u in unknown),
        parameter_count=parameter_count(stored.values()),
        training_parameter_count=parameter_count(kept.values()),
        trained_parameter_count=count,
        trained_tensor_count=len(trained),
        attention_count=attention_count,
        product_parameter_count=product_parameters(kept),
        restored_count=restored.count,
        undecided_count=restored.undecided,
        recomposed=recomposed,
        quantized_product_count=quantized_count,
        possible_tie=possible_tie(graph, stored),
        memory=memory_of(steps, cut, Parameters(kept, trained), training_graph.outputs, options),
    )
    _require_possible(found)
    return found


def _require_possible(found: Profile) -> None:
    """Refuse amounts that no floating-point arithmetic behind this would survive.

    Raises:
        ShapeError: work, memory or launches of a step are beyond `LARGEST_AMOUNT`.
    """
    works = (found.forward, found.training_forward, found.backward, found.optimizer_update)
    largest = max(
        *(w.flops for w in works),
        *(w.read_bytes + w.written_bytes for w in works),
        sum(o.forward_kernels + o.backward_kernels for o in found.operations),
        found.parameter_count,
        found.memory.total_bytes,
    )
    if largest > LARGEST_AMOUNT:
        raise ShapeError(
            f"a step at the sizes of this model would take 10^{int(math.log10(largest))} "
            "operations or bytes, which none does; check its dimensions and the trips of its loops"
        )
