"""The verdict as text and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from checking import SHARED, checked, configured, saved
from verdicts import (
    PAYLOADS,
    broken,
    change,
    compared,
    everything,
    exceeded,
    model,
    not_assessed,
    verdict,
    warned,
    within,
)

from auditor.budget.document import document, render_json
from auditor.budget.records import Bound, Cause, End, Limit, Verdict
from auditor.budget.text import render_text

SCHEMA = json.loads(
    (Path(__file__).resolve().parents[2] / "schemas" / "verdict.schema.json").read_text("utf-8")
)
VALID = jsonschema.Draft202012Validator(SCHEMA)


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


REAL = (
    SHARED
    + """
presets = ["eu-gpai"]
[limits]
energy_kwh = 1e-3
operational_gco2e = { max = 1e-3, level = "warn" }
memory_bytes = 1e5
cost = 3
sam = 1e9
netscore = 1e9
[models.a]
path = "a.onnx"
[models.b]
path = "b.onnx"
base_training_flops = 3
[models.gone]
path = "gone.onnx"
"""
)


def test_real_output_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    saved(tmp_path, a=8, b=512)
    path = configured(tmp_path, REAL)
    fewer = REAL.partition("[models.gone]")[0]
    lock = checked(configured(tmp_path, fewer)).lock
    configured(tmp_path, REAL.replace("epochs = 10", "epochs = 11"))
    found = checked(path, lock=lock, tolerance=0.05).verdict
    parsed = json.loads(render_json(found))
    VALID.validate(parsed)
    assert parsed["exit_code"] == found.exit_code == 2
    assert parsed["models"][0]["changes"]["energy_kwh"]["causes"] == ["plan"]
    assert parsed["models"][0]["judgements"][0]["remedies"]
    assert parsed["models"][2]["found"] is None


EVERY = [
    verdict(model(within())),
    verdict(model(exceeded(), warned(), not_assessed()), broken()),
    compared(model(exceeded(), changes=(("energy_kwh", change()),)), missing=("gone",)),
]


@pytest.mark.parametrize("found", EVERY)
def test_any_verdict_is_valid(found: Verdict) -> None:
    VALID.validate(json.loads(render_json(found)))
    assert json.loads(render_json(found)) == document(found)


def test_a_new_figure_has_no_before() -> None:
    new = change(before=0.0, ratio=None, causes=(Cause.NEW,), exceeds=None)
    made = document(compared(model(within(), changes=(("energy_kwh", new),))))
    assert made["models"][0]["changes"]["energy_kwh"] == {
        "before": None, "after": 15.0, "ratio": None, "causes": ["new"], "exceeds": None,
    }  # fmt: skip


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS)
def test_no_name_drives_a_terminal(payload: str) -> None:
    for text in (render_text(everything(payload)), render_json(everything(payload))):
        assert all(c.isprintable() or c == "\n" for c in text)


def lines(found: Verdict) -> list[str]:
    return render_text(found).splitlines()


def test_a_model_within() -> None:
    assert lines(verdict(model(within()))) == [
        "resnet50  (examples/resnet50.onnx: A100 SXM4 80GB, FRA, node, calibrated)",
        "  within        energy_kwh is 15.00 kWh (90% interval 10.00 kWh to 20.00 kWh), within the "
        "limit (at",
        "                most 30 kWh, by [limits] of auditor.toml)",
        "",
        "1 model: within",
    ]


def test_the_remedies_stand_below_what_is_exceeded() -> None:
    found = lines(verdict(model(exceeded())))
    assert found[1].startswith("  EXCEEDED      energy_kwh is 15.00 kWh")
    assert "                - epochs 72 (is 90): 12.00 kWh" in found
    assert found[-1] == "1 model: exceeded"
    nothing = lines(verdict(model(exceeded(remedies=(), no_remedy="nothing that was tried helps"))))
    assert "                - nothing that was tried helps" in nothing


def test_a_score_says_that_its_accuracy_is_taken_as_planned() -> None:
    floor = Limit(
        quantity="sam",
        bound=Bound.MIN,
        amount=20.0,
        error_on=End.MEDIAN,
        warn_on=End.LOW,
        origin="here",
    )
    said = "                  (if its accuracy stays as the plan has it)"
    assert said in lines(verdict(model(exceeded(limit=floor))))
    assert said not in lines(verdict(model(exceeded())))


def test_what_changed_and_what_is_new() -> None:
    same = change(after=12.0, ratio=1.0, causes=(), exceeds=False)
    shown = lines(
        compared(
            model(within(), changes=(("energy_kwh", change()), ("duration_h", same))),
            missing=("old",),
        )
    )
    assert any(line.startswith("  changed       energy_kwh 12.00") for line in shown)
    assert not any("duration_h" in line for line in shown)
    assert any("audit.lock.json, tolerance 5%" in line for line in shown)
    assert any(line.startswith("old is in the lock file") for line in shown)
    new = change(before=0.0, ratio=None, causes=(Cause.NEW,), exceeds=None)
    shown = lines(compared(model(within(), changes=(("energy_kwh", new), ("cost", new)))))
    assert shown.count("  new           not in the lock file") == 1


def test_a_broken_model_and_one_without_limits() -> None:
    shown = lines(verdict(broken(), model()))
    assert shown[0] == "broken  (broken.onnx)"
    assert shown[1] == "  NOT JUDGED    broken.onnx: is no ONNX model"
    assert "  no limits     nothing is limited here" in shown
    assert shown[-1] == "2 models: 1 not judged; 1 within"


def test_the_outcomes_are_told_apart() -> None:
    shown = "\n".join(lines(verdict(model(warned(), not_assessed(), warnings=("mind this",)))))
    assert "  WARNING       energy_kwh" in shown
    assert "  NOT ASSESSED  operational_gco2e is not assessed: no region was given" in shown
    assert "  warning       mind this" in shown
