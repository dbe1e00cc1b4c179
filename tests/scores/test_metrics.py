"""The registry: every metric says what it needs, and says why where it has no value."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest
from test_pepr import FIGURES, own

from auditor.scores import METRICS, Choices, Figures, sam, scores

REFERENCE = Choices(reference=own(1.0, 5.0))


def test_metrics_are_told_apart_and_say_where_they_are_from() -> None:
    assert len({m.id for m in METRICS}) == len(METRICS) == 8
    known = {f.name for f in fields(Figures)}
    for metric in METRICS:
        assert metric.formula and metric.source and metric.undefined
        assert metric.needs and set(metric.needs) <= known


def test_scores_come_in_the_order_of_the_registry() -> None:
    assert [s.metric for s in scores(FIGURES, REFERENCE)] == [m.id for m in METRICS]


@pytest.mark.parametrize("metric", METRICS, ids=[m.id for m in METRICS])
def test_a_metric_without_what_it_needs_is_undefined_with_a_reason(metric: object) -> None:
    (index,) = [i for i, m in enumerate(METRICS) if m is metric]
    optional = ("accuracy", "energy_kwh", "carbon_gco2e", "duration_s")
    for name in (n for n in METRICS[index].needs if n in optional):
        found = scores(replace(FIGURES, **{name: None}), REFERENCE)[index]
        assert found.median is None and found.low is None and found.high is None
        assert found.undefined_because


def test_sam_among_the_metrics_is_sam() -> None:
    assert FIGURES.accuracy is not None and FIGURES.energy_kwh is not None
    alone = sam(FIGURES.accuracy, FIGURES.energy_kwh, FIGURES.scope, 3.0, 2.0)
    found = scores(FIGURES, Choices(sam_alpha=3.0, sam_beta=2.0))[0]
    assert (found.low, found.median, found.high) == (alone.low, alone.median, alone.high)
    assert found.settings == {"alpha": 3.0, "beta": 2.0, "unit": "kWh", "scope": "node"}


def test_low_and_high_enclose_the_median() -> None:
    choices = Choices(reference=own(1.0, 50.0))
    spread = [s for s in scores(FIGURES, choices) if s.low is not None and s.median is not None]
    assert {s.metric for s in spread} == {"sam", "pepr_e", "carburacy_train", "accuracy_per_kwh"}
    for score in spread:
        assert score.low is not None and score.high is not None and score.median is not None
        assert score.low < score.median < score.high
