"""Convolutions in one, two, three dimensions: grouped, dilated, depthwise, transposed."""

from __future__ import annotations

import math

from auditor.costs.matmul import Product, product_cost
from auditor.costs.records import Cost, Family, Grads, UnknownCost
from auditor.costs.registry import formula
from auditor.shapes import Operation, Value


def convolution_family(weight_shape: tuple[int, ...], groups: int, channels: int) -> Family:
    """Depthwise: as many groups as channels; pointwise: a kernel of one element."""
    if groups > 1:
        return (
            Family.DEPTHWISE_CONVOLUTION
            if groups == channels and groups > 1
            else Family.GROUPED_CONVOLUTION
        )
    if math.prod(weight_shape[2:]) == 1:
        return Family.POINTWISE_CONVOLUTION
    return Family.CONVOLUTION


def _convolution(op: Operation, grads: Grads, x: Value, weight: Value, bias: Value | None) -> Cost:
    out = op.result
    # The weight is (out channels, in channels / groups, *kernel): each output element
    # takes one multiply-accumulate for every element of its filter.
    macs = out.size * math.prod(weight.dims[1:])
    family = convolution_family(weight.dims, int(op.attribute("group", 1)), x.dims[1])
    product = Product(family=family, macs=macs, left=x, right=weight, out=out, bias=bias)
    return product_cost(product, grads)


@formula("Conv")
@formula("FusedConv", domain="com.microsoft")
def conv(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Output elements times the elements of one filter."""
    return _convolution(op, grads & {0, 1, 2}, op.required(0), op.required(1), op.input(2))


@formula("ConvInteger")
def conv_integer(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """As Conv on 8-bit integers; quantized graphs are not trained."""
    return _convolution(op, frozenset(), op.required(0), op.required(1), None)


@formula("QLinearConv")
def qlinear_conv(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """As Conv on 8-bit integers; the weight is input 3, the bias input 8."""
    return _convolution(op, frozenset(), op.required(0), op.required(3), op.input(8))


@formula("ConvTranspose")
def conv_transpose(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """The gradient of a convolution: input elements times the elements of one filter."""
    x, weight, bias, out = op.required(0), op.required(1), op.input(2), op.result
    macs = x.size * math.prod(weight.dims[1:])
    family = convolution_family(weight.dims, int(op.attribute("group", 1)), x.dims[1])
    product = Product(family=family, macs=macs, left=x, right=weight, out=out, bias=bias)
    return product_cost(product, grads & {0, 1, 2})
