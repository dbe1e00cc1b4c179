"""Limits held against figures."""

from __future__ import annotations

from typing import Any

import pytest
from checking import around, ceiling, floor
from hypothesis import given
from hypothesis import strategies as st

from auditor.budget.judge import judged, judgement
from auditor.budget.records import (
    Bound,
    End,
    Limit,
    ModelVerdict,
    Outcome,
    Value,
    Verdict,
)
from auditor.budget.scoring import Known


def known(**values: Value) -> Known:
    return Known(values=values, missing={"cost": "no price given; add price_per_kwh"})


def outcome(limit: Limit, value: Value) -> tuple[Outcome, End | None, float | None]:
    found = judgement(limit, known(**{limit.quantity: value}), None)
    return found.outcome, found.end, found.excess


# A value of 10 with an interval of 5 to 20.
@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (20.0, (Outcome.WITHIN, None, None)),
        (19.0, (Outcome.WARNED, End.HIGH, 1.0)),
        (10.0, (Outcome.WARNED, End.HIGH, 10.0)),
        (9.0, (Outcome.EXCEEDED, End.MEDIAN, 1.0)),
    ],
)
def test_a_ceiling(amount: float, expected: tuple[Any, ...]) -> None:
    assert outcome(ceiling(amount), around(10.0)) == expected


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (5.0, (Outcome.WITHIN, None, None)),
        (6.0, (Outcome.WARNED, End.LOW, 1.0)),
        (10.0, (Outcome.WARNED, End.LOW, 5.0)),
        (12.0, (Outcome.EXCEEDED, End.MEDIAN, 2.0)),
    ],
)
def test_a_floor(amount: float, expected: tuple[Any, ...]) -> None:
    assert outcome(floor(amount), around(10.0)) == expected


def test_one_end_alone() -> None:
    assert outcome(ceiling(9.0, error_on=End.LOW, warn_on=None), around(10.0))[0] is Outcome.WITHIN
    high = ceiling(15.0, error_on=End.HIGH, warn_on=None)
    assert outcome(high, around(10.0)) == (Outcome.EXCEEDED, End.HIGH, 5.0)
    warning = ceiling(9.0, error_on=None, warn_on=End.MEDIAN)
    assert outcome(warning, around(10.0)) == (Outcome.WARNED, End.MEDIAN, 1.0)


def test_the_excess_is_a_share_of_the_limit() -> None:
    found = judgement(ceiling(8.0), known(energy_kwh=around(10.0)), None)
    assert (found.excess, found.excess_share) == (2.0, 0.25)
    below_zero = floor(-8.0, quantity="netscore")
    found = judgement(below_zero, known(netscore=Value(median=-10.0)), None)
    assert (found.excess, found.excess_share) == (2.0, 0.25)
    none = judgement(ceiling(0.0), known(energy_kwh=around(10.0)), None)
    assert (none.excess, none.excess_share) == (10.0, None)


def test_what_is_not_assessed_is_no_pass_and_says_what_to_add() -> None:
    found = judgement(ceiling(3.0, quantity="cost", error_on=None), known(), "EUR")
    assert found.outcome is Outcome.NOT_ASSESSED and found.value is None
    assert found.because == "no price given; add price_per_kwh"
    assert found.unit == "EUR"


def test_an_undefined_end_is_not_replaced_by_another() -> None:
    value = Value(median=3.0, low=2.0, high=None, level=0.9)
    found = judgement(floor(1.0, error_on=End.HIGH, warn_on=None), known(sam=value), None)
    assert found.outcome is Outcome.NOT_ASSESSED
    assert found.because == "its high end is undefined; judge another with on"
    assert outcome(floor(1.0), value)[0] is Outcome.WITHIN


def test_what_is_off_is_not_judged() -> None:
    off = ceiling(1.0, error_on=None, warn_on=None)
    assert judged([off], known(energy_kwh=around(10.0)), None) == ()


amounts = st.floats(0, 1e6)
maybe_end = st.none() | st.sampled_from(End)


@given(st.sampled_from(Bound), amounts, maybe_end, maybe_end, st.floats(1e-3, 1e6))
def test_the_exit_code_follows_from_the_outcomes(
    bound: Bound, amount: float, error_on: End | None, warn_on: End | None, median: float
) -> None:
    limit = ceiling(amount, bound=bound, error_on=error_on, warn_on=warn_on)
    value = around(median)
    found = judged([limit], known(energy_kwh=value), None)
    ends = {End.LOW: median / 2, End.MEDIAN: median, End.HIGH: median * 2}
    is_over = error_on is not None and (
        ends[error_on] > amount if bound is Bound.MAX else ends[error_on] < amount
    )
    model = ModelVerdict(
        name="m", path="m", found=None, judgements=found, changes=(), warnings=(), error=None
    )
    verdict = Verdict(
        tool_version="0", config="c", models=(model,), baseline=None, tolerance=None, missing=()
    )
    assert verdict.exit_code == int(is_over)
    for j in found:
        assert (j.excess is None) == (j.outcome is Outcome.WITHIN) == (j.end is None)
        assert j.excess is None or j.excess > 0


def test_not_assessed_goes_before_exceeded() -> None:
    judgements = judged(
        [ceiling(1.0), ceiling(1.0, quantity="cost")], known(energy_kwh=around(9.0)), None
    )
    assert [j.outcome for j in judgements] == [Outcome.EXCEEDED, Outcome.NOT_ASSESSED]
    model = ModelVerdict(
        name="m", path="m", found=None, judgements=judgements, changes=(), warnings=(), error=None
    )
    verdict = Verdict(
        tool_version="0", config="c", models=(model,), baseline=None, tolerance=None, missing=()
    )
    assert verdict.exit_code == 2
