"""Time of a step by what was fitted on measured runs: the additive roofline and its residual."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from auditor.errors import CalibrationError
from auditor.hardware import Accelerator
from auditor.precision import Precision
from auditor.profile import Profile
from auditor.step.artefact import Artefact, features
from auditor.step.kernels import BACKWARD, FORWARD, Floats, kernels_of
from auditor.step.rates import rates
from auditor.step.terms import (
    LAUNCH,
    LAUNCH_S,
    TENSORS,
    TERMS,
    UPDATE,
    VECTOR,
    Passes,
    StepTerms,
    overlapped_s,
    step_terms,
)
from auditor.step.timed import Confidence, OperationTime, Seconds, Timed

# For each way of being outside the data: a judgement, since no run tells.
_OUTSIDE = 1.5
# No network's time is off by e^20; beyond it the estimate could not be reckoned.
_LARGEST_LOG = 20.0


@dataclass(frozen=True, slots=True)
class _Parts:
    """Arithmetic, memory and launches of every operation in s, shape (rows, 2)."""

    arithmetic_s: Floats
    memory_s: Floats
    launch_s: Floats

    def of(self, turn: int) -> Seconds:
        """All rows of one pass."""
        a, m, o = (
            float(p[:, turn].sum()) for p in (self.arithmetic_s, self.memory_s, self.launch_s)
        )
        return _seconds(a, m, o)


def _seconds(arithmetic_s: float, memory_s: float, overhead_s: float) -> Seconds:
    return Seconds(
        total_s=arithmetic_s + memory_s + overhead_s,
        compute_bound_s=arithmetic_s,
        memory_bound_s=memory_s,
        overhead_s=overhead_s,
    )


def calibrated_times(
    profile: Profile,
    accelerator: Accelerator,
    mode: Precision,
    artefact: Artefact,
    accumulation: int = 1,
) -> Timed:
    """Time one optimizer step of `accumulation` passes by the fitted coefficients.

    Raises:
        HardwareError: the device lacks a figure that the estimate needs.
    """
    peaks = rates(accelerator, mode)
    work = profile.optimizer_update
    passes = Passes(update_bytes=work.read_bytes + work.written_bytes)
    terms = step_terms(kernels_of(profile), profile.batch_size, peaks, mode, passes)
    factors = artefact.factors(accelerator.id)
    by_term = terms.sums() * factors
    place = features(by_term, float(terms.launch_s.sum()), False)
    parts = _parts(terms, factors)
    update = _update(terms, factors, accumulation)
    busy_s = accumulation * (parts.of(FORWARD) + parts.of(BACKWARD)).total_s + update.total_s
    host_s = accumulation * float(terms.launch_s.sum()) / LAUNCH_S * artefact.host_s_per_launch
    together_s = overlapped_s(busy_s, host_s)
    local = artefact.local_for(accelerator.id)
    own = local.time.log_at(place) if local else 0.0
    own += _log_measured(artefact, accelerator)
    factor = _corrected(artefact.residual.at(place) + own)
    # What the device waits for the host is spread over the launches.
    launches = max(float(terms.launch_s.sum()), 1e-12)
    waits = (together_s - busy_s) / accumulation * terms.launch_s / launches
    parts = _Parts(
        parts.arithmetic_s * factor, parts.memory_s * factor, (parts.launch_s + waits) * factor
    )
    return Timed(
        operations=_operations(profile, parts),
        forward=parts.of(FORWARD).times(accumulation),
        backward=parts.of(BACKWARD).times(accumulation),
        update=update.times(factor),
        confidence=confidence(artefact, accelerator, mode, place),
    )


def _corrected(log: float) -> float:
    """The factor of the modelled time, from its logarithm.

    Raises:
        CalibrationError: no network is off by so much; the calibration is.
    """
    if not abs(log) <= _LARGEST_LOG:
        raise CalibrationError(
            f"the calibration moves this network's time by e^{log:.3g}: it is damaged; fit it again"
        )
    return math.exp(log)


def _log_measured(artefact: Artefact, accelerator: Accelerator) -> float:
    """What a measured forward pass of the network adds to ln(time) of its step."""
    measured = artefact.measured_for(accelerator.id)
    if measured is None or artefact.forward is None:
        return 0.0
    return artefact.forward.share * measured.log_ratio


def _update(terms: StepTerms, factors: Floats, accumulation: int) -> Seconds:
    """The optimizer's own traffic and launches, and the copies that every pass makes."""
    return _seconds(
        0.0,
        (terms.update_s + accumulation * terms.copies_s) * factors[TERMS.index(UPDATE)],
        terms.tensors_s * factors[TERMS.index(TENSORS)],
    )


def _parts(terms: StepTerms, factors: Floats) -> _Parts:
    return _Parts(
        arithmetic_s=(
            terms.compute_s * factors[terms.compute_term]
            + terms.feed_s * factors[terms.feed_term]
            + terms.latency_s * factors[terms.latency_term]
        ),
        memory_s=(
            terms.memory_s * factors[terms.memory_term]
            + terms.vector_s * factors[TERMS.index(VECTOR)]
        ),
        launch_s=terms.launch_s * factors[TERMS.index(LAUNCH)],
    )


def _operations(profile: Profile, parts: _Parts) -> tuple[OperationTime, ...]:
    columns = np.stack([parts.arithmetic_s, parts.memory_s, parts.launch_s], axis=2).tolist()
    return tuple(
        OperationTime(
            name=operation.name,
            op_type=operation.op_type,
            family=operation.family,
            forward=_seconds(*forward),
            backward=_seconds(*backward),
        )
        for operation, (forward, backward) in zip(profile.operations, columns, strict=True)
    )


def confidence(
    artefact: Artefact, accelerator: Accelerator, mode: Precision, place: Floats
) -> Confidence:
    """Say how wide the interval is, by what of the step was in the data.

    A set-up without own runs is one that was never seen.
    """
    local = artefact.local_for(accelerator.id)
    reasons = []
    widths = artefact.half_widths
    is_measured = artefact.measured_for(accelerator.id) is not None
    width = local.time.half_width_at(place) if local else widths["source"]
    is_known = local is not None or accelerator.id in artefact.hardware
    if not is_known:
        reasons.append(f"{accelerator.id} was not measured")
        width = max(width, widths["device"])
    if is_measured and artefact.forward is not None:
        width = artefact.forward.half_width
    if mode.name not in artefact.precisions + (local.precisions if local else ()):
        reasons.append(f"precision {mode.name} was not measured")
    distance = artefact.residual.distance(place)
    if local is not None:
        distance = min(distance, local.time.distance(place))
    if distance > artefact.farthest:
        reasons.append("its mix of operators is unlike that of every network measured")
    outside = len(reasons) - (not is_known)
    return Confidence(
        method="calibrated" + "+local" * (local is not None) + "+measured" * is_measured,
        time_half_width=width * _OUTSIDE**outside,
        power_half_width=local.power_half_width if local else artefact.power_half_width,
        level=artefact.level,
        in_domain=not reasons,
        reasons=tuple(reasons),
    )
