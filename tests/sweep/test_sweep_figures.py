"""Columns against the audit's schema, totals and fronts by hand, progress by another clock."""

from __future__ import annotations

import io
import itertools
import json
from typing import Any

import pytest
from builders import DATA
from hypothesis import given
from hypothesis import strategies as st

from auditor.pipeline import Request, audit
from auditor.report.document import document
from auditor.sweep.columns import COLUMNS, failed_row, row_of
from auditor.sweep.progress import Progress
from auditor.sweep.records import Row
from auditor.sweep.summary import Point, summarised, summary_text
from auditor.workload import Plan

RESNET = DATA.parents[1] / "examples" / "resnet50.onnx"
# What the JSON has and a table has not, and why.
NOT_COLUMNS = {
    "schema_version": "of the JSON",
    "tool": "one for the whole table",
    "model_path": "is the source",
    "profile_flops_convention": "a sentence",
    "hardware_requested": "a column of the row itself",
}


def made(**plan: Any) -> dict[str, Any]:
    asked = Plan(hardware="a100-sxm4-80gb", samples=1e6, region="FRA", accuracy=0.76, **plan)
    found: dict[str, Any] = json.loads(
        json.dumps(document(audit(Request(path=RESNET, plan=asked))))
    )
    return found


def test_a_row_has_every_column_and_no_other() -> None:
    assert list(row_of(made())) == [name for name, _ in COLUMNS]
    assert list(failed_row("ModelLoadError", "why")) == [name for name, _ in COLUMNS]
    assert len({name for name, _ in COLUMNS}) == len(COLUMNS)


def leaves(found: Any, path: str = "") -> dict[str, Any]:
    """Numbers, words and truths of a document by their path; lists are no leaves."""
    if isinstance(found, dict):
        inner = [leaves(v, f"{path}_{k}" if path else k) for k, v in found.items()]
        return dict(itertools.chain.from_iterable(i.items() for i in inner))
    return {} if isinstance(found, list) else {path: found}


def test_figures_are_those_of_the_document() -> None:
    found = made()
    row, said = row_of(found), leaves(found)
    shared = set(row) & set(said) - set(NOT_COLUMNS)
    assert len(shared) > 80
    assert {n: row[n] for n in shared} == {n: said[n] for n in shared}
    assert row["estimate_gpu_kwh_low"] == found["estimate"]["by_scope"]["gpu"]["low"]
    assert row["estimate_level"] == 0.9


@pytest.mark.parametrize("section", ["workload", "step", "estimate", "profile", "model"])
def test_no_figure_of_these_sections_is_left_out(section: str) -> None:
    """Of one audit: each number of the section is in the row, by its own or a shorter name."""
    found = made()
    row = row_of(found)
    numbers = {p: v for p, v in leaves(found[section], section).items() if type(v) in (int, float)}
    values = {v for v in row.values() if v is not None}
    missing = [
        p
        for p, v in numbers.items()
        if v not in values and p not in NOT_COLUMNS and "per_million" not in p
    ]
    assert missing == []


def test_what_is_beyond_64_bits_is_no_whole_number() -> None:
    found = made()
    found["model"]["parameter_count"] = 2**70
    found["profile"]["forward"]["flops"] = 10**400
    row = row_of(found)
    assert row["model_parameter_count"] is None
    assert row["profile_forward_flops"] is None
    found["profile"]["forward"]["flops"] = 2**70
    assert row_of(found)["profile_forward_flops"] == 2.0**70


def row(source: str, kwh: float, hours: float, **more: Any) -> Row:
    return {
        **failed_row("", ""),
        "source": source,
        "plan": "p",
        "hardware_requested": "a100",
        "hardware_id": "a100",
        "status": "ok",
        "estimate_energy_kwh_median": kwh,
        "estimate_duration_s_median": hours * 3600,
        **more,
    }


def test_totals_by_hand() -> None:
    bad = failed_row("ShapeError", "why") | {"hardware_requested": "a100", "plan": "p"}
    given = [
        row(
            "s3://x",
            1.5,
            2.0,
            read_bytes=10,
            model_file_bytes=1000,
            impacts_operational_gco2e_median=5.0,
        ),
        row("s3://x", 2.5, 3.0, plan="q", read_bytes=10, model_file_bytes=1000),
        row("y", 4.0, 1.0, impacts_operational_gco2e_median=7.0),
        bad,
    ]
    found = summarised(given)
    assert (found.rows, found.failed, found.errors) == (4, 1, {"ShapeError": 1})
    # One model, though it has two rows.
    assert (found.remote_models, found.read_bytes, found.stored_bytes) == (1, 10, 1000)
    p, q = found.by_cell["a100", "p"], found.by_cell["a100", "q"]
    assert (p.energy_kwh, p.duration_h, p.operational_gco2e) == (5.5, 3.0, 12.0)
    assert q.operational_gco2e is None
    text = summary_text(found)
    assert "a100, plan p: 2 trainings, 5.5 kWh, 3 h, 0.012 kg CO2e" in text
    assert "a100, plan q: 1 trainings, 2.5 kWh, 3 h, carbon not assessed" in text
    assert "10 bytes read of 1,000 stored (1.00%)" in text


def test_a_front_by_hand() -> None:
    given = [row("a", 1, 5), row("b", 2, 4), row("c", 3, 4), row("d", 2, 6), row("e", 9, 1)]
    # c takes as long as b and more energy, d is worse than a in both.
    assert [p.source for p in summarised(given).front] == ["a", "b", "e"]


def test_accuracy_keeps_the_costly_on_the_front() -> None:
    given = [row("a", 1, 1, scores_sam_accuracy=0.7), row("b", 2, 2, scores_sam_accuracy=0.8)]
    assert [p.source for p in summarised(given).front] == ["a", "b"]


points = st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1, max_size=20)


@given(points)
def test_the_front_is_what_nothing_beats(given: list[tuple[int, int]]) -> None:
    front = {p.source for p in summarised(row(str(i), *p) for i, p in enumerate(given)).front}
    every = [
        Point(source=str(i), plan="p", hardware="a", energy_kwh=e, duration_h=h, accuracy=None)
        for i, (e, h) in enumerate(given)
    ]
    assert front == {p.source for p in every if not any(p.is_beaten_by(o) for o in every)}


def test_without_an_amount_there_is_no_front() -> None:
    text = summary_text(summarised([row("a", 1, 1, estimate_energy_kwh_median=None)]))
    assert "no Pareto front: no row has an amount of training" in text


def test_rate_and_time_left_by_a_clock_of_ones_own() -> None:
    times = iter([0.0, 10.0, 40.0, 40.0, 40.0])
    out = io.StringIO()
    progress = Progress(1000, 100, out, clock=lambda: next(times))
    progress.add(50)  # at 10 s: too early for a line in a log
    assert out.getvalue() == ""
    progress.add(150)  # at 40 s: 200 in 40 s, so 5 a second, and 700 are left
    assert out.getvalue().rstrip() == "300 of 1000 models, 5.0 a second, 2 min 20 s left"


def test_a_name_in_the_summary_drives_no_terminal() -> None:
    text = summary_text(summarised([row("\x1b]0;owned\x07\n::error::x", 1, 1)]))
    assert "\x1b" not in text and "\x07" not in text
    assert not any(line.startswith("::") for line in text.splitlines())
