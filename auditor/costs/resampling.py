"""Resampling: output elements are weighted sums of their neighbours in the input.

Each of taps**d neighbours is a product and a sum (2 FLOPs); what is nearest is only moved.
"""

from __future__ import annotations

import math

from auditor.costs.convolution import NCHWC, NHWC
from auditor.costs.records import Cost, Family, Grads, UnknownCost, Work, names, work
from auditor.costs.registry import MICROSOFT, formula
from auditor.shapes import Operation, Value

# Neighbours per spatial dimension that is interpolated.
_TAPS = {"nearest": 1, "linear": 2, "bilinear": 2, "cubic": 4, "bicubic": 4}


def _taps(op: Operation, default: str) -> int:
    return _TAPS.get(str(op.attribute("mode", default)), 4)


@formula("Resize", "Upsample")
@formula("Resize", domain=NHWC)
@formula("Upsample", domain=NCHWC)
def resize(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Taps**d neighbours, d the resized axes; antialiasing widens the filter as it shrinks."""
    x, out = op.required(0), op.result
    taps, wide = _taps(op, "nearest"), bool(op.attribute("antialias", 0))
    neighbours = 1
    for before, behind in zip(x.dims, out.dims, strict=True):
        if before == behind:
            continue
        shrunk = before / behind if wide and taps > 1 and behind < before and behind else 1.0
        neighbours *= math.ceil(taps * shrunk)
    flops = 0 if taps == 1 else 2 * neighbours * out.size
    return Cost(
        family=Family.POOLING,
        forward=work(other_flops=flops, reads=(x,), writes=(out,)),
        backward=work(other_flops=flops or out.size, reads=(out,), writes=(x,))
        if 0 in grads
        else Work(),
        backward_kernels=len(grads & {0}),
    )


@formula("GridSample")
@formula("GridSample", domain=MICROSOFT)
@formula("GridSample", domain=NHWC)
def grid_sample(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Taps**d neighbours for d spatial axes; the grid's gradient goes over them once more.

    Which neighbours those are is read from the grid, backward too.
    """
    x, grid, out = op.required(0), op.required(1), op.result
    taps = _taps(op, "linear")
    flops = 0 if taps == 1 else 2 * taps ** (len(x.dims) - 2) * out.size
    backward = Work()
    if 0 in grads:
        backward += work(other_flops=flops or out.size, reads=(out, grid), writes=(x,))
    if 1 in grads:
        backward += work(other_flops=flops, reads=(out, grid, x), writes=(grid,))
    return Cost(
        family=Family.POOLING,
        forward=work(other_flops=flops, reads=(x, grid), writes=(out,)),
        backward=backward,
        backward_kernels=1 if grads else 0,
        saved=names(grid, x if 1 in grads else None) if grads else (),
    )


# A bilinear sample: four neighbours, a product and a sum each.
_BILINEAR_FLOPS = 8
# Samples a bin and axis where the operator leaves it to the size of the region: torchvision's
# detectors set 2.
_ADAPTIVE_SAMPLES = 2


@formula("RoiAlign")
def roi_align(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Bilinear samples of every bin, averaged or compared (K. He et al., arXiv 1703.06870).

    A sampling ratio of 0 adapts to the region's size, which is data: counted as 2, which
    torchvision's detectors set.
    """
    x, out = op.required(0), op.result
    ratio = int(op.attribute("sampling_ratio", 0)) or _ADAPTIVE_SAMPLES
    flops = out.size * ratio**2 * (_BILINEAR_FLOPS + 1)
    # Of the map is read what is sampled, at most all of it for every region.
    return _regions(op, grads, flops, work(reads=(x,)).read_bytes)


@formula("CropAndResize", domain=MICROSOFT)
def crop_and_resize(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """One bilinear sample an output element; the nearest is only moved."""
    nearest = str(op.attribute("mode", "bilinear")) == "nearest"
    flops = 0 if nearest else _BILINEAR_FLOPS * op.result.size
    return _regions(op, grads, flops, op.required(0).bytes)


@formula("MaxRoiPool")
def max_roi_pool(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """One comparison for every element of every region: at most the whole map each."""
    x, regions = op.required(0), op.required(1)
    whole = regions.dims[0] * math.prod(x.dims[1:])
    return _regions(op, grads, whole, x.bytes)


def _regions(op: Operation, grads: Grads, flops: int, read_bytes: int) -> Cost:
    """Regions of a feature map; where they lie is not differentiated."""
    x, out = op.required(0), op.result
    where: list[Value | None] = list(op.inputs[1:])
    backward = Work()
    if 0 in grads:
        backward = work(other_flops=flops or out.size, reads=(out, *where), writes=(x,))
    forward = work(other_flops=flops, reads=where, writes=(out,)) + Work(read_bytes=read_bytes)
    return Cost(
        family=Family.POOLING,
        forward=forward,
        backward=backward,
        backward_kernels=len(grads & {0}),
        saved=names(*where) if 0 in grads else (),
    )
