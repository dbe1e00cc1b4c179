"""Activation checkpointing: segments keep their input alone and run forward once more.

As ``torch.utils.checkpoint.checkpoint_sequential`` does it: the network is cut into
segments, all but the last of which are checkpointed (Chen et al., "Training Deep Nets with
Sublinear Memory Cost", arXiv 1604.06174).  A cut is possible where one value that needs a
gradient crosses; of those places the ones are taken that divide the forward work evenly.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from auditor.errors import PlanError
from auditor.memory import (
    ActivationMemory,
    CostedStep,
    Moment,
    ValueBytes,
    activation_memory,
    outstanding,
)
from auditor.shapes import Value


@dataclass(frozen=True, slots=True)
class Segments:
    """Where the steps are cut: `cuts` are the first steps of all segments but the first."""

    cuts: tuple[int, ...]

    def is_recomputed(self, step: int) -> bool:
        """Whether a step runs forward again in the backward pass: all but the last segment's."""
        return bool(self.cuts) and step < self.cuts[-1]


def segments(steps: Sequence[CostedStep], count: int) -> Segments:
    """Cut the steps into `count` segments of about the same forward work.

    Raises:
        PlanError: the graph has not that many places where one value crosses.
    """
    if count <= 1:
        return Segments(())
    places = _places(steps)
    if len(places) < count - 1:
        raise PlanError(
            f"--checkpointing {count}: the graph can be cut into {len(places) + 1} segments at "
            "most, where one value with a gradient crosses; give that many or fewer"
        )
    done, before = [0], 0
    for _, cost, _ in steps:
        before += cost.forward.flops
        done.append(before)
    totals = [done[place] for place in places]
    cuts: list[int] = []
    first = 0
    for index in range(1, count):
        # Enough places must stay for the cuts to come.
        end = len(places) - (count - 1 - index)
        chosen = nearest(totals, before * index / count, first, end)
        cuts.append(places[chosen])
        first = chosen + 1
    return Segments(tuple(cuts))


def nearest(ordered: Sequence[int], wanted: float, first: int, end: int) -> int:
    """Index, from `first` to before `end`, of the nearest in an ordered list; of equals the first.

    With as many segments as nodes a search through all places would take the square of that.
    """
    above = bisect_left(ordered, wanted, first, end)
    if above == first:
        return first
    below = bisect_left(ordered, ordered[above - 1], first, above)
    if above == end or wanted - ordered[below] <= ordered[above] - wanted:
        return below
    return above


def _places(steps: Sequence[CostedStep]) -> list[int]:
    """Steps before which exactly one value that needs a gradient is alive."""
    last: dict[str, int] = {}
    for index, (operation, _, grads) in enumerate(steps):
        for position in grads:
            value = operation.inputs[position]
            if value is not None and not value.is_constant:
                last[value.name] = index
    ends: dict[int, int] = {}
    alive, places = 0, []
    for index, (operation, cost, _) in enumerate(steps):
        if alive == 1 and index and not cost.is_view:
            places.append(index)
        for value in operation.outputs:
            if value is not None and last.get(value.name, -1) > index:
                alive += 1
                ends[last[value.name]] = ends.get(last[value.name], 0) + 1
        alive -= ends.pop(index, 0)
    return places


@dataclass(frozen=True, slots=True)
class StepSizes:
    """Bytes of a value, of a parameter's gradient, and of what the loss holds."""

    value_bytes: ValueBytes
    gradient_bytes: ValueBytes
    loss_bytes: int


def checkpointed_memory(
    steps: Sequence[CostedStep],
    cut: Segments,
    outputs: Sequence[Value],
    sizes: StepSizes,
) -> ActivationMemory:
    """Peak of a step whose segments are recomputed one at a time.

    While one is, the inputs of those before it are held; what lies behind it is gone but
    for the gradients of its parameters.
    """
    edges = [0, *cut.cuts, len(steps)]
    held = 0
    found: list[tuple[int, ActivationMemory]] = []
    for start, stop in pairwise(edges):
        part = steps[start:stop]
        is_last = stop == len(steps)
        result = part[-1][0].outputs[:1] if not is_last else outputs
        alone = activation_memory(
            part,
            sizes.value_bytes,
            [v for v in result if v is not None],
            sizes.loss_bytes * is_last,
            sizes.gradient_bytes,
        )
        found.append((held, alone))
        held += alone.saved_bytes if is_last else _input_bytes(part, sizes.value_bytes)
    gradients = 0
    moments: list[Moment] = []
    for before, alone in reversed(found):
        moments += ((before + a, gradients + g) for a, g in alone.moments)
        gradients += alone.gradient_bytes
    return ActivationMemory(
        peak_bytes=max(before + alone.peak_bytes for before, alone in found),
        saved_bytes=held,
        moments=outstanding(moments),
    )


def _input_bytes(part: Sequence[CostedStep], value_bytes: ValueBytes) -> int:
    """What a segment reads that it does not make itself: its input, masks."""
    made = {v.name for operation, _, _ in part for v in operation.outputs if v is not None}
    read = {
        v.name: v
        for operation, _, _ in part
        for v in operation.inputs
        if v is not None and not v.is_constant and v.name not in made
    }
    return sum(value_bytes(v) for v in read.values())
