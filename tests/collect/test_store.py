"""The store: whole runs, once each, in a file of its own."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from collecting import DEVICE, configuration, figures, measured_outcome, stored

from auditor.collect.store import (
    FAILED,
    OUT_OF_MEMORY,
    Outcome,
    StoredNetwork,
    opened,
)
from auditor.errors import OutputError

LOST = Outcome(status=OUT_OF_MEMORY, elapsed_s=1.5, reason="OutOfMemoryError: no memory")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.db"


def test_a_run_is_read_as_it_was_written(path: Path) -> None:
    run = configuration()
    with opened(path) as store:
        store.add(stored(run))
    with opened(path, must_exist=True) as store:
        (found,) = store.runs()
        assert store.recordings(found.key) == measured_outcome().recordings
    assert found.configuration == run
    assert found.device == DEVICE and found.source == "mine"
    assert found.outcome.figures == figures() and found.outcome.elapsed_s == 8.0


def test_no_memory_is_a_run_too(path: Path) -> None:
    with opened(path) as store:
        store.add(stored(configuration(), LOST))
        (found,) = store.runs()
    assert found.outcome == LOST


def test_a_run_cannot_be_there_twice(path: Path) -> None:
    with opened(path) as store:
        store.add(stored(configuration(), LOST))
        with pytest.raises(OutputError, match=r"runs\.db: the store cannot be used: UNIQUE"):
            store.add(stored(configuration()))
        assert [run.outcome for run in store.runs()] == [LOST]
        assert store.recordings(configuration().key(DEVICE["name"])) == {}


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(status="measured", elapsed_s=1.0),
        Outcome(status="measured", elapsed_s=1.0, figures={}, reason="why"),
        Outcome(status=FAILED, elapsed_s=1.0),
        Outcome(status=FAILED, elapsed_s=1.0, reason="why", figures={}),
        Outcome(status="perhaps", elapsed_s=1.0, reason="why"),
    ],
)
def test_the_table_itself_refuses_half_a_run(path: Path, outcome: Outcome) -> None:
    with opened(path) as store, pytest.raises(OutputError, match="CHECK constraint failed"):
        store.add(stored(configuration(), outcome))


def test_failed_runs_can_be_forgotten(path: Path) -> None:
    with opened(path) as store:
        store.add(stored(configuration(), Outcome(status=FAILED, elapsed_s=1.0, reason="gone")))
        store.add(stored(configuration(batch_size=1)))
        assert (store.forget(FAILED), store.forget(FAILED)) == (1, 0)
        assert [run.configuration.batch_size for run in store.runs()] == [1]


def test_a_network_takes_the_place_of_an_earlier_try(path: Path) -> None:
    failed = StoredNetwork(key="k", mode="train", status="failed", reason="no time")
    made = StoredNetwork(
        key="k", mode="train", status="profiled", facts={"macs": 3.0}, kernels="{}", graph=b"onnx"
    )
    with opened(path) as store:
        store.add_network(failed)
        assert store.network("k", "train") == failed
        assert store.network_facts("train") == {"k": None}
        assert store.forget_failed_networks() == 1 and store.network_facts("train") == {}
        store.add_network(failed)
        store.add_network(made)
        assert store.network("k", "train") == made
        assert store.network_facts("train") == {"k": {"macs": 3.0}}
        assert store.forget_failed_networks() == 0
        assert store.network("k", "infer") is None and store.network_facts("infer") == {}


def test_every_run_is_on_the_disk_before_the_next(path: Path) -> None:
    with opened(path) as store:
        store.add(stored(configuration()))
        reader = sqlite3.connect(path)
        assert reader.execute("SELECT count(*) FROM runs").fetchone() == (1,)
        assert reader.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        reader.close()


def test_files_of_others_are_left_alone(path: Path, tmp_path: Path) -> None:
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE mine (a)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(OutputError, match="is no store of this version"), opened(path):
        pass
    assert path.read_bytes() == before
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but longer than the head of one " * 20, encoding="utf-8")
    with pytest.raises(OutputError, match="file is not a database; name another"), opened(text):
        pass


def test_paths_that_cannot_be(tmp_path: Path) -> None:
    none, nowhere = tmp_path / "none.db", tmp_path / "no" / "folder.db"
    with pytest.raises(OutputError, match="no such store"), opened(none, must_exist=True):
        pass
    with pytest.raises(OutputError, match="unable to open database file"), opened(nowhere):
        pass
