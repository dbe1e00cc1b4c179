"""Ranks by each criterion, and the pairs of models that two criteria rank differently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, permutations

from auditor.compare.records import Amounts, Criterion, Swap
from auditor.interval import Interval

COSTS = (Criterion.COMPUTE, Criterion.ENERGY, Criterion.CARBON)


def ranks(values: Sequence[float | None], *, most_first: bool) -> tuple[int | None, ...]:
    """Rank values from 1: equal ones share a rank, and the next has as many more as they are.

    None, which is not assessed, has no rank and takes none.
    """
    known = [value for value in values if value is not None]

    def rank(value: float) -> int:
        better = (other > value if most_first else other < value for other in known)
        return 1 + sum(better)

    return tuple(None if value is None else rank(value) for value in values)


def swaps(amounts: Mapping[str, Amounts]) -> tuple[Swap, ...]:
    """Return the pairs that compute, energy and carbon rank differently, by their medians."""
    found = []
    for by, but in combinations(COSTS, 2):
        for ahead, behind in permutations(amounts, 2):
            swap = _swap(by, but, (ahead, amounts[ahead]), (behind, amounts[behind]))
            if swap is not None:
                found.append(swap)
    return tuple(found)


def _swap(
    by: Criterion, but: Criterion, ahead: tuple[str, Amounts], behind: tuple[str, Amounts]
) -> Swap | None:
    name, mine = ahead
    other_name, its = behind
    pairs = [(_interval(mine, c), _interval(its, c)) for c in (by, but)]
    (mine_by, its_by), (mine_but, its_but) = pairs
    if mine_by is None or its_by is None or mine_but is None or its_but is None:
        return None
    if not (mine_by.median < its_by.median and mine_but.median > its_but.median):
        return None
    sure = mine_by.high < its_by.low and mine_but.low > its_but.high
    return Swap(by=by, but=but, ahead=name, behind=other_name, sure=sure)


def _interval(amounts: Amounts, criterion: Criterion) -> Interval | None:
    """The amount by this criterion; a count of FLOPs has an interval of no width."""
    value: Interval | float | None = getattr(amounts, criterion.value)
    return Interval(value, value, value, 1.0) if isinstance(value, float) else value
