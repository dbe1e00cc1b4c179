"""The fit of power: rows made of a known model give it back; errors are of what was left out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from auditor.calibration.fit import half_width
from auditor.calibration.power import (
    PowerFit,
    PowerRows,
    fit_figures,
    fit_power,
    held_out,
    log_power,
    power_errors,
    rows_of,
)
from auditor.calibration.record import Run
from auditor.hardware import resolve
from auditor.step.power import PowerModel

TRUE = PowerFit(
    model=PowerModel(
        arithmetic_share=1.3,
        memory_share=0.8,
        waiting_share=0.12,
        idle_share_of_tdp=0.08,
        limit_sharpness=3.5,
        clock_exponent=0.3,
        voltage_floor_share=0.45,
        processor_w=90.0,
        rest_share=0.12,
    ),
    processors={},
)
# Share of the step in arithmetic and in memory traffic.
MIXES = [(0.05, 0.05), (0.2, 0.1), (0.1, 0.4), (0.3, 0.3), (0.8, 0.1), (0.1, 0.85), (0.5, 0.5)]
SCOPES = {"boards": "gpu", "desks": "gpu+cpu", "halls": "node"}
DEVICES = ("v100-pcie-32gb", "rtx3090")


def a_run(source: str, hardware: str, mix: int, limit_w: float | None) -> Run:
    return Run(
        run_id=f"{source} {hardware} {mix} {limit_w}",
        graph=f"net{mix}",
        batch_size=32,
        precision="fp32",
        hardware=hardware,
        step_time_s=1.0,
        source=source,
        power_limit_w=limit_w,
        mean_power_w=100.0,
        power_scope=SCOPES[source],
    )


def made(truth: PowerFit = TRUE, noise: float = 0.0) -> PowerRows:
    """Rows as `truth` has them, with a repeatable disturbance."""
    runs = [
        a_run(source, hardware, mix, share and share * (resolve(hardware).accelerator.tdp_w or 0))
        for source in SCOPES
        for hardware in DEVICES
        for mix in range(len(MIXES))
        for share in (None, 0.85, 0.7, 0.55, 0.4)
    ]
    busy_s = np.array([MIXES[int(run.graph[3:])] for run in runs])
    rows = rows_of(runs, busy_s, np.ones(len(runs)))
    power, slowed = log_power(truth, rows, rows.modelled_s)
    disturbed = noise * np.sin(7.0 * np.arange(len(runs)))
    measured = [
        replace(run, mean_power_w=math.exp(p + d), step_time_s=math.exp(s))
        for run, p, s, d in zip(runs, power, slowed, disturbed, strict=True)
    ]
    return rows_of(measured, busy_s, np.ones(len(runs)))


ROWS = made(noise=0.02)


# --- rows --------------------------------------------------------------------------------


def test_a_row_is_of_one_device_and_knows_the_time_at_the_highest_limit() -> None:
    full = replace(a_run("boards", "v100-pcie-32gb", 0, None), mean_power_w=800.0, device_count=4)
    low = replace(full, power_limit_w=125.0, step_time_s=1.5, mean_power_w=400.0)
    other = replace(low, batch_size=64, step_time_s=9.0)
    rows = rows_of([low, full, other], np.full((3, 2), 0.25), np.array([1.1, 1.1, 2.0]))
    assert rows.power_w.tolist() == [100.0, 200.0, 100.0]
    assert rows.limit_w.tolist() == [125.0, 250.0, 125.0]
    assert rows.tdp_w.tolist() == [250.0] * 3
    assert rows.measured_s.tolist() == [1.0, 1.0, 9.0]
    assert rows.slowed[0] == 1.5
    assert np.isnan(rows.slowed[1:]).all()  # nothing of theirs at a higher limit


def test_rows_are_chosen_together() -> None:
    kept = ROWS.where(run.source == "halls" for run in ROWS.runs)
    assert {run.source for run in kept.runs} == {"halls"}
    assert len(kept.power_w) == len(kept.busy_s) == len(kept.slowed) == len(kept.runs) == 70


def test_power_by_scope() -> None:
    power = np.exp(log_power(TRUE, ROWS, ROWS.modelled_s)[0])
    scope = np.array([run.power_scope for run in ROWS.runs])
    boards, desks, halls = (power[scope == s] for s in ("gpu", "gpu+cpu", "node"))
    assert desks == pytest.approx(boards + 90)
    assert halls == pytest.approx((boards + 90) * 1.12)
    own = replace(TRUE, processors={"desks": 2.0})
    assert np.exp(log_power(own, ROWS, ROWS.modelled_s)[0])[scope == "gpu+cpu"] == pytest.approx(
        boards + 180
    )


# --- the fit -----------------------------------------------------------------------------


def test_known_figures_are_found_again() -> None:
    rows = made()
    found = fit_figures(rows)
    power, slowed = log_power(found, rows, rows.measured_s)
    assert np.abs(power - np.log(rows.power_w)).max() < 0.02
    limited = ~np.isnan(rows.slowed)
    assert np.abs(slowed[limited] - np.log(rows.slowed[limited])).max() < 0.03
    for name in ("arithmetic_share", "memory_share", "limit_sharpness", "clock_exponent"):
        assert getattr(found.model, name) == pytest.approx(getattr(TRUE.model, name), rel=0.1), name
    for name in ("processor_w", "rest_share", "voltage_floor_share"):
        assert getattr(found.model, name) == pytest.approx(getattr(TRUE.model, name), rel=0.2), name
    assert all(f == pytest.approx(1, abs=0.1) for f in found.model.devices.values())


def test_what_is_a_devices_or_a_sources_own_is_found_as_such() -> None:
    truth = replace(
        TRUE,
        model=replace(TRUE.model, devices={"rtx3090": 1.5}),
        processors={"desks": 2.0},
    )
    found = fit_figures(made(truth))
    assert found.model.devices["rtx3090"] / found.model.devices["v100-pcie-32gb"] == pytest.approx(
        1.5, rel=0.05
    )
    assert found.processors["desks"] / found.processors["halls"] == pytest.approx(2, rel=0.15)
    assert "boards" not in found.processors


def test_the_same_rows_give_the_same_numbers() -> None:
    one, other = fit_figures(ROWS), fit_figures(ROWS)
    assert one.model.as_dict() == other.model.as_dict()
    assert dict(one.processors) == dict(other.processors)


def test_one_wild_run_changes_little() -> None:
    wild = replace(ROWS, power_w=ROWS.power_w * np.where(np.arange(len(ROWS.runs)) == 3, 4, 1))
    before, after = (
        log_power(fit_figures(rows), ROWS, ROWS.measured_s)[0] for rows in (ROWS, wild)
    )
    assert np.abs(before - after).max() < 0.03


# --- what was left out -------------------------------------------------------------------


@pytest.mark.parametrize("knows_time", [True, False])
def test_errors_of_a_source_are_those_of_a_fit_without_it(knows_time: bool) -> None:
    rows = replace(ROWS, modelled_s=2 * ROWS.measured_s)
    errors = held_out(rows, lambda run: run.source or "", knows_time=knows_time)
    outside = np.array([run.source == "desks" for run in rows.runs])
    fit, tested = fit_figures(rows.where(~outside)), rows.where(outside)
    total_s = tested.measured_s if knows_time else tested.modelled_s
    by_hand = log_power(fit, tested, total_s)[0] - np.log(tested.power_w)
    assert errors[outside] == pytest.approx(by_hand, abs=1e-12)


def test_the_half_width_holds_the_errors_of_sources_never_seen() -> None:
    fit = fit_power(ROWS)
    errors = held_out(ROWS, lambda run: run.source or "")
    assert fit.half_width == half_width(errors, [(r.source, r.hardware) for r in ROWS.runs])
    assert np.mean(np.abs(errors) <= fit.half_width) >= 0.9
    assert fit.model.as_dict() == fit_figures(ROWS).model.as_dict()


def test_errors_by_setup_name_what_was_left_out() -> None:
    found = power_errors(ROWS)
    assert [e.left_out for e in found] == ["nothing"] * 6 + ["source"] * 6 + ["device"] * 6
    assert {(e.source, e.hardware, e.scope) for e in found} == {
        (source, hardware, scope) for source, scope in SCOPES.items() for hardware in DEVICES
    }
    assert all(e.rows == 35 and e.median <= e.percentile_90 for e in found)
    assert all(abs(e.bias) <= e.percentile_90 for e in found)
    assert max(e.median for e in found if e.left_out == "nothing") < 0.02
