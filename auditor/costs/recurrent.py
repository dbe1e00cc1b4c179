"""Recurrent layers: one product with the input, one with the state, for every step."""

from __future__ import annotations

from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work, names, work
from auditor.costs.registry import formula
from auditor.shapes import Operation

_GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
# Elementwise operations per hidden unit and step, from the equations in the ONNX
# specification: activations (4 for a sigmoid, 1 for tanh), products and sums.
_POINTWISE = {"RNN": 3, "GRU": 20, "LSTM": 27}


@formula("RNN", "GRU", "LSTM")
def recurrent(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """W (directions, gates*hidden, input), R (directions, gates*hidden, hidden).

    Every step of every sequence multiplies the input by W and the state by R; lengths
    shorter than the padded one are not known statically and count as full.
    """
    x, weight, recurrence = op.required(0), op.required(1), op.required(2)
    layout = int(op.attribute("layout", 0))
    steps, batch = (x.dims[1], x.dims[0]) if layout else (x.dims[0], x.dims[1])
    directions, gate_width, _ = weight.dims
    hidden = gate_width // _GATES[op.op_type]
    macs = steps * batch * (weight.size + recurrence.size)
    pointwise = steps * batch * directions * hidden * _POINTWISE[op.op_type]
    # The recurrent weights are read again at every step.
    forward = work(
        macs=macs,
        other_flops=pointwise,
        reads=(x, weight, recurrence, op.input(3)),
        writes=op.outputs,
    )
    again = recurrence.bytes * max(0, steps - 1)
    forward += Work(read_bytes=again, weight_read_bytes=again)
    backward = Work()
    if grads:
        # Both weights' gradients, the state's always, the input's where it is needed.
        through = recurrence.size + (weight.size if 0 in grads else 0)
        backward = work(
            macs=macs + steps * batch * through,
            other_flops=2 * pointwise,
            reads=(x, weight, recurrence),
            writes=[op.inputs[i] for i in grads],
        )
        backward += Work(read_bytes=again, weight_read_bytes=again)
    state_bytes = steps * batch * directions * hidden * (_GATES[op.op_type] + 1) * 4
    return Cost(
        family=Family.RECURRENT,
        forward=forward,
        backward=backward,
        forward_kernels=2 * steps * directions,
        backward_kernels=2 * steps * directions if grads else 0,
        saved=names(x) if grads else (),
        extra_saved_bytes=state_bytes if grads else 0,
    )
