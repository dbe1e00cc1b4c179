"""Selection among boxes."""

from __future__ import annotations

import numpy as np

from auditor.costs.plain import forward_only
from auditor.costs.pooling import sorting_flops
from auditor.costs.records import Cost, Family, Grads, UnknownCost
from auditor.costs.registry import formula
from auditor.shapes import Operation

# Overlap of two boxes: four corners (4), its sides not below zero (4), three areas (5), the
# union (2), the quotient and the comparison (2).
IOU_FLOPS = 17


@formula("NonMaxSuppression", differentiable=False)
def non_max_suppression(op: Operation, grads: Grads) -> Cost | UnknownCost:
    """Scores sorted for each class; then every box against all those kept before it.

    How many are kept is data: the bound is the largest number that may be, of each class
    `max_output_boxes_per_class` (input 2) or all boxes.  Boxes (batch, N, 4), scores
    (batch, classes, N).
    """
    batch, classes, boxes = op.required(1).dims
    most = op.input(2)
    kept = boxes if most is None or most.data is None else int(np.ravel(most.data)[0])
    kept = max(0, min(kept, boxes))
    lists = batch * classes
    # The k-th box that is kept is compared with the boxes that are left behind it.
    pairs = lists * (kept * boxes - kept * (kept + 1) // 2)
    flops = sorting_flops(lists * boxes, boxes) + IOU_FLOPS * pairs
    return forward_only(op, Family.REDUCTION, flops=flops)
