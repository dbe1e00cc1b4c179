"""The plan that the options of `audit MODEL` say, for every command that takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any

from auditor.cli.pairs import shapes, sizes
from auditor.workload import Lifecycle, Plan

PLAN_OPTIONS = frozenset(f.name for f in fields(Plan))
LIFE_OPTIONS = frozenset(f.name for f in fields(Lifecycle))


def plan_said(options: Mapping[str, Any]) -> Plan:
    """Return what the options say of a plan and its life cycle; others are passed over.

    Raises:
        PlanError: a size is no number, or a dimension is bound twice.
    """
    said = {name: value for name, value in options.items() if name in PLAN_OPTIONS}
    said |= {
        "freeze": options["freeze"] or None,
        "trainable": options["trainable"] or None,
        "dims": MappingProxyType(sizes(options["dims"])),
        "shapes": MappingProxyType(shapes(options["shapes"], "--shape")),
        "assume": MappingProxyType(shapes(options["assume"], "--assume")),
    }
    life = {name: value for name, value in options.items() if name in LIFE_OPTIONS}
    return Plan(**said, lifecycle=Lifecycle(**life))
