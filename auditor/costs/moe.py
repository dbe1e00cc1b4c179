"""Mixtures of experts: each token goes through its k best experts.

Source: microsoft/onnxruntime docs/ContribOperators.md (MoE, QMoE).
"""

from __future__ import annotations

from dataclasses import dataclass

from auditor.costs.elementwise import activation
from auditor.costs.normalization import SOFTMAX_FLOPS
from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work, names, work
from auditor.costs.registry import MICROSOFT, formula
from auditor.shapes import Operation, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Experts:
    """Tokens of `hidden` elements, each through `chosen` of `count` experts."""

    tokens: int
    hidden: int
    count: int
    chosen: int
    weights: tuple[Value, ...]
    rows: int  # of the first layers together
    inner: int

    @property
    def macs(self) -> int:
        """First layer (with its gate, where it has one) and second, for every choice."""
        return self.tokens * self.chosen * self.hidden * (self.rows + self.inner)

    @property
    def used(self) -> tuple[int, int]:
        """At most this share of the experts is read: as many as there are choices."""
        return min(self.count, self.tokens * self.chosen), self.count


def _experts(op: Operation, places: tuple[int, ...]) -> _Experts:
    """Sizes from the weights' rows: their last axis may be packed, and hidden is the input's."""
    x, router, first = op.required(0), op.required(1), op.required(places[0])
    gate = op.input(places[2])
    inner = first.dims[1] // (2 if op.attribute("swiglu_fusion", 0) else 1)
    return _Experts(
        tokens=x.size // x.dims[-1],
        hidden=x.dims[-1],
        count=router.dims[-1],
        chosen=int(op.attribute("k", 1)),
        weights=tuple(v for i in places if (v := op.input(i)) is not None),
        rows=first.dims[1] + (gate.dims[1] if gate is not None else 0),
        inner=inner,
    )


def _cost(op: Operation, grads: Grads, found: _Experts) -> Cost:
    used, count = found.used
    weight_bytes = sum(v.bytes for v in found.weights) * used // count
    fused = activation(str(op.attribute("activation_type", "relu")))
    chosen = found.tokens * found.chosen
    flops = (
        SOFTMAX_FLOPS * found.tokens * found.count
        + fused.forward * chosen * found.inner
        + 2 * chosen * found.hidden  # weighted and summed
    )
    moved = work(reads=op.inputs[:2], writes=op.outputs)
    weights = Work(read_bytes=weight_bytes, weight_read_bytes=weight_bytes)
    forward = Work(macs=found.macs, other_flops=flops) + moved + weights
    backward = Work()
    if grads:
        passes = (0 in grads) + bool(grads - {0, 1})
        written = work(reads=(op.result, op.required(0)), writes=[op.inputs[i] for i in grads])
        backward = Work(macs=passes * found.macs, other_flops=2 * flops) + written + weights
    return Cost(
        family=Family.MATMUL,
        forward=forward,
        backward=backward,
        # Rows are sorted by expert, multiplied group by group, and put back.
        forward_kernels=4,
        backward_kernels=6 if grads else 0,
        saved=names(*op.inputs[:2]) if grads else (),
        # Of every choice, the inner layer before and behind its activation.
        extra_saved_bytes=chosen * (found.rows + found.inner) * _width(op) if grads else 0,
    )


def _width(op: Operation) -> int:
    x = op.required(0)
    return x.bytes // x.size if x.size else 0


@formula("MoE", domain=MICROSOFT)
def mixture_of_experts(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Products of the chosen experts only; weights of the others are not read."""
    return _cost(op, grads, _experts(op, (2, 4, 6)))


@formula("QMoE", domain=MICROSOFT, differentiable=False)
def quantized_mixture_of_experts(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """The same with packed weights."""
    return _cost(op, grads, _experts(op, (2, 5, 8)))
