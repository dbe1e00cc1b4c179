"""Random numbers and dropout.

A draw is counted as one operation for every output element of a generator (Philox and its kin
take some ten integer operations for four numbers), two more for a normal one (Box-Muller).
"""

from __future__ import annotations

from auditor.costs.plain import forward_only
from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work, work
from auditor.costs.registry import MICROSOFT, formula
from auditor.shapes import Operation


@formula("RandomUniform", "RandomUniformLike", "RandomNormal", "RandomNormalLike", "Bernoulli",
         differentiable=False)  # fmt: skip
def random_source(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Written and nothing read, but for the probabilities of Bernoulli."""
    each = 3 if "Normal" in op.op_type else 1
    reads = op.inputs if op.op_type == "Bernoulli" else ()
    return forward_only(op, Family.MOVEMENT, flops=each * op.result.size, reads=reads)


@formula("Multinomial", differentiable=False)
def multinomial(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Softmax (5 a class) and running sum once a row, then a draw and a search for each sample."""
    x, out = op.required(0), op.result
    search = max(1, (x.dims[-1] - 1).bit_length())
    return forward_only(op, Family.REDUCTION, flops=6 * x.size + (1 + search) * out.size)


@formula("Dropout")
@formula("BiasDropout", "BitmaskDropout", "BitmaskBiasDropout", domain=MICROSOFT)
def dropout(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Nothing at inference; in training a random mask (one byte an element) and a product.

    A bit an element where the mask is packed; bias and residual are sums in the same pass.
    """
    x, out = op.required(0), op.result
    mask_bytes = (x.size + 7) // 8 if op.op_type.startswith("Bitmask") else x.size
    added = [v for v in op.inputs[1:3] if v is not None] if "Bias" in op.op_type else []
    inference = Work()
    if added:
        inference = work(other_flops=len(added) * x.size, reads=(x, *added), writes=(out,))
    training = work(other_flops=(3 + len(added)) * x.size, reads=(x, *added), writes=(out,)) + Work(
        written_bytes=mask_bytes
    )
    targets = [op.inputs[i] for i in grads]
    summed = sum(x.size for v in targets if v is not None and v.size < x.size)
    backward = Work()
    if grads:
        backward = work(other_flops=2 * x.size + summed, reads=(out,), writes=targets)
        backward += Work(read_bytes=mask_bytes)
    return Cost(
        family=Family.ELEMENTWISE,
        forward=inference,
        training_forward=training,
        backward=backward,
        backward_kernels=1 if grads else 0,
        extra_saved_bytes=mask_bytes if grads else 0,
    )
