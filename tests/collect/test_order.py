"""The order of runs: the most unlike first, the same after every restart."""

from __future__ import annotations

import math
from typing import Any

import pytest
from collecting import configuration
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect.order import Place, distance, ordered, place_of


def place(family: str = "a", precision: str = "fp32", **changes: Any) -> Place:
    values: dict[str, Any] = {"log_size": 3.0, "log_work": 10.0, "log_intensity": 1.0}
    return Place(kind="train", family=family, precision=precision, **(values | changes))


logs = st.floats(-3, 15)
places = st.builds(
    Place,
    kind=st.sampled_from(["train", "infer"]),
    family=st.sampled_from("abc"),
    precision=st.sampled_from(["fp32", "amp"]),
    log_size=logs,
    log_work=st.none() | logs,
    log_intensity=logs,
)


def test_a_family_comes_before_a_size() -> None:
    """From the first: 3 to the other family, 2 and 1 within its own.

    Once "b" is there, the nearest that is chosen is 2 and 1 away still: the first, as before.
    """
    found = [place(log_work=10.0), place(log_work=11.0), place(log_work=12.0), place("b")]
    assert ordered(found) == (0, 3, 2, 1)


def test_equals_stand_as_in_the_manifest() -> None:
    assert ordered([place(), place(), place()]) == (0, 1, 2)


def test_distance_by_hand() -> None:
    one, other = place(log_work=10.0), place("b", "amp", log_work=12.0, log_intensity=2.0)
    assert distance(one, other) == pytest.approx(math.sqrt(3**2 + 0.9**2 + 2**2 + 1**2))
    unprofiled = place(log_size=5.0, log_work=None)
    assert distance(one, unprofiled) == pytest.approx(2.0)


def test_where_a_run_stands() -> None:
    """64 samples of 1e9 MAC; 64 x 2e7 bytes with the batch and 1e8 without."""
    facts = {"macs": 1e9, "batch_bytes": 2e7, "weight_bytes": 1e8}
    found = place_of(configuration(batch_size=64), facts)
    assert found.log_work == pytest.approx(math.log10(64e9))
    assert found.log_intensity == pytest.approx(math.log10(64e9 / (64 * 2e7 + 1e8)))
    assert found.log_size == pytest.approx(math.log10(64 * 224))
    assert place_of(configuration(), None).log_work is None


@given(st.lists(places, max_size=12))
def test_every_run_comes_once(found: list[Place]) -> None:
    assert sorted(ordered(found)) == list(range(len(found)))


@given(st.lists(places, max_size=12), st.data())
def test_a_restart_goes_on_where_it_stopped(found: list[Place], data: Any) -> None:
    order = ordered(found)
    count = data.draw(st.integers(0, len(found)))
    done, left = order[:count], sorted(order[count:])
    rest = ordered([found[i] for i in left], [found[i] for i in done])
    assert tuple(left[i] for i in rest) == order[count:]


@given(st.lists(places, min_size=2, max_size=10))
def test_each_is_farther_from_those_before_than_any_later_one(found: list[Place]) -> None:
    order = ordered(found)
    for place_in_order in range(1, len(order)):
        before = [found[i] for i in order[:place_in_order]]

        def nearest(index: int, before: list[Place] = before) -> float:
            return min(distance(b, found[index]) for b in before)

        assert all(nearest(order[place_in_order]) >= nearest(i) for i in order[place_in_order:])
