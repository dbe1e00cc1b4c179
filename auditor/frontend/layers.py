"""Our own counts by module: the exporters write into every node where it comes from."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from auditor.costs import NOTHING, Work
from auditor.graph import Node
from auditor.profile import CostedOperation

_SCOPES = "pkg.torch.onnx.name_scopes"
# A module that is called again: "head@1".
_AGAIN = re.compile(r"@\d+$")


@dataclass(slots=True)
class LayerWork:
    """One module's work with that of the modules in it, at the batch of the profile."""

    forward: Work = NOTHING
    backward: Work = NOTHING
    has_groups: bool = False


def scopes_of(node: Node, modules: frozenset[str]) -> frozenset[str]:
    """Return the modules that were running where `node` was traced, "" among them always.

    The dynamo exporter lists them in the node's metadata, the TorchScript exporter makes
    the node's name of them.
    """
    for entry in node.proto.metadata_props if node.proto is not None else ():
        if entry.key == _SCOPES:
            named = ast.literal_eval(entry.value)[:-1]
            return frozenset({_AGAIN.sub("", str(n)) for n in named} & modules) | {""}
    return _scopes_of_name(node.name, modules)


def _scopes_of_name(name: str, modules: frozenset[str]) -> frozenset[str]:
    """Read ``/layer1/layer1.0/conv1/Conv``: a list's entries repeat its name, others do not."""
    found, current = {""}, ""
    for part in name.strip("/").split("/")[:-1]:
        for own in (part, part.rpartition(".")[2]):
            path = f"{current}.{own}" if current else own
            if path in modules:
                current = path
                found.add(path)
                break
    return frozenset(found)


def works_by_module(
    nodes: Iterable[Node], operations: Iterable[CostedOperation], modules: frozenset[str]
) -> Mapping[str, LayerWork]:
    """Sum the operations of a training step up by module; "" has all of them."""
    scopes: dict[str, frozenset[str]] = {}
    grouped: set[str] = set()
    for node in nodes:
        found = scopes_of(node, modules)
        for name in {node.name, *node.outputs[:1]} - {""}:
            # A name that two nodes have stands for neither.
            scopes[name] = scopes[name] & found if name in scopes else found
        if int(node.attributes.get("group", 1)) > 1 and node.op_type.startswith("Conv"):
            grouped |= found
    works: dict[str, LayerWork] = defaultdict(LayerWork)
    for operation in operations:
        for module in scopes.get(operation.name, frozenset({""})):
            works[module].forward += operation.forward
            works[module].backward += operation.backward
    for module in grouped:
        works[module].has_groups = True
    return works
