"""``audit collect`` as a user meets it, where torch may be missing."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from collecting import configuration, stored
from command_line import audit, listing, process

from auditor.collect.store import opened

MANIFEST = """
name = "mine"
[[train]]
networks = ["plain:cnn"]
family = "cnn"
sizes = [32]
batch_sizes = [2]
precisions = ["fp32"]
optimizer = "sgd"
"""
HEAVY = ("torch", "onnx", "onnxruntime", "numpy", "sqlite3", "sklearn", "pynvml", "multiprocessing")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "m.toml").write_text(MANIFEST, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument 'MANIFEST'"),
        (("m.toml",), "no store given; add --store runs.db"),
        (("none.toml", "--store", "r.db"), "none.toml: cannot be read: No such file or directory"),
        (("m.toml", "--store", "r.db", "--budget-s", "0"), "--budget-s 0: give a time above 0 s"),
        (("m.toml", "--store", "r.db", "--budget-s", "nan"), "--budget-s nan: give a time above"),
        (("m.toml", "--store", "r.db", "--meter", "amp"), "--meter amp: give auto, none or replay"),
        (("m.toml", "--store", "r.db", "--meter", "replay:"), "--meter replay:: give auto, none"),
        (("m.toml", "--store", "r.db", "--device", "tpu"), "'tpu' is not one of 'cuda', 'cpu'"),
        (("export", "--store", "r.db", "-o", "t"), "r.db: there is no such store"),
        (("export", "--store", "m.toml", "-o", "t"), "m.toml: the store cannot be used: file is"),
        (("profile", "none.toml", "--store", "r.db"), "none.toml: cannot be read"),
    ],
)
def test_one_line_and_nothing_left_behind(
    capsys: pytest.CaptureFixture[str], folder: Path, arguments: tuple[str, ...], message: str
) -> None:
    before = listing(folder)
    found = audit(capsys, "collect", *arguments)
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith("error: ") and message in found.err
    assert found.err.count("\n") == 1
    assert listing(folder) == before


def test_a_worker_that_cannot_start_leaves_an_empty_store(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    """Without torch, or without the recording: in either case the worker says so."""
    found = audit(capsys, "collect", "m.toml", "--store", "r.db", "--meter", "replay:none.csv")
    assert (found.code, found.out) == (2, "")
    assert found.err.startswith("error: the worker cannot start: ")
    assert found.err.count("\n") == 1
    with opened(folder / "r.db", must_exist=True) as store:
        assert store.runs() == ()


@pytest.mark.skipif(importlib.util.find_spec("torch") is not None, reason="torch is there")
@pytest.mark.parametrize("arguments", [("--check",), ("--store", "r.db")])
def test_without_torch_it_is_said(
    capsys: pytest.CaptureFixture[str], folder: Path, arguments: tuple[str, ...]
) -> None:
    found = audit(capsys, "collect", "m.toml", *arguments)
    assert (found.code, found.out) == (2, "")
    assert "torch is not installed, and a run needs it; pip install 'auditor[torch]'" in found.err
    profile = audit(capsys, "collect", "profile", "m.toml", "--store", "p.db")
    assert profile.code == 2 and "pip install 'auditor[torch]'" in profile.err
    assert "p.db" not in listing(folder)


def test_export(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    with opened(folder / "r.db") as store:
        store.add(stored(configuration()))
    found = audit(capsys, "collect", "export", "--store", "r.db", "-o", "t", "--recordings")
    assert (found.code, found.out) == (0, "t: 1 runs\n")
    assert found.err == ("left out: timm:resnet50@224: no profile; run `audit collect profile`\n")
    key = configuration().key("NVIDIA H200")
    assert sorted(listing(folder / "t")) == [
        "networks.csv",
        "profiles.csv.gz",
        "recordings",
        f"recordings/{key}-1.csv",
        "runs.csv",
    ]


@pytest.mark.parametrize("arguments", [(), ("profile",), ("export",)])
def test_help_loads_nothing_heavy(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    code = (
        f"from auditor.cli import run; run(['collect', *{arguments!r}, '--help'])\n"
        f"import sys\nprint(*(m for m in {HEAVY!r} if m in sys.modules), file=sys.stderr)"
    )
    found = process(code, cwd=tmp_path, prefix=("-c",))
    assert (found.returncode, found.stderr.strip()) == (0, "")
    assert found.stdout.startswith("Usage: audit collect")
