"""Which networks are exported, and that one that cannot be holds up no other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from collecting import manifest_table, train_entry

from auditor.collect.jobs import Answer, Job, Lost, ProfileJob
from auditor.collect.manifest import manifest_from
from auditor.collect.profiles import lacking, make_profiles
from auditor.collect.store import Store, StoredNetwork, opened

MANIFEST = manifest_from(
    manifest_table(
        train=[train_entry(networks=["plain:cnn", "plain:unet"])],
        infer=[
            train_entry(networks=["plain:cnn"], optimizer=None, sizes=[64]) | {"provider": "cuda"}
        ],
    ),
    "m.toml",
)


class Exporter:
    """Exports all but the U-Net, in whose export it dies."""

    def __init__(self) -> None:
        self.starts = 0
        self.asked: list[tuple[str, str]] = []

    def start(self) -> Mapping[str, Any]:
        self.starts += 1
        return {"name": "fake"}

    def ask(self, job: Job, timeout_s: float) -> Answer | Lost:
        assert isinstance(job, ProfileJob) and timeout_s > 0
        self.asked.append((job.run.graph, job.mode))
        if job.run.network.name == "unet":
            return Lost("the worker died (signal 9)")
        return Answer(
            StoredNetwork(
                key=job.run.network_key, mode=job.mode, status="profiled", facts={}, kernels="{}"
            )
        )

    def stop(self) -> None:
        pass


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path / "runs.db") as found:
        yield found


def test_each_network_once_and_those_that_answer_also_so(store: Store) -> None:
    assert [(item.run.graph, item.mode) for item in lacking(MANIFEST, store)] == [
        ("plain:cnn@32", "train"),
        ("plain:unet@32", "train"),
        ("plain:cnn@64", "train"),
        ("plain:cnn@64", "infer"),
    ]


def test_what_cannot_be_exported_is_said_and_the_rest_goes_on(store: Store) -> None:
    exporter, said = Exporter(), list[str]()
    assert make_profiles(MANIFEST, store, exporter, said.append) == (3, 1)
    assert exporter.starts == 2  # at the beginning, and after it died
    assert said[1] == "[2/4] plain:unet@32, train: the worker died (signal 9)"
    assert said[3] == "[4/4] plain:cnn@64, infer: profiled"
    again = Exporter()
    assert make_profiles(MANIFEST, store, again, said.append) == (0, 0)
    assert again.asked == [] and again.starts == 0
    store.forget_failed_networks()
    assert [item.run.graph for item in lacking(MANIFEST, store)] == ["plain:unet@32"]
