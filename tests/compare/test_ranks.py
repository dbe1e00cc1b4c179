"""Ranks with ties and gaps, and the pairs that criteria rank differently."""

from __future__ import annotations

from comparing import taking
from hypothesis import given
from hypothesis import strategies as st

from auditor.compare.ranks import ranks, swaps
from auditor.compare.records import Criterion


def test_ties_share_a_rank_and_the_unknown_has_none() -> None:
    values = [3.0, 1.0, None, 1.0, 5.0]
    assert ranks(values, most_first=False) == (3, 1, None, 1, 4)
    assert ranks(values, most_first=True) == (2, 3, None, 3, 1)
    assert ranks([], most_first=True) == ()


@given(st.lists(st.integers(0, 5)))
def test_a_rank_is_one_more_than_how_many_are_better(drawn: list[int]) -> None:
    for value, rank in zip(drawn, ranks(drawn, most_first=True), strict=True):
        assert rank == 1 + len([d for d in drawn if d > value])


def test_compute_and_energy_swap_a_pair() -> None:
    # a computes less and takes more energy; 1.5 times either way they stay apart: 6.7 and 4.5.
    found = swaps({"a": taking(1e9, 10.0, factor=1.5), "b": taking(2e9, 3.0, factor=1.5)})
    (swap,) = found
    assert (swap.by, swap.but) == (Criterion.COMPUTE, Criterion.ENERGY)
    assert (swap.ahead, swap.behind, swap.sure) == ("a", "b", True)


def test_a_swap_within_the_intervals_is_not_sure() -> None:
    # 10 / 2 = 5 is below 3 * 2 = 6.
    (swap,) = swaps({"a": taking(1e9, 10.0, factor=2.0), "b": taking(2e9, 3.0, factor=2.0)})
    assert not swap.sure


def test_carbon_may_swap_what_energy_does_not() -> None:
    found = swaps({"a": taking(1e9, 3.0, 900.0), "b": taking(2e9, 10.0, 300.0)})
    assert {(s.by, s.but, s.ahead) for s in found} == {
        (Criterion.ENERGY, Criterion.CARBON, "a"),
        (Criterion.COMPUTE, Criterion.CARBON, "a"),
    }


def test_no_swap_without_carbon_or_with_equals() -> None:
    assert swaps({"a": taking(1e9, 3.0), "b": taking(2e9, 10.0, 300.0)}) == ()
    assert swaps({"a": taking(1e9, 3.0), "b": taking(1e9, 10.0)}) == ()
    assert swaps({}) == ()
