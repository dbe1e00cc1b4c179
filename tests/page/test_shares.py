"""Where the energy goes, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from auditor.page.shares import (
    PER_MILLION,
    REST,
    WHOLE,
    energy_basis,
    family_parts,
    operation_parts,
    step_parts,
    step_time_s,
)


def document(kwh: float | None = 40.0) -> dict[str, Any]:
    """A step of 2 + 5 + 1 + 1.5 + 0.5 = 10 s, 40 kWh in the training, 8 in a million samples."""
    return {
        "step": {
            "forward_s": 2.0,
            "backward_s": 5.0,
            "update_s": 1.0,
            "communication_s": 1.5,
            "input_wait_s": 0.5,
            "by_family": [
                {"family": "convolution", "time_s": 4.0},
                {"family": "matmul", "time_s": 3.0},
            ],
            "top_operations": [
                {"name": "conv1", "op_type": "Conv", "family": "convolution", "time_s": 2.5},
                {"name": "fc", "op_type": "Gemm", "family": "matmul", "time_s": 1.0},
            ],
        },
        "estimate": {
            "by_scope": {"gpu": None if kwh is None else {"median": kwh}},
            "energy_per_million_samples_kwh": {"gpu": {"median": 8.0}},
        },
    }


def test_parts_of_a_step() -> None:
    parts = step_parts(document())
    assert step_time_s(document()) == 10.0
    assert [p.share for p in parts] == [0.2, 0.5, 0.1, 0.15, 0.05]
    assert [p.energy_kwh for p in parts] == pytest.approx([8.0, 20.0, 4.0, 6.0, 2.0])
    assert parts[1].pointer == "/step/backward_s"


def test_operations_and_what_is_left() -> None:
    conv, fc, rest = operation_parts(document())
    assert (conv.share, fc.share) == (0.25, 0.1)
    assert (conv.energy_kwh, fc.energy_kwh) == pytest.approx((10.0, 4.0))
    assert (rest.name, rest.pointer, rest.family) == (REST, None, None)
    assert rest.time_s == 6.5 and rest.energy_kwh == pytest.approx(26.0)  # 10 - 2.5 - 1


def test_families_and_what_is_left() -> None:
    conv, matmul, rest = family_parts(document())
    assert [p.name for p in (conv, matmul, rest)] == ["convolution", "matmul", REST]
    assert (conv.share, matmul.share, rest.share) == (0.4, 0.3, pytest.approx(0.3))
    assert conv.energy_kwh == pytest.approx(16.0)
    assert conv.pointer == "/step/by_family/0/time_s"


def test_without_an_amount_of_training_it_is_of_a_million_samples() -> None:
    assert energy_basis(document()) == (40.0, WHOLE)
    assert energy_basis(document(kwh=None)) == (8.0, PER_MILLION)
    assert step_parts(document(kwh=None))[0].energy_kwh == pytest.approx(1.6)  # a fifth of 8


def test_a_step_without_time_has_no_shares() -> None:
    still = document()
    still["step"] |= dict.fromkeys(
        ("forward_s", "backward_s", "update_s", "communication_s", "input_wait_s"), 0.0
    )
    assert {part.share for part in step_parts(still)} == {0.0}
