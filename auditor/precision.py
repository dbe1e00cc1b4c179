"""Numeric modes of training: where arithmetic runs, and what is kept at which size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from auditor.errors import PlanError


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """One numeric mode.

    `convolution_rate` and `matmul_rate` name the device peak that products run at.
    Sizes are bytes per element: of the parameters that the optimizer updates, their
    gradients, each optimizer state, the low-precision copy of a product's weights
    (0: none), and activations.  `keeps_fp32` says whether softmax, layer normalization
    and the loss stay in fp32, as PyTorch's autocast has them
    (https://docs.pytorch.org/docs/stable/amp.html, "CUDA ops that autocast to float32").
    """

    name: str
    convolution_rate: str
    matmul_rate: str
    parameter_bytes: int = 4
    gradient_bytes: int = 4
    state_bytes: int = 4
    copy_bytes: int = 0
    activation_bytes: int = 4
    keeps_fp32: bool = False


_MODES = (
    Precision(name="fp32", convolution_rate="fp32", matmul_rate="fp32"),
    Precision(name="tf32", convolution_rate="tf32", matmul_rate="tf32"),
    Precision(name="tf32-conv", convolution_rate="tf32", matmul_rate="fp32"),
    Precision(
        name="amp",
        convolution_rate="fp16",
        matmul_rate="fp16",
        copy_bytes=2,
        activation_bytes=2,
        keeps_fp32=True,
    ),
    Precision(
        name="amp-bf16",
        convolution_rate="bf16",
        matmul_rate="bf16",
        copy_bytes=2,
        activation_bytes=2,
        keeps_fp32=True,
    ),
    Precision(
        name="bf16",
        convolution_rate="bf16",
        matmul_rate="bf16",
        parameter_bytes=2,
        gradient_bytes=2,
        state_bytes=2,
        activation_bytes=2,
    ),
    Precision(
        name="fp16",
        convolution_rate="fp16",
        matmul_rate="fp16",
        parameter_bytes=2,
        gradient_bytes=2,
        state_bytes=2,
        activation_bytes=2,
    ),
    # Matrix products in fp8 with fp32 master weights, all else as in amp-bf16; weights are
    # held in fp8 twice, as they are and transposed (NVIDIA Transformer Engine's scheme).
    Precision(
        name="fp8",
        convolution_rate="bf16",
        matmul_rate="fp8",
        copy_bytes=2,
        activation_bytes=2,
        keeps_fp32=True,
    ),
)
PRECISIONS: Mapping[str, Precision] = MappingProxyType({m.name: m for m in _MODES})


def precision(name: str) -> Precision:
    """Return the numeric mode called `name`.

    Raises:
        PlanError: there is none.
    """
    try:
        return PRECISIONS[name]
    except KeyError:
        raise PlanError(
            f"unknown precision {name!r}; choose one of {', '.join(PRECISIONS)}"
        ) from None
