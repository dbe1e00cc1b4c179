"""The walk through a graph, node by node, with the types of what each makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from auditor.errors import ShapeError
from auditor.graph import Graph, Node, Tensor
from auditor.shapes.contrib import infer_contrib, infer_legacy
from auditor.shapes.control import run_if, run_scan, run_sequence_map
from auditor.shapes.data_dependent import bounded
from auditor.shapes.folding import MAX_ELEMENTS, fold
from auditor.shapes.loops import run_loop
from auditor.shapes.onnx_inference import infer
from auditor.shapes.records import Basis, DataSize, Operation, Typed, Value
from auditor.shapes.scope import Found, Given, Scope, Sizes, bind_shape, inside
from auditor.shapes.sequences import holds, sequence_output

# Nodes walked beyond those in the file, over all trips of all loops: some seconds of work.
MAX_WALKED_AGAIN = 200_000


class Walk:
    """Collects operations while it walks the graph once, in order."""

    def __init__(
        self,
        opsets: Mapping[str, int],
        symbols: Mapping[str, int],
        given: Given,
        node_count: int = 0,
    ) -> None:
        self.opsets = opsets
        self.symbols = symbols
        self.given = given
        self.hints: Mapping[str, Sizes] = {}
        self.found = Found()
        self.outermost = Scope({}, "", "")
        self.opened: set[str] = set()
        self.used: set[str] = set()
        self.node_count = node_count
        self.walked_count = 0

    def open(self, node: Node, scope: Scope) -> Scope:
        """Open a subgraph of `node`, which sees all that is visible where the node stands."""
        base = prefix = f"{scope.prefix}{node.name or node.outputs[0]}/"
        while prefix in self.opened:  # names of nodes need not be unique
            prefix = f"{base[:-1]}#{len(self.opened)}/"
        self.opened.add(prefix)
        constants = f"{scope.base}{prefix[len(scope.prefix) :]}"
        return Scope(inside(scope.values), prefix, constants)

    def trial(self, graph: Graph, scope: Scope) -> Found:
        """Run a graph and return what that collects, without keeping it."""
        before, self.found = self.found, Found()
        try:
            self.run(graph, scope)
            return self.found
        finally:
            self.found = before

    def run(self, graph: Graph, scope: Scope) -> None:
        """Append the operations of a graph whose inputs are in `scope` already."""
        for name, tensor in graph.initializers.items():
            value = _initializer(tensor, scope.base)
            scope.values[name] = value
            if scope.prefix:
                self.found.inner_initializers[value.name] = value
        self._count(len(graph.nodes) + 1)
        for node in graph.nodes:
            if not node.outputs:
                self.found.problems.setdefault(
                    f"{node.op_type} node {node.name!r} makes nothing: left out"
                )
                continue
            inputs = tuple(scope.values.get(n) for n in node.inputs)
            if node.domain == "" and node.op_type in _CONTROL:
                _CONTROL[node.op_type](self, node, inputs, scope)
                continue
            self.add(node, inputs, scope, graph.value_info)

    def _count(self, nodes: int) -> None:
        """Take note of nodes that are walked once more.

        Raises:
            ShapeError: loops in loops, each walked trip by trip, come to too many.
        """
        self.walked_count += nodes
        if self.walked_count > MAX_WALKED_AGAIN + self.node_count:
            raise ShapeError(
                f"its loops take more than {MAX_WALKED_AGAIN} steps to follow trip by trip; "
                "export the model without loops in loops, or with fewer trips"
            )

    def add(
        self,
        node: Node,
        inputs: tuple[Value | None, ...],
        scope: Scope,
        value_info: Mapping[str, Tensor],
    ) -> None:
        """Append one plain operation, with its outputs' types found out."""
        outputs = self._outputs(node, inputs, scope, value_info)
        for name, value in zip(node.outputs, outputs, strict=True):
            if value is not None:
                scope.values[name] = value
        operation = Operation(
            node=node,
            inputs=inputs,
            outputs=outputs,
            opset=self.opsets.get(node.domain, 1),
        )
        self.found.operations.append(operation)

    def decided_by_data(self, node: Node, limit: int | None, reason: str) -> Sizes | None:
        """Return the size to count with where the data decides one, and note it.

        What a run showed goes before what the user assumes, that before the bound.
        """
        name = node.name or node.outputs[0]
        taken, basis = self.told(node)
        if taken is None and limit is not None:
            taken, basis = (limit,), Basis.UPPER_BOUND
        count = taken[0] if taken is not None and len(taken) == 1 else None
        size = DataSize(node=name, op_type=node.key, basis=basis, count=count, reason=reason)
        self.found.data_sizes.setdefault(size)
        return taken

    def told(self, node: Node) -> tuple[Sizes | None, Basis]:
        """Return the size that a run showed or the user assumes for a node's output."""
        names = [n for n in (node.name, *node.outputs) if n in self.given.assumed]
        self.used.update(names)
        traced = self.given.traced.get(node.outputs[0])
        if traced is not None:
            return traced, Basis.TRACED
        return (self.given.assumed[names[0]], Basis.ASSUMED) if names else (None, Basis.UNKNOWN)

    def _outputs(
        self,
        node: Node,
        inputs: tuple[Value | None, ...],
        scope: Scope,
        value_info: Mapping[str, Tensor],
    ) -> tuple[Value | None, ...]:
        prefix = scope.base if node.op_type == "Constant" else scope.prefix
        if holds(node, inputs):
            name = prefix + node.outputs[0]
            only = sequence_output(node, inputs, name) or Value(name, None, None)
            return (only, *(None,) * (len(node.outputs) - 1))
        constant = node.op_type == "Constant" or (
            bool(inputs) and all(v is None or v.is_constant for v in inputs)
        )
        origin = "constant" if constant else "activation"
        arrays = self._folded(node, inputs)
        if arrays is not None:
            typed: list[Typed] = [(str(a.dtype), a.shape) for a in arrays]
            datas: Sequence[Any] = arrays
        else:
            typed = list(self._typed(node, inputs, value_info))
            datas = (None,) * len(typed)
        made = tuple(
            Value(prefix + name, dtype, shape, origin, data) if name else None
            for name, (dtype, shape), data in zip(node.outputs, typed, datas, strict=False)
        ) + (None,) * (len(node.outputs) - len(typed))
        return tuple(self._hinted(v) for v in made) if self.hints else made

    def _hinted(self, value: Value | None) -> Value | None:
        if value is None or value.shape is not None or value.name not in self.hints:
            return value
        return replace(value, shape=self.hints[value.name], dtype=value.dtype or "float32")

    def _folded(self, node: Node, inputs: Sequence[Value | None]) -> tuple[Any, ...] | None:
        if node.op_type == "Shape" and inputs and inputs[0] is not None:
            shape = inputs[0].shape
            start, end = node.attributes.get("start", 0), node.attributes.get("end")
            return _counted(() if shape is None else shape[start:end], shape is not None)
        if node.op_type == "Size" and inputs and inputs[0] is not None and inputs[0].known:
            size = _counted((inputs[0].size,), True)
            return None if size is None else (size[0].reshape(()),)
        if any(v is not None and v.data is None for v in inputs):
            return None
        return fold(node, [None if v is None else v.data for v in inputs])

    def _typed(
        self, node: Node, inputs: Sequence[Value | None], value_info: Mapping[str, Tensor]
    ) -> tuple[Typed, ...]:
        if node.op_type == "Constant" and isinstance(node.attributes.get("value"), Tensor):
            tensor = node.attributes["value"]
            return ((tensor.dtype, tensor.shape),)
        found = infer_contrib(node, inputs) or infer(node, inputs, self.opsets) or ()
        if not found or found[0][1] is None:
            found = infer_legacy(node, inputs) or found or ((None, None),) * len(node.outputs)
        if self.told(node)[0] is None:
            found = tuple(
                typed if _is_known(typed[1]) else self._stated(value_info.get(name), typed)
                for name, typed in zip(node.outputs, found, strict=True)
            )
        if any(n and not _is_known(t[1]) for n, t in zip(node.outputs, found, strict=True)):
            found = self._bounded(node, inputs, found)
        return tuple((d, s if _is_known(s) else None) for d, s in found)

    def _bounded(
        self, node: Node, inputs: Sequence[Value | None], found: tuple[Typed, ...]
    ) -> tuple[Typed, ...]:
        """Settle the dimensions that the data decides, as far as anything tells them."""
        bound = bounded(node, inputs)
        if node.op_type in _CONTROL:
            taken = None  # a loop left standing has been noted already
        elif bound is not None:
            taken = self.decided_by_data(node, bound.limit, bound.reason)
            if taken is not None and len(taken) == 1:
                types = tuple(bound.outputs(min(taken[0], bound.limit)))
                return (*types, *((None, None),) * len(node.outputs))[: len(node.outputs)]
        elif inputs and all(v is None or v.known for v in inputs) and any(t[0] for t in found):
            taken = self.decided_by_data(node, None, "computed from the values of the data")
        else:
            taken = None
        first = _filled(found[0][1], taken) if taken is not None else None
        return found if first is None else ((found[0][0], first), *found[1:])

    def _stated(self, tensor: Tensor | None, found: Typed) -> Typed:
        """Fall back on the shape that the file states for a value, its symbols bound."""
        if tensor is None:
            return found
        return found[0] or tensor.dtype, bind_shape(tensor, self.symbols) or found[1]


def _counted(sizes: Sizes, known: bool) -> tuple[Any, ...] | None:
    """Sizes as the runtime has them, None where they are not known or beyond its 64 bits."""
    return (np.asarray(sizes, np.int64),) if known and all(d < 2**63 for d in sizes) else None


def _is_known(shape: Sizes | None) -> bool:
    return shape is not None and all(d >= 0 for d in shape)


def _filled(shape: Sizes | None, taken: Sizes) -> Sizes | None:
    """Put what was told into the one dimension that is open; or it is the whole shape."""
    if shape is not None and len(taken) == 1 and sum(d < 0 for d in shape) == 1:
        return tuple(taken[0] if d < 0 else d for d in shape)
    fits = shape is None or (
        len(shape) == len(taken) and all(d in (-1, t) for d, t in zip(shape, taken, strict=True))
    )
    return taken if fits else None


def _initializer(tensor: Tensor, prefix: str) -> Value:
    shape = tuple(d for d in tensor.shape or () if isinstance(d, int))
    data = tensor.value
    if data is not None and data.size > MAX_ELEMENTS:
        data = None
    return Value(prefix + tensor.name, tensor.dtype, shape, "initializer", data)


_CONTROL: Mapping[str, Callable[[Walk, Node, tuple[Value | None, ...], Scope], None]] = {
    "If": run_if,
    "Loop": run_loop,
    "Scan": run_scan,
    "SequenceMap": run_sequence_map,
}
