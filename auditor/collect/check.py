"""Every network of a manifest built for real, on torch's device for shapes alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from auditor.collect.configuration import Configuration
from auditor.collect.networks import build, weights_left_as_allocated
from auditor.errors import PlanError
from auditor.frontend.export import quietly


@dataclass(frozen=True, slots=True)
class Checked:
    """A network by one of its runs: its parameters, or why it cannot be built."""

    run: Configuration
    parameter_count: int | None
    reason: str | None


def checked(runs: tuple[Configuration, ...]) -> Iterator[Checked]:
    """Build each network once, in the order in which the runs name them."""
    seen = set()
    for run in runs:
        if run.network_key not in seen:
            seen.add(run.network_key)
            yield _checked(run)


def _checked(run: Configuration) -> Checked:
    try:
        module = _built(run)
    except PlanError as error:
        return Checked(run, None, str(error))
    return Checked(run, sum(p.numel() for p in module.parameters()), None)


def _built(run: Configuration) -> torch.nn.Module:
    """Build without memory; a network whose making reads numbers, on the processor.

    Raises:
        PlanError: it cannot be built.
    """
    with quietly():
        try:
            with torch.device("meta"):
                return build(run.network, run.size).module
        except PlanError:
            with weights_left_as_allocated():
                return build(run.network, run.size).module
