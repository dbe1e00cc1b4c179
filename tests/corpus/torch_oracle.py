"""What torch says of a network: products, saved tensors and peak memory of a training step.

Nothing here reads an ONNX file.  Everything runs on the CPU in fp32, with attention written out as
products and without oneDNN, so that every product and every saved tensor is seen by name.
"""

from __future__ import annotations

import sys
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "data"))

import make_oracle
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

Inputs = Mapping[str, torch.Tensor]

# Substrings of operators that multiply and add without FlopCounterMode knowing them.
UNCOUNTED = (
    "deform_conv",
    "_fft_",
    "cdist",
    "_trilinear",
    "linalg_",
    "mkldnn_rnn",
    "_thnn_fused",
    "grid_sampler",
    "embedding_bag",
    "addbmm",
    "addr",
    "segment_reduce",
    "_grouped_mm",
)
_DROPOUT_SETTINGS = ("drop", "layerdrop", "mask_time_prob", "mask_feature_prob", "noise")


def matrix_vector(left: list[int], _right: list[int], *_: Any, **__: Any) -> int:
    """FLOPs of a matrix times a vector, which FlopCounterMode leaves out."""
    return 2 * left[0] * left[1]


def added_matrix_vector(_bias: list[int], left: list[int], *_: Any, **__: Any) -> int:
    """FLOPs of a matrix times a vector plus a vector."""
    return 2 * left[0] * left[1]


def inner_product(left: list[int], *_: Any, **__: Any) -> int:
    """FLOPs of a vector times a vector."""
    return 2 * left[0]


OWN_FORMULAS = {
    torch.ops.aten.mv: matrix_vector,
    torch.ops.aten.addmv: added_matrix_vector,
    torch.ops.aten.dot: inner_product,
}


@contextmanager
def plain_kernels() -> Iterator[None]:
    """Attention as products, no fused encoder layers, no oneDNN."""
    torch.backends.mha.set_fastpath_enabled(False)
    with sdpa_kernel(SDPBackend.MATH), torch.backends.mkldnn.flags(enabled=False):
        yield


def without_dropout(model: nn.Module) -> nn.Module:
    """Set every probability of dropping or masking to zero, in modules and configurations."""
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.p = 0.0
        _zero_settings(module)
        config = getattr(module, "config", None)
        if config is not None and not isinstance(config, dict):
            _zero_settings(config)
            if hasattr(config, "apply_spec_augment"):
                config.apply_spec_augment = False
    return model


def _zero_settings(holder: Any) -> None:
    for key, value in list(vars(holder).items()):
        if isinstance(value, float) and any(word in key for word in _DROPOUT_SETTINGS):
            setattr(holder, key, 0.0)


def float_outputs(output: Any) -> list[torch.Tensor]:
    """The floating-point tensors among what a network returns."""
    items = output if isinstance(output, tuple | list) else (output,)
    return [item for item in items if item.is_floating_point()]


def loss_of(output: Any) -> torch.Tensor:
    """The sum of all floating-point outputs that depend on a parameter."""
    summed = [item.sum() for item in float_outputs(output) if item.requires_grad]
    return torch.stack(summed).sum() if len(summed) > 1 else summed[0]


class OperatorNames(TorchDispatchMode):
    """Counts the operators that run, by name."""

    def __init__(self) -> None:
        """Start with none."""
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count the operator and run it."""
        self.counts[str(func.overloadpacket)] += 1
        return func(*args, **(kwargs or {}))


def uncounted(counts: Mapping[str, int]) -> dict[str, int]:
    """Those of the operators that do products outside FlopCounterMode's list."""
    found = {key: n for key, n in counts.items() if any(word in key for word in UNCOUNTED)}
    return dict(sorted(found.items()))


def _by_operator(counter: FlopCounterMode) -> dict[str, int]:
    counts = counter.get_flop_counts().get("Global", {})
    return {str(key): int(value) for key, value in sorted(counts.items(), key=str)}


def forward_flops(model: nn.Module, inputs: Inputs) -> dict[str, Any]:
    """Products of a forward pass in evaluation mode."""
    counter = FlopCounterMode(display=False, custom_mapping=OWN_FORMULAS)
    # The counter hooks on to gradients where a module is handed a parameter, even without them.
    model.requires_grad_(False)
    with torch.no_grad(), plain_kernels(), OperatorNames() as names, counter:
        model.eval()(*inputs.values())
    by_operator = _by_operator(counter)
    return {
        "forward_flops": sum(by_operator.values()),
        "forward_flops_by_op": by_operator,
        "forward_uncounted": uncounted(names.counts),
    }


def step_flops(model: nn.Module, inputs: Inputs) -> dict[str, Any]:
    """Products of a forward and a backward pass in training mode, corrected and as counted."""
    own = OWN_FORMULAS | {
        torch.ops.aten.convolution_backward: make_oracle.convolution_backward,
    }
    corrected = FlopCounterMode(display=False, custom_mapping=own)
    plain = FlopCounterMode(display=False, custom_mapping=OWN_FORMULAS)
    with ExitStack() as stack:
        stack.enter_context(plain_kernels())
        names = stack.enter_context(OperatorNames())
        stack.enter_context(plain)
        stack.enter_context(corrected)
        loss_of(model(*inputs.values())).backward()
    by_operator = _by_operator(corrected)
    return {
        "forward_backward_flops": sum(by_operator.values()),
        "forward_backward_flops_uncorrected": sum(_by_operator(plain).values()),
        "forward_backward_flops_by_op": by_operator,
        "forward_backward_uncounted": uncounted(names.counts),
    }


def _storages(tensors: Iterable[torch.Tensor]) -> dict[int, int]:
    """Bytes of the distinct storages behind tensors, by address."""
    found = {}
    for tensor in tensors:
        storage = tensor.untyped_storage()
        if storage.nbytes():
            found[storage.data_ptr()] = storage.nbytes()
    return found


def saved_bytes(model: nn.Module, inputs: Inputs) -> dict[str, int]:
    """Bytes that autograd holds at the end of the forward pass, each storage once."""
    fixed = _storages([*model.parameters(), *model.buffers()])
    given = _storages(inputs.values())
    held: list[torch.Tensor] = []

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        held.append(tensor)
        return tensor

    with plain_kernels(), torch.autograd.graph.saved_tensors_hooks(pack, lambda item: item):
        output = model(*inputs.values())
        saved = {key: size for key, size in _storages(held).items() if key not in fixed}
    total = sum(saved.values())
    inside = sum(size for key, size in saved.items() if key in given)
    del output
    return {"saved_activation_bytes": total - inside, "saved_with_inputs_bytes": total}


class LiveStorages(TorchDispatchMode):
    """Follows every storage from the operator that makes it to its release."""

    def __init__(self, known: Iterable[torch.Tensor]) -> None:
        """Leave out the storages of the tensors that are there already."""
        super().__init__()
        self.events: list[tuple[int, int]] = []
        self._live: dict[int, tuple[int, weakref.ref[Any] | None]] = {
            tensor.untyped_storage()._cdata: (-1, None) for tensor in known
        }
        self._made = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run the operator and note the storages of what it returns."""
        result = func(*args, **(kwargs or {}))
        for item in torch.utils._pytree.tree_leaves(result):
            if isinstance(item, torch.Tensor):
                self._note(item.untyped_storage())
        return result

    def _note(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._live or not size:
            return
        number = self._made
        self._made += 1

        def gone(_: Any) -> None:
            self.events.append((number, -size))
            self._live.pop(key, None)

        self._live[key] = (number, weakref.ref(storage, gone))
        self.events.append((number, size))

    def numbers(self, tensors: Iterable[torch.Tensor]) -> frozenset[int]:
        """The numbers under which the storages of these tensors are in the events."""
        keys = [tensor.untyped_storage()._cdata for tensor in tensors]
        return frozenset(self._live[key][0] for key in keys if key in self._live)

    def peak(self, without: frozenset[int] = frozenset()) -> int:
        """The largest sum of live bytes, storages of the given numbers left out."""
        live = peak = 0
        for number, size in self.events:
            if number not in without:
                live += size
                peak = max(peak, live)
        return peak


def peak_storages(model: nn.Module, inputs: Inputs) -> dict[str, int]:
    """Peak of the live storages of a step above what is there at its start."""
    model.zero_grad(set_to_none=True)
    known = [*model.parameters(), *model.buffers(), *inputs.values()]
    with plain_kernels(), LiveStorages(known) as live:
        output = model(*inputs.values())
        loss_of(output).backward()
        gradients = [item.grad for item in model.parameters() if item.grad is not None]
        numbers = live.numbers(gradients)
    del output
    return {
        "peak_storages_bytes": live.peak(),
        "peak_storages_without_gradients_bytes": live.peak(numbers),
    }


def peak_profiler(model: nn.Module, inputs: Inputs) -> int:
    """Peak of what torch's allocator says it handed out, kernels' own scratch included."""
    model.zero_grad(set_to_none=True)
    activities = [torch.profiler.ProfilerActivity.CPU]
    with (
        plain_kernels(),
        torch.profiler.profile(activities=activities, profile_memory=True) as seen,
    ):
        output = model(*inputs.values())
        loss_of(output).backward()
    del output
    events = [e for e in seen.profiler.kineto_results.events() if e.name() == "[memory]"]
    live = peak = 0
    for event in sorted(events, key=lambda item: item.start_ns()):
        live += event.nbytes()
        peak = max(peak, live)
    return peak


def memory_of_step(model: nn.Module, inputs: Inputs) -> dict[str, int]:
    """Saved tensors and peaks of one training step, and what was there before it."""
    record = saved_bytes(model, inputs)
    record |= peak_storages(model, inputs)
    record["peak_profiler_bytes"] = peak_profiler(model, inputs)
    used = [item for item in model.parameters() if item.grad is not None]
    record["used_parameter_count"] = sum(item.numel() for item in used)
    record["parameters_bytes"] = sum(_storages(model.parameters()).values())
    record["input_bytes"] = sum(_storages(inputs.values()).values())
    return record


def counts_of(model: nn.Module) -> dict[str, int]:
    """Elements of the parameters and of the buffers, shared ones once."""
    return {
        "parameter_count": sum(item.numel() for item in model.parameters()),
        "trainable_parameter_count": sum(
            item.numel() for item in model.parameters() if item.requires_grad
        ),
        "buffer_element_count": sum(item.numel() for item in model.buffers()),
    }
