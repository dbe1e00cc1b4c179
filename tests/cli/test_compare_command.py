"""``audit compare`` as a user meets it: formats, plans, errors and exit codes."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from command_line import A100, MOBILENET, RESNET, Ran, audit, custom, listing

PLAN = (*A100, "--samples", "1281167", "--epochs", "90", "--batch-size", "64")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, far from every pyproject.toml, in which the command runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def accuracies(folder: Path, content: str = "resnet50,0.761\nmobilenetv2,0.719\n") -> Path:
    path = folder / "acc.csv"
    path.write_text("model,accuracy\n" + content, encoding="utf-8")
    return path


def compare(capsys: pytest.CaptureFixture[str], *arguments: object) -> Ran:
    return audit(capsys, "compare", *arguments)


def compared(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    ran = compare(capsys, *arguments, "--format", "json")
    assert (ran.code, ran.err) == (0, "")
    parsed: dict[str, Any] = json.loads(ran.out)
    return parsed


def test_two_networks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = accuracies(folder)
    found = compared(capsys, RESNET, MOBILENET, *PLAN, "--accuracy-file", file, "--region", "FR")
    resnet, mobilenet = found["models"]
    assert (resnet["name"], resnet["accuracy"]) == ("resnet50", 0.761)
    assert mobilenet["ranks"]["training_flops"] == 1 and resnet["ranks"]["training_flops"] == 2
    assert resnet["place"]["on_front"] is True
    assert resnet["carbon_gco2e"]["median"] > 0


def test_it_is_what_audit_says_of_each(capsys: pytest.CaptureFixture[str]) -> None:
    found = compared(capsys, RESNET, MOBILENET, *PLAN)
    for model, path in zip(found["models"], (RESNET, MOBILENET), strict=True):
        alone = json.loads(audit(capsys, path, *PLAN, "--format", "json").out)
        assert model["energy_kwh"] == alone["estimate"]["energy_kwh"]
        assert model["workload"] == alone["workload"]


def test_text_and_csv_and_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = compare(capsys, RESNET, MOBILENET, *PLAN)
    assert (text.code, text.err) == (0, "")
    assert text.out.startswith("per training")
    table = compare(capsys, RESNET, MOBILENET, *PLAN, "--format", "csv", "-o", "out.csv")
    assert (table.code, table.out) == (0, "")
    rows = list(csv.DictReader(io.StringIO((folder / "out.csv").read_text(encoding="utf-8"))))
    assert [row["model"] for row in rows] == ["resnet50", "mobilenetv2"]


def test_what_one_model_says_goes_before_the_command_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "plan.toml").write_text(
        "epochs = 3\nbatch_size = 16\n[models.resnet50]\nbatch_size = 8\naccuracy = 0.76\n",
        encoding="utf-8",
    )
    options = (*A100, "--samples", "1000", "--batch-size", "32", "--plan", "plan.toml")
    resnet, mobilenet = compared(capsys, RESNET, MOBILENET, *options)["models"]
    assert resnet["workload"]["batch_size"] == 8 and mobilenet["workload"]["batch_size"] == 32
    assert resnet["workload"]["epochs"] == mobilenet["workload"]["epochs"] == 3
    assert (resnet["accuracy"], mobilenet["accuracy"]) == (0.76, None)
    assert (resnet["overrides"], mobilenet["overrides"]) == (["batch_size", "accuracy"], [])


def test_a_broken_model_is_reported_with_the_others_and_exits_2(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.onnx").write_bytes(b"no model")
    arguments = (RESNET, "broken.onnx", MOBILENET, "missing.onnx", *PLAN)
    ran = compare(capsys, *arguments, "--format", "json")
    assert ran.code == 2
    found = json.loads(ran.out)
    assert [m["name"] for m in found["models"]] == ["resnet50", "mobilenetv2"]
    assert [f["name"] for f in found["failures"]] == ["broken", "missing"]
    assert ran.err.startswith("error: 2 of 4 models not audited: broken: ")
    assert ran.err.count("\n") == 1 and "missing: missing.onnx" in ran.err


def test_strict_is_of_every_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "custom.onnx").write_bytes(custom())
    ran = compare(capsys, RESNET, "custom.onnx", *PLAN, "--strict")
    assert ran.code == 2 and "Mystery" in ran.err and ran.out.startswith("per training")


def test_sams_parameters_are_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = (*PLAN, "--accuracy-file", accuracies(folder), "--sam-alpha", "2", "--sam-beta", "3")
    (resnet, _) = compared(capsys, RESNET, MOBILENET, *options)["models"]
    settings = resnet["scores"]["sam"]["settings"]
    assert settings == {"alpha": 2.0, "beta": 3.0, "unit": "kWh", "scope": "node"}


def test_reference_sets_by_name_and_by_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "mine.csv").write_text(
        "set,resource,low,high,covers,source\nlab,memory_bytes,0,1e12,all,notebook\n",
        encoding="utf-8",
    )
    options = (*PLAN, "--accuracy-file", accuracies(folder), "--reference")
    lab = compared(capsys, RESNET, MOBILENET, *options, "mine.csv")
    assert lab["reference_set"]["name"] == "lab"
    for model in lab["models"]:
        r = model["memory_bytes"] / 1e12
        expected = pytest.approx(model["accuracy"] / (1 + r), rel=1e-12)
        assert model["scores"]["pepr_m"]["value"] == expected
        assert "no range of energy_kwh" in model["scores"]["pepr_e"]["undefined_because"]
    lidc = compared(capsys, RESNET, MOBILENET, *options, "lidc")
    score = lidc["models"][0]["scores"]["pepr_e"]
    # Far more electricity than the set's models took: R is far above 1 and stays so.
    assert score["outside_reference"] is True and score["settings"]["r"] > 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((RESNET,), "give two or more"),
        ((RESNET, RESNET), "given twice"),
        ((RESNET, MOBILENET, "--reference", "nowhere"), "reference set 'nowhere'"),
        ((RESNET, MOBILENET, "--sam-alpha", "0"), "--sam-alpha 0: must be above 0"),
        ((RESNET, MOBILENET, "--sam-beta", "nan"), "--sam-beta nan: must be above 0"),
        ((RESNET, MOBILENET, "--accuracy-file", "none.csv"), "none.csv: cannot be read"),
        ((RESNET, MOBILENET, "--accuracy", "0.7"), "No such option"),
    ],
)
def test_usage(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[object, ...], says: str
) -> None:
    ran = compare(capsys, *arguments, *PLAN, "-o", "out.json")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ") and says in ran.err and ran.err.count("\n") == 1
    assert listing(folder) == {}


def test_accuracy_in_per_cent(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = accuracies(folder, "resnet50,76.1\n")
    ran = compare(capsys, RESNET, MOBILENET, *PLAN, "--accuracy-file", file)
    assert ran.code == 2 and "in per cent; give the fraction 0.761" in ran.err


def test_what_is_read_is_not_written_over(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = accuracies(folder)
    before = listing(folder)
    ran = compare(capsys, RESNET, MOBILENET, *PLAN, "--accuracy-file", file, "-o", file)
    assert ran.code == 2 and "is read for this" in ran.err
    assert listing(folder) == before


def test_every_plan_option_of_audit_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    helped = compare(capsys, "--help")
    assert helped.code == 0 and "\n  audit compare a.onnx b.onnx " in helped.out
    for option in ("--plan", "--hardware", "--samples", "--epochs", "--batch-size", "--precision",
                   "--region", "--dim", "--shape", "--calibration", "--accuracy-file"):  # fmt: skip
        assert f"  {option} " in helped.out
