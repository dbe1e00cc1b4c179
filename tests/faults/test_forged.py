"""Files that are whole by their own digest or checksum and hold what no program of ours wrote."""

from __future__ import annotations

import copy
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builders import DATA, model, node, value, weight
from made_calibration import CONTENT

from auditor.cli.main import run
from auditor.step.artefact import digest_of

EXTREMES = (0, -1, 1e308, -1e308, 1e-308, 1e9, 10**30, True, "1", None, [], {})
RESNET = DATA.parents[1] / "examples" / "resnet50.onnx"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    nodes = [node("MatMul", ["x", "w"], ["y"])]
    net = model(nodes, [value("x", ["batch", 64])], ["y"], [weight("w", 64, 8)])
    (tmp_path / "net.onnx").write_bytes(net.SerializeToString())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITOR_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every figure and text of a calibration, one of each list."""
    if isinstance(content, dict):
        for key, inner in content.items():
            yield from places(inner, (*path, key))
    elif isinstance(content, list) and content:
        yield from places(content[0], (*path, 0))
    else:
        yield path


def figures() -> list[tuple[Any, ...]]:
    """All of them, of the coefficients the first: one is as another."""
    found = list(places(CONTENT))
    first = next(path for path in found if path[0] == "coefficients")
    return [path for path in found if path[0] != "coefficients" or path == first]


def forged(path: tuple[Any, ...], extreme: object) -> dict[str, Any]:
    made = copy.deepcopy(CONTENT)
    inner: Any = made
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = extreme
    return made | {"digest": digest_of(made)}


@pytest.mark.parametrize("path", figures(), ids=lambda p: ".".join(map(str, p))[:60])
def test_a_calibration_of_any_figure_gives_an_audit_or_an_error(
    path: tuple[Any, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for extreme in EXTREMES:
        (folder / "c.json").write_text(json.dumps(forged(path, extreme)), encoding="utf-8")
        plan = ("--hardware", "rtx3090", "--samples", "1e6", "--calibration", "c.json")
        code = run(["net.onnx", *plan, "--format", "json"])
        out, err = capsys.readouterr()
        if code:
            assert code == 2 and err.startswith("error: ") and err.count("\n") == 1, extreme
        else:
            document = json.loads(out, parse_constant=pytest.fail)
            energy = document["estimate"]["energy_kwh"]
            assert 0 < energy["low"] <= energy["median"] <= energy["high"], extreme


def entries(folder: Path) -> list[Path]:
    return sorted((folder / "cache").rglob("*.json"))


@pytest.mark.parametrize("made", ["{}", '{"inputs": 3}', "[]", "3", '{"remedies": [{}]}', "NaN"])
def test_an_entry_of_the_cache_that_is_none_is_made_anew(
    made: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "auditor.toml").write_text(
        "hardware = 'rtx3090'\nsamples = 1e9\n[limits]\nenergy_kwh = 1e-9\n"
        "[models.net]\npath = 'net.onnx'\n",
        encoding="utf-8",
    )
    assert run(["check"]) == 1
    first = capsys.readouterr()
    assert len(entries(folder)) == 2
    for path in entries(folder):
        content = json.loads(path.read_text(encoding="utf-8"))
        sha256 = hashlib.sha256(made.encode()).hexdigest()
        path.write_text(json.dumps(content | {"made": made, "sha256": sha256}), encoding="utf-8")
    assert run(["check"]) == 1
    assert capsys.readouterr() == first


CONFIGURATIONS = {
    "a NUL in a path": 'path = "a\\u0000b.onnx"',
    "a path of spaces": 'path = "   "',
    "a long path": f'path = "{"a/" * 3000}net.onnx"',
    "a folder": 'path = "."',
    "a device": 'path = "/dev/null"',
    "a pipe of the process": 'path = "/proc/self/fd/0/x"',
    "a file of the system": 'path = "/proc/self/environ"',
    "code": 'path = "torch:os:getcwd"',
    "code by another way": 'path = "./torch:os:system"',
}


@pytest.mark.parametrize("said", CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys())
def test_a_configuration_that_names_any_file(
    said: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_TOKEN", "ghp_SECRET")
    (folder / "auditor.toml").write_text(
        f"hardware = 'rtx3090'\nsamples = 1e9\n[limits]\nenergy_kwh = 1\n[models.net]\n{said}\n",
        encoding="utf-8",
    )
    for options in ((), ("--update",), ("--format", "json")):
        assert run(["check", *options]) == 2
        out, err = capsys.readouterr()
        assert err.startswith("error: ") and err.count("\n") == 1
        assert "ghp_SECRET" not in out + err
    assert not (folder / "audit.lock.json").exists()


@pytest.mark.parametrize("key", ["calibration", "hardware_file", "reference"])
@pytest.mark.parametrize("name", ["a\\u0000b", "/dev/zero", ".", "/proc/self/environ", "a/" * 3000])
def test_a_configuration_that_names_any_other_file(
    key: str, name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "auditor.toml").write_text(
        f'{key} = "{name}"\nhardware = "rtx3090"\nsamples = 1e9\naccuracy = 0.5\n'
        "[limits]\npepr_e = 0.1\n[models.net]\npath = 'net.onnx'\n",
        encoding="utf-8",
    )
    assert run(["check"]) == 2
    _, err = capsys.readouterr()
    assert err.startswith("error: ") and err.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="names of files are bytes there")
def test_a_file_whose_name_is_not_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = os.fsdecode(b"n\xff\x1b[2Jet.onnx")
    (folder / name).write_bytes((folder / "net.onnx").read_bytes())
    plan = ("--hardware", "rtx3090", "--samples", "1e6")
    for form in ("text", "json", "markdown"):
        for options in ((), ("-o", "out.txt")):
            assert run([name, *plan, "--format", form, *options]) == 0
            out, err = capsys.readouterr()
            assert err == "" and out.replace("\n", "").isprintable()
    assert run(["compare", name, str(RESNET), *plan, "--format", "csv"]) == 0
    assert "n\N{REPLACEMENT CHARACTER}" in capsys.readouterr().out


@pytest.mark.parametrize("said", ["x" * 1_000_000, "ab " * 333_333], ids=["one word", "words"])
def test_a_name_of_a_megabyte_is_cut_where_people_read(
    said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes = [
        node("MatMul", ["x", "w"], ["a"], name=said),
        node("NonZero", ["a"], ["b"], name=said),
        node(said, ["a"], ["y"], domain="example", name=said),
    ]
    net = model(nodes, [value("x", ["batch", 64])], ["y", "b"], [weight("w", 64, 8)])
    (folder / "net.onnx").write_bytes(net.SerializeToString())
    plan = ("--hardware", "rtx3090", "--samples", "1e6")
    for form in ("text", "markdown"):
        assert run(["net.onnx", *plan, "--format", form]) == 0
        assert len(capsys.readouterr().out) < 30_000
    assert run(["net.onnx", *plan, "--strict"]) == 2
    assert len(capsys.readouterr().err) < 5000
    # Whole where programs read, a few times: no more than a multiple of the file.
    assert run(["net.onnx", *plan, "--format", "json"]) == 0
    assert len(capsys.readouterr().out) < 4 * (folder / "net.onnx").stat().st_size
