"""``audit calibrate`` as a user meets it."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from command_line import MOBILENET, RESNET, ROOT, audit, listing, process
from made_calibration import artefact_file, content

from auditor.calibration import build
from auditor.calibration.local import schema

HEAD = "graph,batch_size,precision,hardware,step_time_s,mean_power_w,power_scope\n"
ROW = f"{RESNET},64,amp,rtx3090,0.5,300,gpu\n"
SHIPPED = ROOT / "calibration" / "artefact.json"
PLAN = (RESNET, "--hardware", "rtx3090", "--batch-size", "64", "--precision", "amp")


def table(folder: Path, *rows: str, name: str = "runs.csv", head: str = HEAD) -> Path:
    path = folder / name
    path.write_text(head + "".join(rows), encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a made-up calibration and a run."""
    monkeypatch.chdir(tmp_path)
    artefact_file(tmp_path)
    table(tmp_path, ROW)
    return tmp_path


BASE = ("--calibration", "base.json")


def estimate(capsys: pytest.CaptureFixture[str], calibration: str) -> dict[str, Any]:
    found = audit(capsys, *PLAN, "--calibration", calibration, "--format", "json")
    assert (found.code, found.err) == (0, "")
    parsed: dict[str, Any] = json.loads(found.out)["estimate"]
    return parsed


class TestOwnRuns:
    def test_the_estimate_moves_to_what_was_measured(
        self, capsys: pytest.CaptureFixture[str], folder: Path
    ) -> None:
        found = audit(capsys, "calibrate", "runs.csv", "-o", "mine.json", *BASE)
        assert (found.code, found.err) == (0, "")
        mine = json.loads((folder / "mine.json").read_text(encoding="utf-8"))
        jsonschema.validate(mine, dict(schema()))
        before, after = estimate(capsys, "base.json"), estimate(capsys, "mine.json")
        assert (before["method"], after["method"]) == ("calibrated", "calibrated+local")
        before_s, after_s = before["step_time_s"]["median"], after["step_time_s"]["median"]
        assert min(before_s, 0.5) < after_s < max(before_s, 0.5)

    def test_what_is_printed(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        table(folder, ROW, f"{MOBILENET},64,amp,rtx3090,0.1,,\n")
        found = audit(capsys, "calibrate", "runs.csv", "-o", "mine.json", *BASE)
        lines = [line.split() for line in found.out.splitlines()]
        assert ["hardware", "rtx3090"] in lines
        assert ["measured", "2", "runs", "of", "2", "networks"] in lines
        (first, power) = (line for line in lines if line[:1] == ["runs.csv:2"])
        assert first[1:4] == ["resnet50.onnx", "500", "ms"]
        assert power[1:4] == ["resnet50.onnx", "300", "W"]
        assert "time factor" in found.out and "power factor" in found.out
        assert "audit MODEL --hardware rtx3090 --calibration mine.json" in found.out

    def test_graphs_stand_beside_the_table(
        self, capsys: pytest.CaptureFixture[str], folder: Path
    ) -> None:
        """Wherever the command runs."""
        (folder / "mine" / "nets").mkdir(parents=True)
        (folder / "mine" / "nets" / "net.onnx").symlink_to(RESNET)
        table(folder / "mine", ROW.replace(str(RESNET), "nets/net.onnx"))
        found = audit(capsys, "calibrate", "mine/runs.csv", "-o", "mine.json", *BASE)
        assert (found.code, found.err) == (0, "")

    def test_devices_one_by_one(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        table(folder, ROW, ROW.replace("rtx3090", "t4").replace("300", "60"))
        before = listing(folder)
        found = audit(capsys, "calibrate", "runs.csv", "-o", "mine.json", *BASE)
        assert found.code == 2 and "runs on rtx3090, t4" in found.err
        assert listing(folder) == before
        chosen = ("--hardware", "T4", "-o", "t4.json")
        assert audit(capsys, "calibrate", "runs.csv", *chosen, *BASE).code == 0
        mine = json.loads((folder / "t4.json").read_text(encoding="utf-8"))
        assert mine["local"]["hardware"] == "t4"

    def test_a_device_of_ones_own(self, capsys: pytest.CaptureFixture[str], folder: Path) -> None:
        (folder / "mine.toml").write_text(
            '[[accelerator]]\nid = "mine"\nname = "Mine"\nmemory_bytes = 1_000_000_000_000\n'
            "memory_bandwidth_bytes_per_s = 1e12\nfp32_flops_per_s = 1e13\ntdp_w = 400\n"
            'source = "me"\n',
            encoding="utf-8",
        )
        table(folder, ROW.replace("amp,rtx3090", "fp32,mine"))
        own = ("--hardware-file", "mine.toml", "-o", "mine.json")
        found = audit(capsys, "calibrate", "runs.csv", *own, *BASE)
        assert (found.code, found.err) == (0, "")
        assert "hardware  mine\n" in found.out

    def test_names_of_strangers_do_not_drive_the_terminal(
        self, capsys: pytest.CaptureFixture[str], folder: Path
    ) -> None:
        table(folder, "a\x1b[2J," + ROW, head="run_id," + HEAD)
        found = audit(capsys, "calibrate", "runs.csv", "-o", "mine.json", *BASE)
        assert found.code == 0 and "\x1b" not in found.out

    @pytest.mark.skipif(not SHIPPED.exists(), reason="no calibration is kept yet")
    def test_the_packages_calibration_is_the_base(
        self, capsys: pytest.CaptureFixture[str], folder: Path
    ) -> None:
        assert audit(capsys, "calibrate", "runs.csv", "-o", "mine.json").code == 0
        mine = json.loads((folder / "mine.json").read_text(encoding="utf-8"))
        shipped = json.loads(SHIPPED.read_text(encoding="utf-8"))
        assert mine["local"]["base"] == shipped["digest"]


def changed(old: str, new: str) -> str:
    return ROW.replace(old, new)


TABLES = {
    "power in kW": (HEAD + changed("300", "0.3"), "line 2: mean_power_w: 0.3 W is below"),
    "power in mW": (HEAD + changed("300", "300000"), "line 2: mean_power_w: 3e+05 W is above"),
    "time in ms": (HEAD + changed("0.5", "500"), "runs.csv:2: a step of 500 s is"),
    "time in us": (HEAD + changed("0.5", "0.0001"), "runs.csv:2: a step of 0.0001 s is"),
    "told twice": (HEAD + ROW + ROW, "line 3: every figure as in line 2"),
    "no column": (HEAD.replace("precision,", "") + changed("amp,", ""), "no column precision"),
    "no network": (HEAD + changed(str(RESNET), "absent.onnx"), "run runs.csv:2: absent.onnx:"),
    "no path": (HEAD + changed(str(RESNET), "a\0b"), "run runs.csv:2: "),
    "a dimension too many": (
        "dims," + HEAD + "width=3," + ROW,
        "run runs.csv:2: ",
    ),
    "no such mode": (HEAD + changed("amp,rtx3090", "fp8,v100-sxm2-32gb"), "runs.csv:2: v100"),
    "not a GPU": (
        HEAD + changed("amp,rtx3090,0.5,300", "amp-bf16,tpu-v4,0.5,150"),
        "tpu-v4 is not a GPU",
    ),
}
ARGUMENTS = {
    "nothing to do": ((), "give one of"),
    "two things to do": (("runs.csv", "--check"), "give one of"),
    "no output": (("runs.csv",), "add -o my-calibration.json"),
    "output of a check": (("--check", "-o", "new.json"), "leave -o out"),
    "no table": (("absent.csv", "-o", "new.json"), "absent.csv"),
    "no tables": (("--refit", "absent", "-o", "new.json"), "absent"),
    "no base": (("runs.csv", "-o", "new.json", "--calibration", "absent.json"), "absent.json"),
    "base is a table": (("runs.csv", "-o", "new.json", "--calibration", "runs.csv"), "runs.csv"),
    "tampered": (("runs.csv", "-o", "new.json", "--calibration", "bad.json"), "digest"),
    "device not there": (("runs.csv", "-o", "new.json", "--hardware", "t4"), "no run on t4"),
    "no such device": (("runs.csv", "-o", "new.json", "--hardware", "qqq"), "unknown accel"),
    "over the table": (("runs.csv", "-o", "./runs.csv", *BASE), "is read for this"),
    "over a network": (("net.csv", "-o", "net.onnx", *BASE), "is read for this"),
    "over the base": (("runs.csv", "-o", "base.json", *BASE), "is read for this"),
    "into a folder": (("runs.csv", "-o", "a_folder", *BASE), "a_folder: cannot be written"),
}


def refused(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> str:
    before = listing(folder)
    found = audit(capsys, "calibrate", *arguments)
    assert (found.code, found.out) == (2, "")
    lines = found.err.splitlines()
    assert lines[-1].startswith("error: ") and len(lines) <= 2
    assert listing(folder) == before
    return lines[-1]


@pytest.mark.parametrize(("text", "word"), TABLES.values(), ids=TABLES.keys())
def test_bad_runs_are_one_line_and_write_nothing(
    text: str, word: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "runs.csv").write_text(text, encoding="utf-8")
    assert word in refused(capsys, folder, "runs.csv", "-o", "mine.json", *BASE)


@pytest.mark.parametrize(("arguments", "word"), ARGUMENTS.values(), ids=ARGUMENTS.keys())
def test_bad_arguments_are_one_line_and_write_nothing(
    arguments: tuple[str, ...], word: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a_folder").mkdir()
    bad = (folder / "base.json").read_text(encoding="utf-8").replace("0.39", "0.01")
    (folder / "bad.json").write_text(bad, encoding="utf-8")
    (folder / "net.onnx").write_bytes(RESNET.read_bytes())
    table(folder, changed(str(RESNET), "net.onnx"), name="net.csv")
    if "--calibration" not in arguments:
        arguments = (*arguments, *BASE)
    assert word in refused(capsys, folder, *arguments)


@pytest.mark.skipif(not SHIPPED.exists(), reason="no calibration is kept yet")
def test_the_page_shows_what_its_command_prints(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """But for the figures, which every new fit moves."""
    page = (ROOT / "docs" / "calibrate.md").read_text(encoding="utf-8")
    rows, shown = re.findall(r"^```\w*\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[:2]
    command = re.findall(r"^    audit (.*)$", page, re.MULTILINE)[0]
    (folder / "examples").symlink_to(ROOT / "examples")
    (folder / "my_runs.csv").write_text(rows, encoding="utf-8")
    found = audit(capsys, *command.split())
    assert (found.code, found.err) == (0, "")
    outlines = [re.sub(r"[\d.]+", "#", text).split() for text in (found.out, shown)]
    assert outlines[0] == outlines[1]


class TestFit:
    """The fit itself takes minutes, and has its own tests."""

    @pytest.fixture(autouse=True)
    def _beside_files(self, folder: Path) -> None:
        """All of these run where the made-up calibration is."""

    def fitted(self, monkeypatch: pytest.MonkeyPatch, result: dict[str, Any]) -> None:
        monkeypatch.setattr(build, "built", lambda _: copy.deepcopy(result))

    def test_the_same_figures(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.fitted(monkeypatch, content(versions={"numpy": "another"}))
        found = audit(capsys, "calibrate", "--check", *BASE)
        assert found.code == 0
        assert found.out == "base.json: the refit gives the same figures (to 1e-05)\n"

    def test_other_figures(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.fitted(monkeypatch, content(farthest=2.0, power_half_width=0.199))
        found = audit(capsys, "calibrate", "--check", *BASE)
        assert found.code == 1
        assert found.out.splitlines() == [
            "base.json: the refit gives 2 other figures",
            "farthest: 3.0 kept, 2.0 refitted (3.33e-01 of it)",
            "power_half_width: 0.2 kept, 0.199 refitted (5.00e-03 of it)",
        ]

    def test_a_refit_is_written(
        self,
        folder: Path,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        self.fitted(monkeypatch, content())
        found = audit(capsys, "calibrate", "--refit", "tables", "-o", "artefact.json")
        assert found.code == 0
        made = (folder / "artefact.json").read_text(encoding="utf-8")
        assert made == (folder / "base.json").read_text(encoding="utf-8")

    @pytest.mark.slow
    @pytest.mark.skipif(not SHIPPED.exists(), reason="no calibration is kept yet")
    def test_what_is_shipped_is_what_the_tables_give(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        found = audit(capsys, "calibrate", "--check")
        assert (found.code, found.out.count("\n")) == (0, 1), found.out


@pytest.mark.parametrize("arguments", ["'--help'", "'runs.csv', '-o', 'x.json', *{base!r}"])
def test_only_fitting_loads_what_fits(folder: Path, arguments: str) -> None:
    heavy = ("sklearn", "scipy") if "runs" in arguments else ("numpy", "onnx", "jsonschema")
    code = (
        "import sys\nfrom auditor.cli import run\n"
        f"code = run(['calibrate', {arguments.format(base=BASE)}])\n"
        f"print(*(m for m in {heavy!r} if m in sys.modules), file=sys.stderr)\nsys.exit(code)"
    )
    found = process(code, cwd=folder, prefix=("-c",))
    assert (found.returncode, found.stderr.strip()) == (0, "")
