"""``audit crosscheck torch:...``: one network, three counters."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from auditor import __version__
from auditor.errors import PlanError
from auditor.frontend.audit import audit_export
from auditor.frontend.crosscheck import Crosscheck, layers_of
from auditor.frontend.findings import findings
from auditor.frontend.inputs import InputSpec, parse_inputs
from auditor.frontend.layers import works_by_module
from auditor.frontend.network import load_network, require_torch, users_code
from auditor.frontend.target import PREFIX, Target, parse_target
from auditor.pipeline import Audit, Request
from auditor.workload import Plan

# The pipeline wants a device and a mode; counts depend on neither.
_HARDWARE, _PRECISION = "a100-sxm4-80gb", "fp32"


def crosscheck(text: str, input_texts: Sequence[str]) -> Crosscheck:
    """Export the network that `text` names, profile it, and count it with fvcore and torch.

    All three count one training step's passes at the sizes of `input_texts`.

    Raises:
        AuditError: `text` names a file, torch is missing, or the network cannot be made,
            exported or run.
    """
    if not text.startswith(PREFIX):
        raise PlanError(
            f"{text}: fvcore and torch count networks in code, not files; "
            "audit crosscheck torch:package.module:factory --input 1x3x224x224 (extra torch)"
        )
    target, specs = parse_target(text), parse_inputs(input_texts)
    require_torch()
    import torch

    with users_code():
        return _compared(load_network(target, torch.nn.Module), target, specs)


def _compared(network: Any, target: Target, specs: tuple[InputSpec, ...]) -> Crosscheck:
    from auditor.frontend.call import make_call
    from auditor.frontend.counters import count_by_flop_counter, count_by_fvcore
    from auditor.frontend.export import exported, quietly

    network.requires_grad_(True)
    with exported(network, target, specs) as export:
        plan = Plan(hardware=_HARDWARE, precision=_PRECISION, batch_size=specs[0].shape[0])
        found = audit_export(Request(path=export.path, plan=plan), target, export)
    network.train(export.training)
    with quietly():
        counted = count_by_flop_counter(network, target, make_call(network, target, specs))
        fvcore = count_by_fvcore(network, make_call(network, target, specs))
    modules = {name: type(module).__name__ for name, module in network.named_modules()}
    works = works_by_module(found.model.graph.nodes, found.profile.operations, frozenset(modules))
    traced = None if isinstance(fvcore, str) else fvcore
    layers = layers_of(modules, works, traced, counted)
    return Crosscheck(
        tool_version=__version__,
        target=str(target),
        inputs=tuple(map(str, specs)),
        versions={name: version(name) for name in ("torch", "fvcore", "onnxscript")},
        training=export.training,
        layers=layers,
        fvcore_failed_because=fvcore if isinstance(fvcore, str) else None,
        fvcore_other_operators=traced.other_operators if traced else {},
        fvcore_unsupported=traced.unsupported if traced else {},
        torch_without_formula=counted.without_formula,
        findings=(*findings(layers, fvcore, counted), *_unknown(found)),
        notes=(*export.notes, *export.warnings),
    )


def _unknown(found: Audit) -> tuple[str, ...]:
    return tuple(
        f"ours leaves out {u.op_type} ({u.count}): {u.reason}" for u in found.profile.unknown
    )
