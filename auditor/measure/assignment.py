"""Where onnxruntime runs which node: the processor gets what a device has no operator for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from auditor.errors import HardwareError

ON_CPU = "CPUExecutionProvider"
# Where nodes of these types run on the processor, the figures are not the device's.
_HEAVY = frozenset(
    {
        "Attention",
        "Conv",
        "ConvInteger",
        "ConvTranspose",
        "Einsum",
        "FusedConv",
        "FusedMatMul",
        "GRU",
        "Gemm",
        "GroupQueryAttention",
        "LSTM",
        "MatMul",
        "MatMulInteger",
        "MatMulNBits",
        "MultiHeadAttention",
        "QLinearConv",
        "QLinearMatMul",
        "RNN",
    }
)
_LISTED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """How many nodes of the optimized graph run where; None where onnxruntime does not tell."""

    provider_nodes: int | None
    cpu_nodes: int | None
    cpu_op_types: Mapping[str, int]

    @property
    def note(self) -> str | None:
        """What to say of nodes that run on the processor."""
        if self.cpu_nodes is None:
            return "which nodes run on the processor is not known: this onnxruntime does not tell"
        if not self.cpu_nodes:
            return None
        total = self.cpu_nodes + (self.provider_nodes or 0)
        return (
            f"{self.cpu_nodes} of {total} nodes run on the processor, none of them a product: "
            f"{_listed(self.cpu_op_types)}"
        )


def assignment_of(session: Any) -> Assignment:
    """Ask a session (with session.record_ep_graph_assignment_info) where its nodes run."""
    if not hasattr(session, "get_provider_graph_assignment_info"):
        return Assignment(provider_nodes=None, cpu_nodes=None, cpu_op_types={})
    elsewhere: Counter[str] = Counter()
    here = 0
    for part in session.get_provider_graph_assignment_info():
        nodes = part.get_nodes()
        if part.ep_name == ON_CPU:
            elsewhere.update(node.op_type for node in nodes)
        else:
            here += len(nodes)
    return Assignment(
        provider_nodes=here, cpu_nodes=elsewhere.total(), cpu_op_types=dict(elsewhere)
    )


def require_products_on_device(assignment: Assignment) -> None:
    """Refuse a run of which the processor does the work.

    Raises:
        HardwareError: it would do products; names them.
    """
    heavy = {t: n for t, n in assignment.cpu_op_types.items() if t in _HEAVY}
    if heavy:
        raise HardwareError(
            f"onnxruntime would run {_listed(heavy)} on the processor, so that the figures were "
            "not the device's; give a type that the device has an operator for, or --provider cpu"
        )


def _listed(counts: Mapping[str, int]) -> str:
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{name} ({count})" for name, count in ranked[:_LISTED])
    return f"{shown} and {len(ranked) - _LISTED} more" if len(ranked) > _LISTED else shown
