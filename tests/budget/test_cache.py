"""What is kept is what was made, whoever else writes, and whatever became of the file."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.budget.cache import Cache, default_folder, key_of

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def refused() -> dict[str, Any]:
    raise AssertionError("made although it was kept")


def only(folder: Path) -> Path:
    (path,) = folder.glob("*/*.json")
    return path


@given(made=st.dictionaries(st.text(), plain, max_size=4))
def test_what_is_kept_comes_back_equal(
    made: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    kept = Cache(tmp_path_factory.mktemp("cache"))
    assert kept.get({"model": "a"}, lambda: made) == made
    assert kept.get({"model": "a"}, refused) == made


def test_other_facts_are_another_entry(tmp_path: Path) -> None:
    kept = Cache(tmp_path)
    kept.get({"model": "a"}, lambda: {"energy_kwh": 1.0})
    assert kept.get({"model": "b"}, lambda: {"energy_kwh": 2.0}) == {"energy_kwh": 2.0}
    assert kept.get({"model": "a"}, refused) == {"energy_kwh": 1.0}


def test_another_version_or_state_of_the_tool_is_another_entry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = key_of({"model": "a"})
    with monkeypatch.context() as patched:
        patched.setattr("auditor.budget.cache.__version__", "9.9")
        assert key_of({"model": "a"}) != now
    monkeypatch.setattr("auditor.budget.cache.tool_stamp", lambda: "another")
    assert key_of({"model": "a"}) != now


def damaged(text: str) -> list[str]:
    content = json.loads(text)
    return [
        "",
        text[: len(text) // 2],
        "[" * 100_000,
        "[]",
        json.dumps({**content, "made": json.dumps({"energy_kwh": 0.0})}),
        json.dumps({**content, "key": "0" * 64}),
    ]


@pytest.mark.parametrize("index", range(6))
def test_a_damaged_entry_is_made_anew(tmp_path: Path, index: int) -> None:
    kept = Cache(tmp_path)
    kept.get({"model": "a"}, lambda: {"energy_kwh": 1.0})
    path = only(tmp_path)
    whole = path.read_text()
    path.write_text(damaged(whole)[index])
    assert kept.get({"model": "a"}, lambda: {"energy_kwh": 1.0}) == {"energy_kwh": 1.0}
    assert path.read_text() == whole


def test_what_fails_is_not_kept(tmp_path: Path) -> None:
    kept = Cache(tmp_path)
    with pytest.raises(AssertionError):
        kept.get({"model": "a"}, refused)
    assert not list(tmp_path.rglob("*.json"))


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = Cache(tmp_path / "file" / "cache")
    assert kept.get({"model": "a"}, lambda: {"n": 1}) == {"n": 1}
    assert kept.get({"model": "a"}, lambda: {"n": 1}) == {"n": 1}


def test_the_oldest_are_dropped(tmp_path: Path) -> None:
    kept = Cache(tmp_path)
    for number in range(5):
        kept.get({"model": number}, lambda number=number: {"n": number})  # type: ignore[misc]
    kept.trim(2)
    assert len(list(tmp_path.glob("*/*.json"))) == 2


def _fill(folder: Path) -> None:
    kept = Cache(folder)
    for number in range(200):
        of = {"model": number % 20}
        assert kept.get(of, lambda of=of: {"n": of["model"]}) == {"n": of["model"]}  # type: ignore[misc]
        if number % 50 == 0:
            kept.trim(5)


def test_processes_share_it(tmp_path: Path) -> None:
    workers = [
        multiprocessing.get_context("spawn").Process(target=_fill, args=(tmp_path,))
        for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert not list(tmp_path.rglob(".new.*"))


@pytest.mark.parametrize(
    ("said", "folder"),
    [
        ({"AUDITOR_CACHE_DIR": "/c", "HOME": "/h"}, "/c"),
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/auditor"),
        ({"XDG_CACHE_HOME": "x", "HOME": "/h"}, "/h/.cache/auditor"),
        ({"HOME": "/h"}, "/h/.cache/auditor"),
        ({}, None),
    ],
)
def test_where_it_is(said: dict[str, str], folder: str | None, monkeypatch: Any) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    assert default_folder(said) == (None if folder is None else Path(folder))
