"""Power of a board from what it does, under a power limit, and of the rest of its node.

Between idle and the design power a board draws by the time that arithmetic and memory traffic
keep it busy.  Where the step asks for more than the limit leaves, the board lowers its clock.
Dynamic power goes with frequency and the square of voltage, and voltage falls with frequency (X.
Mei, Q. Wang, X. Chu, "A survey and measurement study of GPU DVFS on energy conservation", Digital
Communications and Networks 3(2), 2017) until it is at its lowest: from there on power falls only
as fast as the clock.  The figures of `PowerModel` are fitted by `auditor.calibration.power`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

import numpy as np

from auditor.errors import HardwareError, PlanError
from auditor.hardware import Accelerator
from auditor.step.kernels import Floats
from auditor.step.terms import SHARPNESS

# No limit takes a board below a tenth of the dynamic power that it asks for.
_LOWEST_SHARE = 0.1
# A limit lies above idle power; where one does not, this much of the design power is left.
_LEAST_DYNAMIC_SHARE = 0.02
# Boards can be set somewhat above their design power, and none to less than a fifth of it; what
# happens outside was never measured (0.38 to 1 in the data).
LOWEST_LIMIT, HIGHEST_LIMIT = 0.2, 1.25
_TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerModel:
    """What was fitted on measured power.

    The first three are shares of the way from idle to design power that a board would go to if
    arithmetic, memory traffic, or neither of them (launches, waiting, clocks up) filled its time
    and there were no limit; they may exceed 1.  `idle_share_of_tdp` is for devices whose idle
    power is not known.  `limit_sharpness` says how closely power approaches a limit: the mean
    stays below it, since not all kernels draw alike.  Time grows by the dynamic power that is
    asked for over what is drawn, to `clock_exponent`, and below `voltage_floor_share` of it in
    proportion.  `processor_w` is of processors and their memory, for one device; `rest_share`
    is what fans, network and power supplies add to boards and processors.  `devices` holds, by
    hardware id, factors of the power above idle.
    """

    arithmetic_share: float
    memory_share: float
    waiting_share: float
    idle_share_of_tdp: float
    limit_sharpness: float
    clock_exponent: float
    voltage_floor_share: float
    processor_w: float
    rest_share: float
    devices: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def as_dict(self) -> dict[str, Any]:
        """Return every figure, for JSON."""
        return {n: getattr(self, n) for n in FIGURES} | {"devices": dict(self.devices)}


# Of each figure, so that powers and their ratios are finite and above 0.
_SHARE = (0.0, 100.0)
_BOUNDS = {
    "limit_sharpness": (0.01, 100.0),
    "clock_exponent": (0.0, 20.0),
    "voltage_floor_share": (0.0, 1.0),
    "idle_share_of_tdp": (0.0, 1.0),
    "processor_w": (0.0, 1e6),
}
FIGURES = tuple(f.name for f in fields(PowerModel) if f.name != "devices")


def power_model(content: Mapping[str, Any]) -> PowerModel:
    """Build the record from a JSON object.

    Raises:
        KeyError, TypeError, ValueError: a figure is missing, unknown, not a number, or one with
            which no power could be reckoned.
    """
    figures = {name: float(value) for name, value in content.items() if name != "devices"}
    devices = {str(name): float(factor) for name, factor in dict(content["devices"]).items()}
    for name, value in (*figures.items(), *devices.items()):
        least, most = _BOUNDS.get(name, _SHARE)
        if not least <= value <= most:
            raise ValueError(f"power: {name} = {value:g} must be from {least:g} to {most:g}")
    return PowerModel(**figures, devices=MappingProxyType(devices))


@dataclass(frozen=True, slots=True, kw_only=True)
class Boards:
    """What is known of boards, as arrays of one shape: design, idle and limit in W.

    `factor` is each device's own of `PowerModel.devices`.
    """

    tdp_w: Floats
    idle_w: Floats
    limit_w: Floats
    factor: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardPower:
    """Mean power of one board over a step, in W, and how much longer a limit makes it.

    `asked_w` is what the step would draw without any limit, `full_w` what is drawn at the
    design power, `drawn_w` at the limit that is set.  `stretch` is the time that the device is
    busy at this limit over that at the design power, and `total_s` that of the step.
    """

    asked_w: float
    full_w: float
    drawn_w: float
    stretch: float
    total_s: float


def idle_power_w(model: PowerModel, tdp_w: float, known_w: float | None) -> float:
    """Idle power in W: the catalogue's, or a fitted share of the design power."""
    return model.idle_share_of_tdp * tdp_w if known_w is None else known_w


def time_shares(busy_s: Floats, total_s: Floats) -> Floats:
    """Shares of a step in arithmetic, memory traffic and neither: (n, 2), (n,) to (n, 3).

    Busy times that are longer than the step, as modelled ones may be beside a measured one, are
    taken as filling it.
    """
    whole_s = np.maximum(np.maximum(total_s, busy_s.sum(axis=-1)), _TINY)
    busy = busy_s / whole_s[..., None]
    waiting = np.maximum(1 - busy.sum(axis=-1), 0.0)
    return np.concatenate([busy, waiting[..., None]], axis=-1)


def asked_power_w(model: PowerModel, boards: Boards, shares: Floats) -> Floats:
    """Power in W that a step asks for, were there no limit: shares (n, 3) to (n,)."""
    weights = [model.arithmetic_share, model.memory_share, model.waiting_share]
    load = boards.factor * (shares @ np.array(weights))
    return np.asarray(boards.idle_w + load * (boards.tdp_w - boards.idle_w))


def limited_power_w(model: PowerModel, boards: Boards, asked_w: Floats, limit_w: Floats) -> Floats:
    """Power in W under a limit in W: above idle, below both, and near the lower of them.

    With D what is asked for above idle and L what the limit leaves: (D^-q + L^-q)^(-1/q).
    """
    dynamic_w = np.maximum(asked_w - boards.idle_w, _TINY)
    left_w = np.maximum(limit_w - boards.idle_w, _LEAST_DYNAMIC_SHARE * boards.tdp_w)
    lower_w = np.minimum(dynamic_w, left_w)
    # Of the smaller over the larger, so that no power overflows.
    ratio = lower_w / np.maximum(dynamic_w, left_w)
    q = model.limit_sharpness
    return np.asarray(boards.idle_w + lower_w * (1 + ratio**q) ** (-1 / q))


def slowdown(model: PowerModel, drawn_share: Floats) -> Floats:
    """Busy time over that without a limit, by the share of the asked dynamic power that is drawn.

    Continuous: share^-e down to the voltage floor, from there in proportion to 1 / share.
    """
    share = np.clip(drawn_share, _LOWEST_SHARE, 1.0)
    floor = model.voltage_floor_share
    by_voltage = np.maximum(share, floor) ** -model.clock_exponent
    return np.asarray(by_voltage * np.maximum(floor / share, 1.0))


def stretch(model: PowerModel, boards: Boards, asked_w: Floats) -> Floats:
    """Busy time at the limit over that at the design power: 1 or more.

    A limit above the design power saves no time here: no measured run shows what it would save.
    """
    limit_w = np.minimum(boards.limit_w, boards.tdp_w)
    at_limit = slowdown(model, _drawn_share(model, boards, asked_w, limit_w))
    at_design = slowdown(model, _drawn_share(model, boards, asked_w, boards.tdp_w))
    return np.asarray(at_limit / at_design)


def _drawn_share(model: PowerModel, boards: Boards, asked_w: Floats, limit_w: Floats) -> Floats:
    """Share of the power that falls with the clock: all but what a waiting board draws."""
    fixed_w = boards.factor * model.waiting_share * (boards.tdp_w - boards.idle_w)
    falling_w = asked_w - boards.idle_w - fixed_w
    lost_w = asked_w - limited_power_w(model, boards, asked_w, limit_w)
    return 1 - lost_w / np.maximum(falling_w, _LEAST_DYNAMIC_SHARE * boards.tdp_w)


def stretched_total_s(busy_s: Floats, total_s: Floats, factor: Floats) -> Floats:
    """Time of a step in s whose busy time grows by `factor`; where it waited, some is hidden."""
    busy = np.minimum(busy_s / np.maximum(total_s, _TINY), 1.0)
    return np.asarray(total_s * (1 + busy**SHARPNESS * (factor**SHARPNESS - 1)) ** (1 / SHARPNESS))


def checked_limit_w(accelerator: Accelerator, limit_w: float | None) -> float:
    """Return the board's power limit in W: the one set, or its design power.

    Raises:
        HardwareError: the design power is not known.
        PlanError: the limit is one that the board cannot be set to.
    """
    tdp_w = accelerator.tdp_w
    if tdp_w is None:
        raise HardwareError(
            f"{accelerator.id}: its power (TDP) is not published, so its energy cannot be "
            "estimated; give it in a --hardware-file"
        )
    if limit_w is None:
        return tdp_w
    lowest_w, highest_w = LOWEST_LIMIT * tdp_w, HIGHEST_LIMIT * tdp_w
    if not lowest_w <= limit_w <= highest_w:
        side = "above" if limit_w > highest_w else "below"
        raise PlanError(
            f"--power-limit-w {limit_w:g}: {side} what a board of {tdp_w:g} W ({accelerator.id}) "
            f"can be set to; give {lowest_w:g} to {highest_w:g} W, of one device"
        )
    return limit_w


def one_board(model: PowerModel, accelerator: Accelerator, limit_w: float | None) -> Boards:
    """One board as the estimate takes it; `limit_w` is None where none is set.

    Raises:
        HardwareError, PlanError: as `checked_limit_w`.
    """
    limit_w = checked_limit_w(accelerator, limit_w)
    tdp_w = checked_limit_w(accelerator, None)
    return Boards(
        tdp_w=np.asarray(tdp_w),
        idle_w=np.asarray(idle_power_w(model, tdp_w, accelerator.idle_w)),
        limit_w=np.asarray(limit_w),
        factor=np.asarray(model.devices.get(accelerator.id, 1.0)),
    )


def board_power(
    model: PowerModel, board: Boards, arithmetic_s: float, memory_s: float, total_s: float
) -> BoardPower:
    """Power of one board over one step, its times as modelled at the design power.

    `total_s` holds what the device waits for: launches, the host, its input, other devices.
    """
    busy_s, whole_s = np.array([arithmetic_s, memory_s]), np.asarray(total_s)
    asked_w = asked_power_w(model, board, time_shares(busy_s, whole_s))
    factor = stretch(model, board, asked_w)
    return BoardPower(
        asked_w=float(asked_w),
        full_w=float(limited_power_w(model, board, asked_w, board.tdp_w)),
        drawn_w=float(limited_power_w(model, board, asked_w, board.limit_w)),
        stretch=float(factor),
        total_s=float(stretched_total_s(busy_s.sum(), whole_s, factor)),
    )


def node_power_w(model: PowerModel, board_w: Floats, processor_w: Floats) -> Floats:
    """Power in W of a node, a device's part of it: board, processors, and what they pull along."""
    return np.asarray((1 + model.rest_share) * (board_w + processor_w))


def host_power_w(model: PowerModel, board_w: float) -> float:
    """Power in W of the node but its boards, for one device whose board draws `board_w`."""
    whole_w = node_power_w(model, np.asarray(board_w), np.asarray(model.processor_w))
    return float(whole_w) - board_w
