"""``audit check`` as a user meets it: files, formats, errors and exit codes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from builders import model, node, value, weight
from command_line import ROOT, Ran, audit, listing, process

SHARED = """
hardware = "a100-sxm4-80gb"
samples = 1e9
epochs = 10
batch_size = 64
"""
NET = "[models.net]\npath = 'net.onnx'\n"


def network(width: int = 8) -> bytes:
    nodes = [node("MatMul", ["x", "w"], ["a"]), node("MatMul", ["a", "v"], ["b"])]
    weights = [weight("w", 64, width), weight("v", width, 32)]
    return model(nodes, [value("x", ["batch", 64])], ["b"], weights).SerializeToString()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one network, far from every pyproject.toml, in which the command runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITOR_CACHE_DIR", str(tmp_path.parent / f"{tmp_path.name}-cache"))
    (tmp_path / "net.onnx").write_bytes(network())
    return tmp_path


def written(folder: Path, text: str, name: str = "auditor.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def check(capsys: pytest.CaptureFixture[str], *arguments: object) -> Ran:
    return audit(capsys, "check", *arguments)


def parsed(ran: Ran) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ran.out)
    return found


def limited(**limits: float) -> str:
    said = "".join(f"{name} = {amount}\n" for name, amount in limits.items())
    return f"{SHARED}[limits]\n{said}{NET}"


def test_within_exceeded_and_not_judged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(folder, limited(energy_kwh=1e9))
    within = check(capsys)
    assert (within.code, within.err) == (0, "")
    assert within.out.splitlines()[-1] == "1 model: within"
    written(folder, limited(energy_kwh=1e-3))
    over = check(capsys)
    assert (over.code, over.err) == (1, "")
    assert over.out.splitlines()[-1] == "1 model: exceeded"
    assert "  EXCEEDED      energy_kwh is" in over.out and "- samples " in over.out
    written(folder, limited(energy_kwh=1e9, operational_gco2e=3))
    unknown = check(capsys)
    assert unknown.code == 2
    assert unknown.err == (
        "error: 1 limit not judged: net: operational_gco2e: no region given; add region, or "
        "carbon_gco2e_per_kwh to its plan\n"
    )
    assert unknown.out.splitlines()[-1] == "1 model: not judged"


def test_a_warning_is_no_failure(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(folder, f"{SHARED}[limits]\nenergy_kwh = {{ max = 1e-3, level = 'warn' }}\n{NET}")
    ran = check(capsys)
    assert (ran.code, ran.err) == (0, "") and "  WARNING       energy_kwh" in ran.out


def test_a_broken_model_is_reported_with_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.onnx").write_bytes(b"nothing")
    written(folder, limited(energy_kwh=1e-3) + "[models.bad]\npath = 'bad.onnx'\n")
    ran = check(capsys)
    assert ran.code == 2
    assert ran.err.startswith("error: 1 not audited: bad: bad.onnx") and ran.err.count("\n") == 1
    assert "EXCEEDED" in ran.out and "NOT JUDGED" in ran.out
    assert ran.out.splitlines()[-1] == "2 models: 1 not judged; 1 exceeded"
    before = listing(folder)
    updated = check(capsys, "--update")
    assert updated.code == 2 and updated.err.endswith("; the lock file is as it was\n")
    assert listing(folder) == before


def test_the_line_of_many_errors_names_a_few(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = "".join(f"[models.m{n}]\npath = 'm{n}.onnx'\n" for n in range(5))
    written(folder, f"{SHARED}[limits]\nenergy_kwh = 3\n{missing}")
    ran = check(capsys)
    assert ran.code == 2 and ran.err.startswith("error: 5 not audited: m0: ")
    assert ran.err.endswith("; and 2 more\n") and "m3" not in ran.err and "m4.onnx" in ran.out


def test_a_pyproject_still_serves_audit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "[tool.auditor]\nhardware = 'a100-sxm4-80gb'\nsamples = 1e9\nepochs = 10\n"
    text += "batch_size = 64\n[tool.auditor.limits]\nenergy_kwh = 1e9\n"
    written(folder, text, "pyproject.toml")
    checked = parsed(check(capsys, "net.onnx", "--format", "json"))
    alone = parsed(audit(capsys, "net.onnx", "--format", "json"))
    figure = checked["models"][0]["found"]["figures"]["energy_kwh"]
    assert figure["median"] == alone["estimate"]["energy_kwh"]["median"]
    assert checked["models"][0]["name"] == "net"


def test_every_format_of_one_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(folder, limited(energy_kwh=1e-3))
    also = [("json", "v.json"), ("markdown", "v.md"), ("junit", "v.xml"), ("github", "v.txt")]
    options = [part for form, name in also for part in ("--also", f"{form}={name}")]
    ran = check(capsys, *options, "-o", "v.text")
    assert (ran.code, ran.out, ran.err) == (1, "", "")
    for form, name in (*also, ("text", "v.text")):
        assert check(capsys, "--format", form).out == (folder / name).read_text("utf-8"), form


def test_update_then_compare(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(folder, limited(energy_kwh=1e9))
    assert check(capsys, "--update").code == 0
    lock = (folder / "audit.lock.json").read_bytes()
    assert json.loads(lock)["models"]["net"]["figures"]["energy_kwh"] > 0
    assert check(capsys, "--update").code == 0
    assert (folder / "audit.lock.json").read_bytes() == lock
    same = check(capsys, "--tolerance", "0")
    assert (same.code, same.err) == (0, "") and "changed  " not in same.out

    written(folder, limited(energy_kwh=1e9).replace("epochs = 10", "epochs = 11"))
    free = check(capsys)
    assert free.code == 0 and "changed       energy_kwh" in free.out and "+10.0%" in free.out
    assert "the plan changed" in free.out
    assert check(capsys, "--tolerance", "11%").code == 0
    held = check(capsys, "--tolerance", "5%")
    assert (held.code, held.err) == (1, "") and "more than the tolerance" in held.out
    assert (folder / "audit.lock.json").read_bytes() == lock
    # An update takes the figures as they are, and still judges the limits.
    assert check(capsys, "--update", "--tolerance", "5%").code == 0
    assert check(capsys, "--tolerance", "5%").code == 0
    written(folder, limited(energy_kwh=1e-3))
    assert check(capsys, "--update").code == 1


def test_an_update_keeps_what_is_known_where_a_limit_is_not_assessed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(folder, limited(operational_gco2e=3))
    assert check(capsys, "--update").code == 2
    lock = json.loads((folder / "audit.lock.json").read_text("utf-8"))
    assert "energy_kwh" in lock["models"]["net"]["figures"]
    assert "operational_gco2e" not in lock["models"]["net"]["figures"]


def test_a_model_that_grew_and_its_configured_tolerance(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(folder, f'tolerance = "5%"\n{SHARED}{NET}')
    assert check(capsys, "--update", "--lock", "other.json").code == 0
    (folder / "net.onnx").write_bytes(network(4096))
    ran = check(capsys, "--lock", "other.json")
    assert ran.code == 1 and "the model changed" in ran.out

    # The command line goes before the file.
    written(folder, f'tolerance = "5%"\n{SHARED}{NET}'.replace("epochs = 10", "epochs = 11"))
    (folder / "net.onnx").write_bytes(network())
    assert check(capsys, "--lock", "other.json").code == 1
    assert check(capsys, "--lock", "other.json", "--tolerance", "50%").code == 0


BAD: list[tuple[str, tuple[str, ...], str]] = [
    (SHARED + NET, (), "has no limits, so nothing to check; add [limits]"),
    (limited(energy_kwh=1), ("--tolerance", "5"), "--tolerance '5': give a share, as 5%"),
    (limited(energy_kwh=1), ("--tolerance", "5%"), "there is no audit.lock.json to compare with"),
    (limited(energy_kwh=1), ("--lock", "gone.json"), "there is no such lock file"),
    (limited(energy_kwh=1), ("--lock", "auditor.toml"), "not valid JSON"),
    (limited(energy_kwh=1), ("--update", "--lock", "net.onnx"), "is a model; name another --lock"),
    (limited(energy_kwh=1), ("--also", "pdf=x"), "--also 'pdf=x': give FORMAT=FILE with one of"),
    (limited(energy_kwh=1), ("--also", "json"), "give FORMAT=FILE"),
    (limited(energy_kwh=1), ("-o", "net.onnx"), "net.onnx: is read or written for this already"),
    (limited(energy_kwh=1), ("-o", "auditor.toml"), "auditor.toml: is read or written"),
    (limited(energy_kwh=1), ("--also", "json=audit.lock.json"), "is read or written"),
    (limited(energy_kwh=1), ("-o", "a", "--also", "json=./a"), "is read or written for this"),
    (limited(energy_kwh=1), ("-o", "no/such/folder/x"), "cannot be written"),
    (limited(energy_kwh=1), ("other.onnx",), "is none of the models of the configuration"),
    (limited(energy_kwh=1), ("--config", "gone.toml"), "gone.toml: cannot be read"),
    (limited(energy=1), (), "no quantity is called 'energy'"),
    ('calibration = "gone.json"\n' + limited(energy_kwh=1), (), "gone.json: cannot be read"),
    ('hardware_file = "gone.toml"\n' + limited(energy_kwh=1), (), "gone.toml"),
    ('reference = "gone.csv"\n' + limited(energy_kwh=1), (), "there is no such file"),
    (limited(energy_kwh=1), ("--format", "pdf"), "'pdf' is not one of"),
]


@pytest.mark.parametrize(("text", "arguments", "said"), BAD)
def test_what_cannot_be_judged_is_one_line_and_nothing_written(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    written(folder, text)
    before = listing(folder)
    ran = check(capsys, *arguments)
    assert ran.code == 2
    assert ran.err.startswith("error: ") and ran.err.count("\n") == 1
    assert said in ran.err
    assert listing(folder) == before


def test_a_lock_file_that_is_none_is_not_replaced(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(folder, limited(energy_kwh=1e9))
    written(folder, '{"name": "package"}', "package.json")
    before = listing(folder)
    ran = check(capsys, "--update", "--lock", "package.json")
    assert ran.code == 2 and "not a lock file" in ran.err
    assert listing(folder) == before
    written(folder, '{"lock_version": 99}', "audit.lock.json")
    assert check(capsys).code == 2
    assert check(capsys, "--update").code == 0
    assert check(capsys).code == 0


def test_a_process_of_its_own(folder: Path) -> None:
    inner = folder / "src"
    inner.mkdir()
    written(folder, limited(energy_kwh=1e-3))
    ran = process("check", cwd=inner)
    assert (ran.returncode, ran.stderr) == (1, "")
    assert ran.stdout.startswith("net  (../net.onnx: a100-sxm4-80gb, node, calibrated)\n")
    outside = process("check", "--nonsense", cwd=inner)
    assert outside.returncode == 2 and outside.stderr.startswith("error: ")


@pytest.mark.slow
def test_twenty_models_take_at_most_three_times_one(folder: Path) -> None:
    """Nothing cached.  ResNet-50, whose remedies are not asked for."""
    resnet = ROOT / "examples" / "resnet50.onnx"
    text = f"{SHARED}[limits]\nenergy_kwh = 1e9\n"
    for number in range(20):
        (folder / f"n{number}.onnx").write_bytes(resnet.read_bytes())
        text += f"[models.n{number}]\npath = 'n{number}.onnx'\n"
    written(folder, text)

    def seconds(*models: str) -> float:
        start = time.perf_counter()
        assert process("check", *models, cwd=folder).returncode == 0
        return time.perf_counter() - start

    seconds("n0")
    one, all_of_them = min(seconds("n0") for _ in range(3)), min(seconds() for _ in range(3))
    assert all_of_them <= 3 * one
