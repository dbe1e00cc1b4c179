"""Binding of the inputs' dynamic dimensions: which is the batch, and what the user gave."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from auditor.errors import ShapeError
from auditor.graph import Dim, Graph, Tensor

BATCH_NAMES = frozenset({"batch", "batch_size", "batchsize", "n", "bs", "b"})
_FLOATING_SYMBOL = re.compile(r"[A-Za-z_][\w.\-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bindings:
    """What the user said of dynamic dimensions.

    `dims` maps a symbol to a size, `shapes` an input's name to its whole shape;
    `batch_size` (samples) binds the batch and no other.
    """

    batch_size: int
    dims: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundInputs:
    """The inputs' shapes with nothing left open.

    `graph_batch_size` is the batch that these shapes run at: the one asked for, or the
    one that the export fixed, from which the step is scaled (`batch_fixed`).
    `batch_symbol` is the name of the batch dimension where it has one.
    """

    shapes: Mapping[str, tuple[int, ...]]
    graph_batch_size: int
    batch_fixed: bool
    batch_symbol: str | None
    symbols: Mapping[str, int]


def bind_inputs(graph: Graph, bindings: Bindings) -> BoundInputs:
    """Give every input of `graph` a shape of numbers.

    Raises:
        ShapeError: a dimension is left unbound (all are listed), a binding names no
            dimension or input, or contradicts the file.
    """
    _require_known(graph, bindings)
    batch = _batch_symbol(graph.inputs)
    symbols = {**_symbols_of_shapes(graph.inputs, bindings.shapes), **bindings.dims}
    if batch is not None and batch not in symbols:
        symbols[batch] = bindings.batch_size
    unnamed_batch = batch is None and _unnamed_batch(graph.inputs)
    batch_size = symbols.get(batch or "") or _first_axis(bindings) or bindings.batch_size
    shapes, unbound = {}, []
    for tensor in graph.inputs:
        dims = _bound_dims(tensor, symbols, bindings, batch_size if unnamed_batch else None)
        for axis, dim in enumerate(dims):
            if not isinstance(dim, int):
                unbound.append((tensor, axis, dim))
        shapes[tensor.name] = tuple(d for d in dims if isinstance(d, int))
    if unbound:
        raise ShapeError(_unbound_message(unbound))
    fixed = batch is None and not unnamed_batch
    first = next((s[0] for s in shapes.values() if s), 1)
    graph_batch = symbols[batch] if batch is not None else first
    return BoundInputs(
        shapes=MappingProxyType(shapes),
        graph_batch_size=graph_batch,
        batch_fixed=fixed,
        batch_symbol=batch,
        symbols=MappingProxyType(symbols),
    )


def _first_axis(bindings: Bindings) -> int | None:
    """The first axis of the first whole shape that was given."""
    return next((shape[0] for shape in bindings.shapes.values() if shape), None)


def _symbols_of_shapes(
    inputs: Sequence[Tensor], shapes: Mapping[str, tuple[int, ...]]
) -> dict[str, int]:
    """Sizes that whole given shapes imply for the symbols in them.

    Raises:
        ShapeError: two shapes imply different sizes for one symbol.
    """
    sizes: dict[str, int] = {}
    for tensor in inputs:
        if tensor.shape is None or tensor.name not in shapes:
            continue
        for dim, size in zip(tensor.shape, shapes[tensor.name], strict=True):
            if isinstance(dim, str) and sizes.setdefault(dim, size) != size:
                raise ShapeError(
                    f"--shape {tensor.name}: gives {dim} the size {size}, another shape "
                    f"{sizes[dim]}; give it one size"
                )
    return sizes


def _batch_symbol(inputs: Sequence[Tensor]) -> str | None:
    """Find the batch: a symbol of that name, else one shared by the inputs' first axes."""
    symbols = [d for t in inputs for d in t.shape or () if isinstance(d, str)]
    for symbol in symbols:
        if symbol.lower() in BATCH_NAMES:
            return symbol
    firsts = [t.shape[0] for t in inputs if t.shape]
    if firsts and isinstance(firsts[0], str) and all(f == firsts[0] for f in firsts):
        return firsts[0]
    return next((s for s in symbols if re.search(r"batch", s, re.IGNORECASE)), None)


def _unnamed_batch(inputs: Sequence[Tensor]) -> bool:
    """Tell whether every input's first axis is dynamic but has no name."""
    firsts = [t.shape[0] for t in inputs if t.shape]
    return bool(firsts) and all(f is None for f in firsts)


def _bound_dims(
    tensor: Tensor, symbols: Mapping[str, int], bindings: Bindings, unnamed_batch: int | None
) -> tuple[Dim, ...]:
    """Return the input's dimensions, each a number where something binds it.

    `unnamed_batch` is the size of a first axis that has no name, None where that is no batch.
    """
    given = bindings.shapes.get(tensor.name)
    if given is not None:
        return given
    if tensor.shape is None:
        return (None,) if tensor.dtype is not None else ()
    dims: list[Dim] = []
    for axis, dim in enumerate(tensor.shape):
        if isinstance(dim, str):
            dims.append(symbols.get(dim, evaluate(dim, symbols)))
        elif dim is None and axis == 0 and unnamed_batch is not None:
            dims.append(unnamed_batch)
        else:
            dims.append(dim)
    return tuple(dims)


def evaluate(expression: str, symbols: Mapping[str, int]) -> Dim:
    """Evaluate a sum of products of symbols, as ``past + sequence`` or ``2*height``.

    What cannot be evaluated is returned as it is.
    """
    tokens = re.findall(r"[A-Za-z_]\w*|\d+|[-+*]|\S", expression)
    if len(tokens) < 3:
        return expression
    total, product, sign = 0, 1, 1
    for position, word in enumerate(tokens):
        if position % 2 == 0:
            value = int(word) if word.isdigit() else symbols.get(word)
            if value is None:
                return expression
            product *= value
        elif word in "+-":
            total, product, sign = total + sign * product, 1, 1 if word == "+" else -1
        elif word != "*":
            return expression
    return total + sign * product if len(tokens) % 2 else expression


def _require_known(graph: Graph, bindings: Bindings) -> None:
    """Refuse bindings of what the graph does not have, or has otherwise."""
    inputs = {t.name: t for t in graph.inputs}
    text = " ".join(d for t in graph.inputs for d in t.shape or () if isinstance(d, str))
    symbols = set(_FLOATING_SYMBOL.findall(text)) | {
        d for t in graph.inputs for d in t.shape or () if isinstance(d, str)
    }
    for name in bindings.dims:
        if name not in symbols:
            known = ", ".join(sorted(symbols)) or "none"
            raise ShapeError(f"--dim {name}: no such dynamic dimension; the model has: {known}")
    for name, shape in bindings.shapes.items():
        if name not in inputs:
            known = ", ".join(inputs) or "none"
            raise ShapeError(f"--shape {name}: no such input; the model has: {known}")
        _require_agreement(inputs[name], shape)


def _require_agreement(tensor: Tensor, shape: tuple[int, ...]) -> None:
    if tensor.shape is None:
        return
    agrees = len(tensor.shape) == len(shape) and all(
        not isinstance(dim, int) or dim == size
        for dim, size in zip(tensor.shape, shape, strict=True)
    )
    if not agrees:
        wanted = "x".join("?" if d is None else str(d) for d in tensor.shape)
        given = "x".join(map(str, shape))
        raise ShapeError(
            f"--shape {tensor.name}={given}: contradicts the file, which has {wanted}; "
            "give a shape that fits, or export with dynamic axes"
        )


def _unbound_message(unbound: Sequence[tuple[Tensor, int, Dim]]) -> str:
    """Say which dimensions are open and how to bind them, with an example that works."""
    names = sorted({d for _, _, d in unbound if isinstance(d, str)})
    nameless = sorted({t.name for t, _, d in unbound if d is None})
    parts, options = [], []
    if names:
        parts.append(", ".join(names))
        options += [f"--dim {name}=128" for name in names]
    for name in nameless:
        tensor = next(t for t, _, _ in unbound if t.name == name)
        parts.append(f"axes without a name in {name}")
        known = tensor.shape or (None,)
        sizes = (d if isinstance(d, int) else 1 for d in known)
        options.append(f"--shape {name}=" + "x".join(map(str, sizes)))
    return f"unbound dimensions: {'; '.join(parts)}; bind them, for example: {' '.join(options)}"
