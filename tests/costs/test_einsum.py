"""Einsum in all its forms against the products that it spells."""

from __future__ import annotations

import pytest
from builders import Given, act, cost, par, single
from hypothesis import given
from hypothesis import strategies as st

from auditor.costs import Cost, Family, UnknownCost, Work, cost_of
from auditor.costs.einsum import parse

SMALL = st.integers(1, 6)


def of(equation: str, *inputs: Given, grads: set[int] | None = None) -> Cost:
    return cost(single("Einsum", list(inputs), equation=equation), grads or ())


@pytest.mark.parametrize(
    ("equation", "ranks", "inputs", "output"),
    [
        ("ij,jk->ik", [2, 2], [("i", "j"), ("j", "k")], ("i", "k")),
        ("ij , jk", [2, 2], [("i", "j"), ("j", "k")], ("i", "k")),
        ("ba", [2], [("b", "a")], ("a", "b")),  # alphabetical where nothing is said
        ("...i->...", [3], [(".1", ".0", "i")], (".1", ".0")),
        ("i...,...j->...ij", [2, 3], [("i", ".0"), (".1", ".0", "j")], (".1", ".0", "i", "j")),
        ("...i,i", [2, 1], [(".0", "i"), ("i",)], (".0",)),
        ("ii->i", [2], [("i", "i")], ("i",)),
    ],
)
def test_reading_an_equation(
    equation: str, ranks: list[int], inputs: list[tuple[str, ...]], output: tuple[str, ...]
) -> None:
    assert parse(equation, ranks) == (inputs, output)


@pytest.mark.parametrize(("equation", "ranks"), [("ij", [3]), ("ij,jk", [2]), ("ijk->i", [2])])
def test_an_equation_that_does_not_fit_its_operands(equation: str, ranks: list[int]) -> None:
    with pytest.raises(ValueError, match=r"axes|operands"):
        parse(equation, ranks)


def test_an_einsum_that_does_not_fit_is_unknown() -> None:
    op = single("Einsum", [act(2, 3), act(3, 4)], equation="ij->ij")
    assert isinstance(cost_of(op, frozenset()), UnknownCost)


def test_an_ellipsis_is_a_batch() -> None:
    found = of("...ij,...jk->...ik", act(7, 2, 3, 4), act(2, 4, 5), grads={0, 1})
    assert found.forward.macs == 7 * 2 * 3 * 4 * 5
    assert found.backward.macs == 2 * 7 * 2 * 3 * 4 * 5


def test_three_operands_from_left_to_right() -> None:
    # (2,3)(3,4) is 24 multiply-accumulates, (2,4)(4,5) 40; 8 numbers are written in between
    found = of("ij,jk,kl->il", act(2, 3), act(3, 4), act(4, 5), grads={0, 1, 2})
    assert (found.forward.macs, found.forward_kernels) == (24 + 40, 2)
    assert found.forward.written_bytes == 4 * (8 + 10)
    assert found.backward.macs == 2 * (24 + 40)
    # The operands are kept, and the product of the first two.
    assert set(found.saved) == {"i0", "i1", "i2"}
    assert found.extra_saved_bytes == 4 * 8


def test_an_operand_without_a_gradient_saves_a_product() -> None:
    # only the last operand is trained: its gradient is the product of the first two times dY
    found = of("ij,jk,kl->il", act(2, 3), act(3, 4), par(4, 5), grads={2})
    assert found.backward.macs == 40


def test_an_index_of_one_operand_is_summed_first() -> None:
    # 24 additions leave (2, 3); then 2*3*5 multiply-accumulates
    found = of("ijm,jk->ik", act(2, 3, 4), act(3, 5))
    assert (found.forward.macs, found.forward.other_flops) == (2 * 3 * 5, 24)
    assert found.forward_kernels == 2


def test_a_diagonal() -> None:
    # of 9 elements 3 are read and written, nothing is computed; backward writes all 9
    found = of("ii->i", act(3, 3), grads={0})
    assert found.forward == Work(read_bytes=12, written_bytes=12)
    assert found.backward == Work(read_bytes=12, written_bytes=36)


def test_a_trace_is_the_sum_of_a_diagonal() -> None:
    found = of("ii->", act(3, 3))
    assert (found.forward.other_flops, found.forward_kernels) == (3, 2)


def test_a_transposition_moves_and_computes_nothing() -> None:
    found = of("ij->ji", act(2, 3), grads={0})
    assert found.family is Family.MOVEMENT
    assert found.forward == found.backward == Work(read_bytes=24, written_bytes=24)


def test_a_broadcast_axis() -> None:
    # an ellipsis of one against seven
    found = of("...i,...i->...", act(7, 4), act(1, 4))
    assert found.forward.macs == 7 * 4


@given(b=SMALL, i=SMALL, j=SMALL, k=SMALL)
def test_an_attention_spelled_in_einsum_is_its_products(b: int, i: int, j: int, k: int) -> None:
    found = of("bqhd,bkhd->bhqk", act(b, i, 2, k), act(b, j, 2, k), grads={0, 1})
    assert (found.forward.macs, found.backward.macs) == (b * 2 * i * j * k, 2 * b * 2 * i * j * k)


@given(b=SMALL, i=SMALL, j=SMALL, k=SMALL)
def test_a_chain_costs_what_its_products_cost(b: int, i: int, j: int, k: int) -> None:
    chain = of("ab,bc,cd->ad", act(b, i), act(i, j), act(j, k), grads={0, 1, 2})
    first = cost(single("MatMul", [act(b, i), act(i, j)]), {0, 1})
    second = cost(single("MatMul", [act(b, j), act(j, k)]), {0, 1})
    assert chain.forward == first.forward + second.forward
    assert chain.backward == first.backward + second.backward
