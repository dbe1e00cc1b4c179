"""What works: reports on stdout or in a file, plans in their order, help and the catalogue."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import A100, BERT, RESNET, Ran, audit, custom, listing, process

from auditor import __version__


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, far from every pyproject.toml, in which the command runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def audited(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    found = audit(capsys, *arguments, "--format", "json")
    assert (found.code, found.err) == (0, "")
    parsed: dict[str, Any] = json.loads(found.out)
    return parsed


class TestReports:
    def test_json_alone_is_on_stdout(self, capsys: pytest.CaptureFixture[str]) -> None:
        options = ["--samples", "1281167", "--epochs", "90", "--batch-size", "256"]
        found = audited(capsys, RESNET, *A100, *options)
        assert found["model"]["path"] == str(RESNET)
        assert found["workload"]["total_samples"] == 1_281_167 * 90

    @pytest.mark.parametrize(
        ("form", "start"), [("text", "model  "), ("markdown", "## resnet50"), ("json", "{\n")]
    )
    def test_every_format_starts_as_it_should(
        self, capsys: pytest.CaptureFixture[str], form: str, start: str
    ) -> None:
        found = audit(capsys, RESNET, *A100, "--format", form)
        assert (found.code, found.err) == (0, "")
        assert found.out.startswith(start) and found.out.endswith("\n")

    def test_the_command_model_may_be_named(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert audit(capsys, "model", RESNET, *A100) == audit(capsys, RESNET, *A100)

    def test_options_may_stand_before_the_model(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert audit(capsys, *A100, RESNET) == audit(capsys, RESNET, *A100)

    def test_unknown_operators_do_not_fail_without_strict(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (folder / "custom.onnx").write_bytes(custom())
        found = audited(capsys, "custom.onnx", *A100)
        assert [u["op_type"] for u in found["profile"]["unknown"]] == ["com.example.Mystery"]

    def test_dims_and_shapes(self, capsys: pytest.CaptureFixture[str]) -> None:
        by_dim = audited(capsys, BERT, *A100, "--dim", "sequence=64", "--batch-size", "16")
        by_shape = audited(
            capsys,
            *(BERT, *A100, "--batch-size", "16"),
            *("--shape", "input_ids=16x64", "--shape", "attention_mask=16x64"),
        )
        assert by_dim["estimate"] == by_shape["estimate"]
        assert by_dim["workload"]["sequence_length"] == 64

    def test_hardware_of_ones_own(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (folder / "mine.toml").write_text(
            '[[accelerator]]\nid = "mine"\nname = "Mine"\nmemory_bytes = 1_000_000_000_000\n'
            "memory_bandwidth_bytes_per_s = 1e12\nfp32_flops_per_s = 1e13\ntdp_w = 100\n"
            'source = "me"\n',
            encoding="utf-8",
        )
        found = audited(capsys, RESNET, "--hardware", "mine", "--hardware-file", "mine.toml")
        assert found["hardware"]["name"] == "Mine"
        listed = audit(capsys, "hardware", "--hardware-file", "mine.toml")
        assert listed.out.splitlines()[1].startswith("mine ")

    def test_a_model_called_like_a_command(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        shutil.copy(RESNET, folder / "hardware")
        found = audited(capsys, "./hardware", *A100)
        assert found["model"]["training_parameter_count"] == 25_557_032
        assert audit(capsys, "model", "hardware", *A100).code == 0
        # By itself the word is the command.
        assert audit(capsys, "hardware").out.startswith("id ")


class TestOutput:
    def test_a_file_holds_what_stdout_would(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for form in ("text", "json", "markdown"):
            arguments = (RESNET, *A100, "--format", form)
            printed = audit(capsys, *arguments)
            assert audit(capsys, *arguments, "-o", "report") == Ran(0, "", "")
            assert (folder / "report").read_text(encoding="utf-8") == printed.out
        assert list(listing(folder)) == ["report"]

    def test_a_new_file_has_the_rights_of_any_new_file(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (folder / "plain").touch()
        audit(capsys, RESNET, *A100, "-o", "report")
        rights = [stat.S_IMODE((folder / n).stat().st_mode) for n in ("plain", "report")]
        assert rights[0] == rights[1]

    @pytest.mark.parametrize("step", ["replace", "fsync"])
    def test_a_write_that_fails_leaves_the_old_file(
        self,
        folder: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
        step: str,
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        (folder / "old.txt").write_bytes(b"old\n")
        monkeypatch.setattr(os, step, fail)
        for name in ("old.txt", "new.txt"):
            found = audit(capsys, RESNET, *A100, "-o", name)
            assert found.code == 2 and found.out == ""
            assert found.err.startswith(f"error: {name}: cannot be written: No space left")
            assert found.err.count("\n") == 1
        assert listing(folder) == {"old.txt": b"old\n"}

    def test_an_interrupt_leaves_the_old_file(
        self,
        folder: Path,
        capsys: pytest.CaptureFixture[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        (folder / "old.txt").write_bytes(b"old\n")
        monkeypatch.setattr(os, "replace", interrupt)
        assert audit(capsys, RESNET, *A100, "-o", "old.txt").code == 130
        assert listing(folder) == {"old.txt": b"old\n"}

    def test_what_is_no_regular_file_is_written_to_not_replaced(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        os.mkfifo(folder / "pipe")
        reader = os.open(folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
        try:
            assert audit(capsys, RESNET, *A100, "-o", "pipe").code == 0
            assert stat.S_ISFIFO((folder / "pipe").stat().st_mode)
            assert os.read(reader, 6) == b"model "
        finally:
            os.close(reader)

    def test_a_link_is_followed(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (folder / "real.txt").write_bytes(b"old\n")
        (folder / "link.txt").symlink_to("real.txt")
        assert audit(capsys, RESNET, *A100, "-o", "link.txt").code == 0
        assert (folder / "link.txt").is_symlink()
        assert (folder / "real.txt").read_bytes().startswith(b"model ")

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
    def test_a_path_that_is_not_in_utf8_can_be_written_down(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        name = os.fsdecode(b"\xff.onnx")
        shutil.copy(RESNET, folder / name)
        assert audit(capsys, name, *A100, "--format", "json", "-o", "out.json").code == 0
        json.loads((folder / "out.json").read_text(encoding="utf-8"))

    def test_json_at_a_terminal_does_not_drive_it(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        name = "a\x1b\x9b31m\u202eb.onnx"
        shutil.copy(RESNET, folder / name)
        found = audit(capsys, name, *A100, "--format", "json")
        assert json.loads(found.out)["model"]["path"] == name
        assert found.out.replace("\n", "").isprintable()

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
    def test_a_full_disk_behind_stdout_is_an_error_of_one_line(self, folder: Path) -> None:
        with Path("/dev/full").open("w") as full:
            found = subprocess.run(
                [sys.executable, "-m", "auditor", str(RESNET), *A100],
                cwd=folder,
                stdout=full,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                check=False,
            )
        assert found.returncode == 2
        assert found.stderr.startswith("error: ") and found.stderr.count("\n") == 1

    def test_a_reader_that_has_gone_is_no_traceback_and_no_budget_exceeded(
        self, folder: Path
    ) -> None:
        reader, writer = os.pipe()
        os.close(reader)
        try:
            found = subprocess.run(
                [sys.executable, "-m", "auditor", str(RESNET), *A100],
                cwd=folder,
                stdout=writer,
                stderr=subprocess.PIPE,
                encoding="utf-8",
                check=False,
            )
        finally:
            os.close(writer)
        assert (found.returncode, found.stderr) == (2, "")

    def test_a_closed_stdout_is_no_traceback(self, folder: Path) -> None:
        command = f'exec "{sys.executable}" -m auditor "{RESNET}" --hardware a100 >&-'
        found = subprocess.run(
            ["bash", "-c", command], cwd=folder, capture_output=True, encoding="utf-8", check=False
        )
        assert found.returncode in (0, 2)
        assert found.stderr == "" or found.stderr.startswith("error: ")


class TestPlans:
    def plan(self, capsys: pytest.CaptureFixture[str], *options: object) -> dict[str, Any]:
        found: dict[str, Any] = audited(capsys, RESNET, *options)["workload"]
        return found

    def test_the_command_line_wins_over_the_plan_and_that_over_the_project(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (folder / "pyproject.toml").write_text(
            '[tool.auditor]\nhardware = "a100"\nbatch_size = 1\nepochs = 1\ntrials = 1\n'
            'optimizer = "sgd"\n',
            encoding="utf-8",
        )
        (folder / "plan.toml").write_text(
            "batch_size = 2\nepochs = 2\nsamples = 2\n", encoding="utf-8"
        )
        found = self.plan(capsys, "--plan", "plan.toml", "--batch-size", "3")
        assert found["batch_size"] == 3  # said thrice
        assert (found["epochs"], found["samples"]) == (2.0, 2.0)  # not on the command line
        assert (found["trials"], found["optimizer"]) == (1, "sgd")  # in the project only
        assert found["devices"] == 1  # nowhere: the default

    def test_the_nearest_project_with_a_plan_counts(
        self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        inner = folder / "a" / "b"
        inner.mkdir(parents=True)
        (folder / "pyproject.toml").write_text(
            '[tool.auditor]\nhardware = "a100"\nbatch_size = 5\n', encoding="utf-8"
        )
        (folder / "a" / "pyproject.toml").write_text("[project]\nname='x'\n", encoding="utf-8")
        monkeypatch.chdir(inner)
        assert self.plan(capsys)["batch_size"] == 5

    def test_a_plan_may_hold_every_key(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (folder / "plan.toml").write_text(
            "tokens = 1e6\nepochs = 3\nbatch_size = 8\ngradient_accumulation = 2\ndevices = 4\n"
            'precision = "amp"\noptimizer = "adam"\nlink_bytes_per_s = 1e10\ntrials = 5\n'
            'input_pipeline_samples_per_s = 1e4\nhardware = "h100"\nregion = "FR"\npue = 1.3\n'
            "power_limit_w = 300\n"
            'scope = "facility"\naccuracy = 0.5\nbatchnorm = "keep"\nattention = "flash"\n'
            'checkpointing = 4\nsharding = "zero2"\nfreeze = ["*embeddings*"]\n'
            'trainable = "*"\nassume = {}\n'
            'dims = { sequence = 100 }\nshapes = { input_ids = "8x100" }\n',
            encoding="utf-8",
        )
        found = audited(capsys, BERT, "--plan", "plan.toml")
        assert found["workload"] == {
            "tokens": 1e6,
            "samples": 1e4,  # a million tokens in sequences of 100
            "epochs": 3.0,
            "batch_size": 8,
            "gradient_accumulation": 2,
            "precision": "amp",
            "optimizer": "adam",
            "devices": 4,
            "link_bytes_per_s": 1e10,
            "input_pipeline_samples_per_s": 1e4,
            "power_limit_w": 300,
            "trials": 5,
            "sequence_length": 100,
            "attention": "flash",
            "checkpointing": 4,
            "sharding": "zero2",
            "freeze": ["*embeddings*"],
            "trainable": ["*"],
            "global_batch_size": 64,  # 8 * 2 * 4
            "total_samples": 150_000.0,  # 1e4 * 3 * 5
        }
        assert found["impacts"]["region"] == "FRA" and found["impacts"]["pue"] == 1.3
        assert found["estimate"]["scope"] == "facility"

    def test_samples_on_the_command_line_win_over_tokens_in_the_plan(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (folder / "plan.toml").write_text("tokens = 1e6\n", encoding="utf-8")
        options = ("--dim", "sequence=128", "--plan", "plan.toml", "--samples", "10")
        found = audit(capsys, BERT, *A100, *options, "--format", "json")
        assert found.code == 0
        assert json.loads(found.out)["workload"]["samples"] == 10.0


class TestHelp:
    @pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["model", "--help"]])
    def test_help_names_the_main_job_and_its_options(
        self, capsys: pytest.CaptureFixture[str], arguments: list[str]
    ) -> None:
        found = audit(capsys, *arguments)
        assert (found.code, found.err) == (0, "")
        for word in ("MODEL", "--hardware", "--samples", "--epochs", "--dim", "-o, --output"):
            assert word in found.out
        assert max(map(len, found.out.splitlines())) <= 100

    def test_help_names_the_other_commands(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert "audit hardware" in audit(capsys, "--help").out

    def test_version(self, capsys: pytest.CaptureFixture[str]) -> None:
        found = audit(capsys, "--version")
        assert (found.code, found.err) == (0, "")
        assert found.out.split() == ["audit,", "version", __version__]


class TestHardware:
    def test_the_catalogue_has_one_line_a_device(self, capsys: pytest.CaptureFixture[str]) -> None:
        text = audit(capsys, "hardware")
        devices = json.loads(audit(capsys, "hardware", "--format", "json").out)
        assert (text.code, text.err) == (0, "")
        assert [line.split()[0] for line in text.out.splitlines()[1:]] == [d["id"] for d in devices]
        assert len(devices) > 50

    def test_figures_of_the_a100(self, capsys: pytest.CaptureFixture[str]) -> None:
        found = audit(capsys, "hardware", "a100", "--format", "json")
        assert found.code == 0
        devices = {d["id"]: d for d in json.loads(found.out)}
        assert {"a100-sxm4-80gb", "a100-pcie-40gb"} <= set(devices)
        # NVIDIA A100 datasheet: 80 GB, 2039 GB/s, 19.5 TFLOP/s fp32, 312 fp16 dense, 400 W.
        device = devices["a100-sxm4-80gb"]
        assert device["memory_bytes"] == 80 * 2**30
        assert device["memory_bandwidth_bytes_per_s"] == 2.039e12
        assert device["peak_flops_per_s"]["fp32"] == 1.95e13
        assert device["peak_flops_per_s"]["fp16"] == 3.12e14
        assert device["tdp_w"] == 400.0
        assert device["source"]

    def test_several_words_must_all_fit(self, capsys: pytest.CaptureFixture[str]) -> None:
        found = audit(capsys, "hardware", "rtx", "3090")
        assert found.out.splitlines()[1].startswith("rtx3090 ")

    def test_the_catalogue_can_be_written_to_a_file(
        self, folder: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert audit(capsys, "hardware", "h100", "-o", "list.txt") == Ran(0, "", "")
        assert (folder / "list.txt").read_text().startswith("id ")


def test_a_process_says_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = (RESNET, *A100, "--samples", "1000", "--format", "json")
    found = process(*arguments, cwd=folder)
    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout == audit(capsys, *arguments).out


def test_two_runs_say_the_same_to_the_byte(capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("text", "json", "markdown"):
        arguments = (RESNET, *A100, "--format", form)
        assert audit(capsys, *arguments) == audit(capsys, *arguments)
