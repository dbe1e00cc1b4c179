"""``audit torch:...``: the ordinary audit, on a file that is there as long as it takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from auditor.errors import AuditError, PlanError
from auditor.frontend.inputs import parse_inputs
from auditor.frontend.network import load_network, require_torch, users_code
from auditor.frontend.record import Export
from auditor.frontend.target import Target, parse_target
from auditor.pipeline import Audit, Request, audit


def audit_torch(request: Request, input_texts: Sequence[str]) -> Audit:
    """Import and export the network that `request.path` names, and audit it.

    The record names the target where it would name the file; `file_bytes` is the size of
    the exported structure, which has no weights.

    Raises:
        AuditError: as `auditor.pipeline.audit`; or torch is missing, the network cannot
            be made, or not be exported with these inputs.
    """
    target = parse_target(str(request.path))
    if request.trace:
        raise PlanError(
            f"{target}: --trace runs a file with its weights, and this export has none; say the "
            "sizes with --assume, or export the network yourself"
        )
    specs = parse_inputs(input_texts)
    require_torch()
    import torch

    from auditor.frontend.export import exported

    with users_code():
        network = load_network(target, torch.nn.Module)
        with exported(network, target, specs) as export:
            return audit_export(request, target, export)


def audit_export(request: Request, target: Target, export: Export) -> Audit:
    """Audit an exported file under the name of its target, with the export's own notes.

    Raises:
        AuditError: as `auditor.pipeline.audit`, the target in place of the file.
    """
    try:
        found = audit(replace(request, path=export.path))
    except AuditError as error:
        raise _renamed(error, export.path, target) from error
    return replace(
        found,
        model=replace(found.model, path=str(target)),
        assumptions=(*export.notes, *found.assumptions),
        warnings=(*export.warnings, *_parameters(found, export), *found.warnings),
    )


def _parameters(found: Audit, export: Export) -> tuple[str, ...]:
    """Say so where the graph's parameters are not those of the network."""
    ours, theirs = found.profile.training_parameter_count, export.parameter_count
    if ours == theirs:
        return ()
    listed = ", ".join(export.buffers[:5])
    buffers = f"; its buffers are {listed} (--freeze to leave them untrained)" if listed else ""
    return (
        f"{ours:,} parameters are found in the export, the network has {theirs:,}: buffers that "
        "are stored like weights are counted, parameters that the outputs do not need are not"
        + buffers,
    )


def _renamed(error: AuditError, path: Path, target: Target) -> AuditError:
    return type(error)(str(error).replace(str(path), str(target)), **error.facts)
