"""The Pareto front: by hand, and against its definition over all values."""

from __future__ import annotations

from itertools import product

from comparing import around
from hypothesis import given
from hypothesis import strategies as st

from auditor.compare.front import Point, places
from auditor.compare.records import Dominance
from auditor.interval import Interval


def test_by_hand() -> None:
    # b is better and takes less than a, whatever their values; c takes more than b for more.
    a, b, c = places(
        [
            Point("a", 0.70, Interval(9.0, 10.0, 11.0, 0.9)),
            Point("b", 0.75, Interval(4.0, 5.0, 8.0, 0.9)),
            Point("c", 0.80, Interval(7.0, 12.0, 20.0, 0.9)),
        ]
    )
    assert (a.on_front, a.dominated) == (False, Dominance.SURELY)
    assert a.surely_by == ("b",) and a.possibly_by == ("c",)  # c: 7 is below 11
    assert (b.on_front, b.dominated, b.possibly_by) == (True, Dominance.POSSIBLY, ("c",))
    assert (c.on_front, c.dominated) == (True, Dominance.NO)


def test_two_alike_do_not_dominate_each_other() -> None:
    for place in places([Point("a", 0.7, around(5.0)), Point("b", 0.7, around(5.0))]):
        assert (place.on_front, place.dominated) == (True, Dominance.NO)


def test_equal_energy_and_less_accuracy_is_dominated() -> None:
    low, high = places([Point("a", 0.6, around(5.0)), Point("b", 0.7, around(5.0))])
    assert (low.on_front, low.surely_by) == (False, ("b",))
    assert high.on_front


def test_overlapping_intervals_leave_it_open() -> None:
    first, second = places([Point("a", 0.7, around(5.0, 2.0)), Point("b", 0.7, around(8.0, 2.0))])
    assert first.on_front and first.dominated is Dominance.POSSIBLY
    assert not second.on_front and second.dominated is Dominance.POSSIBLY


def test_one_alone_is_on_the_front() -> None:
    (place,) = places([Point("a", 0.7, around(5.0))])
    assert place.on_front and place.dominated is Dominance.NO


# Whole numbers, so that every value within an interval can be tried.
ENDS = st.tuples(st.integers(1, 6), st.integers(0, 3), st.integers(0, 3))
POINTS = st.lists(st.tuples(st.integers(0, 3), ENDS), min_size=1, max_size=5)


@given(POINTS)
def test_it_is_what_the_definition_says_for_every_value(
    drawn: list[tuple[int, tuple[int, int, int]]],
) -> None:
    points = [
        Point(str(i), accuracy / 10, Interval(low, low + a, low + a + b, 0.9))
        for i, (accuracy, (low, a, b)) in enumerate(drawn)
    ]

    def dominates(other: Point, kwh_of_other: float, point: Point, kwh: float) -> bool:
        at_least = other.accuracy >= point.accuracy and kwh_of_other <= kwh
        return at_least and (other.accuracy > point.accuracy or kwh_of_other < kwh)

    def values(point: Point) -> range:
        return range(int(point.energy_kwh.low), int(point.energy_kwh.high) + 1)

    for point, place in zip(points, places(points), strict=True):
        surely, possibly, by_median = [], [], False
        for other in (o for o in points if o is not point):
            pairs = product(values(other), values(point))
            every = [dominates(other, theirs, point, mine) for theirs, mine in pairs]
            surely += [other.name] if all(every) else []
            possibly += [other.name] if any(every) and not all(every) else []
            medians = other.energy_kwh.median, point.energy_kwh.median
            by_median |= dominates(other, medians[0], point, medians[1])
        assert (list(place.surely_by), list(place.possibly_by)) == (surely, possibly)
        assert place.on_front is not by_median


@given(POINTS)
def test_there_is_always_a_front(drawn: list[tuple[int, tuple[int, int, int]]]) -> None:
    points = [
        Point(str(i), accuracy / 10, Interval(low, low + a, low + a + b, 0.9))
        for i, (accuracy, (low, a, b)) in enumerate(drawn)
    ]
    found = places(points)
    assert any(place.on_front for place in found)
    assert not any(place.on_front and place.dominated is Dominance.SURELY for place in found)
