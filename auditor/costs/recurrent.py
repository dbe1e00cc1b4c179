"""Recurrent layers: one product with the input, one with the state, for every step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work, names, work
from auditor.costs.registry import MICROSOFT, formula
from auditor.shapes import Operation

_STATE = 5  # the input that the state starts from
_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
# Elementwise operations per hidden unit and step, from the equations in the ONNX
# specification: activations (4 for a sigmoid, 1 for tanh), products and sums.
_POINTWISE = {"RNN": 3, "GRU": 20, "LSTM": 27}


@dataclass(frozen=True, slots=True)
class _Run:
    """How many steps all sequences take together, and the longest of them."""

    taken: int
    longest: int


def _run(op: Operation) -> _Run:
    """True lengths where they are known (input 4), else every sequence is as long as the padded."""
    x = op.required(0)
    layout = int(op.attribute("layout", 0))
    steps, batch = (x.dims[1], x.dims[0]) if layout else (x.dims[0], x.dims[1])
    lengths = op.input(4)
    if lengths is None or lengths.data is None:
        return _Run(steps * batch, steps)
    known = np.clip(np.ravel(lengths.data), 0, steps)
    return _Run(int(known.sum()), int(known.max(initial=0)))


@formula("RNN", "GRU", "LSTM")
def recurrent(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """W (directions, gates*hidden, input), R (directions, gates*hidden, hidden).

    Every step of every sequence multiplies the input by W and the state by R; lengths
    shorter than the padded one count where they are known, else as full.
    """
    directions, hidden = op.required(2).dims[0], op.required(2).dims[2]
    return _layer(op, grads, op.op_type, directions * hidden)


@formula("DynamicQuantizeLSTM", domain=MICROSOFT, differentiable=False)
def quantized_lstm(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """As LSTM with weights of 8 bits, stored the other way: R (directions, hidden, 4 hidden)."""
    directions, hidden = op.required(2).dims[:2]
    return _layer(op, grads, "LSTM", directions * hidden)


def _layer(op: Operation, grads: Grads, kind: str, units: int) -> Cost:
    """`units` are hidden units in all directions."""
    x, weight, recurrence = op.required(0), op.required(1), op.required(2)
    run, directions = _run(op), weight.dims[0]
    macs = run.taken * (weight.size + recurrence.size)
    pointwise = run.taken * units * _POINTWISE[kind]
    forward = work(
        macs=macs,
        other_flops=pointwise,
        reads=(x, weight, recurrence, op.input(3)),
        writes=op.outputs,
    )
    # The recurrent weights are read again at every step.
    again = recurrence.bytes * max(0, run.longest - 1)
    read_again = Work(read_bytes=again, weight_read_bytes=again)
    kernels = 2 * run.longest * directions
    if not grads:
        return Cost(family=Family.RECURRENT, forward=forward + read_again, forward_kernels=kernels)
    # Both weights' gradients; the input's where it is needed; the state's at every step but
    # the first, unless what it starts from needs one.
    through = run.taken * (weight.size if 0 in grads else 0)
    sequences = run.taken // run.longest if run.longest else 0
    through += (run.taken - (0 if _STATE in grads else sequences)) * recurrence.size
    backward = work(
        macs=macs + through,
        other_flops=2 * pointwise,
        reads=(x, weight, recurrence),
        writes=[op.inputs[i] for i in grads],
    )
    return Cost(
        family=Family.RECURRENT,
        forward=forward + read_again,
        backward=backward + read_again,
        forward_kernels=kernels,
        backward_kernels=kernels,
        saved=names(x),
        # Of every step the gates and the state, 4 bytes each.
        extra_saved_bytes=run.taken * units * (_GATES[kind] + 1) * 4,
    )
