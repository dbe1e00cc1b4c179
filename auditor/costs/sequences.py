"""Sequences and optional values: lists of tensors, of which most operators move nothing.

Source: the ONNX operator specification; onnxruntime copies where a tensor enters a sequence
that is used elsewhere too, PyTorch's lists never do.
"""

from __future__ import annotations

from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work, work
from auditor.costs.registry import formula
from auditor.shapes import Operation

_VIEWS = (
    "SequenceConstruct", "SequenceInsert", "SequenceErase", "SequenceAt", "Optional",
    "OptionalGetElement",
)  # fmt: skip
_BOOKKEEPING = ("SequenceEmpty", "SequenceLength", "OptionalHasElement")


@formula(*_VIEWS, moves=True)
@formula(*_BOOKKEEPING, moves=True, differentiable=False)
def sequence_view(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """A list is changed, not what it holds."""
    return Cost(
        family=Family.MOVEMENT,
        forward=Work(),
        forward_kernels=0,
        is_view=op.op_type in _VIEWS,
    )


@formula("SplitToSequence", "ConcatFromSequence", moves=True)
def sequence_copy(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """The whole tensor is read and written, and its gradient on the way back.

    It is the input of a split and the output of a concatenation: the sequence holds as much.
    """
    whole = op.required(0) if op.op_type == "SplitToSequence" else op.result
    moved = work(reads=(whole,), writes=(whole,))
    return Cost(
        family=Family.MOVEMENT,
        forward=moved,
        backward=moved if 0 in grads else Work(),
        backward_kernels=len(grads & {0}),
    )
