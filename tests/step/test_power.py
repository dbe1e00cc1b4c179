"""Board and node power by hand-derived numbers, and what holds whatever the figures are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from round_figures import DEVICE

from auditor.errors import HardwareError, PlanError
from auditor.step.power import (
    BoardPower,
    Boards,
    PowerModel,
    asked_power_w,
    board_power,
    checked_limit_w,
    host_power_w,
    idle_power_w,
    limited_power_w,
    node_power_w,
    one_board,
    power_model,
    slowdown,
    stretch,
    stretched_total_s,
    time_shares,
)

MODEL = PowerModel(
    arithmetic_share=1.2,
    memory_share=0.8,
    waiting_share=0.1,
    idle_share_of_tdp=0.1,
    limit_sharpness=2.0,
    clock_exponent=0.5,
    voltage_floor_share=0.25,
    processor_w=80.0,
    rest_share=0.25,
)


def boards(tdp: float = 350, idle: float = 50, limit: float = 350, factor: float = 1) -> Boards:
    return Boards(
        tdp_w=np.asarray(float(tdp)),
        idle_w=np.asarray(float(idle)),
        limit_w=np.asarray(float(limit)),
        factor=np.asarray(float(factor)),
    )


# --- by hand ----------------------------------------------------------------------------


def test_idle_power_is_the_catalogues_or_a_share_of_the_design_power() -> None:
    assert idle_power_w(MODEL, 350, 42.0) == 42.0
    assert idle_power_w(MODEL, 350, None) == pytest.approx(35)
    assert idle_power_w(MODEL, 350, 0.0) == 0.0


def test_what_is_neither_arithmetic_nor_memory_is_waiting() -> None:
    busy = np.array([[0.2, 0.3], [3.0, 1.0], [0.0, 0.0]])
    found = time_shares(busy, np.array([1.0, 2.0, 5.0]))
    # The second is busier than its step is long: 3 to 1, and no waiting.
    assert found == pytest.approx(np.array([[0.2, 0.3, 0.5], [0.75, 0.25, 0.0], [0.0, 0.0, 1.0]]))


def test_a_step_of_no_time_waits() -> None:
    assert time_shares(np.zeros(2), np.asarray(0.0)) == pytest.approx([0, 0, 1])


def test_power_asked_for_is_idle_and_the_load_of_the_way_to_the_design_power() -> None:
    # 50 + 300 (1.2 * 0.5 + 0.8 * 0.25 + 0.1 * 0.25) = 50 + 300 * 0.825
    shares = np.array([0.5, 0.25, 0.25])
    assert asked_power_w(MODEL, boards(), shares) == pytest.approx(297.5)
    # A device that asks for twice as much above idle.
    assert asked_power_w(MODEL, boards(factor=2), shares) == pytest.approx(545)


@pytest.mark.parametrize(
    ("asked", "limit", "drawn"),
    [
        # (300^-2 + 400^-2)^(-1/2) = 240 above 50 W idle
        (350, 450, 290),
        (450, 350, 290),
        # Equal: 300 / sqrt 2
        (350, 350, 50 + 300 / 2**0.5),
        (50, 350, 50),
        # A limit at idle leaves a fiftieth of the design power: 7 W.
        (1e9, 50, 57),
    ],
)
def test_power_under_a_limit(asked: float, limit: float, drawn: float) -> None:
    found = limited_power_w(MODEL, boards(), np.asarray(float(asked)), np.asarray(float(limit)))
    assert found == pytest.approx(drawn, rel=1e-6)


def test_nothing_overflows_however_sharp_the_limit() -> None:
    sharp = replace(MODEL, limit_sharpness=500.0)
    found = limited_power_w(sharp, boards(), np.asarray(700.0), np.asarray(350.0))
    assert found == pytest.approx(350)


@pytest.mark.parametrize(
    ("share", "factor"),
    # Square root down to a quarter of the power, there 2; then in proportion; no further than 0.1.
    [(1, 1), (2, 1), (0.64, 1.25), (0.25, 2), (0.125, 4), (0.1, 5), (0.01, 5)],
)
def test_the_clock_falls_with_voltage_and_then_alone(share: float, factor: float) -> None:
    assert slowdown(MODEL, np.asarray(float(share))) == pytest.approx(factor)


def test_stretch_by_hand() -> None:
    # The device asks for 350 + 30 W: 300 of it fall with the clock (50 idle, 30 while waiting).
    asked = np.asarray(380.0)

    def drawn(limit: float) -> float:
        return 50 + (330**-2 + (limit - 50) ** -2) ** -0.5

    def share(limit: float) -> float:
        return 1 - (380 - drawn(limit)) / 300

    by_hand = (share(350) / share(250)) ** 0.5
    assert share(250) > 0.25
    assert stretch(MODEL, boards(limit=250), asked) == pytest.approx(by_hand)
    assert stretch(MODEL, boards(limit=350), asked) == 1


@pytest.mark.parametrize(
    ("busy", "total", "by_hand"),
    # (10^4 - 6^4 + 12^4)^(1/4); a step that is all busy; one that only waits.
    [(6, 10, (10**4 - 6**4 + 12**4) ** 0.25), (10, 10, 20), (30, 10, 20), (0, 10, 10)],
)
def test_waiting_hides_some_of_a_longer_busy_time(
    busy: float, total: float, by_hand: float
) -> None:
    found = stretched_total_s(np.asarray(float(busy)), np.asarray(float(total)), np.asarray(2.0))
    assert found == pytest.approx(by_hand)


def test_a_board_over_one_step_by_hand() -> None:
    board = one_board(MODEL, DEVICE, None)  # 350 W, 50 W idle
    found = board_power(MODEL, board, arithmetic_s=0.5, memory_s=0.25, total_s=1.0)
    # asked: 297.5 W; at 350 W: 50 + (247.5^-2 + 300^-2)^(-1/2)
    drawn = 50 + (247.5**-2 + 300**-2) ** -0.5
    assert found == BoardPower(
        asked_w=pytest.approx(297.5),
        full_w=pytest.approx(drawn),
        drawn_w=pytest.approx(drawn),
        stretch=1.0,
        total_s=1.0,
    )


def test_a_devices_own_factor_and_an_unknown_idle_power() -> None:
    own = replace(MODEL, devices={"round": 2.0})
    board = one_board(own, replace(DEVICE, idle_w=None), 300.0)
    found = (board.tdp_w, board.idle_w, board.limit_w, board.factor)
    assert found == pytest.approx((350, 35, 300, 2))
    assert one_board(own, replace(DEVICE, id="other"), None).factor == 1


def test_the_node_pays_for_what_board_and_processors_draw() -> None:
    # (300 + 80) * 1.25 = 475
    assert node_power_w(MODEL, np.asarray(300.0), np.asarray(80.0)) == pytest.approx(475)
    assert host_power_w(MODEL, 300.0) == pytest.approx(175)


def test_a_model_survives_json() -> None:
    own = replace(MODEL, devices={"h100-sxm-80gb": 1.1})
    assert power_model(own.as_dict()).as_dict() == own.as_dict()


@pytest.mark.parametrize("change", [{"rest_share": None}, {"extra": 1.0}, {"devices": 3}])
def test_a_model_that_is_none_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        power_model(MODEL.as_dict() | change)


# --- limits that a board can be set to ---------------------------------------------------


def test_without_a_limit_it_is_the_design_power() -> None:
    assert checked_limit_w(DEVICE, None) == 350
    assert checked_limit_w(DEVICE, 250.0) == 250
    assert checked_limit_w(DEVICE, 70.0) == 70  # a fifth
    assert checked_limit_w(DEVICE, 437.5) == 437.5  # five quarters


@pytest.mark.parametrize(("limit", "side"), [(438, "above"), (69, "below"), (1e18, "above")])
def test_limits_that_no_board_takes_are_refused(limit: float, side: str) -> None:
    with pytest.raises(PlanError) as caught:
        checked_limit_w(DEVICE, limit)
    message = str(caught.value)
    assert f"--power-limit-w {limit:g}: {side}" in message
    assert "350 W (round)" in message and "give 70 to 437.5 W" in message


@pytest.mark.parametrize("limit", [None, 300.0])
def test_a_device_of_unknown_power_is_refused_with_the_remedy(limit: float | None) -> None:
    with pytest.raises(HardwareError, match=r"round: its power .* --hardware-file"):
        checked_limit_w(replace(DEVICE, tdp_w=None), limit)


# --- whatever the figures ----------------------------------------------------------------

MODELS = st.builds(
    PowerModel,
    arithmetic_share=st.floats(0.5, 2),
    memory_share=st.floats(0.4, 1.5),
    waiting_share=st.floats(0.02, 0.35),
    idle_share_of_tdp=st.floats(0.03, 0.15),
    limit_sharpness=st.floats(1, 20),
    clock_exponent=st.floats(0.1, 1),
    voltage_floor_share=st.floats(0.1, 0.9),
    processor_w=st.floats(10, 300),
    rest_share=st.floats(0, 0.5),
)
SECONDS = st.floats(0, 10)


def at(
    model: PowerModel, times: tuple[float, float, float], limit: float, factor: float = 1
) -> BoardPower:
    arithmetic_s, memory_s, waits_s = times
    idle = model.idle_share_of_tdp * 350
    return board_power(
        model,
        boards(idle=idle, limit=limit, factor=factor),
        arithmetic_s,
        memory_s,
        arithmetic_s + memory_s + waits_s + 1e-3,
    )


TIMES = st.tuples(SECONDS, SECONDS, SECONDS)
LIMITS = st.floats(0.2 * 350, 1.25 * 350)


@given(MODELS, TIMES, LIMITS, st.floats(0.5, 2))
def test_power_lies_between_idle_and_the_limit(
    model: PowerModel, times: tuple[float, float, float], limit: float, factor: float
) -> None:
    found = at(model, times, limit, factor)
    idle = model.idle_share_of_tdp * 350
    assert idle <= found.drawn_w <= limit
    assert found.drawn_w <= found.asked_w + 1e-9
    assert found.stretch >= 1


@given(MODELS, TIMES, LIMITS, LIMITS)
def test_a_lower_limit_draws_less_and_takes_longer(
    model: PowerModel, times: tuple[float, float, float], one: float, other: float
) -> None:
    low, high = (at(model, times, limit) for limit in sorted((one, other)))
    assert low.drawn_w <= high.drawn_w * (1 + 1e-12)
    assert low.stretch >= high.stretch * (1 - 1e-12)
    assert low.total_s >= high.total_s * (1 - 1e-12)


@given(MODELS, TIMES, st.floats(350, 1.25 * 350))
def test_the_full_limit_and_one_above_it_change_no_time(
    model: PowerModel, times: tuple[float, float, float], limit: float
) -> None:
    assert at(model, times, limit).stretch == pytest.approx(1, abs=1e-12)


@given(MODELS, TIMES, LIMITS, st.floats(0, 10))
def test_the_more_it_waits_the_less_it_draws(
    model: PowerModel, times: tuple[float, float, float], limit: float, more_s: float
) -> None:
    arithmetic_s, memory_s, waits_s = times
    longer = at(model, (arithmetic_s, memory_s, waits_s + more_s), limit)
    assert longer.drawn_w <= at(model, times, limit).drawn_w + 1e-9


@given(MODELS, st.floats(10, 700), st.floats(10, 700))
def test_a_host_grows_with_its_board(model: PowerModel, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert model.processor_w <= host_power_w(model, low) + 1e-9
    assert host_power_w(model, low) <= host_power_w(model, high) + 1e-9
