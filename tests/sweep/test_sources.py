"""Files, folders and patterns; what is not there is a model of its own, to be reported."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from auditor.errors import ModelLoadError, PlanError
from auditor.sweep.sources import sources


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.onnx", "b.onnx", "notes.txt", "deep/c.onnx", "deep/er/d.onnx", "odd[1].onnx"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*given: str) -> list[str]:
    return [source.name for source in sources(given)]


def test_a_folder_is_all_below_it(folder: Path) -> None:
    inside = ["a.onnx", "b.onnx", "deep/c.onnx", "deep/er/d.onnx", "odd[1].onnx"]
    assert names(".") == [f"./{name}" for name in inside]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.onnx", ["a.onnx", "b.onnx", "odd[1].onnx"]),
        ("[ab].onnx", ["a.onnx", "b.onnx"]),
        ("**/*.onnx", ["a.onnx", "b.onnx", "deep/c.onnx", "deep/er/d.onnx", "odd[1].onnx"]),
        ("deep/?.onnx", ["deep/c.onnx"]),
        ("*.txt", ["notes.txt"]),
    ],
)
def test_a_pattern_is_what_it_fits(folder: Path, pattern: str, found: list[str]) -> None:
    assert names(pattern) == found


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(folder: Path) -> None:
    assert names("odd[1].onnx") == ["odd[1].onnx"]


def test_the_order_is_that_of_the_arguments(folder: Path) -> None:
    assert names("b.onnx", "deep", "a.onnx") == [
        "b.onnx",
        "deep/c.onnx",
        "deep/er/d.onnx",
        "a.onnx",
    ]


def test_what_is_not_there_is_yielded(folder: Path) -> None:
    (missing,) = sources(["none.onnx"])
    assert (missing.name, missing.size_bytes, missing.stamp) == ("none.onnx", None, "")


@pytest.mark.parametrize("given", ["none*.onnx", "empty"])
def test_a_folder_or_pattern_with_nothing_is_an_error(folder: Path, given: str) -> None:
    (folder / "empty").mkdir()
    with pytest.raises(ModelLoadError, match=r"no \.onnx file is there"):
        names(given)


def test_a_link_to_a_folder_above_does_not_go_round(folder: Path) -> None:
    (folder / "deep" / "up").symlink_to(folder, target_is_directory=True)
    assert len(names("deep")) == 2


def test_a_stamp_changes_with_the_file(folder: Path) -> None:
    (before,) = sources(["a.onnx"])
    os.utime("a.onnx", ns=(1, 1))
    (after,) = sources(["a.onnx"])
    assert before.stamp != after.stamp


def test_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(PlanError, match="password") as refused:
        names("https://me:hunter2@host/x.onnx")
    assert "hunter2" not in str(refused.value)


def test_a_protocol_without_its_library_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("fsspec")
    monkeypatch.setitem(__import__("sys").modules, "gcsfs", None)
    with pytest.raises(PlanError, match=r"auditor\[gs\]"):
        names("gs://bucket/x.onnx")
