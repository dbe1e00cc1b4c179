"""Reading an audit back: its own figures a sample, and what is no audit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from builders import DATA

from auditor.errors import CalibrationError
from auditor.pipeline import Request, audit
from auditor.reconcile import Audited, read_audit
from auditor.report.document import document
from auditor.workload import Plan

EXAMPLES = DATA.parents[1] / "examples"


def made(path: Path, **plan: Any) -> dict[str, Any]:
    return document(audit(Request(path=path, plan=Plan(hardware="rtx3090", **plan))))


@pytest.fixture(scope="module")
def resnet() -> dict[str, Any]:
    plan = {"samples": 50_000.0, "epochs": 2.0, "batch_size": 64, "gradient_accumulation": 2}
    return made(EXAMPLES / "resnet50.onnx", **plan)


def read(found: object, folder: Path) -> Audited:
    (folder / "audit.json").write_text(json.dumps(found), encoding="utf-8")
    return read_audit(folder / "audit.json")


def test_figures_a_sample_make_those_of_the_training(
    resnet: dict[str, Any], tmp_path: Path
) -> None:
    found = read(resnet, tmp_path)
    assert (found.samples, found.epochs, found.batch_size) == (50_000, 2, 64)
    assert (found.gradient_accumulation, found.device_count) == (2, 1)
    assert (found.hardware_id, found.dims, found.unlike_rows) == ("rtx3090", (), ())
    estimate = resnet["estimate"]
    for per_sample, whole, unit in (
        (found.gpu_j_per_sample, estimate["by_scope"]["gpu"], 3.6e6),
        (found.node_j_per_sample, estimate["by_scope"]["node"], 3.6e6),
        (found.s_per_sample, estimate["duration_s"], 1.0),
    ):
        for end in ("low", "median", "high"):
            assert getattr(per_sample, end) * 100_000 == pytest.approx(whole[end] * unit)


def test_dims_are_the_dynamic_ones_but_the_batch(tmp_path: Path) -> None:
    bert = made(EXAMPLES / "bert_base.onnx", dims={"sequence": 384})
    assert read(bert, tmp_path).dims == (("sequence", 384),)


def test_settings_that_rows_have_no_column_for(tmp_path: Path) -> None:
    frozen = made(EXAMPLES / "resnet50.onnx", freeze=("*layer1*",), checkpointing=4)
    assert read(frozen, tmp_path).unlike_rows == ("checkpointing", "freeze")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"a": NaN}', "not JSON: NaN is no number"),
        ("1" * 5000, "not JSON"),
        ("[]", "not an audit: "),
        ("{}", "not an audit: "),
        ('{"schema_version": "9"}', "not an audit: "),
    ],
)
def test_what_is_no_audit(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "audit.json").write_text(text, encoding="utf-8")
    with pytest.raises(CalibrationError, match=message):
        read_audit(tmp_path / "audit.json")


def test_a_changed_audit_names_the_place(resnet: dict[str, Any], tmp_path: Path) -> None:
    plan = resnet["workload"] | {"batch_size": "many"}
    with pytest.raises(CalibrationError, match=r"not an audit: workload\.batch_size: 'many'"):
        read(resnet | {"workload": plan}, tmp_path)


@pytest.mark.parametrize("figure", [None, {"low": 0, "median": 0, "high": 0, "level": 0.9}])
def test_an_audit_without_energy_of_boards(
    resnet: dict[str, Any], figure: object, tmp_path: Path
) -> None:
    estimate = resnet["estimate"]
    by_scope = estimate["energy_per_million_samples_kwh"] | {"gpu": figure}
    changed = resnet | {"estimate": estimate | {"energy_per_million_samples_kwh": by_scope}}
    with pytest.raises(CalibrationError, match="its estimate has no gpu"):
        read(changed, tmp_path)
