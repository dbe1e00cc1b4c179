"""``audit reconcile`` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import RESNET, audit, listing, process

from auditor.calibration.runs import read_runs
from auditor.units import J_PER_KWH

WINDOWS = "start_time,window_name,elapsed_time,gpu0_energy\n1.7e9,train,{seconds},{joules}\n"
PLAN = ("--hardware", "rtx3090", "--samples", "50000", "--epochs", "2", "--batch-size", "64")


@pytest.fixture
def folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Path:
    """A folder with an audit and what zeus measured: as predicted, but half as long again."""
    monkeypatch.chdir(tmp_path)
    made = audit(capsys, RESNET, *PLAN, "--format", "json", "-o", "audit.json")
    assert made.code == 0
    estimate = json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))["estimate"]
    joules = estimate["by_scope"]["gpu"]["median"] * J_PER_KWH
    seconds = estimate["duration_s"]["median"] * 1.5
    (tmp_path / "zeus.csv").write_text(WINDOWS.format(seconds=seconds, joules=joules), "utf-8")
    (tmp_path / "old.csv").write_text("kept\n", "utf-8")
    (tmp_path / "a_folder").mkdir()
    return tmp_path


def reconciled(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    found = audit(capsys, "reconcile", "zeus.csv", "--audit", "audit.json", *arguments)
    assert (found.code, found.err) == (0, "")
    parsed: dict[str, Any] = json.loads(found.out)
    return parsed


@pytest.mark.usefixtures("folder")
class TestReports:
    def test_json(self, capsys: pytest.CaptureFixture[str]) -> None:
        found = reconciled(capsys, "--format", "json")
        assert found["energy"][0]["energy_j"]["ratio"] == pytest.approx(1.0)
        assert found["duration_s"]["ratio"] == pytest.approx(1.5)
        assert found["measured"]["tool"] == "zeus"

    def test_half_of_the_samples_are_twice_the_ratio(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for option in (("--epochs", "1"), ("--samples", "50000")):
            found = reconciled(capsys, *option, "--format", "json")
            assert found["energy"][0]["energy_j"]["ratio"] == pytest.approx(2.0)

    def test_text(self, capsys: pytest.CaptureFixture[str]) -> None:
        found = audit(capsys, "reconcile", "zeus.csv", "--audit", "audit.json")
        assert (found.code, found.err) == (0, "")
        assert found.out.startswith("measured  zeus train: gpu, 1 x hardware not named\n")
        assert "1.00, inside\n" in found.out and "1.50, inside\n" in found.out

    def test_a_file_holds_what_stdout_would(
        self, capsys: pytest.CaptureFixture[str], folder: Path
    ) -> None:
        shown = audit(capsys, "reconcile", "zeus.csv", "--audit", "audit.json")
        written = audit(capsys, "reconcile", "zeus.csv", "--audit", "audit.json", "-o", "r.txt")
        assert written.out == ""
        assert (folder / "r.txt").read_text(encoding="utf-8") == shown.out

    def test_rows_are_gathered(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        reconciled(capsys, "--format", "json", "--row-output", "runs.csv")
        reconciled(capsys, "--format", "json", "--row-output", "runs.csv", "--samples", "90000")
        whole, said = read_runs(folder / "runs.csv")
        assert (whole.samples_per_epoch, whole.epochs, whole.energy_scope) == (50_000, 2, "gpu")
        assert (said.samples_per_epoch, said.epochs) == (90_000, 1)
        assert whole.graph == str(RESNET)

    def test_hardware_of_ones_own(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        (folder / "mine.toml").write_text(
            '[[accelerator]]\nid = "mine"\nname = "Mine"\nmemory_bytes = 1_000_000_000_000\n'
            "memory_bandwidth_bytes_per_s = 1e12\nfp32_flops_per_s = 1e13\ntdp_w = 100\n"
            'source = "me"\n',
            encoding="utf-8",
        )
        own = ("--hardware-file", "mine.toml")
        plan = ("--hardware", "mine", *own, "--samples", "100", "--format", "json")
        assert audit(capsys, RESNET, *plan, "-o", "audit.json").code == 0
        (folder / "zeus.csv").write_text(
            "2026-11-21 17:10:29 - The following components were found: GPU with device(s) MINE.\n"
            "2026-11-21 17:10:29 - Duration: 0:00:10.00\n"
            "2026-11-21 17:10:29 - Average power usage (W) for gpu: 90.0\n",
            encoding="utf-8",
        )
        assert reconciled(capsys, "--format", "json", *own)["conflicts"] == []


CASES = {
    "no file": (("absent.csv", "--audit", "audit.json"), "absent.csv: cannot be read"),
    "a folder": (("a_folder", "--audit", "audit.json"), "a_folder: cannot be read"),
    "no measurement": (("old.csv", "--audit", "audit.json"), "old.csv: not a file of codecarbon"),
    "no audit given": (("zeus.csv",), "--audit"),
    "no audit there": (("zeus.csv", "--audit", "absent.json"), "absent.json: cannot be read"),
    "not an audit": (("zeus.csv", "--audit", "zeus.csv"), "zeus.csv: not JSON"),
    "another tool": (
        ("zeus.csv", "--audit", "audit.json", "--tool", "codecarbon"),
        "not an emissions.csv of codecarbon 2",
    ),
    "no such tool": (("zeus.csv", "--audit", "audit.json", "--tool", "nvml"), "--tool"),
    "no such window": (
        ("zeus.csv", "--audit", "audit.json", "--window", "eval"),
        "no window 'eval'; there are 'train'",
    ),
    "epochs zero": (("zeus.csv", "--audit", "audit.json", "--epochs", "0"), "--epochs 0"),
    "a table of one's own": (
        ("zeus.csv", "--audit", "audit.json", "--row-output", "old.csv"),
        "old.csv: has other columns",
    ),
    "row into a folder": (
        ("zeus.csv", "--audit", "audit.json", "--row-output", "a_folder"),
        "a_folder: cannot be read",
    ),
    "report into a folder, with a row": (
        ("zeus.csv", "--audit", "audit.json", "-o", "a_folder", "--row-output", "runs.csv"),
        "a_folder: cannot be written",
    ),
    "one file for both": (
        ("zeus.csv", "--audit", "audit.json", "-o", "x", "--row-output", "./x"),
        "name two",
    ),
}


@pytest.mark.parametrize(("arguments", "word"), CASES.values(), ids=CASES.keys())
def test_bad_input_is_one_line_and_touches_nothing(
    arguments: tuple[str, ...], word: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = listing(folder)
    found = audit(capsys, "reconcile", *arguments)
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith("error: ") and found.err.count("\n") == 1
    assert word in found.err
    assert listing(folder) == before


def test_other_hardware_needs_force_and_makes_no_row(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "zeus.csv").write_text(
        "start_time,window_name,elapsed_time,gpu0_energy,gpu1_energy\n1.7e9,a,100,1000,1000\n",
        encoding="utf-8",
    )
    command = ("reconcile", "zeus.csv", "--audit", "audit.json")
    refused = audit(capsys, *command)
    assert refused.code == 2
    assert "measured on 2 devices, audited for 1" in refused.err and "--force" in refused.err
    forced = audit(capsys, *command, "--force")
    assert forced.code == 0
    assert "- measured on 2 devices, audited for 1\n" in forced.out
    assert audit(capsys, *command, "--force", "--row-output", "runs.csv").code == 2
    assert not (folder / "runs.csv").exists()


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    heavy = ("onnx", "numpy", "sklearn", "jsonschema", "rich")
    code = (
        "import sys\nfrom auditor.cli import run\nrun(['reconcile', '--help'])\n"
        f"print(*(m for m in {heavy!r} if m in sys.modules), file=sys.stderr)"
    )
    found = process(code, cwd=tmp_path, prefix=("-c",))
    assert (found.returncode, found.stderr.strip()) == (0, "")
    assert "emissions.csv" in found.stdout
