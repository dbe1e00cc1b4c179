"""From the store to the calibration tables, and back through their own readers."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from collecting import DEVICE, configuration, measured_outcome, stored

from auditor.calibration.profiles import read_networks
from auditor.calibration.runs import RUN_COLUMNS, read_runs, schema
from auditor.calibration.samples import samples
from auditor.collect.configuration import Network
from auditor.collect.folder import write_folder
from auditor.collect.kernels import kernels_from, kernels_text
from auditor.collect.store import Outcome, Store, StoredNetwork, opened
from auditor.collect.tables import row_of, tables
from auditor.errors import CalibrationError, HardwareError, OutputError
from auditor.step.kernels import Kernels

GPT = Network(library="transformers", name="gpt", definition='{"class":"GPT2LMHeadModel"}')


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(tmp_path / "runs.db") as found:
        yield found


def kernels(**changes: Any) -> Kernels:
    """One product of 10 by 20, forward once and backward twice."""
    values: dict[str, Any] = {
        "families": ("matmul",),
        "macs": np.array([[200.0, 400.0]]),
        "other_flops": np.array([[0.0, 0.0]]),
        "batch_bytes": np.array([[120.0, 240.0]]),
        "weight_bytes": np.array([[800.0, 1600.0]]),
        "launches": np.array([[1.0, 2.0]]),
        "contraction": np.array([10.0]),
        "element_bytes": np.array([4.0]),
        "keeps_fp32": np.array([False]),
        "batch_size": 1,
        "trained_parameter_count": 200,
        "trained_tensor_count": 1,
        "product_parameter_count": 200,
    }
    return Kernels(**(values | changes))


def add_network(store: Store, key: str, found: Kernels) -> None:
    text = kernels_text(found)
    store.add_network(
        StoredNetwork(key=key, mode="train", status="profiled", facts={}, kernels=text, graph=b"g")
    )


def same(one: Kernels, other: Kernels) -> bool:
    return all(
        np.array_equal(np.asarray(getattr(one, f.name)), np.asarray(getattr(other, f.name)))
        for f in fields(Kernels)
    )


def test_kernels_are_read_as_they_were_written() -> None:
    assert same(kernels_from(kernels_text(kernels())), kernels())


def test_columns_are_those_of_the_schema() -> None:
    assert set(RUN_COLUMNS) == set(schema()["properties"])


def test_a_row_by_hand() -> None:
    """50 steps of 64 samples in 5 s at 400 W: 3,200 samples and 2,000 J."""
    row = row_of(stored(configuration()), "h200-sxm-141gb")
    assert row.pop("run_id") == f"mine-{configuration().key('NVIDIA H200')[:16]}"
    assert row == {
        "source": "mine",
        "source_path": "audit collect, 2026-01-02T03:04:05+00:00",
        "quality": "A",
        "family": "resnet",
        "graph": "timm:resnet50@224",
        "dims": "",
        "phase": "train",
        "layout": "nchw",
        "batch_size": "64",
        "precision": "tf32",
        "optimizer": "momentum",
        "hardware": "h200-sxm-141gb",
        "device_count": "1",
        "power_limit_w": "700",
        "step_time_s": "0.1",
        "duration_s": "5",
        "samples_per_epoch": "3200",
        "epochs": "1",
        "energy_j": "2000",
        "energy_scope": "gpu",
        "mean_power_w": "400",
        "power_scope": "gpu",
        "note": "torch 2.11.0; peak memory 12.3 GB",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"energy_method": "modelled"},
        {"energy_scope": "cpu"},
        {"energy_method": None, "energy_scope": None, "energy_j": None, "mean_power_w": None},
    ],
)
def test_energy_that_no_row_can_tell_is_left_out(change: dict[str, Any]) -> None:
    row = row_of(stored(configuration(), measured_outcome(**change)), "h200-sxm-141gb")
    assert not {"energy_j", "energy_scope", "mean_power_w", "power_scope"} & set(row)


def test_a_recording_played_again_is_no_energy_of_the_run() -> None:
    played = stored(configuration(), device=DEVICE | {"meter_option": "replay:a.csv"})
    assert "energy_j" not in row_of(played, "h200-sxm-141gb")


def test_warnings_are_told() -> None:
    row = row_of(stored(configuration(), measured_outcome(warnings=["1 other\nprocess"])), "t4")
    assert row["quality"] == "B" and row["note"].endswith("; 1 other process")


class TestRoundTrip:
    def test_through_the_readers_of_the_calibration(self, store: Store, tmp_path: Path) -> None:
        image, text = configuration(), configuration(network=GPT, size=128, layout=None)
        store.add(stored(image))
        store.add(stored(text))
        store.add(
            stored(
                configuration(batch_size=4096),
                Outcome(status="out-of-memory", elapsed_s=2.0, reason="full"),
            )
        )
        add_network(store, image.network_key, kernels())
        add_network(store, text.network_key, kernels(contraction=np.array([30.0])))
        found = tables(store, None, (), None)
        assert found.row_count == 2
        assert found.left_out == (
            "timm:resnet50@224 batch 4096 tf32 momentum: out-of-memory: full",
        )
        write_folder(tmp_path / "tables", found.files)
        one, other = read_runs(tmp_path / "tables" / "runs.csv")
        assert (one.graph, one.hardware, one.energy_j) == (
            "timm:resnet50@224",
            "h200-sxm-141gb",
            2000.0,
        )
        assert (other.graph, other.dims) == ("transformers:gpt", (("sequence", 128),))
        assert one.step_time_s == pytest.approx(one.duration_s / one.steps)  # type: ignore[operator]
        networks = read_networks(tmp_path / "tables")
        assert set(networks) == {
            ("timm:resnet50@224", ""),
            ("transformers:gpt", "sequence=128"),
        }
        assert same(networks["timm:resnet50@224", ""], kernels())
        # A refit takes them: both have a profile, and nothing speaks against them.
        assert samples(read_runs(tmp_path / "tables" / "runs.csv"), networks).runs == (one, other)
        (again,) = {tables(store, None, (), None).files["profiles.csv.gz"]}
        assert again == found.files["profiles.csv.gz"]

    def test_after_the_tables_that_are_there(self, store: Store, tmp_path: Path) -> None:
        """A network that is profiled there already keeps that profile."""
        old, new = configuration(batch_size=1), configuration(network=GPT, size=64, layout=None)
        store.add(stored(old))
        add_network(store, old.network_key, kernels())
        write_folder(tmp_path / "base", tables(store, None, (), None).files)
        store.forget("measured")
        store.add(stored(configuration(batch_size=2)))
        store.add(stored(new))
        add_network(store, old.network_key, kernels(contraction=np.array([77.0])))
        add_network(store, new.network_key, kernels())
        found = tables(store, None, (), tmp_path / "base")
        write_folder(tmp_path / "both", found.files)
        assert [run.batch_size for run in read_runs(tmp_path / "both" / "runs.csv")] == [1, 2, 64]
        networks = read_networks(tmp_path / "both")
        assert len(networks) == 2
        assert networks["timm:resnet50@224", ""].contraction.tolist() == [10.0]

    def test_the_shipped_tables_stay_as_they_are(self, store: Store) -> None:
        base = Path(__file__).resolve().parents[2] / "calibration"
        run = configuration(network=Network(library="plain", name="cnn"))
        store.add(stored(run))
        add_network(store, run.network_key, kernels())
        found = tables(store, None, (), base).files

        def rows(data: bytes) -> list[dict[str, str]]:
            return list(csv.DictReader(io.StringIO(data.decode())))

        before = rows((base / "runs.csv").read_bytes())
        after = rows(found["runs.csv"])
        assert after[:-1] == before and after[-1]["graph"] == run.graph
        packed = rows(gzip.decompress((base / "profiles.csv.gz").read_bytes()))
        assert rows(gzip.decompress(found["profiles.csv.gz"]))[:-1] == packed


class TestRefusals:
    def test_nothing_was_measured(self, store: Store) -> None:
        with pytest.raises(CalibrationError, match="no run was measured that a row can tell"):
            tables(store, None, (), None)

    def test_a_device_that_the_catalogue_does_not_have(self, store: Store) -> None:
        store.add(stored(configuration(), device=DEVICE | {"name": "Abacus 3"}))
        with pytest.raises(HardwareError, match=r"or name it with --hardware$"):
            tables(store, None, (), None)
        assert tables(store, "h200", (), None).row_count == 1

    def test_two_networks_of_one_name(self, store: Store) -> None:
        one = configuration(network=GPT, size=128)
        other = configuration(network=replace(GPT, definition="{}"), size=128)
        for run in (one, other):
            store.add(stored(run))
            add_network(store, run.network_key, kernels())
        with pytest.raises(CalibrationError, match="transformers:gpt was defined in two ways"):
            tables(store, None, (), None)

    def test_no_profile_is_said(self, store: Store) -> None:
        store.add(stored(configuration()))
        assert tables(store, None, (), None).left_out == (
            "timm:resnet50@224: no profile; run `audit collect profile`",
        )

    def test_a_run_on_the_processor(self, store: Store) -> None:
        store.add(stored(configuration(kind="infer", provider="cpu", optimizer=None)))
        with pytest.raises(CalibrationError, match="no run was measured"):
            tables(store, None, (), None)

    def test_a_base_that_is_none(self, store: Store, tmp_path: Path) -> None:
        store.add(stored(configuration()))
        with pytest.raises(CalibrationError, match="give a folder with the tables"):
            tables(store, None, (), tmp_path)
        (tmp_path / "runs.csv").write_text("a,b\n1,2\n", encoding="utf-8")
        with pytest.raises(CalibrationError, match=r"runs\.csv: has other columns than run_id"):
            tables(store, None, (), tmp_path)

    def test_a_folder_that_cannot_be(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("", encoding="utf-8")
        with pytest.raises(OutputError, match="cannot be written"):
            write_folder(tmp_path / "file" / "in", {"a": b"b"})
        assert list(tmp_path.iterdir()) == [tmp_path / "file"]
