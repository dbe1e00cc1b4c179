"""From a model and its plan to what is judged: the only way from the pipeline to a check."""

from __future__ import annotations

import re
from collections.abc import Iterator

from auditor.budget.assessment import Assessment, Inputs
from auditor.budget.candidate import Candidate
from auditor.budget.quantities import OTHERWISE
from auditor.budget.records import Value
from auditor.compare.figures import figures_of
from auditor.errors import PlanError
from auditor.impacts import NotAssessed
from auditor.impacts.records import NO_AMOUNT
from auditor.interval import Interval
from auditor.pipeline import Audit, Request, audit
from auditor.units import S_PER_H

_TWO_PRICES = NotAssessed(
    "the plan has a price of electricity and one of devices, which mostly holds the first; limit "
    "energy_cost or device_cost"
)
# What an audit calls an option, the configuration calls a key of the plan.
_OPTIONS = re.compile(r"(.*) \((--[^()]*)\)")


def assess(candidate: Candidate) -> Assessment:
    """Audit one model for a check.

    Raises:
        AuditError: as `auditor.pipeline.audit` does; or the model is code and no file.
    """
    return assessment_of(audit(request_of(candidate)), candidate.plan.accuracy)


def request_of(candidate: Candidate) -> Request:
    """Return what to audit.

    Raises:
        PlanError: the model is code and no file.
    """
    if str(candidate.path).startswith("torch:"):
        raise PlanError(
            f"{candidate.path}: a check reads files; export the network to ONNX and name the file"
        )
    return Request(
        path=candidate.path,
        plan=candidate.plan,
        hardware_file=candidate.hardware_file,
        calibration=candidate.calibration,
    )


def assessment_of(found: Audit, accuracy: float | None) -> Assessment:
    """Take from an audit what a check judges."""
    values, missing = list[tuple[str, Value]](), list[tuple[str, str]]()
    for name, figure in _figures(found):
        if isinstance(figure, NotAssessed):
            missing.append((name, _because(figure)))
        else:
            values.append((name, figure))
    region = found.impacts.place.region
    return Assessment(
        hardware=found.hardware.accelerator.id,
        region=region.id if region is not None else None,
        method=found.estimate.method,
        scope=found.estimate.scope.value,
        in_domain=found.estimate.in_domain,
        fits=found.fit.fits,
        structure_sha256=found.model.structure_sha256,
        currency=found.impacts.prices.currency,
        values=tuple(values),
        missing=tuple(missing),
        inputs=_inputs(found, accuracy),
        warnings=found.warnings,
    )


def _because(figure: NotAssessed) -> str:
    """Say why there is no figure, and what to change: a key where an option could give it."""
    if figure is _TWO_PRICES:
        return figure.reason
    by_option = _OPTIONS.fullmatch(figure.reason)
    if by_option is None:
        return f"{figure.reason}; {OTHERWISE}"
    keys = by_option[2].replace("--", "").replace("-", "_")
    return f"{by_option[1]}; add {keys} to its plan"


def _figures(found: Audit) -> Iterator[tuple[str, Value | NotAssessed]]:
    """Every quantity that is no score, in the unit of its id."""
    beyond, result = found.impacts, found.estimate
    energy = result.energy.of(result.scope) if result.energy is not None else None
    hours = beyond.duration_s
    intervals: dict[str, Interval | NotAssessed] = {
        "energy_kwh": energy or NO_AMOUNT,
        "operational_gco2e": beyond.operational_gco2e,
        "embodied_gco2e": beyond.embodied.device_gco2e,
        "duration_h": hours if isinstance(hours, NotAssessed) else hours.scaled(1 / S_PER_H),
        "cost": _cost(found),
        "energy_cost": beyond.energy_cost,
        "device_cost": beyond.device_cost,
        "water_site_l": beyond.water_site_l,
    }
    yield from ((name, _value(figure)) for name, figure in intervals.items())
    yield "memory_bytes", Value(median=float(found.profile.memory.total_bytes))
    flops = beyond.flops
    yield "training_flops", flops if isinstance(flops, NotAssessed) else Value(median=float(flops))


def _cost(found: Audit) -> Interval | NotAssessed:
    """Return the one cost that has a price."""
    prices, beyond = found.impacts.prices, found.impacts
    if prices.per_kwh is not None and prices.per_device_hour is not None:
        return _TWO_PRICES
    if prices.per_device_hour is not None:
        return beyond.device_cost
    if prices.per_kwh is not None:
        return beyond.energy_cost
    return NotAssessed("no price given (--price-per-kwh or --price-per-device-hour)")


def _value(figure: Interval | NotAssessed) -> Value | NotAssessed:
    return figure if isinstance(figure, NotAssessed) else _ends(figure)


def _inputs(found: Audit, accuracy: float | None) -> Inputs:
    figures = figures_of(found, accuracy)
    return Inputs(
        accuracy=accuracy,
        energy_kwh=_known(figures.energy_kwh),
        carbon_gco2e=_known(figures.carbon_gco2e),
        duration_s=_known(figures.duration_s),
        epoch_time_s=_known(figures.epoch_time_s),
        memory_bytes=figures.memory_bytes,
        parameter_count=figures.parameter_count,
        macs=figures.macs,
    )


def _known(figure: Interval | None) -> Value | None:
    return None if figure is None else _ends(figure)


def _ends(figure: Interval) -> Value:
    return Value(median=figure.median, low=figure.low, high=figure.high, level=figure.level)
