"""Convolutions in one, two, three dimensions: grouped, dilated, depthwise, transposed."""

from __future__ import annotations

import math
from dataclasses import replace

from auditor.costs.matmul import Product, product_cost
from auditor.costs.records import Cost, Family, Grads, UnknownCost, work
from auditor.costs.registry import MICROSOFT, formula
from auditor.shapes import Operation, Value

NCHWC = "com.microsoft.nchwc"
NHWC = "com.ms.internal.nhwc"


def convolution_family(weight_shape: tuple[int, ...], groups: int, channels: int) -> Family:
    """Depthwise: as many groups as channels; pointwise: a kernel of one element."""
    if groups > 1:
        return Family.DEPTHWISE_CONVOLUTION if groups == channels else Family.GROUPED_CONVOLUTION
    if math.prod(weight_shape[2:]) == 1:
        return Family.POINTWISE_CONVOLUTION
    return Family.CONVOLUTION


def _convolution(
    op: Operation, x: Value, weight: Value, bias: Value | None, *, transposed: bool = False
) -> Product:
    """A filter is the weight's axes but the first: (M, C / group, *kernel).

    Each output element takes one multiply-accumulate for every element of its filter; of a
    transposed convolution, whose weight is (C, M / group, *kernel), each input element.
    """
    groups = int(op.attribute("group", 1))
    channels = weight.dims[0] if transposed else weight.dims[1] * groups
    counted = x if transposed else op.result
    return Product(
        family=convolution_family(weight.dims, groups, channels),
        macs=counted.size * math.prod(weight.dims[1:]),
        left=x,
        right=weight,
        out=op.result,
        bias=bias,
    )


@formula("Conv")
@formula("NhwcConv", domain=MICROSOFT)
@formula("Conv", domain=NHWC)
def conv(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Output elements times the elements of one filter, whatever the order of the axes."""
    product = _convolution(op, op.required(0), op.required(1), op.input(2))
    return product_cost(product, grads & {0, 1, 2})


@formula("FusedConv", "NhwcFusedConv", domain=MICROSOFT)
@formula("Conv", domain=NCHWC)
def fused_conv(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """A convolution, the sum with input 3 and an activation, in one pass.

    The sum's gradient is the result's own.
    """
    product = _convolution(op, op.required(0), op.required(1), op.input(2))
    cost = product_cost(product, grads & {0, 1, 2}, str(op.attribute("activation", "")))
    summand = op.input(3)
    if summand is None:
        return cost
    added = work(other_flops=op.result.size, reads=(summand,))
    return replace(cost, forward=cost.forward + added)


@formula("ConvInteger", differentiable=False)
def conv_integer(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """As Conv on 8-bit integers; quantized graphs are not trained."""
    return product_cost(_convolution(op, op.required(0), op.required(1), None), grads)


@formula("QLinearConv", differentiable=False)
@formula("QLinearConv", domain=MICROSOFT, differentiable=False)
@formula("QLinearConv", domain=NHWC, differentiable=False)
def qlinear_conv(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """As Conv on 8-bit integers; the weight is input 3, the bias input 8."""
    return product_cost(_convolution(op, op.required(0), op.required(3), op.input(8)), grads)


@formula("QLinearConvTranspose", domain=NHWC, differentiable=False)
def qlinear_conv_transpose(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """As ConvTranspose on 8-bit integers; the weight is input 3, the bias input 8."""
    x, weight, bias = op.required(0), op.required(3), op.input(8)
    return product_cost(_convolution(op, x, weight, bias, transposed=True), grads)


@formula("ConvTranspose")
@formula("ConvTranspose", domain=NHWC)
def conv_transpose(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """The gradient of a convolution: input elements times the elements of one filter."""
    x, weight, bias = op.required(0), op.required(1), op.input(2)
    return product_cost(_convolution(op, x, weight, bias, transposed=True), grads & {0, 1, 2})


@formula("ConvTransposeWithDynamicPads", domain=MICROSOFT)
def conv_transpose_with_dynamic_pads(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """As ConvTranspose, with the padding as input 2 and the bias behind it."""
    x, weight, bias = op.required(0), op.required(1), op.input(3)
    product = _convolution(op, x, weight, bias, transposed=True)
    return product_cost(product, grads & {0, 1} | ({2} if 3 in grads else frozenset()))


# 2**d neighbours, each a product and a sum, and their 2**d weights from d fractions.
def _sampling_flops(dimensions: int) -> int:
    return 3 * (1 << dimensions)


@formula("DeformConv")
def deform_conv(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """As Conv, with every element of every window sampled between its neighbours.

    The samples (the columns) are made again backward, and each of the gradients of input,
    offsets and mask starts from that of the columns: one product for them together, one for
    the weight (J. Dai et al., arXiv 1703.06211, and torchvision's deform_conv2d).
    """
    x, weight, out = op.required(0), op.required(1), op.result
    mask = op.input(4)
    columns = out.size // weight.dims[0] * x.dims[1] * math.prod(weight.dims[2:])
    flops = (_sampling_flops(len(x.dims) - 2) + (mask is not None)) * columns
    bias = op.input(3)
    shared = {0} if grads & {0, 2, 4} else set()
    shared |= ({1} if 1 in grads else set()) | ({2} if 3 in grads else set())
    cost = product_cost(_convolution(op, x, weight, bias), frozenset(shared))
    sampled = work(other_flops=flops, reads=(op.input(2), mask))
    targets = [op.inputs[i] for i in grads & {2, 4}]
    again = work(other_flops=2 * flops, reads=(op.input(2), mask), writes=targets)
    kept = [v.name for v in (x, op.input(2), mask) if v is not None and not v.is_constant]
    return replace(
        cost,
        forward=cost.forward + sampled,
        backward=cost.backward + again if grads else cost.backward,
        saved=tuple(dict.fromkeys((*cost.saved, *kept))) if grads else (),
    )


@formula("Col2Im")
def col2im(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Every column's element is added to the pixel it came from; backward takes it out again."""
    x, out = op.required(0), op.result
    return Cost(
        family=Family.MOVEMENT,
        forward=work(other_flops=x.size, reads=(x,), writes=(out,)),
        backward=work(reads=(out,), writes=(x,)) if 0 in grads else work(),
        backward_kernels=len(grads & {0}),
    )


@formula("WordConvEmbedding", domain=MICROSOFT, differentiable=False)
def word_convolution(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Characters of a word embedded, a convolution over each window, the largest and its tanh.

    W is (filters, 1, window, character embedding); a word of n characters has n - window + 1
    windows.
    """
    words, weight, out = op.required(0), op.required(1), op.result
    length, window = words.dims[-1], weight.dims[2]
    places = max(1, length - window + 1)
    macs = out.size * places * math.prod(weight.dims[1:])
    return Cost(
        family=Family.CONVOLUTION,
        forward=work(
            macs=macs,
            other_flops=out.size * (2 * places + 1),
            reads=op.inputs,
            writes=op.outputs,
        ),
    )
