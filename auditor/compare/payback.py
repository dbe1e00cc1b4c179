"""Whether a model that takes more before its use pays that back, and after how much use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from auditor.compare.records import Entry, Payback
from auditor.impacts.breakeven import Costs, break_even
from auditor.impacts.lifecycle import INFERENCE, added
from auditor.interval import Interval


def paybacks(entries: Sequence[Entry]) -> tuple[Payback, ...]:
    """Compare every two models whose life cycle is assessed, in use and before it.

    By electricity: what search, failed runs, training and retraining take, as far as the plan
    says, against what one inference does.
    """
    known = [(entry.name, costs) for entry in entries for costs in _costs(entry)]
    return tuple(_payback(*sorted(two, key=_once)) for two in combinations(known, 2))


def _costs(entry: Entry) -> Iterator[Costs]:
    life = entry.audit.beyond.life_cycle
    if life is None:
        return
    once = added(phase.energy_kwh for phase in life.phases if phase.name != INFERENCE)
    if isinstance(once, Interval) and isinstance(life.per_inference_kwh, Interval):
        yield Costs(once, life.per_inference_kwh)


def _once(named: tuple[str, Costs]) -> float:
    return named[1].once.median


def _payback(less: tuple[str, Costs], more: tuple[str, Costs]) -> Payback:
    return Payback(less=less[0], more=more[0], after=break_even(less[1], more[1]))
