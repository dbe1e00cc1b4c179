"""Positions in attention: rotations of queries and keys, biases by distance, padding removed.

Source: microsoft/onnxruntime docs/ContribOperators.md; RotaryEmbedding is in ONNX as well.
"""

from __future__ import annotations

from auditor.costs.matmul import Product, product_cost
from auditor.costs.plain import forward_only
from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work, names, work
from auditor.costs.registry import MICROSOFT, formula
from auditor.shapes import Operation


@formula("RotaryEmbedding")
@formula("RotaryEmbedding", "MRotaryEmbedding", domain=MICROSOFT)
def rotary_embedding(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """A rotation of pairs: two products and a sum an element."""
    x, out = op.required(0), op.result
    rotation = work(other_flops=3 * x.size, reads=op.inputs, writes=(out,))
    return Cost(
        family=Family.ELEMENTWISE,
        forward=rotation,
        backward=rotation if 0 in grads else Work(),
        backward_kernels=len(grads & {0}),
    )


@formula("GemmaRotaryEmbedding", domain=MICROSOFT)
def gemma_rotary_embedding(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Sine and cosine of the angles, then q cos + q_rot sin, and the same for k."""
    angles, query, key = op.required(0), op.required(1), op.required(3)
    rotated = 3 * (query.size + key.size)
    targets = [op.inputs[i] for i in grads & {1, 2, 3, 4}]
    backward = work(other_flops=rotated, reads=(angles, *op.outputs), writes=targets)
    return Cost(
        family=Family.ELEMENTWISE,
        forward=work(other_flops=2 * angles.size + rotated, reads=op.inputs, writes=op.outputs),
        backward=backward if targets else Work(),
        backward_kernels=1 if targets else 0,
        saved=names(angles) if targets else (),
    )


@formula("RelativePositionBias", domain=MICROSOFT)
def relative_position_bias(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """A row of a table for every distance; its bucket is 8 operations, log among them (T5)."""
    table, out = op.required(0), op.result
    pairs = out.dims[-1] * out.dims[-2]
    backward = work(other_flops=out.size, reads=(out,), writes=(table,))
    return Cost(
        family=Family.EMBEDDING,
        forward=work(other_flops=8 * pairs, reads=(out,), writes=(out,)),
        backward=backward if 0 in grads else Work(),
        backward_kernels=len(grads & {0}),
    )


@formula("GatedRelativePositionBias", domain=MICROSOFT)
def gated_relative_position_bias(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Queries times a weight to two gates a head and token, which scale the bias (WavLM).

    gate_u (gate_r eco_a - 1) + 2: two sigmoids of 4 operations and 4 more; one product with
    every element of the bias.
    """
    query, weight, out = op.required(0), op.required(3), op.result
    heads = int(op.node.attributes["num_heads"])
    tokens = query.size // (heads * weight.dims[0]) * heads
    product = Product(
        family=Family.MATMUL,
        macs=tokens * weight.size,
        left=query,
        right=weight,
        out=out,
    )
    shared = grads & {0}
    shared |= {1} if 3 in grads else set()
    cost = product_cost(product, frozenset(shared))
    gates = Work(other_flops=12 * tokens + out.size, read_bytes=op.required(2).bytes)
    return Cost(
        family=cost.family,
        forward=cost.forward + gates,
        backward=cost.backward + (gates if grads else Work()),
        backward_kernels=cost.backward_kernels,
        saved=cost.saved,
    )


@formula("RemovePadding", "RestorePadding", domain=MICROSOFT, moves=True)
def padding(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Tokens copied next to each other, and back to their places."""
    moved = op.result if op.op_type == "RemovePadding" else op.required(0)
    backward = work(reads=(moved,), writes=(op.inputs[0],)) if 0 in grads else Work()
    cost = forward_only(op, Family.MOVEMENT, reads=(moved, op.input(1)))
    return Cost(
        family=cost.family,
        forward=cost.forward,
        backward=backward,
        backward_kernels=len(grads & {0}),
        saved=names(op.input(1)) if 0 in grads else (),
    )
