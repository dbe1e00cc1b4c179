"""Limits as they are written, and what breaks one."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from checking import around, ceiling, floor

from auditor.budget.limits import at_end, breaks, is_on, read_limits
from auditor.budget.quantities import QUANTITIES
from auditor.budget.records import Bound, End, Limit, Value
from auditor.errors import PlanError


def read(text: str) -> Limit:
    (limit,) = read_limits(tomllib.loads(text), "[limits]").values()
    return limit


def ends(text: str) -> tuple[float, End | None, End | None]:
    found = read(text)
    return found.amount, found.error_on, found.warn_on


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # A number, or a table with a bound alone: the default.
        ("energy_kwh = 12", (12.0, End.MEDIAN, End.HIGH)),
        ("energy_kwh = { max = 12 }", (12.0, End.MEDIAN, End.HIGH)),
        ("sam = 2", (2.0, End.MEDIAN, End.LOW)),
        ("sam = { min = 2.5 }", (2.5, End.MEDIAN, End.LOW)),
        # One level, one end; what is not said of the two is as in the default.
        ("energy_kwh = { max = 12, level = 'error' }", (12.0, End.MEDIAN, None)),
        ("energy_kwh = { max = 12, level = 'warn' }", (12.0, None, End.HIGH)),
        ("sam = { min = 2, level = 'warn' }", (2.0, None, End.LOW)),
        ("energy_kwh = { max = 12, on = 'high' }", (12.0, End.HIGH, None)),
        ("energy_kwh = { max = 12, on = 'low', level = 'warn' }", (12.0, None, End.LOW)),
        ("netscore = -3", (-3.0, End.MEDIAN, End.LOW)),
        ("energy_kwh = { max = 12, level = 'off' }", (0.0, None, None)),
        ("energy_kwh = { level = 'off' }", (0.0, None, None)),
    ],
)
def test_the_ends_and_levels(text: str, expected: tuple[float, End | None, End | None]) -> None:
    assert ends(text) == expected


def test_only_what_is_off_is_not_on() -> None:
    assert not is_on(read("energy_kwh = { level = 'off', max = 3 }"))
    assert is_on(read("energy_kwh = 0"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("energy_kwhs = 12", "no quantity is called 'energy_kwhs': nearest are energy_kwh"),
        ("q = 12", "choose of energy_kwh, operational_gco2e"),
        ("energy_kwh = '12 kWh'", "energy_kwh = '12 kWh': must be a number, in kWh"),
        ("energy_kwh = true", "must be a number"),
        ("energy_kwh = -1", "must be a finite number of 0 or more"),
        ("energy_kwh = nan", "must be a finite number"),
        ("energy_kwh = inf", "must be a finite number"),
        ("energy_kwh = { max = 'x' }", "must be a number"),
        ("energy_kwh = {}", "has no max; add it"),
        ("energy_kwh = { min = 3 }", "min makes no sense, as less is better; give max"),
        ("sam = { max = 3 }", "max makes no sense, as more is better; give min"),
        ("sam = { level = 'warn' }", "has no min"),
        ("energy_kwh = { max = 1, levels = 'warn' }", "unknown key 'levels'"),
        ("energy_kwh = { max = 1, level = 'loud' }", "choose one of off, warn, error"),
        ("energy_kwh = { max = 1, on = 'mean' }", "choose one of low, median, high"),
        ("energy_kwh = { max = 1, on = [] }", "choose one of low, median, high"),
        (f"energy_kwh = 1{'0' * 400}", "must be a finite number"),
        ("energy_kwh = 1e-310", "must be 0, or 1e-30 to 1e+60"),
        ("netscore = -1e61", "must be 0, or 1e-30 to 1e+60"),
    ],
)
def test_what_is_no_limit_is_refused_in_one_line(text: str, said: str) -> None:
    with pytest.raises(PlanError) as caught:
        read(text)
    message = str(caught.value)
    assert message.startswith("[limits]: ") and said in message and "\n" not in message


def test_a_table_is_asked_for() -> None:
    table: Any = [1]
    with pytest.raises(PlanError, match="must be a table"):
        read_limits(table, "[limits]")


def test_every_quantity_can_be_limited() -> None:
    table = dict.fromkeys(QUANTITIES, 1)
    found = read_limits(table, "[limits]")
    floors = {name for name, limit in found.items() if limit.bound is Bound.MIN}
    assert floors == {
        "sam", "pepr_e", "pepr_c", "pepr_t", "pepr_m", "netscore", "carburacy_train",
        "accuracy_per_kwh",
    }  # fmt: skip


def test_a_figure_that_is_equal_is_within() -> None:
    assert not breaks(ceiling(12.0), 12.0) and breaks(ceiling(12.0), 12.000001)
    assert not breaks(floor(2.0), 2.0) and breaks(floor(2.0), 1.999999)


def test_an_end_of_a_value() -> None:
    assert [at_end(around(10.0), end) for end in End] == [5.0, 10.0, 20.0]
    assert [at_end(Value(median=3.0), end) for end in End] == [3.0, 3.0, 3.0]
    open_above = Value(median=3.0, low=2.0, high=None, level=0.9)
    assert at_end(open_above, End.HIGH) is None
