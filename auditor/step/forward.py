"""A forward pass alone, by what was fitted on measured runs: its time, its power, how sure."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from auditor.costs import Family
from auditor.hardware import Accelerator
from auditor.precision import Precision, precision
from auditor.profile import Profile
from auditor.step.artefact import Artefact, features
from auditor.step.calibrated import confidence
from auditor.step.kernels import Floats, kernels_of
from auditor.step.power import board_power, host_power_w, one_board
from auditor.step.rates import rates
from auditor.step.terms import (
    LAUNCH,
    LAUNCH_S,
    TERMS,
    VECTOR,
    Passes,
    overlapped_s,
    step_terms,
)
from auditor.step.timed import Confidence

# A judgement, as for every other way of being outside the data: power was measured in training.
_POWER_OUTSIDE = 1.5
_ARITHMETIC = np.array([t.split("/")[0] in ("compute", "feed", "latency") for t in TERMS])
_MEMORY = np.array([t.split("/")[0] == "memory" or t == VECTOR for t in TERMS])


@dataclass(frozen=True, slots=True)
class Serving:
    """How inference runs: samples in one forward pass, and the name of its precision."""

    batch_size: int
    precision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardPass:
    """One forward pass of `batch_size` samples on one device, `hardware` its id.

    `total_s` is its time in s, `device_power_w` the mean power of the board in it and
    `host_power_w` that of the device's share of the rest of the node, in W.
    """

    hardware: str
    precision: str
    batch_size: int
    total_s: float
    device_power_w: float
    host_power_w: float
    confidence: Confidence


@dataclass(frozen=True, slots=True)
class _Times:
    """Modelled seconds of one forward pass, whole and in arithmetic and memory traffic."""

    total_s: float
    arithmetic_s: float
    memory_s: float
    place: Floats


def forward_pass(
    profile: Profile, accelerator: Accelerator, serving: Serving, artefact: Artefact
) -> ForwardPass:
    """Estimate one forward pass of the training graph, its loss left out.

    Normalization that the training graph restores is not folded, as in frameworks that run
    a network as it is written.  The device's time between passes is not in it.  A forward pass
    that was measured (`Artefact.measured`) does not correct it: it ran in another runtime.

    Raises:
        HardwareError: the device lacks a figure that the estimate needs.
        PlanError: there is no such precision.
    """
    mode, artefact = precision(serving.precision), replace(artefact, measured=None)
    found = _times(profile, accelerator, (serving.batch_size, mode), artefact)
    model, local = artefact.power, artefact.local_for(accelerator.id)
    board = one_board(model, accelerator, None)
    drawn = board_power(model, board, found.arithmetic_s, found.memory_s, found.total_s)
    # As in a training step: own runs correct the board, and the host where they measured it.
    factor = local.power_factor if local else 1.0
    beside = factor if local and local.power_scope != "gpu" else 1.0
    sure = confidence(artefact, accelerator, mode, found.place)
    return ForwardPass(
        hardware=accelerator.id,
        precision=mode.name,
        batch_size=serving.batch_size,
        total_s=drawn.total_s,
        device_power_w=min(drawn.drawn_w * factor, float(board.limit_w)),
        host_power_w=host_power_w(model, drawn.drawn_w) * beside,
        confidence=replace(
            sure,
            power_half_width=sure.power_half_width * _POWER_OUTSIDE,
            in_domain=False,
            reasons=(*sure.reasons, "power was measured in training, not in a forward pass alone"),
        ),
    )


def _times(
    profile: Profile, accelerator: Accelerator, run: tuple[int, Precision], artefact: Artefact
) -> _Times:
    """Time as `auditor.calibration.modelled.device_time` does, own runs on top."""
    batch_size, mode = run
    operations = tuple(o for o in profile.operations if o.family is not Family.LOSS)
    kernels = kernels_of(replace(profile, operations=operations))
    peaks = rates(accelerator, mode)
    sums = step_terms(kernels, batch_size, peaks, mode, Passes(backward=False)).sums()
    by_term = sums * artefact.factors(accelerator.id)
    launch_s = float(sums[TERMS.index(LAUNCH)])
    place = features(by_term, launch_s, True)
    local = artefact.local_for(accelerator.id)
    own = local.time.log_at(place) if local else 0.0
    factor = float(np.exp(artefact.residual.at(place) + own))
    host_s = launch_s / LAUNCH_S * artefact.host_s_per_launch
    return _Times(
        total_s=overlapped_s(float(by_term.sum()), host_s) * factor,
        arithmetic_s=float(by_term[_ARITHMETIC].sum()) * factor,
        memory_s=float(by_term[_MEMORY].sum()) * factor,
        place=place,
    )
