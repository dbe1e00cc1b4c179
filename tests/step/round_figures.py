"""A device and a profile of round figures, so that every time can be worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

from auditor.costs import Family, Work
from auditor.hardware import Accelerator
from auditor.profile import CostedOperation, Memory, Profile
from auditor.workload import Plan, Workload, workload

DEVICE = Accelerator(
    id="round",
    name="Round Device",
    vendor="test",
    kind="gpu",
    architecture="",
    aliases=(),
    memory_bytes=16 * 2**30,
    memory_bandwidth_bytes_per_s=1e12,
    peak_flops_per_s=MappingProxyType({"fp32": 1e13, "tf32": 5e13, "fp16": 1e14, "bf16": 1e14}),
    tdp_w=350.0,
    idle_w=50.0,
    link_name="round link",
    link_bytes_per_s=1e11,
    release_date=None,
    source="made up",
    source_date="",
    notes="",
)


def operation(family: Family, forward: Work, **other: Any) -> CostedOperation:
    """One kernel forward and nothing backward, of an fp32 file, unless said otherwise."""
    fields: dict[str, Any] = {
        "name": "op",
        "op_type": "Op",
        "family": family,
        "repeats": 1,
        "forward": forward,
        "backward": Work(),
        "forward_kernels": 1,
        "backward_kernels": 0,
        "element_bytes": 4.0,
        "fp32_in_autocast": False,
    }
    return CostedOperation(**(fields | other))


def profile(*operations: CostedOperation, **other: Any) -> Profile:
    """A step of these operations on a batch of 32; no parameters unless said."""
    nothing = Work()
    fields: dict[str, Any] = {
        "batch_size": 32,
        "graph_batch_size": 32,
        "forward": nothing,
        "training_forward": nothing,
        "backward": nothing,
        "optimizer_update": nothing,
        "by_op_type": (),
        "by_family": (),
        "operations": operations,
        "unknown": (),
        "node_count": len(operations),
        "known_node_count": len(operations),
        "parameter_count": 0,
        "training_parameter_count": 0,
        "trained_parameter_count": 0,
        "trained_tensor_count": 1,
        "attention_count": 0,
        "product_parameter_count": 0,
        "restored_count": 0,
        "undecided_count": 0,
        "recomposed": MappingProxyType({}),
        "quantized_product_count": 0,
        "possible_tie": None,
        "memory": Memory(
            parameters_bytes=0,
            gradients_bytes=0,
            optimizer_bytes=0,
            activations_bytes=0,
            saved_bytes=0,
            moments=((0, 0),),
        ),
    }
    return Profile(**(fields | other))


def planned(precision: str = "fp32", **plan: Any) -> Workload:
    return workload(Plan(**plan), precision, None)


def device(**changes: Any) -> Accelerator:
    return replace(DEVICE, **changes)
