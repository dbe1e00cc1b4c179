"""The store: each model once, whole; what changed is done again; one sweep at a time."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.errors import OutputError
from auditor.sweep.records import Done, Source
from auditor.sweep.store import Counts, opened


def named(*names: str, stamp: str = "1") -> list[Source]:
    return [Source(name, 10, stamp) for name in names]


def done(source: Source) -> Done:
    return Done(source, tuple({"source": source.name, "place": place} for place in range(2)))


def test_what_is_added_is_there_once(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with opened(path) as store:
        store.list(named("a", "b"))
        store.add([done(source) for source in named("b")])
        store.add([done(source) for source in named("b")])
        assert store.counts() == Counts(2, 1)
    with opened(path) as store:
        assert [s.name for s in store.open_sources()] == ["a"]
        assert [r["place"] for r in store.rows()] == [0, 1]


def test_rows_are_in_the_order_of_the_list_whoever_is_first(tmp_path: Path) -> None:
    with opened(tmp_path / "s.db") as store:
        store.list(named("c", "a", "b"))
        store.add([done(s) for s in named("b", "c", "a")])
        assert [r["source"] for r in store.rows()] == ["c", "c", "a", "a", "b", "b"]


def test_what_changed_or_is_no_more_is_forgotten(tmp_path: Path) -> None:
    with opened(tmp_path / "s.db") as store:
        store.list(named("same", "changed", "gone"))
        store.add([done(s) for s in named("same", "changed", "gone")])
        store.list([*named("same"), *named("changed", stamp="2"), *named("new")])
        assert [s.name for s in store.open_sources()] == ["changed", "new"]
        assert [r["source"] for r in store.rows()] == ["same", "same"]


def test_what_has_no_stamp_is_done_again(tmp_path: Path) -> None:
    with opened(tmp_path / "s.db") as store:
        store.list(named("missing", stamp=""))
        store.add([done(s) for s in named("missing", stamp="")])
        store.list(named("missing", stamp=""))
        assert store.counts() == Counts(1, 0)


def test_a_model_that_is_given_twice_is_one(tmp_path: Path) -> None:
    with opened(tmp_path / "s.db") as store:
        store.list(named("a", "a"))
        assert store.counts() == Counts(1, 0)


@settings(max_examples=25)
@given(st.lists(st.text(min_size=1), unique=True, max_size=8), st.data())
def test_any_names_come_back(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], data: st.DataObject
) -> None:
    first = data.draw(st.integers(0, len(names)))
    with opened(tmp_path_factory.mktemp("s") / "s.db") as store:
        store.list(named(*names))
        store.add([done(s) for s in named(*names[:first])])
        assert [s.name for s in store.open_sources(page=2)] == names[first:]


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    name = b"caf\xe9.onnx".decode("utf-8", "surrogateescape")
    with opened(tmp_path / "s.db") as store:
        store.list(named(name))
        assert [s.name for s in store.open_sources()] == [name]
        store.add([done(s) for s in named(name)])
        assert next(store.rows())["source"] == name


def test_facts_that_differ_are_refused(tmp_path: Path) -> None:
    with opened(tmp_path / "s.db") as store:
        store.require([("version", "1"), ("grid", "x")])
        store.require([("version", "1"), ("grid", "x")])
        with pytest.raises(OutputError, match="begun with another grid"):
            store.require([("version", "1"), ("grid", "y")])


def test_two_sweeps_at_once_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.sweep.store._WAIT_S", 0.1)
    with (
        opened(tmp_path / "s.db"),
        pytest.raises(OutputError, match="another sweep is writing"),
        opened(tmp_path / "s.db"),
    ):
        pass


@pytest.mark.parametrize("kind", ["text", "other"])
def test_another_file_is_left_alone(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "s.db"
    if kind == "text":
        path.write_text("notes of mine, not a database, and long enough to be looked at" * 20)
    else:
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE mine (x)")
        connection.close()
    before = path.read_bytes()
    with pytest.raises(OutputError), opened(path):
        pass
    assert path.read_bytes() == before


def test_it_is_gone_when_it_is_removed(tmp_path: Path) -> None:
    with opened(tmp_path / "s.db") as store:
        store.list(named("a"))
        store.remove()
    assert not list(tmp_path.iterdir())
