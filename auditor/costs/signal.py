"""Fourier transforms: 5 N log2 N FLOPs each.

Source: the count for the split-radix and radix-2 algorithm that FFT benchmarks use
(M. Frigo, S. G. Johnson, "The Design and Implementation of FFTW3", Proc. IEEE 93(2), 2005).
A real signal or result takes half.  Lengths that are no product of small primes are counted
alike: Bluestein's algorithm makes them three transforms of the next power of two.
"""

from __future__ import annotations

import math

import numpy as np

from auditor.costs.plain import forward_only
from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work, work
from auditor.costs.registry import MICROSOFT, formula
from auditor.shapes import Operation, Value

_COMPLEX = 2  # a last axis of two: real and imaginary part


def transform_flops(length: int, *, real: bool = False) -> int:
    """FLOPs of one transform of `length` points."""
    flops = 5 * length * math.log2(length) if length > 1 else 0.0
    return math.ceil(flops / 2 if real else flops)


def _transforms(op: Operation, grads: Grads, flops: int) -> Cost:
    """Backward is the adjoint transform, as dear; nothing needs to be kept."""
    x, out = op.required(0), op.result
    backward = work(other_flops=flops, reads=(out,), writes=(x,)) if 0 in grads else Work()
    return Cost(
        family=Family.REDUCTION,
        forward=work(other_flops=flops, reads=op.inputs, writes=(out,)),
        backward=backward,
        backward_kernels=len(grads & {0}),
    )


def _number(value: Value | None) -> int | None:
    return None if value is None or value.data is None else int(np.ravel(value.data)[0])


@formula("DFT")
def discrete_fourier_transform(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """One transform for every line along the axis, of its length or of `dft_length` points.

    The axis is an input since operator set 20, before that an attribute.  Half the FLOPs for
    a real signal, and for an inverse from half a spectrum.
    """
    x, out = op.required(0), op.result
    default = -2 if op.opset >= 20 else 1
    axis = _number(op.input(2)) if op.input(2) is not None else op.attribute("axis", default)
    if axis is None:
        return UnknownCost("the axis of the transform depends on data")
    axis = int(axis) % len(x.dims)
    inverse, onesided = bool(op.attribute("inverse", 0)), bool(op.attribute("onesided", 0))
    length = _number(op.input(1)) or (out.dims[axis] if inverse else x.dims[axis])
    real = x.dims[-1] == 1 or (inverse and onesided)
    lines = x.size // (x.dims[axis] * x.dims[-1]) if x.size else 0
    return _transforms(op, grads, lines * transform_flops(length, real=real))


@formula("STFT")
def short_time_fourier_transform(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """A transform of every frame, each point of which is scaled by the window first.

    The result is (batch, frames, frequencies, 2).
    """
    x, window, out = op.required(0), op.input(2), op.result
    length = window.dims[0] if window is not None else _number(op.input(3))
    if length is None:
        return UnknownCost("the length of a frame depends on data")
    real = len(x.dims) == 2 or x.dims[-1] == 1
    scaled = length if window is not None else 0
    frame = transform_flops(length, real=real) + scaled * (1 if real else _COMPLEX)
    return _transforms(op, grads & {0}, out.dims[0] * out.dims[1] * frame)


@formula("Rfft", "Irfft", domain=MICROSOFT)
def real_transform(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Real transforms over the last `signal_ndim` axes of the signal."""
    signal = op.required(0) if op.op_type == "Rfft" else op.result
    length = math.prod(signal.dims[-int(op.attribute("signal_ndim", 1)) :])
    lines = signal.size // length if length else 0
    return _transforms(op, grads, lines * transform_flops(length, real=True))


@formula("MelWeightMatrix", differentiable=False)
def mel_weight_matrix(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Two slopes of a triangle a weight, each a difference and a quotient, and the choice."""
    return forward_only(op, Family.ELEMENTWISE, flops=5 * op.result.size)
