"""A real training of a network on synthetic data: what `auditor.measure.protocol` repeats.

Everything stays on the device: inputs and targets are drawn there once, so that a step is
forward, loss, backward and the optimizer's update, and nothing of a loader.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from auditor.collect.configuration import Configuration
from auditor.collect.networks import SQUARES, Built, build, make_inputs
from auditor.errors import PlanError

# Too small for random targets to drive the weights anywhere within a few hundred steps.
_RATES: Mapping[str, float] = MappingProxyType(
    {"sgd": 1e-4, "momentum": 1e-4, "adam": 1e-6, "adamw": 1e-6}
)
# (matrix products, convolutions and recurrent layers) in TF32.  PyTorch leaves the second on;
# what autocast does not touch runs as PyTorch has it by default.
_TF32: Mapping[str, tuple[bool, bool]] = MappingProxyType(
    {
        "fp32": (False, False),
        "tf32": (True, True),
        "tf32-conv": (False, True),
        "amp": (False, True),
        "amp-bf16": (False, True),
        "bf16": (False, True),
        "fp16": (False, True),
    }
)
_AUTOCAST: Mapping[str, torch.dtype] = MappingProxyType(
    {"amp": torch.float16, "amp-bf16": torch.bfloat16}
)
_CAST: Mapping[str, torch.dtype] = MappingProxyType({"bf16": torch.bfloat16, "fp16": torch.float16})
_AMPERE = (8, 0)


def set_precision(name: str, device: torch.device) -> None:
    """Switch TF32 on or off, as the precision `name` of `auditor.precision` has it.

    Raises:
        PlanError: the device has no such arithmetic, so that something else would run.
    """
    if device.type != "cuda":
        if name.startswith("tf32"):
            raise PlanError(f"precision {name}: {device.type} has no TF32; take fp32")
        return
    capability = torch.cuda.get_device_capability(device)
    if capability < _AMPERE and (name.startswith("tf32") or "bf16" in name):
        raise PlanError(f"precision {name}: the device is older than Ampere; take fp32 or amp")
    products, convolutions = _TF32[name]
    # The older of two interfaces: both at once are an error, and libraries use this one.
    torch.backends.cuda.matmul.allow_tf32 = products
    torch.backends.cudnn.allow_tf32 = convolutions


class Training:
    """A network in training on a device; `step` and `wait` are those of a `Work`."""

    def __init__(self, run: Configuration, device: torch.device) -> None:
        """Build the network and draw its batch.

        Raises:
            PlanError: the network cannot be built, or the device lacks the precision.
        """
        set_precision(run.precision, device)
        torch.manual_seed(0)
        with device:
            self.built = build(run.network, run.size)
        self.device = device
        self.module = _placed(self.built.module, run, device)
        self.inputs = _inputs(self.built, run, device)
        self.loss = Loss(self.built.loss)
        self.optimizer = _optimizer(run.optimizer or "", self.module)
        self.autocast = _autocast(run.precision, device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=run.precision == "amp")
        self.last: Tensor | None = None

    def step(self) -> None:
        """Train on the batch once; on a GPU this comes back before it is done."""
        self.optimizer.zero_grad(set_to_none=True)
        with self.autocast:
            loss = self.loss(self.module(*self.inputs))
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.last = loss.detach()

    def wait(self) -> None:
        """Come back when the device has done all steps."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    @property
    def parameter_count(self) -> int:
        """Parameters of the network, each once."""
        return sum(p.numel() for p in self.module.parameters())

    def warnings(self) -> tuple[str, ...]:
        """What to mind of this training, once it has run."""
        if self.last is None or bool(torch.isfinite(self.last)):
            return ()
        return ("the loss is not finite: a network of NaN may draw less power",)


def _placed(module: nn.Module, run: Configuration, device: torch.device) -> nn.Module:
    module = module.train().requires_grad_(True).to(device)
    if run.precision in _CAST:
        module = module.to(_CAST[run.precision])
    if run.layout == "nhwc":
        module = module.to(memory_format=torch.channels_last)
    return module


def _inputs(built: Built, run: Configuration, device: torch.device) -> tuple[Tensor, ...]:
    tensors = make_inputs(built, run.batch_size, device)
    if run.precision in _CAST:
        dtype = _CAST[run.precision]
        tensors = tuple(t.to(dtype) if t.is_floating_point() else t for t in tensors)
    if run.layout == "nhwc":
        tensors = tuple(t.contiguous(memory_format=torch.channels_last) for t in tensors)
    return tensors


def _autocast(precision: str, device: torch.device) -> contextlib.AbstractContextManager[Any]:
    if precision not in _AUTOCAST:
        return contextlib.nullcontext()
    context: contextlib.AbstractContextManager[Any] = torch.autocast(
        device.type, dtype=_AUTOCAST[precision]
    )
    return context


def _optimizer(name: str, module: nn.Module) -> torch.optim.Optimizer:
    parameters, rate = list(module.parameters()), _RATES[name]
    if name in ("sgd", "momentum"):
        return torch.optim.SGD(parameters, lr=rate, momentum=0.9 if name == "momentum" else 0.0)
    if name == "adam":
        return torch.optim.Adam(parameters, lr=rate)
    return torch.optim.AdamW(parameters, lr=rate)


class Loss:
    """Cross-entropy against random classes, drawn once; or the mean square of every output."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._targets: dict[int, Tensor] = {}

    def __call__(self, outputs: Any) -> Tensor:
        """Sum the losses of all outputs, as those with auxiliary heads are trained."""
        losses = [self._one(place, found) for place, found in enumerate(tensors_of(outputs))]
        return torch.stack(losses).sum()

    def _one(self, place: int, scores: Tensor) -> Tensor:
        if self.kind == SQUARES:
            return scores.float().square().mean()
        if scores.dim() == 3:  # (batch, length, classes)
            scores = scores.flatten(0, 1)
        if place not in self._targets:
            shape = (scores.shape[0], *scores.shape[2:])
            self._targets[place] = torch.randint(0, scores.shape[1], shape, device=scores.device)
        return nn.functional.cross_entropy(scores, self._targets[place])


def tensors_of(outputs: Any) -> tuple[Tensor, ...]:
    """The tensors in what a network gave: one, a tuple with auxiliary ones, or a mapping."""
    if isinstance(outputs, Tensor):
        return (outputs,)
    values = outputs.values() if isinstance(outputs, Mapping) else outputs
    return tuple(tensor for value in values if value is not None for tensor in tensors_of(value))
