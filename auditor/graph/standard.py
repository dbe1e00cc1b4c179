"""Nodes that no version of the ONNX standard allows, refused before anything reads them.

A file may say another version of an operator than it holds, and exporters do so; what is
refused is only what contradicts every version there is: too few inputs, or an attribute of
another type than the operator ever had.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import onnx
from onnx import AttributeProto
from onnx.defs import SchemaError

from auditor.errors import ModelLoadError
from auditor.graph.records import Node

_NEWEST = 2**31 - 1
# Graphs are read as what they are, and a type that is not stated as nothing at all.
_UNSTATED = AttributeProto.UNDEFINED


# A runtime's fused operators have the attributes of those that they hold.
_PLAIN = {
    ("com.microsoft", "FusedConv"): ("", "Conv"),
    ("com.microsoft", "FusedGemm"): ("", "Gemm"),
}


@dataclass(frozen=True, slots=True)
class _Allowed:
    """What some version allows: the fewest inputs, and the types of each attribute."""

    min_input_count: int
    attribute_types: Mapping[str, frozenset[int]]


def require_standard(node: Node, path: Path) -> None:
    """Refuse a node that contradicts every version of its operator.

    An operator that onnx does not know passes.

    Raises:
        ModelLoadError: it has too few inputs, or an attribute of the wrong type.
    """
    allowed = _allowed(*_PLAIN.get((node.domain, node.op_type), (node.domain, node.op_type)))
    if allowed is None:
        return
    where = f"{path}: {node.op_type} node {node.name[:80]!r}"
    if len(node.inputs) < allowed.min_input_count:
        raise ModelLoadError(
            f"{where} has {len(node.inputs)} inputs, and the standard demands "
            f"{allowed.min_input_count}; export the model again"
        )
    for attribute in node.proto.attribute:
        types = allowed.attribute_types.get(attribute.name)
        if types is not None and attribute.type not in (_UNSTATED, *types):
            wanted = " or ".join(sorted(map(_type_name, types)))
            raise ModelLoadError(
                f"{where}: its attribute {attribute.name!r} is of type "
                f"{_type_name(attribute.type)}, and the standard has {wanted}; export the "
                "model again"
            )


def _type_name(number: int) -> str:
    return str(AttributeProto.AttributeType.Name(number))


def _number(kind: Any) -> int:
    """Return the number of an attribute's type, which onnx's releases give as two kinds of enum."""
    return int(getattr(kind, "value", kind))


@lru_cache(maxsize=1024)
def _allowed(domain: str, op_type: str) -> _Allowed | None:
    """Join all versions of an operator; None for one that onnx does not know."""
    types: dict[str, set[int]] = {}
    counts: list[int] = []
    version = _NEWEST
    while version > 0:
        try:
            schema = onnx.defs.get_schema(op_type, version, domain)
        except SchemaError:
            break
        counts.append(schema.min_input)
        for name, attribute in schema.attributes.items():
            types.setdefault(name, set()).add(_number(attribute.type))
        version = schema.since_version - 1
    if not counts:
        return None
    return _Allowed(min(counts), {name: frozenset(found) for name, found in types.items()})
