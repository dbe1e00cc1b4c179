"""Laws that costs obey whatever the sizes: in the batch, in groups, in gradients."""

from __future__ import annotations

from typing import Any

import pytest
from builders import Given, act, cost, par, single
from hypothesis import given
from hypothesis import strategies as st

from auditor.costs import Cost

SMALL = st.integers(1, 5)


def of(op_type: str, inputs: list[Given], grads: Any = (), **attributes: Any) -> Cost:
    return cost(single(op_type, inputs, **attributes), grads)


def at(op_type: str, batch: int) -> Cost:
    """An operator of every kind at a batch."""
    x = act(batch, 4, 6, 6)
    inputs: dict[str, list[Given]] = {
        "Conv": [x, par(8, 4, 3, 3)],
        "ConvTranspose": [x, par(4, 8, 3, 3)],
        "MatMul": [x, par(6, 3)],
        "MaxPool": [x],
        "Softmax": [x],
        "LayerNormalization": [x, par(6)],
        "GridSample": [x, act(batch, 3, 3, 2)],
        "Attention": [x, x, x],
        "Einsum": [x, x],
    }
    attributes: dict[str, dict[str, Any]] = {
        "MaxPool": {"kernel_shape": [2, 2]},
        "Einsum": {"equation": "bhqd,bhkd->bhqk"},
    }
    grads = range(len(inputs[op_type]))
    return of(op_type, inputs[op_type], grads, opset=23, **attributes.get(op_type, {}))


KINDS = ("Conv", "ConvTranspose", "MatMul", "MaxPool", "Softmax", "LayerNormalization",
         "GridSample", "Attention", "Einsum")  # fmt: skip


@pytest.mark.parametrize("op_type", KINDS)
@given(batch=st.integers(2, 9))
def test_costs_are_linear_in_the_batch(op_type: str, batch: int) -> None:
    one, many = at(op_type, 1), at(op_type, batch)
    assert many.forward == one.forward.at_batch(batch, 1)
    assert many.backward == one.backward.at_batch(batch, 1)
    assert many.extra_saved_bytes == batch * one.extra_saved_bytes


@pytest.mark.parametrize("rank", [1, 2, 3])
@given(groups=SMALL, inside=SMALL, outside=SMALL, kernel=st.integers(1, 3))
def test_a_grouped_convolution_is_the_sum_of_its_groups(
    rank: int, groups: int, inside: int, outside: int, kernel: int
) -> None:
    space, window = (4,) * rank, (kernel,) * rank
    whole = of(
        "Conv",
        [act(2, groups * inside, *space), par(groups * outside, inside, *window)],
        {0, 1},
        group=groups,
    )
    part = of("Conv", [act(2, inside, *space), par(outside, inside, *window)], {0, 1})
    assert whole.forward == part.forward.repeated(groups)
    assert whole.backward == part.backward.repeated(groups)


@pytest.mark.parametrize("rank", [1, 2, 3])
@given(groups=SMALL, inside=SMALL, outside=SMALL)
def test_a_grouped_transposed_convolution_is_the_sum_of_its_groups(
    rank: int, groups: int, inside: int, outside: int
) -> None:
    space, window = (3,) * rank, (2,) * rank
    whole = of(
        "ConvTranspose",
        [act(2, groups * inside, *space), par(groups * inside, outside, *window)],
        {0, 1},
        group=groups,
    )
    part = of("ConvTranspose", [act(2, inside, *space), par(inside, outside, *window)], {0, 1})
    assert whole.forward == part.forward.repeated(groups)
    assert whole.backward == part.backward.repeated(groups)


@pytest.mark.parametrize("op_type", ["MatMul", "Conv", "ConvTranspose", "Attention", "Einsum"])
def test_a_product_costs_once_more_for_each_gradient(op_type: str) -> None:
    found = at(op_type, 2)
    assert found.backward.macs == 2 * found.forward.macs
