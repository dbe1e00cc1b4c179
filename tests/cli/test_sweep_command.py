"""``audit sweep`` as a user meets it: the table, failures as rows, interrupted and begun again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import audit
from fleet import HARDWARE, command, fleet, keys, rows, run

from auditor.sweep.columns import COLUMNS
from auditor.sweep.table import PART_ENDING

ON = ",".join(HARDWARE)
PLANS = {"short": "samples = 1e6\n", "long": "samples = 1e6\nepochs = 10\nregion = 'FRA'\n"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fleet(tmp_path / "models", 10)
    (tmp_path / "models" / "broken.onnx").write_bytes(b"no model")
    for name, text in PLANS.items():
        (tmp_path / f"{name}.toml").write_text(text)
    return tmp_path


def given(*more: object, output: str = "all.jsonl") -> tuple[object, ...]:
    plans = ("--plan", "short.toml", "--plan", "long.toml")
    return ("models", "--hardware", ON, *plans, "-o", output, *more)


def test_one_row_for_every_model_plan_and_hardware(folder: Path) -> None:
    ran = run(*given("--processes", 2), cwd=folder)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == ""
    assert "4 of 44 rows hold an error" in ran.stderr
    found = rows(folder / "all.jsonl")
    names = [f"models/m{n:04d}.onnx" for n in range(10)]
    expected = [(s, p, h) for s in ["models/broken.onnx", *names] for p in PLANS for h in HARDWARE]
    assert keys(found) == expected
    assert all(list(row) == [name for name, _ in COLUMNS] for row in found)
    for row in found[:4]:
        assert (row["status"], row["error_type"]) == ("failed", "ModelLoadError")
        assert row["error"].startswith("models/broken.onnx: not an ONNX model")
        assert row["estimate_energy_kwh_median"] is None
    assert {row["status"] for row in found[4:]} == {"ok"}
    assert not list(folder.glob("*.sweep.db*"))


def test_a_row_says_what_audit_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = folder / "models" / "m0004.onnx"
    assert run(model, *given()[1:], cwd=folder).returncode == 0
    (row,) = [
        r
        for r in rows(folder / "all.jsonl")
        if (r["plan"], r["hardware_id"]) == ("long", "rtx3090")
    ]
    asked = ("--hardware", "rtx3090", "--plan", folder / "long.toml", "--format", "json")
    document = json.loads(audit(capsys, model, *asked).out)
    for end in ("low", "median", "high"):
        assert row[f"estimate_energy_kwh_{end}"] == document["estimate"]["energy_kwh"][end]
        assert (
            row[f"impacts_operational_gco2e_{end}"] == document["impacts"]["operational_gco2e"][end]
        )
    assert row["profile_backward_flops"] == document["profile"]["backward"]["flops"]
    assert row["workload_epochs"] == 10
    assert row["model_structure_sha256"] == document["model"]["structure_sha256"]
    assert row["estimate_method"] == "calibrated"


def test_parquet_holds_the_same(folder: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow.parquet")
    assert run(*given(), cwd=folder).returncode == 0
    assert run(*given(output="all.parquet"), cwd=folder).returncode == 0
    table = pyarrow.read_table(folder / "all.parquet")
    assert table.column_names == [name for name, _ in COLUMNS]
    assert [str(kind) for kind in table.schema.types] == [kind for _, kind in COLUMNS]
    assert table.to_pylist() == rows(folder / "all.jsonl")


def test_the_summary_adds_up(folder: Path) -> None:
    ran = run(*given("--summary"), cwd=folder)
    found = [r for r in rows(folder / "all.jsonl") if r["status"] == "ok"]
    short = [r for r in found if (r["plan"], r["hardware_id"]) == ("short", "rtx3090")]
    total = sum(r["estimate_energy_kwh_median"] for r in short)
    assert f"  rtx3090, plan short: 10 trainings, {total:,.4g} kWh, " in ran.stdout
    assert "44 rows, 4 failed\n  ModelLoadError: 4\n" in ran.stdout
    # What takes the least energy of all is on every front.
    least = min(found, key=lambda r: r["estimate_energy_kwh_median"])
    front = ran.stdout.partition("Pareto front")[2]
    assert f": {least['source']}, {least['hardware_id']}, plan {least['plan']}\n" in front


def test_accuracies_make_scores_and_stand_on_the_front(folder: Path) -> None:
    (folder / "acc.csv").write_text("model,accuracy\nm0000,0.9\nm0001,0.8\n")
    ran = run(*given("--accuracy-file", "acc.csv", "--summary"), cwd=folder)
    assert ran.returncode == 0, ran.stderr
    found = {r["source"]: r for r in rows(folder / "all.jsonl")}
    assert found["models/m0000.onnx"]["scores_sam_accuracy"] == 0.9
    assert found["models/m0002.onnx"]["scores_sam_accuracy"] is None
    assert "Pareto front of energy, time and accuracy" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere", "--hardware", ON, "-o", "x.jsonl"), "no model could be audited"),
        (("none/*.onnx", "--hardware", ON, "-o", "x.jsonl"), "no .onnx file is there"),
        (("models", "--hardware", "a100,a100", "-o", "x.jsonl"), "name each once"),
        (("models", "--hardware", "nonsense", "-o", "x.jsonl"), "nonsense"),
        (("models", "--hardware", ON, "-o", "x.csv"), ".parquet or .jsonl"),
        (("models", "--hardware", ON, "-o", "no/x.jsonl"), "no/x.jsonl.sweep.db"),
        (("models", "--hardware", ON, "-o", "x.jsonl", "--processes", "0"), "1 or more"),
        (("models", "--hardware", ON, "-o", "x.jsonl", "--samples", "-1"), "--samples"),
        (("nonsense://x", "--hardware", ON, "-o", "x.jsonl"), "nonsense"),
        (("https://u:secret@h/x.onnx", "--hardware", ON, "-o", "x.jsonl"), "password"),
    ],
)
def test_bad_input(folder: Path, arguments: tuple[str, ...], said: str) -> None:
    ran = run(*arguments, cwd=folder)
    assert ran.returncode == 2
    last = ran.stderr.splitlines()[-1]
    assert last.startswith("error: ") and said in last
    assert "secret" not in ran.stderr and "Traceback" not in ran.stderr


def test_what_was_begun_otherwise_is_not_mixed(folder: Path) -> None:
    from auditor.sweep.store import opened

    with opened(folder / "all.jsonl.sweep.db") as store:
        store.require([("version", "0.0.1")])
    ran = run(*given(), cwd=folder)
    assert ran.returncode == 2
    assert "begun with another version" in ran.stderr
    assert not (folder / "all.jsonl").exists()


def test_what_the_project_says_stands_behind_plans_and_command_line(folder: Path) -> None:
    (folder / "pyproject.toml").write_text(
        "[tool.auditor]\nhardware = 'l4'\nsamples = 5.0\nepochs = 7.0\nbatch_size = 3\n"
    )
    model = folder / "models" / "m0004.onnx"
    given = (model, "--hardware", ON, "--plan", "short.toml", "--batch-size", "2")
    assert run(*given, "-o", "all.jsonl", cwd=folder).returncode == 0
    found = rows(folder / "all.jsonl")
    assert [row["hardware_requested"] for row in found] == list(HARDWARE)
    for row in found:  # batch by the command line, samples by the plan, epochs by the project
        said = (row["workload_batch_size"], row["workload_samples"], row["workload_epochs"])
        assert said == (2, 1e6, 7)


@pytest.mark.slow
def test_killed_at_any_time_each_row_is_there_once(tmp_path: Path) -> None:
    fleet(tmp_path / "models", 150)
    (tmp_path / "short.toml").write_text(PLANS["short"])
    (tmp_path / "long.toml").write_text(PLANS["long"])
    assert run(*given(output="whole.jsonl"), cwd=tmp_path).returncode == 0
    arguments = [*map(str, given("--processes", 2))]
    kills = 0
    for wait_s in (0.3, 0.9, 1.3, 1.7, 2.1, 2.5, 3.0):
        with subprocess.Popen(
            command(*arguments), cwd=tmp_path, stderr=subprocess.DEVNULL, start_new_session=True
        ) as process:
            time.sleep(wait_s)
            if process.poll() is None:
                kills += 1
                os.killpg(process.pid, signal.SIGKILL if kills % 2 else signal.SIGINT)
    assert kills >= 3
    assert run(*arguments, cwd=tmp_path).returncode == 0
    assert rows(tmp_path / "all.jsonl") == rows(tmp_path / "whole.jsonl")
    kept = {"all.jsonl", "long.toml", "models", "short.toml", "whole.jsonl"}
    assert {p.name for p in tmp_path.iterdir()} == kept


def test_what_a_killed_sweep_left_of_its_table_is_gone(folder: Path) -> None:
    left = folder / f"all.jsonl{PART_ENDING}"
    left.write_text("half a")
    assert run(*given(), cwd=folder).returncode == 0
    assert rows(folder / "all.jsonl")
    assert not left.exists()


@pytest.mark.slow
def test_a_thousand_models(tmp_path: Path) -> None:
    fleet(tmp_path / "models", 1000)
    ran = run("models", "--hardware", ON, "--samples", "1e6", "-o", "all.jsonl", cwd=tmp_path)
    assert ran.returncode == 0
    found = rows(tmp_path / "all.jsonl")
    assert len(set(keys(found))) == len(found) == 2000
    assert [r["status"] for r in found].count("failed") == 40  # every fiftieth model, twice


def alive(group: int) -> list[str]:
    """Processes of a group that are not dead; the dead may wait for somebody to ask after them."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text("utf-8", "replace").rpartition(")")
        except OSError:
            continue
        state, _, its_group = rest.split()[:3]
        if int(its_group) == group and state != "Z":
            found.append(name)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_ctrl_c_ends_all_processes_without_a_word(tmp_path: Path) -> None:
    fleet(tmp_path / "models", 300)
    arguments = ["models", "--hardware", ON, "--samples", "1e6", "-o", "all.jsonl"]
    with subprocess.Popen(
        command(*arguments), cwd=tmp_path, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        store = tmp_path / "all.jsonl.sweep.db-wal"
        while process.poll() is None and not (store.exists() and store.stat().st_size > 100_000):
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert b"Traceback" not in said
    assert not (tmp_path / "all.jsonl").exists()
    for _ in range(100):
        if not alive(process.pid):
            break
        time.sleep(0.05)
    assert alive(process.pid) == []
