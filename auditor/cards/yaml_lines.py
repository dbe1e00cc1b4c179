"""YAML of a few scalars, written so that no reader takes one for anything else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal

Scalar = str | int | float | None
Tree = Scalar | Mapping[str, "Tree"] | Sequence["Tree"]
_DIGITS = 6


def plain(value: float, digits: int = _DIGITS) -> str:
    """A decimal number without an exponent, of at least `digits` significant digits.

    The Hub reads the first digits of what it finds: 1e-05 would be one gram.
    """
    text = f"{Decimal(repr(float(f'{value:.{digits - 1}e}'))):f}"
    return text if "." in text else f"{text}.0"


def yaml_lines(tree: Mapping[str, Tree], indent: str = "") -> list[str]:
    """Mappings and lists in block style; texts in double quotes, where nothing is special.

    Keys are our own words and stand as they are.  Texts hold printable characters alone.
    """
    lines: list[str] = []
    for key, value in tree.items():
        if isinstance(value, Mapping):
            lines += [f"{indent}{key}:", *yaml_lines(value, indent + "  ")]
        elif isinstance(value, Sequence) and not isinstance(value, str):
            lines.append(f"{indent}{key}:")
            for item in value:
                lines += _item(item, indent)
        else:
            lines.append(f"{indent}{key}: {_scalar(value)}")
    return lines


def _item(item: Tree, indent: str) -> list[str]:
    if isinstance(item, Mapping):
        first, *rest = yaml_lines(item, indent + "  ")
        return [f"{indent}- {first.lstrip()}", *rest]
    return [f"{indent}- {_scalar(item)}"] if not isinstance(item, list) else []


def _scalar(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return plain(value)
    return json.dumps(str(value), ensure_ascii=False).replace("##", "#\\u0023")
