"""What torch's FlopCounterMode and fvcore count, by module.

Both run the network on the CPU in fp32, attention written out as products and oneDNN off:
a fused kernel would hide products from them.  Counts are inclusive, a module's with those
of the modules in it, under the names of ``named_modules``; the network itself is "".
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from fvcore.nn import FlopCountAnalysis
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from auditor.errors import ModelLoadError
from auditor.frontend.call import Call
from auditor.frontend.crosscheck import FlopCounterCounts, FvcoreCounts
from auditor.frontend.network import USER_ERRORS, first_line
from auditor.frontend.target import Target

# fvcore's operators that are products, one FLOP a multiply-accumulate (fvcore/nn/jit_handles.py).
_FVCORE_PRODUCTS = frozenset({"addmm", "bmm", "conv", "einsum", "linear", "matmul", "mm"})
_WRAPPED = "network"


@contextmanager
def plain_kernels() -> Iterator[None]:
    """Attention as products, no fused encoder layers, no oneDNN."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH), torch.backends.mkldnn.flags(enabled=False):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def convolution_backward(
    grad_out: list[int], inputs: list[int], weight: list[int], *rest: Any, **_: Any
) -> int:
    """FLOPs of a convolution's backward pass, grouped or not, from the shapes of its tensors.

    Each of the two gradients takes the products of the forward pass once more.  The
    formula of torch takes the weight's gradient for that of a convolution without groups.
    """
    transposed, output_mask = rest[4], rest[7]
    sites = inputs[2:] if transposed else grad_out[2:]
    forward = 2 * inputs[0] * math.prod(sites) * math.prod(weight)
    return forward * (int(output_mask[0]) + int(output_mask[1]))


class _OperatorNames(TorchDispatchMode):
    """Counts the operators that run, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[Any] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.counts[func.overloadpacket] += 1
        return func(*args, **(kwargs or {}))


def count_by_flop_counter(network: Any, target: Target, call: Call) -> FlopCounterCounts:
    """Count a forward and a backward pass with FlopCounterMode, two FLOPs a multiply-accumulate.

    The loss is the sum of all floating-point outputs; every parameter gets a gradient.

    Raises:
        ModelLoadError: the network fails on these inputs, or gives nothing to train on.
    """
    network.requires_grad_(True)
    own = {torch.ops.aten.convolution_backward: convolution_backward}
    plain = FlopCounterMode(display=False)
    corrected = FlopCounterMode(display=False, custom_mapping=own)
    try:
        with ExitStack() as stack:
            stack.enter_context(plain_kernels())
            names = stack.enter_context(_OperatorNames())
            stack.enter_context(plain)
            stack.enter_context(corrected)
            output = network(*call.args, **call.kwargs)
            forward = _by_module(plain)
            _loss(output).backward()
    except USER_ERRORS as error:
        raise ModelLoadError(
            f"{target}: counting a training step failed: {first_line(error)}; check --input, "
            "and give it a batch of 2 or more"
        ) from error
    return FlopCounterCounts(
        forward=forward,
        forward_backward=_by_module(plain),
        corrected=_by_module(corrected),
        without_formula={
            str(op): n for op, n in sorted(names.counts.items(), key=str)
            if op not in plain.flop_registry
        },
    )  # fmt: skip


def _loss(output: Any) -> Any:
    leaves = [t for t in tree_leaves(output) if isinstance(t, torch.Tensor) and t.requires_grad]
    if not leaves:
        raise ValueError("no output depends on a parameter")
    return torch.stack([t.sum().to(torch.float32) for t in leaves]).sum()


def _by_module(counter: Any) -> Mapping[str, int]:
    """FLOPs by module; the counter's names start with the class of the network."""
    counts = counter.get_flop_counts()
    found = {
        name.partition(".")[2]: sum(by_operator.values())
        for name, by_operator in counts.items()
        if name != "Global"
    }
    return found | {"": sum(counts.get("Global", {}).values())}


class _Positional(torch.nn.Module):
    """A network that takes all its tensors by position and returns a tuple: fvcore traces it."""

    def __init__(self, network: Any, call: Call) -> None:
        super().__init__()
        self.network = network
        self._count, self._names = len(call.args), tuple(call.kwargs)

    def forward(self, *tensors: Any) -> Any:
        named = dict(zip(self._names, tensors[self._count :], strict=True))
        output = self.network(*tensors[: self._count], **named)
        return tuple(t for t in tree_leaves(output) if isinstance(t, torch.Tensor))


def count_by_fvcore(network: Any, call: Call) -> FvcoreCounts | str:
    """Count a forward pass with fvcore, or say why it cannot trace the network."""
    analysis = FlopCountAnalysis(_Positional(network, call), call.tensors())
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    # Modules that were called, as for the other two counters; a ModuleList never is.
    analysis.tracer_warnings("none").ancestor_mode("caller")
    try:
        with plain_kernels(), torch.no_grad():
            by_module = analysis.by_module_and_operator()
    except USER_ERRORS as error:
        return first_line(error)
    products, others = {}, {}
    for name, counts in by_module.items():
        if name == _WRAPPED or name.startswith(f"{_WRAPPED}."):
            path = name.partition(".")[2]
            products[path] = sum(int(n) for op, n in counts.items() if op in _FVCORE_PRODUCTS)
            others[path] = sum(int(n) for op, n in counts.items() if op not in _FVCORE_PRODUCTS)
    whole = by_module[_WRAPPED]
    return FvcoreCounts(
        products=products,
        others=others,
        other_operators={
            op: int(n) for op, n in sorted(whole.items()) if op not in _FVCORE_PRODUCTS
        },
        unsupported=dict(sorted(analysis.unsupported_ops(_WRAPPED).items())),
    )
