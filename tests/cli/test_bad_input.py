"""Bad input: exit code 2, one line on stderr, nothing on stdout, and no file touched."""

from __future__ import annotations

import os
from pathlib import Path

import onnx
import pytest
from command_line import A100, BERT, RESNET, Ran, audit, custom, cyclic, listing, png, process

OLD = b"what was there before\n"


def require_refusal(found: Ran, *words: str) -> None:
    assert found.code == 2
    assert found.out == ""
    assert found.err.startswith("error: ")
    assert found.err.endswith("\n") and found.err.count("\n") == 1
    assert "Traceback" not in found.err
    for word in words:
        assert word in found.err


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with bad files, in which the command runs."""
    files = {
        "empty.onnx": b"",
        "picture.onnx": png(),
        "truncated.onnx": RESNET.read_bytes()[: RESNET.stat().st_size // 2],
        "no_graph.onnx": onnx.ModelProto(ir_version=10).SerializeToString(),
        "cyclic.onnx": cyclic(),
        "custom.onnx": custom(),
        "text.onnx": "Grüße aus dem Maschinenraum\n".encode(),
        "zeros.onnx": bytes(1000),
        "bad.toml": b"samples = = 3\n",
        "unknown_key.toml": b"sample = 3\n",
        "wrong_type.toml": b"samples = 'many'\n",
        "bad_plan.toml": b"epochs = -1\n",
        "binary.toml": bytes(range(256)),
        "old.txt": OLD,
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    (tmp_path / "a_folder").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


MODELS = {
    "no file": ("absent.onnx", "absent.onnx: cannot be read"),
    "empty file": ("empty.onnx", "empty.onnx: the file is empty"),
    "a picture": ("picture.onnx", "picture.onnx: not an ONNX model"),
    "truncated": ("truncated.onnx", "truncated.onnx: not an ONNX model, or a truncated one"),
    "no graph": ("no_graph.onnx", "no_graph.onnx: no graph"),
    "cycle": ("cyclic.onnx", "cyclic.onnx: Add node 'one' depends on itself"),
    "text": ("text.onnx", "text.onnx: not an ONNX model"),
    "zeros": ("zeros.onnx", "zeros.onnx: not an ONNX model"),
    "a folder": ("a_folder", "a_folder: cannot be read"),
    "a plan": ("bad.toml", "bad.toml: not an ONNX model"),
}
OPTIONS = {
    "zero batch": (["--batch-size", "0"], "--batch-size 0"),
    "negative batch": (["--batch-size", "-4"], "--batch-size -4"),
    "half a batch": (["--batch-size", "1.5"], "--batch-size"),
    "unknown precision": (["--precision", "fp12"], "unknown precision 'fp12'"),
    "unknown optimizer": (["--optimizer", "lamb"], "unknown optimizer 'lamb'"),
    "unknown region": (["--region", "Atlantis"], "unknown region 'Atlantis'"),
    "epochs nan": (["--epochs", "nan"], "--epochs nan"),
    "epochs inf": (["--epochs", "inf"], "--epochs inf"),
    "epochs zero": (["--epochs", "0"], "--epochs 0"),
    "negative samples": (["--samples", "-1"], "--samples -1"),
    "samples in words": (["--samples", "many"], "--samples"),
    "accuracy in percent": (["--accuracy", "76"], "--accuracy 76"),
    "accuracy nan": (["--accuracy", "nan"], "--accuracy nan"),
    "pue below one": (["--pue", "0.5"], "--pue 0.5"),
    "pue inf": (["--pue", "inf"], "--pue inf"),
    "zero devices": (["--devices", "0"], "--devices 0"),
    "no power": (["--power-limit-w", "0"], "--power-limit-w 0"),
    "negative power": (["--power-limit-w", "-250"], "--power-limit-w -250"),
    "power in words": (["--power-limit-w", "low"], "--power-limit-w"),
    "zero trials": (["--trials", "0"], "--trials 0"),
    "no accumulation": (["--gradient-accumulation", "0"], "--gradient-accumulation 0"),
    "a slow link": (["--link-bytes-per-s", "-1"], "--link-bytes-per-s -1"),
    "a dry pipeline": (["--input-pipeline-samples-per-s", "0"], "--input-pipeline-samples-per-s"),
    "samples and tokens": (["--samples", "1", "--tokens", "1"], "--samples and --tokens"),
    "tokens of images": (["--tokens", "1000"], "--tokens"),
    "unknown scope": (["--scope", "universe"], "--scope 'universe'"),
    "facility without pue": (["--scope", "facility"], "--pue"),
    "unknown batchnorm": (["--batchnorm", "maybe"], "--batchnorm 'maybe'"),
    "unknown format": (["--format", "yaml"], "--format"),
    "unknown option": (["--colour"], "--colour"),
    "dim without =": (["--dim", "batch"], "--dim 'batch'"),
    "dim without a size": (["--dim", "batch="], "--dim 'batch='"),
    "dim in words": (["--dim", "batch=many"], "--dim batch=many"),
    "dim with two signs": (["--dim", "batch=--5"], "--dim batch=--5"),
    "dim as a power": (["--dim", "batch=²"], "--dim batch=²"),
    "negative dim": (["--dim", "batch=-5"], "-5"),
    "zero dim": (["--dim", "batch=0"], "0"),
    "dim of nothing": (["--dim", "width=3"], "--dim width"),
    "shape of wrong rank": (["--shape", "input=3x224"], "--shape input=3x224"),
    "shape of nothing": (["--shape", "nobody=3x224"], "--shape nobody"),
    "shape in words": (["--shape", "input=axb"], "'axb'"),
    "shape as a power": (["--shape", "input=²x3"], "'²x3'"),
    "shape without a size": (["--shape", "input=1x0x2x2"], "0"),
    "no plan file": (["--plan", "absent.toml"], "absent.toml: cannot be read"),
    "a folder as plan": (["--plan", "a_folder"], "a_folder: cannot be read"),
    "a plan not in TOML": (["--plan", "bad.toml"], "bad.toml: not valid TOML"),
    "a plan not in UTF-8": (["--plan", "binary.toml"], "binary.toml: not valid TOML"),
    "a plan with an unknown key": (["--plan", "unknown_key.toml"], "unknown key 'sample'"),
    "a plan with a wrong type": (["--plan", "wrong_type.toml"], "samples = 'many'"),
    "a plan that is impossible": (["--plan", "bad_plan.toml"], "--epochs -1"),
    "no hardware file": (["--hardware-file", "absent.toml"], "absent.toml cannot be read"),
}


def refuse(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], *words: str
) -> None:
    """Try it to stdout, to a new file and over an old one."""
    before = listing(folder)
    json_over_old = ["-o", "old.txt", *([] if "--format" in arguments else ["--format", "json"])]
    for output in ([], ["-o", "new.txt"], ["-o", "old.txt"], json_over_old):
        require_refusal(audit(capsys, *arguments, *output), *words)
        assert listing(folder) == before


@pytest.mark.parametrize(("name", "words"), MODELS.values(), ids=MODELS.keys())
def test_bad_models(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, words: str
) -> None:
    refuse(folder, capsys, [name, *A100], words)


@pytest.mark.parametrize(("options", "words"), OPTIONS.values(), ids=OPTIONS.keys())
def test_bad_options(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    refuse(folder, capsys, [str(RESNET), *A100, *options], words)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "MODEL"),
        (["--samples", "3"], "MODEL"),
        (["model"], "MODEL"),
        ([str(RESNET)], "add --hardware a100"),
        ([str(RESNET), "--hardware", "a1000000"], "unknown accelerator 'a1000000'"),
        ([str(RESNET), "--hardware", ""], "is empty"),
        ([str(RESNET), "--hardware", "trainium1"], "trainium1: its power"),
        ([str(RESNET), "--hardware", "v100", "--precision", "bf16"], "fp32, amp, fp16"),
        ([str(BERT), *A100], "--dim sequence=128"),
        (["custom.onnx", *A100, "--strict"], "com.example.Mystery (1)"),
        ([str(RESNET), "other.onnx", *A100], "other.onnx"),
        (["hardware", "there is none"], "there is none"),
        (["hardware", "--format", "yaml"], "--format"),
        (["hardware", "--hardware-file", "bad.toml"], "bad.toml"),
    ],
)
def test_bad_commands(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    refuse(folder, capsys, arguments, words)


@pytest.mark.parametrize("output", ["absent/report.txt", "a_folder", "empty.onnx/report.txt", "."])
def test_outputs_that_cannot_be_written(
    folder: Path, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    before = listing(folder)
    found = audit(capsys, RESNET, *A100, "-o", output)
    require_refusal(found, f"{output}: cannot be written", "choose another -o file")
    assert listing(folder) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into every folder")
def test_a_read_only_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a_folder").chmod(0o500)
    found = audit(capsys, RESNET, *A100, "-o", "a_folder/report.txt")
    require_refusal(found, "a_folder/report.txt: cannot be written")


def test_names_from_a_model_do_not_drive_the_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "hostile.onnx").write_bytes(custom("\x1b[2J\x07\nx\u202e"))
    found = audit(capsys, "hostile.onnx", *A100, "--strict")
    require_refusal(found, "com.example.")
    assert found.err.rstrip("\n").isprintable()


def test_a_path_does_not_drive_the_terminal(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = audit(capsys, "\x1b[2J\n.onnx", *A100)
    require_refusal(found, "cannot be read")
    assert found.err.rstrip("\n").isprintable()


@pytest.mark.parametrize(
    "arguments",
    [
        ["absent.onnx", *A100],
        ["picture.onnx", *A100],
        [str(BERT), *A100],
        [str(RESNET), *A100, "--epochs", "nan", "-o", "old.txt"],
        [str(RESNET), *A100, "-o", "a_folder"],
    ],
    ids=["no file", "picture", "unbound", "epochs", "output"],
)
def test_a_process_refuses_alike(folder: Path, arguments: list[str]) -> None:
    before = listing(folder)
    found = process(*arguments, cwd=folder)
    require_refusal(Ran(found.returncode, found.stdout, found.stderr))
    assert listing(folder) == before


@pytest.mark.parametrize(
    "text", ["tool = 3", "[tool]\nauditor = 5", "[tool]\nauditor = 'x'", "[tool.auditor]\nx = 1"]
)
def test_a_project_file_that_is_none_ends_without_a_traceback(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    text: str,
) -> None:
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = audit(capsys, RESNET, *A100)
    if text == "tool = 3":  # it says nothing of this tool
        assert found.code == 0
    else:
        require_refusal(found, "pyproject.toml")


HUGE = "1" + "0" * 400
OVERFLOWS = {
    "devices": ["--devices", HUGE],
    "trials": ["--trials", HUGE, "--samples", "1"],
    "batch": ["--batch-size", "1" + "0" * 30],
    "dim": ["--dim", "batch=" + "9" * 20],
    "samples times epochs": ["--samples", "1e308", "--epochs", "1e308", "--format", "json"],
    "pue": ["--samples", "1e300", "--pue", "1e308", "--format", "json"],
    "input pipeline": ["--input-pipeline-samples-per-s", "1e-320", "--format", "json"],
    "link": ["--link-bytes-per-s", "1e-320", "--devices", "8", "--format", "json"],
}


@pytest.mark.parametrize("options", OVERFLOWS.values(), ids=OVERFLOWS.keys())
def test_amounts_beyond_all_bounds_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    require_refusal(audit(capsys, RESNET, *A100, *options), options[0])


PLANS = {
    "huge": f"samples = {HUGE}\n",
    "huge count": f"devices = {HUGE}\n",
    "deep": "x = " + "[" * 5000 + "]" * 5000 + "\n",
    "surrogate": 'region = "\\uD800"\n',
}


@pytest.mark.parametrize("text", PLANS.values(), ids=PLANS.keys())
def test_hostile_plans_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (folder / "hostile.toml").write_text(text, encoding="utf-8")
    require_refusal(audit(capsys, RESNET, *A100, "--plan", "hostile.toml"))


def test_a_plan_with_a_number_of_5000_digits_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "digits.toml").write_text(f"samples = 1{'0' * 5000}\n", encoding="utf-8")
    require_refusal(audit(capsys, RESNET, *A100, "--plan", "digits.toml"), "digits.toml")


def test_an_output_that_links_to_itself_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "loop.txt").symlink_to("loop.txt")
    require_refusal(audit(capsys, RESNET, *A100, "-o", "loop.txt"), "loop.txt: cannot be written")
