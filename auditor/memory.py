"""Layer 5: activation memory of a training step, by liveness.

A value lives from the operation that makes it to the last that reads it.  What the
backward pass needs stays until the backward of its last reader has run; gradients live
from the first backward operation that adds to them to the one that consumes them.
Views and in-place relabelling share the memory of what they view.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from auditor.costs import Cost, Grads
from auditor.shapes import Operation, Value

# An operation of the step with its cost, and the inputs that need gradients.
CostedStep = tuple[Operation, Cost, Grads]
ValueBytes = Callable[[Value], int]
Moment = tuple[int, int]


def no_bytes(_: Value) -> int:
    """Count nothing."""
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationMemory:
    """Peaks in bytes, per device: over the whole step, and of what backward needs at its start.

    The gradients of the parameters come into being while activations go: `moments` are
    those of the step at which no other holds as much of both, (activations, gradients).
    """

    peak_bytes: int
    saved_bytes: int
    moments: tuple[Moment, ...] = ()

    @property
    def gradient_bytes(self) -> int:
        """All of the parameters' gradients."""
        return max((g for _, g in self.moments), default=0)


def activation_memory(
    steps: Sequence[CostedStep],
    value_bytes: ValueBytes,
    outputs: Sequence[Value] = (),
    loss_bytes: int = 0,
    gradient_bytes: ValueBytes = no_bytes,
) -> ActivationMemory:
    """Walk the step forward, then backward, and return the largest sum of live bytes.

    `value_bytes` gives a value's size in the precision of the training; constants are
    the caller's account, but for their gradients, each of `gradient_bytes`.  `loss_bytes`
    are what the loss holds between the passes.
    """
    roots = _roots(steps)
    sizes = _sizes(steps, roots, value_bytes)
    last_forward = _last_readers(steps, roots)
    for value in outputs:
        last_forward[roots.get(value.name, value.name)] = len(steps)
    first_backward = _first_savers(steps, roots)
    live, peak, live_extra = _forward(steps, roots, sizes, last_forward, first_backward)
    saved = sum(sizes[r] for r in first_backward if r in sizes) + live_extra
    peak = max(peak, saved + loss_bytes)
    held = _Held(sizes, first_backward, gradient_bytes)
    moments = [(peak, 0), *_backward(steps, roots, held, live + loss_bytes)]
    return ActivationMemory(
        peak_bytes=max(activations for activations, _ in moments),
        saved_bytes=saved,
        moments=outstanding(moments),
    )


def outstanding(moments: Sequence[Moment]) -> tuple[Moment, ...]:
    """Leave out every moment at which less of both is held than at another."""
    kept: list[Moment] = []
    for activations, gradients in sorted(moments, key=lambda m: (-m[1], -m[0])):
        if not kept or activations > kept[-1][0]:
            kept.append((activations, gradients))
    return tuple(kept)


def _roots(steps: Sequence[CostedStep]) -> dict[str, str]:
    """Map every value to the one whose memory it shares."""
    roots: dict[str, str] = {}
    for operation, cost, _ in steps:
        source = operation.inputs[0] if operation.inputs else None
        for out in operation.outputs:
            if out is None:
                continue
            shares = cost.is_view and source is not None
            roots[out.name] = roots.get(source.name, source.name) if shares and source else out.name
    return roots


def _sizes(
    steps: Sequence[CostedStep], roots: Mapping[str, str], value_bytes: ValueBytes
) -> dict[str, int]:
    """Bytes of every value that has memory of its own; constants have none here."""
    sizes: dict[str, int] = {}
    for operation, _, _ in steps:
        for value in (*operation.inputs, *operation.outputs):
            if value is None or value.is_constant:
                continue
            if roots.get(value.name, value.name) == value.name:
                sizes[value.name] = value_bytes(value)
    return sizes


def _last_readers(steps: Sequence[CostedStep], roots: Mapping[str, str]) -> dict[str, int]:
    last: dict[str, int] = {}
    for index, (operation, _, _) in enumerate(steps):
        for value in (*operation.outputs, *operation.inputs):
            if value is not None:
                last[roots.get(value.name, value.name)] = index
    return last


def _first_savers(steps: Sequence[CostedStep], roots: Mapping[str, str]) -> dict[str, int]:
    """The earliest operation whose backward needs the value: the last to run backward."""
    first: dict[str, int] = {}
    for index, (_, cost, _) in enumerate(steps):
        for name in cost.saved:
            first.setdefault(roots.get(name, name), index)
    return first


def _forward(
    steps: Sequence[CostedStep],
    roots: Mapping[str, str],
    sizes: Mapping[str, int],
    last: Mapping[str, int],
    saved: Mapping[str, int],
) -> tuple[int, int, int]:
    """Return the live bytes at the end, the peak, and the extra bytes saved beside values."""
    freed_at: dict[int, list[str]] = {}
    for root, index in last.items():
        if root in sizes and root not in saved:
            freed_at.setdefault(index, []).append(root)
    held: set[str] = set()
    live = peak = extra = 0
    for index, (operation, cost, _) in enumerate(steps):
        for value in (*operation.inputs, *operation.outputs):
            root = roots.get(value.name, value.name) if value is not None else ""
            if root in sizes and root not in held:
                held.add(root)
                live += sizes[root]
        extra += cost.extra_saved_bytes
        peak = max(peak, live + extra)
        for root in freed_at.get(index, ()):
            if root in held:
                live -= sizes[root]
    return live + extra, peak, extra


@dataclass(frozen=True, slots=True)
class _Held:
    """Sizes of what the backward pass holds, by root, and where it lets go of it."""

    sizes: Mapping[str, int]
    saved: Mapping[str, int]
    gradient_bytes: ValueBytes


def _backward(
    steps: Sequence[CostedStep], roots: Mapping[str, str], held: _Held, live: int
) -> list[Moment]:
    """Return what each step of the backward pass holds, which starts with `live` bytes."""
    freed_at: dict[int, list[str]] = {}
    for root, index in held.saved.items():
        freed_at.setdefault(index, []).append(root)
    gradients: dict[str, int] = {}
    learned: dict[str, int] = {}
    of_parameters = 0
    moments: list[Moment] = [(live, 0)]
    for index in range(len(steps) - 1, -1, -1):
        operation, cost, grads = steps[index]
        for position in grads:
            value = operation.inputs[position]
            root = roots.get(value.name, value.name) if value is not None else ""
            if root in held.sizes and root not in gradients:
                gradients[root] = held.sizes[root]
                live += held.sizes[root]
            elif value is not None and value.is_constant and value.name not in learned:
                learned[value.name] = held.gradient_bytes(value)
                of_parameters += learned[value.name]
        moments.append((live, of_parameters))
        if not cost.is_view:
            for made in operation.outputs:
                if made is not None:
                    live -= gradients.pop(made.name, 0)
        live -= cost.extra_saved_bytes
        live -= sum(held.sizes.get(root, 0) for root in freed_at.get(index, ()))
    return moments
