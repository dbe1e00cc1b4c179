"""`--measure`: a forward pass on the device corrects the estimate, or says why it cannot."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor.calibration import brief
from auditor.cli import run
from auditor.errors import HardwareError, PlanError
from auditor.measure.brief import BriefRequest, BriefRun, brief_run
from auditor.measure.protocol import Schedule
from auditor.measure.session import Provider
from auditor.pipeline import Audit, Request, audit
from auditor.report.document import document
from auditor.tables import read_schema
from auditor.workload import Plan

EXAMPLE = Path(__file__).parent.parent / "examples" / "mobilenetv2.onnx"
SHORT = Schedule(
    idle_s=0.0, warm_up_s=0.0, longest_warm_up_s=0.1, window_s=0.25, trial_count=2, cool_down_s=0.0
)


def request(**changes: Any) -> Request:
    plan = Plan(hardware="v100-pcie-32gb", batch_size=2, samples=1000.0, precision="fp32")
    return replace(Request(path=EXAMPLE, plan=plan, measure=True), **changes)


@pytest.fixture
def on_v100(monkeypatch: pytest.MonkeyPatch) -> list[BriefRequest]:
    """A real run on the processor, told as if it were on a V100; what was asked for."""
    asked: list[BriefRequest] = []

    def run_here(wanted: BriefRequest) -> BriefRun:
        asked.append(wanted)
        here = replace(wanted, provider=Provider.CPU, schedule=SHORT, hardware=None)
        return replace(brief_run(here), hardware_id="v100-pcie-32gb")

    monkeypatch.setattr(brief, "brief_run", run_here)
    return asked


def test_the_step_takes_its_share_of_what_was_measured(on_v100: list[BriefRequest]) -> None:
    found = audit(request())
    plain = audit(request(measure=False))
    assert found.brief is not None
    ratio = found.brief.run.step_time_s.value / found.brief.modelled_s
    # The shipped calibration: a step shares all of it.
    assert found.step.total_s == pytest.approx(plain.step.total_s * ratio)
    assert found.estimate.method == "calibrated+measured"
    assert found.step.confidence.time_half_width < plain.step.confidence.time_half_width
    assert any("corrected by a forward pass" in text for text in found.assumptions)
    (asked,) = on_v100
    assert (asked.batch_size, asked.hardware) == (2, "v100-pcie-32gb")


def test_the_document_shows_both_times(on_v100: list[BriefRequest]) -> None:
    found: Audit = audit(request())
    made = document(found)
    jsonschema.validate(made, read_schema("audit.schema.json"))
    assert found.brief is not None
    measured = made["measured_forward"]
    assert measured["measured_s"]["value"] == found.brief.run.step_time_s.value
    assert measured["modelled_s"] == found.brief.modelled_s
    assert measured["batch_size"] == 2
    assert document(audit(request(measure=False)))["measured_forward"] is None


def test_the_text_shows_both_times(
    on_v100: list[BriefRequest], capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--hardware", "v100-pcie-32gb", "--measure"]
    assert run([str(EXAMPLE), *where, "--batch-size", "2", "--precision", "fp32"]) == 0
    (line,) = [x for x in capsys.readouterr().out.splitlines() if x.startswith("forward measured")]
    assert "modelled" in line
    assert "(batch 2, fp32, onnxruntime)" in line


def test_a_run_on_another_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def elsewhere(wanted: BriefRequest) -> BriefRun:
        return brief_run(replace(wanted, provider=Provider.CPU, schedule=SHORT, hardware=None))

    monkeypatch.setattr(brief, "brief_run", elsewhere)
    with pytest.raises(HardwareError, match="no accelerator, the audit is of v100-pcie-32gb"):
        audit(request())


def test_a_machine_without_the_device_is_an_error_of_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run([str(EXAMPLE), "--hardware", "v100-pcie-32gb", "--measure"]) == 2
    out = capsys.readouterr()
    assert out.out == ""
    assert len(out.err.splitlines()) == 1
    assert json.dumps(out.err).startswith('"error: ')


def test_without_a_calibration_there_is_nothing_to_correct(on_v100: list[BriefRequest]) -> None:
    with pytest.raises(PlanError, match="leave --calibration none away"):
        audit(request(calibration=Path("none")))
    assert on_v100 == []


@pytest.mark.parametrize("precision", ["int8", "fp64"])
def test_a_network_of_whole_numbers_is_refused(
    monkeypatch: pytest.MonkeyPatch, precision: str
) -> None:
    def whole(wanted: BriefRequest) -> BriefRun:
        here = replace(wanted, provider=Provider.CPU, schedule=SHORT, hardware=None)
        return replace(brief_run(here), hardware_id="v100-pcie-32gb", precision=precision)

    monkeypatch.setattr(brief, "brief_run", whole)
    with pytest.raises(PlanError, match=f"ran it in {precision}"):
        audit(request())
