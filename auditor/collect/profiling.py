"""Networks exported and profiled: the same network that is trained, without its weights.

This needs no device, and nothing of it happens while one is measured.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from auditor.collect.configuration import TRAIN, Configuration
from auditor.collect.kernels import kernels_text
from auditor.collect.networks import (
    BUILD_ERRORS,
    build,
    weights_left_as_allocated,
)
from auditor.collect.store import StoredNetwork
from auditor.errors import AuditError
from auditor.frontend.export import exported, quietly
from auditor.frontend.network import first_line
from auditor.frontend.target import Target
from auditor.sized import static_profile
from auditor.step.kernels import Kernels, kernels_of
from auditor.workload import Plan

PROFILED, FAILED = "profiled", "failed"


def profiled(run: Configuration, mode: str) -> StoredNetwork:
    """Export the network of `run` and profile it; a reason where that cannot be done."""
    try:
        with weights_left_as_allocated(), quietly():
            built = build(run.network, run.size)
        module = built.module if mode == TRAIN else Evaluated(built.module)
        target = Target(run.network.library, run.network.name)
        with (
            fused_attention_noticed() as noticed,
            exported(module, target, built.specs) as export,
        ):
            attention = "flash" if noticed else "exported"
            plan = Plan(batch_size=1, optimizer="adam", attention=attention)
            found = static_profile(export.path, plan)
            graph = export.path.read_bytes()
    except AuditError as error:
        return _failed(run, mode, str(error))
    except BUILD_ERRORS as error:
        return _failed(run, mode, first_line(error))
    if found.unknown:
        names = ", ".join(sorted({u.op_type for u in found.unknown}))
        return _failed(run, mode, f"no cost is known for {names}")
    kernels = kernels_of(found)
    about = {
        "graph": run.graph,
        "dims": run.dims,
        "attention": attention,
        "parameter_count": export.parameter_count,
        "notes": [*export.notes, *export.warnings],
    }
    return StoredNetwork(
        key=run.network_key,
        mode=mode,
        status=PROFILED,
        facts=_sums(kernels) | about,
        kernels=kernels_text(kernels),
        graph=graph,
    )


def _failed(run: Configuration, mode: str, reason: str) -> StoredNetwork:
    return StoredNetwork(
        key=run.network_key, mode=mode, status=FAILED, reason=" ".join(reason.split())[:300]
    )


def _sums(kernels: Kernels) -> dict[str, Any]:
    """Work of a forward and backward pass of one sample: what runs are told apart by."""
    return {
        "macs": float(kernels.macs.sum()),
        "batch_bytes": float(kernels.batch_bytes.sum()),
        "weight_bytes": float(kernels.weight_bytes.sum()),
        "launches": float(kernels.launches.sum()),
    }


class Evaluated(nn.Module):
    """A network that stays in evaluation mode, whatever its exporter sets."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.train(False)

    def train(self, mode: bool = True) -> Evaluated:  # noqa: ARG002  (the exporter's word)
        """Stay in evaluation mode."""
        super().train(False)
        return self

    def forward(self, *inputs: torch.Tensor) -> Any:
        """Do what the network does."""
        return self.module(*inputs)


@contextlib.contextmanager
def fused_attention_noticed() -> Iterator[list[str]]:
    """Notice calls of torch's fused attention while a network is traced.

    An export spells it out, so the profile has to be told.  Every library calls it by its
    name in the module, which stands for another function for as long as the context lasts.
    """
    noticed: list[str] = []
    fused = nn.functional.scaled_dot_product_attention

    def noticing(*args: Any, **kwargs: Any) -> Any:
        noticed.append("fused")
        return fused(*args, **kwargs)

    nn.functional.scaled_dot_product_attention = noticing
    try:
        yield noticed
    finally:
        nn.functional.scaled_dot_product_attention = fused
