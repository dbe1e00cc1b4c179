"""Whether a larger training is paid back in use: by hand from the life cycles beneath."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from comparing import compared, saved

from auditor.compare import Comparison
from auditor.compare.document import document
from auditor.compare.payback import paybacks
from auditor.compare.records import Entry
from auditor.compare.text import render_text
from auditor.impacts.lifecycle import INFERENCE
from auditor.interval import Interval
from auditor.tables import read_schema
from auditor.workload import Lifecycle

LIFE = Lifecycle(life_years=2.0, inferences_per_day=1e6)


def exactly(kwh: float) -> Interval:
    return Interval(kwh, kwh, kwh, 0.9)


def used(entry: Entry, once_kwh: Interval, each_kwh: Interval) -> Entry:
    """An entry whose training and inference take just so much."""
    life = entry.audit.beyond.life_cycle
    assert life is not None
    phases = tuple(
        replace(p, energy_kwh=once_kwh) if p.name == "training" else p for p in life.phases
    )
    life = replace(life, phases=phases, per_inference_kwh=each_kwh)
    beyond = replace(entry.audit.beyond, life_cycle=life)
    return replace(entry, audit=replace(entry.audit, beyond=beyond))


@pytest.fixture
def two(tmp_path: Path) -> Comparison:
    return compared(saved(tmp_path, small=8, large=512), lifecycle=LIFE)


def told(found: Comparison, *costs: tuple[Interval, Interval]) -> Any:
    entries = [used(e, *cost) for e, cost in zip(found.entries, costs, strict=True)]
    (payback,) = paybacks(entries)
    return payback


def test_what_trains_longer_and_serves_cheaper_pays_back(two: Comparison) -> None:
    # 90 kWh more to train, 2 mWh less an inference: 45 million inferences.
    payback = told(two, (exactly(100.0), exactly(1e-6)), (exactly(10.0), exactly(3e-6)))
    assert (payback.more, payback.less) == ("small", "large")
    assert payback.after.inferences == pytest.approx(45e6)
    assert payback.after.earliest == payback.after.latest == pytest.approx(45e6)


def test_what_trains_longer_and_serves_dearer_never_does(two: Comparison) -> None:
    payback = told(two, (exactly(10.0), exactly(1e-6)), (exactly(100.0), exactly(3e-6)))
    assert (payback.more, payback.less) == ("large", "small")
    assert payback.after.inferences is None


def test_the_intervals_are_carried(two: Comparison) -> None:
    once = Interval(50.0, 100.0, 200.0, 0.9)
    payback = told(two, (once, exactly(1e-6)), (exactly(10.0), exactly(3e-6)))
    # 40, 90 and 190 kWh more over 2 mWh.
    assert payback.after.earliest == pytest.approx(20e6)
    assert payback.after.inferences == pytest.approx(45e6)
    assert payback.after.latest == pytest.approx(95e6)


def test_real_estimates_are_taken_from_the_life_cycle(two: Comparison) -> None:
    (payback,) = two.paybacks
    small, large = (e.audit.beyond.life_cycle for e in two.entries)
    assert small is not None and large is not None
    assert (payback.less, payback.more) == ("small", "large")
    once = [p.energy_kwh for p in large.phases if p.name == "training"]
    assert once == [two.entries[1].audit.estimate.energy.node_kwh]  # type: ignore[union-attr]
    assert INFERENCE in {p.name for p in large.phases}


def test_the_document_and_the_text_have_it(two: Comparison) -> None:
    made = document(two)
    jsonschema.validate(made, read_schema("comparison.schema.json"))
    assert [(p["less"], p["more"]) for p in made["paybacks"]] == [("small", "large")]
    assert "has saved it after" in render_text(two)


def test_without_a_life_cycle_there_is_none(tmp_path: Path) -> None:
    found = compared(saved(tmp_path, small=8, large=512))
    assert found.paybacks == ()
    assert "has saved it after" not in render_text(found)
    jsonschema.validate(document(found), read_schema("comparison.schema.json"))
