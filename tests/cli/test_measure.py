"""``audit measure`` as a user meets it: what it prints, writes and refuses."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from command_line import MOBILENET, ROOT, Ran, audit, listing, process

from auditor.measure import cpu_model, protocol, trials
from auditor.measure.protocol import Schedule
from auditor.measure.recording import read_recording
from auditor.measure.trials import analysed
from auditor.tables import read_schema

QUICK = (
    *("--idle", "0.1", "--warm-up", "0.05", "--longest-warm-up", "0.2"),
    *("--window", "0.3", "--cool-down", "0"),
)
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "_CHUNK_S", 0.05)


def measure(capsys: Capture, *arguments: object) -> Ran:
    return audit(capsys, "measure", *arguments, "--provider", "cpu", *QUICK)


def refused(capsys: Capture, *arguments: object) -> str:
    ran = audit(capsys, "measure", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("error: ") and ran.err.count("\n") == 1
    return ran.err


def document(capsys: Capture, *arguments: object) -> dict[str, Any]:
    ran = measure(capsys, MOBILENET, *arguments, "--format", "json")
    assert (ran.code, ran.err) == (0, "")
    parsed: dict[str, Any] = json.loads(ran.out)
    return parsed


def test_the_document_is_by_its_schema(capsys: Capture) -> None:
    found = document(capsys, "--batch-size", "2", "--host", "model")
    jsonschema.validate(found, read_schema("measure.schema.json"))
    energy, time_s = found["energy"], found["step_time_s"]
    assert (energy["method"], energy["scope"]) == ("modelled", "host")
    assert time_s["low"] <= time_s["value"] <= time_s["high"]
    assert found["time_per_sample_s"]["value"] == pytest.approx(time_s["value"] / 2)
    assert energy["energy_per_sample_j"]["value"] == pytest.approx(energy["energy_j"]["value"] / 2)
    assert energy["energy_j"]["low"] < 0.5 * energy["energy_j"]["value"]
    assert (found["provider"], found["hardware_id"], found["nodes"]) == ("cpu", None, None)
    assert len(found["measurements"][0]["trials"]) == found["schedule"]["trial_count"] == 3


def test_what_was_not_measured_is_null(capsys: Capture) -> None:
    found = document(capsys, "--host", "none", "--trials", "1")
    jsonschema.validate(found, read_schema("measure.schema.json"))
    assert found["energy"] is None
    assert found["step_time_s"]["low"] is None
    (trial,) = found["measurements"][0]["trials"]
    assert trial["mean_power_w"] is None and trial["energy_counter_j"] is None


def test_the_text_says_what_was_measured_and_how(capsys: Capture) -> None:
    ran = measure(capsys, MOBILENET, "--host", "model", "--trials", "2")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0].startswith("model") and lines[0].endswith("(forward pass by onnxruntime)")
    assert any(
        line.startswith("energy (host)") and "MODELLED, not measured" in line for line in lines
    )
    assert any("a pass" in line and "95% interval" in line for line in lines)
    assert "notes" in lines


def test_without_a_meter_the_text_says_not_measured(capsys: Capture) -> None:
    ran = measure(capsys, MOBILENET, "--host", "none", "--trials", "1")
    assert any(line.split() == ["energy", "not", "measured"] for line in ran.out.splitlines())
    assert "one trial: no interval" in ran.out


def test_the_recording_gives_the_figures_again(capsys: Capture, tmp_path: Path) -> None:
    path = tmp_path / "readings.csv"
    found = document(capsys, "--host", "model", "--recording", path)
    again = analysed(read_recording(path))
    assert again.step_time_s.value == pytest.approx(found["step_time_s"]["value"], rel=1e-3)
    assert again.energy_j is not None
    assert again.energy_j.value == pytest.approx(found["energy"]["energy_j"]["value"], rel=0.01)


def test_the_report_goes_into_a_file(capsys: Capture, tmp_path: Path) -> None:
    ran = measure(capsys, MOBILENET, "--trials", "1", "-o", tmp_path / "run.txt")
    assert (ran.code, ran.out) == (0, "")
    assert (tmp_path / "run.txt").read_text().startswith("model")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--window", "0"], "window_s 0"),
        (["--window", "nan"], "window_s nan"),
        (["--trials", "0"], "trial_count 0"),
        (["--rate", "5"], "rate_hz 5: give 20 to 1000 Hz"),
        (["--idle", "-1"], "idle_s -1"),
        (["--dim", "batch"], "must be NAME=VALUE"),
        (["--shape", "image=1x1"], "no such input"),
        (["--inputs", "nothing.npz"], "cannot be read"),
        (["--hardware", "h100-sxm"], "the model runs on the processor"),
        (["--hardware", "quixote"], "unknown accelerator"),
        (["--host", "moon"], "moon"),
        (["--batch-size", "0"], "batch-size"),
    ],
)
def test_what_cannot_be_is_refused(capsys: Capture, arguments: list[str], words: str) -> None:
    assert words in refused(capsys, MOBILENET, "--provider", "cpu", *arguments)


def test_a_gpu_that_is_not_there_is_refused(capsys: Capture) -> None:
    assert "install auditor[gpu]" in refused(capsys, MOBILENET, "--provider", "cuda")


def test_a_file_that_is_no_model_is_refused(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "no.onnx").write_bytes(b"nothing like it")
    assert "not an ONNX model" in refused(capsys, tmp_path / "no.onnx")
    assert "cannot be read" in refused(capsys, tmp_path / "gone.onnx")


def test_nothing_is_written_over(capsys: Capture, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(MOBILENET.read_bytes())
    assert "is the model" in refused(capsys, model, "-o", model)
    assert "is the model" in refused(capsys, model, "--recording", model)
    same = tmp_path / "same"
    assert "into one file" in refused(capsys, model, "-o", same, "--recording", same)
    assert list(listing(tmp_path)) == ["m.onnx"]


def test_a_process_of_its_own_keeps_standard_output_for_the_report(tmp_path: Path) -> None:
    ran = process("measure", MOBILENET, *QUICK, "--format", "json", "--trials", "1", cwd=tmp_path)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout)["schema_version"] == "1.0"


def test_a_run_that_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    import os
    import signal
    import subprocess
    import time

    target = tmp_path / "run.json"
    # What a shell starts in the background ignores the signal, and so would its children.
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from auditor.cli import main; main()"
    )
    command = [sys.executable, "-c", program, "measure", str(MOBILENET), "--idle", "60"]
    with subprocess.Popen([*command, "-o", str(target)], cwd=tmp_path, stderr=-1) as started:
        time.sleep(2.5)
        os.kill(started.pid, signal.SIGINT)
        _, err = started.communicate(timeout=20)
    assert started.returncode == 130
    assert b"Traceback" not in err
    assert not list(tmp_path.iterdir())


def test_the_page_on_measuring_shows_what_can_be_run(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "measuring.md").read_text(encoding="utf-8")
    on_gpu, on_cpu = re.findall(r"^    audit measure (.*)$", page, re.MULTILINE)
    ran = audit(capsys, "measure", *shlex.split(on_cpu), *QUICK)
    assert (ran.code, ran.err) == (0, "")
    # What needs a GPU is at least understood: it is refused for want of one, not of an option.
    assert "auditor[gpu]" in refused(capsys, *shlex.split(on_gpu), "--provider", "cuda")
    (program,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    brief = Schedule(
        idle_s=0.1, warm_up_s=0, longest_warm_up_s=0.2, window_s=0.2, trial_count=2, cool_down_s=0
    )
    monkeypatch.setattr(
        "auditor.measure.brief.measured_together",
        lambda meters, work, _: protocol.measured_together(meters, work, brief),
    )
    exec(compile(program, "docs/measuring.md", "exec"), {})  # noqa: S102 (our own page)
    assert "Mean(value=" in capsys.readouterr().out


def test_the_page_on_measuring_names_only_options_that_exist(capsys: Capture) -> None:
    page = (ROOT / "docs" / "measuring.md").read_text(encoding="utf-8")
    shown = audit(capsys, "measure", "--help").out + audit(capsys, "--help").out
    assert set(re.findall(r"`(--[a-z0-9-]+)", page)) <= set(re.findall(r"--[a-z0-9-]+", shown))


def test_the_figures_on_the_page_are_those_of_the_model() -> None:
    page = " ".join((ROOT / "docs" / "measuring.md").read_text(encoding="utf-8").split())
    assert f"{cpu_model.IDLE_W} W a hardware thread idle and {cpu_model.FULL_W} W at work" in page
    factors = f"{cpu_model.LOWEST_FACTOR:.2f} to {cpu_model.HIGHEST_FACTOR:.2f} times"
    assert factors in page
    assert f"agree in the time of a step to {protocol.STEADY_SHARE:.0%}".replace("%", " %") in page
    assert f"a difference above {trials.LARGEST_DISAGREEMENT:.0%}".replace("%", " %") in page
    schedule = Schedule()
    for stated in (
        f"(`--idle`, {schedule.idle_s:g} s)",
        f"(`--warm-up`, {schedule.warm_up_s:g} s or more)",
        f"`--longest-warm-up` ({schedule.longest_warm_up_s:g} s)",
        f"(`--trials`, {schedule.trial_count}) of `--window` ({schedule.window_s:g} s)",
        f"(`--cool-down`, {schedule.cool_down_s:g} s)",
        f"{schedule.rate_hz:g} times a second",
    ):
        assert stated in page


def test_help_loads_no_runtime(tmp_path: Path) -> None:
    code = (
        "import sys; from auditor.cli.main import run; run(['measure', '--help']); "
        "print(sorted({'onnxruntime', 'onnx', 'pynvml', 'numpy', 'scipy'} & set(sys.modules)))"
    )
    ran = process(code, cwd=tmp_path, prefix=("-c",))
    assert ran.stdout.splitlines()[-1] == "[]"
