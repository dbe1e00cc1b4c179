"""Numeric modes and optimizers: sizes that follow from their definitions."""

from __future__ import annotations

import pytest

from auditor.errors import PlanError
from auditor.optimizers import OPTIMIZERS, optimizer
from auditor.precision import PRECISIONS, precision


@pytest.mark.parametrize(
    ("name", "sizes"),
    # Parameter, gradient, optimizer state, low-precision copy of a weight, activation.
    [
        # Full precision: four bytes everywhere; TF32 is a way to multiply, not to store.
        ("fp32", (4, 4, 4, 0, 4)),
        ("tf32", (4, 4, 4, 0, 4)),
        ("tf32-conv", (4, 4, 4, 0, 4)),
        # Autocast: fp32 parameters, gradients and states, a half copy of the weights.
        ("amp", (4, 4, 4, 2, 2)),
        ("amp-bf16", (4, 4, 4, 2, 2)),
        # Pure half precision: two bytes everywhere.
        ("fp16", (2, 2, 2, 0, 2)),
        ("bf16", (2, 2, 2, 0, 2)),
        # Transformer Engine: fp32 masters, the fp8 weight twice (one byte each).
        ("fp8", (4, 4, 4, 2, 2)),
    ],
)
def test_bytes_per_element(name: str, sizes: tuple[int, ...]) -> None:
    mode = precision(name)
    kept = (mode.parameter_bytes, mode.gradient_bytes, mode.state_bytes)
    assert (*kept, mode.copy_bytes, mode.activation_bytes) == sizes


def test_autocast_keeps_reductions_in_fp32_and_nothing_else_does() -> None:
    assert {n for n, m in PRECISIONS.items() if m.keeps_fp32} == {"amp", "amp-bf16", "fp8"}


def test_every_mode_is_found_under_its_own_name() -> None:
    assert all(precision(name).name == name for name in PRECISIONS)
    assert all(optimizer(name).name == name for name in OPTIMIZERS)


@pytest.mark.parametrize("name", ["", "FP32", "int8", "half", "amp "])
def test_unknown_modes_are_refused_with_the_choices(name: str) -> None:
    with pytest.raises(PlanError) as caught:
        precision(name)
    assert repr(name) in str(caught.value)
    assert all(known in str(caught.value) for known in PRECISIONS)


@pytest.mark.parametrize("name", ["", "AdamW", "lamb"])
def test_unknown_optimizers_are_refused_with_the_choices(name: str) -> None:
    with pytest.raises(PlanError) as caught:
        optimizer(name)
    assert repr(name) in str(caught.value)
    assert all(known in str(caught.value) for known in OPTIMIZERS)


@pytest.mark.parametrize(
    ("name", "states", "flops"),
    [
        ("none", 0, 0),
        # w -= lr * g: a multiplication and a subtraction.
        ("sgd", 0, 2),
        # m = mu * m + g as well.
        ("momentum", 1, 4),
        # m: 3; v: 4 (g is squared); m^ and v^: 2 divisions; root, eps, quotient, lr, minus: 5.
        ("adam", 2, 14),
        # The decay w -= lr * wd * w, its factor lr * wd made once: 2 more.
        ("adamw", 2, 16),
    ],
)
def test_optimizer_states_and_arithmetic(name: str, states: int, flops: int) -> None:
    assert (optimizer(name).states, optimizer(name).flops) == (states, flops)
