"""The metrics: what each is, where it is from, what it needs and where it is undefined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from auditor.scores.electricity import accuracy_per_kwh, sam_score
from auditor.scores.network import carburacy_train, netscore
from auditor.scores.pepr import PEPR_RESOURCES, pepr_score
from auditor.scores.records import Choices, Figures, Score, undefined

_GIVEN_BY = {
    "accuracy": "no accuracy is given",
    "energy_kwh": "no amount of training is given (samples or tokens)",
    "carbon_gco2e": "no carbon: it takes a region and an amount of training",
    "duration_s": "no amount of training is given (samples or tokens)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One metric; more of each is better.

    `needs` names fields of `Figures`; `undefined` says in words where it has no value though
    it has all of them.
    """

    id: str
    title: str
    formula: str
    source: str
    needs: tuple[str, ...]
    undefined: str
    score: Callable[[Figures, Choices], Score]


_PEPR = "Selvan et al., arXiv 2403.12562"


def _pepr(metric: str, title: str, needs: str) -> Metric:
    return Metric(
        id=metric,
        title=title,
        formula="P / (1 + R), R = (x - low) / (high - low) over the reference set",
        source=_PEPR,
        needs=("accuracy", needs),
        undefined="without a reference set or its range; where R is -1 or less",
        score=pepr_score(metric),
    )


METRICS: tuple[Metric, ...] = (
    Metric(
        id="sam",
        title="SAM",
        formula="beta * accuracy^alpha / log10(electricity in kWh)",
        source="Gowda et al., arXiv 2310.06522",
        needs=("accuracy", "energy_kwh"),
        undefined="at 1 kWh and below",
        score=sam_score,
    ),
    _pepr("pepr_e", "PePR-E", PEPR_RESOURCES["pepr_e"][0]),
    _pepr("pepr_c", "PePR-C", PEPR_RESOURCES["pepr_c"][0]),
    _pepr("pepr_t", "PePR-T", PEPR_RESOURCES["pepr_t"][0]),
    _pepr("pepr_m", "PePR-M", PEPR_RESOURCES["pepr_m"][0]),
    Metric(
        id="netscore",
        title="NetScore",
        formula="20 log10(a^2 / (p^0.5 m^0.5)), a in %, p in millions, m in billions of MACs",
        source="Wong, arXiv 1806.05512",
        needs=("accuracy", "parameter_count", "macs"),
        undefined="where the accuracy, the parameters or the MACs are 0",
        score=netscore,
    ),
    Metric(
        id="carburacy_train",
        title="Carburacy (training)",
        formula="exp(log10(accuracy)) / (1 + carbon in kg CO2e)",
        source="Moro et al., AAAI 2023, doi 10.1609/aaai.v37i12.26686",
        needs=("accuracy", "carbon_gco2e"),
        undefined="at an accuracy of 0",
        score=carburacy_train,
    ),
    Metric(
        id="accuracy_per_kwh",
        title="accuracy/kWh",
        formula="accuracy / electricity in kWh",
        source="a plain ratio",
        needs=("accuracy", "energy_kwh"),
        undefined="at 0 kWh",
        score=accuracy_per_kwh,
    ),
)


def scores(found: Figures, choices: Choices) -> tuple[Score, ...]:
    """Score one training by every metric, in the order of METRICS.

    A metric that lacks what it needs is there too, undefined and with the reason.
    """
    return tuple(_scored(metric, found, choices) for metric in METRICS)


def _scored(metric: Metric, found: Figures, choices: Choices) -> Score:
    for name in metric.needs:
        if getattr(found, name) is None:
            return undefined(metric.id, _GIVEN_BY[name])
    return metric.score(found, choices)
