"""The arguments that a network is traced and counted with."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from auditor.errors import PlanError
from auditor.frontend.inputs import InputSpec
from auditor.frontend.target import Target


@dataclass(frozen=True, slots=True)
class Call:
    """Arguments of ``forward``; `arguments` has them under the names of its signature."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    arguments: Mapping[str, Any]

    def tensors(self) -> tuple[Any, ...]:
        """All tensors, those by position first."""
        return (*self.args, *self.kwargs.values())


def make_call(
    network: Any, target: Target, specs: Sequence[InputSpec], batch_size: int | None = None
) -> Call:
    """Make tensors for `specs`, with another batch where one is given.

    Counts do not depend on the elements: floats are drawn from a fixed seed, integers are
    zero, which every table of embeddings has, and truth values are true.

    Raises:
        PlanError: ``forward`` does not take these arguments.
    """
    generator = torch.Generator().manual_seed(0)
    args = tuple(_tensor(s, batch_size, generator) for s in specs if s.name is None)
    kwargs = {s.name: _tensor(s, batch_size, generator) for s in specs if s.name is not None}
    signature = inspect.signature(network.forward)
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        raise PlanError(
            f"{target}: --input: {error}; forward takes ({', '.join(signature.parameters)})"
        ) from error
    return Call(args, kwargs, bound.arguments)


def _tensor(spec: InputSpec, batch_size: int | None, generator: Any) -> Any:
    shape = spec.shape if batch_size is None else (batch_size, *spec.shape[1:])
    dtype = getattr(torch, spec.dtype)
    if dtype.is_floating_point:
        return torch.rand(shape, generator=generator).to(dtype)
    if dtype is torch.bool:
        return torch.ones(shape, dtype=dtype)
    return torch.zeros(shape, dtype=dtype)
