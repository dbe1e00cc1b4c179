"""An audit takes time in proportion to the graph, whatever its form; so does its memory."""

from __future__ import annotations

import sys

import pytest

from benchmarks.scaling import FORMS, scaled

SMALL, LARGE, HUGE = 1_000, 4_000, 100_000
# Four times as many nodes: 4 in proportion, 16 where it is quadratic.  Machines are noisy.
MOST_TIMES = 7.0
# What a node takes beyond its bytes in the file, which are few.
MOST_BYTES_A_NODE = 25_000
QUICK = ("arranged", "branches", "functions", "split")
linux = pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc")


def ratio(form: str, small: int, large: int) -> float:
    # Of the best of two: a pause of the machine only ever adds.
    first = min(scaled(form, small).seconds for _ in range(2))
    second = min(scaled(form, large).seconds for _ in range(2))
    return second / first


@linux
@pytest.mark.parametrize("form", QUICK)
def test_four_times_the_nodes_take_about_four_times_as_long(form: str) -> None:
    assert ratio(form, SMALL, LARGE) < MOST_TIMES


@linux
@pytest.mark.long
@pytest.mark.parametrize("form", FORMS)
def test_every_form_grows_in_proportion(form: str) -> None:
    large = 40_000 if form != "functions" else 10_000
    assert ratio(form, large // 4, large) < 5.5


@linux
@pytest.mark.long
def test_memory_of_a_long_chain_is_bounded_by_its_nodes() -> None:
    found = scaled("chain", HUGE)
    assert found.memory_bytes / HUGE < MOST_BYTES_A_NODE
