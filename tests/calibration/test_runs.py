"""Tables of measured runs: what the reader takes, and what it refuses, with line and remedy."""

from __future__ import annotations

import csv
import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.calibration.record import PHASES, SCOPES, Run, step_time_s
from auditor.calibration.runs import read_runs, schema
from auditor.errors import CalibrationError
from auditor.hardware import Accelerator, resolve
from auditor.optimizers import OPTIMIZERS
from auditor.precision import PRECISIONS

ROOT = Path(__file__).resolve().parents[2]

LEAST = {
    "graph": "model.onnx",
    "batch_size": "32",
    "precision": "amp",
    "hardware": "a100",
    "step_time_s": "0.25",
}
# 100 steps of 0.25 s in 30 s; 9000 J in them are 300 W, of a card with 400 W.
FULL = LEAST | {
    "run_id": "one",
    "dims": "width=224;height=192",
    "phase": "train",
    "layout": "nhwc",
    "optimizer": "adamw",
    "hardware": "a100-sxm4-80gb",
    "device_count": "1",
    "power_limit_w": "400",
    "duration_s": "30",
    "samples_per_epoch": "1600",
    "epochs": "2",
    "evaluated_samples_per_epoch": "200",
    "energy_j": "9e3",
    "energy_scope": "gpu",
    "mean_power_w": "300",
    "power_scope": "gpu",
    "quality": "A",
    "note": "by hand, twice",
}


def write(folder: Path, *rows: dict[str, str]) -> Path:
    path = folder / "my_runs.csv"
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def refused(path: Path, extra: tuple[Accelerator, ...] = ()) -> str:
    with pytest.raises(CalibrationError) as caught:
        read_runs(path, extra)
    message = str(caught.value)
    assert message.startswith(f"runs of {path}") and "\n" not in message
    assert ": " in message.removeprefix(f"runs of {path}")
    return message.removeprefix(f"runs of {path}")


class TestTaken:
    def test_the_least_that_a_user_gives(self, tmp_path: Path) -> None:
        (run,) = read_runs(write(tmp_path, LEAST))
        assert run == Run(
            run_id="my_runs.csv:2",
            graph="model.onnx",
            batch_size=32,
            precision="amp",
            hardware="a100-sxm4-80gb",  # the catalogue's choice for "a100"
            step_time_s=0.25,
        )
        assert (run.phase, run.device_count, run.dims) == ("train", 1, ())
        assert run.samples_per_s == 32 / 0.25
        assert run.steps is None

    def test_everything(self, tmp_path: Path) -> None:
        (run,) = read_runs(write(tmp_path, FULL))
        assert run.dims == (("height", 192), ("width", 224))
        assert (run.energy_j, run.energy_scope, run.mean_power_w) == (9000.0, "gpu", 300.0)
        assert run.steps == 1600 * 2 / 32
        assert (run.layout, run.optimizer, run.quality) == ("nhwc", "adamw", "A")
        assert run.note == "by hand, twice"

    def test_a_step_from_a_duration(self, tmp_path: Path) -> None:
        """Three epochs of 1000 samples in 60 s on two devices of batch 10: 150 steps of 0.4 s."""
        row = {name: cell for name, cell in LEAST.items() if name != "step_time_s"}
        row |= {"duration_s": "60", "samples_per_epoch": "1000", "epochs": "3"}
        row |= {"batch_size": "10", "device_count": "2"}
        (run,) = read_runs(write(tmp_path, row))
        assert run.step_time_s == pytest.approx(0.4)

    def test_evaluation_takes_a_third(self) -> None:
        """600 trained and 900 evaluated samples are the work of 900: 90 steps of 10 in 45 s."""
        assert step_time_s(45.0, 600, 900, 10) == pytest.approx(0.5)

    def test_a_device_of_ones_own(self, tmp_path: Path) -> None:
        mine = dataclasses.replace(resolve("a100").accelerator, id="mine", aliases=())
        (run,) = read_runs(write(tmp_path, LEAST | {"hardware": "mine"}), [mine])
        assert run.hardware == "mine"

    def test_a_byte_order_mark_and_blank_lines(self, tmp_path: Path) -> None:
        path = write(tmp_path, LEAST)
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\r\n", b"\n") + b"\n\n")
        assert len(read_runs(path)) == 1

    def test_equal_settings_with_another_time_are_two_runs(self, tmp_path: Path) -> None:
        again = LEAST | {"step_time_s": "0.26"}
        assert len(read_runs(write(tmp_path, LEAST, again))) == 2

    def test_a_machine_may_draw_more_than_its_boards(self, tmp_path: Path) -> None:
        """500 W are too many for a card of 400 W, and not for the machine around it."""
        row = FULL | {"energy_j": "15000", "mean_power_w": "500"}
        assert "above" in refused(write(tmp_path, row))
        for scope in ("gpu+cpu", "node"):
            read_runs(write(tmp_path, row | {"energy_scope": scope, "power_scope": scope}))

    def test_energy_and_power_of_unlike_scopes_need_not_agree(self, tmp_path: Path) -> None:
        row = FULL | {"energy_scope": "node", "energy_j": "15000"}
        (run,) = read_runs(write(tmp_path, row))
        assert (run.energy_scope, run.power_scope) == ("node", "gpu")

    def test_reading_loads_jsonschema_and_importing_does_not(self) -> None:
        code = "import sys, auditor.calibration.runs; print('jsonschema' in sys.modules)"
        found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        assert found.stdout.strip() == b"False"


@pytest.mark.parametrize("name", sorted(schema()["required"]))
def test_a_column_that_is_missing(tmp_path: Path, name: str) -> None:
    row = {key: cell for key, cell in LEAST.items() if key != name}
    assert refused(write(tmp_path, row)) == (
        f": no column {name}: add it, with a value in every row"
    )


@pytest.mark.parametrize("name", sorted(schema()["required"]))
def test_a_cell_that_is_missing(tmp_path: Path, name: str) -> None:
    message = refused(write(tmp_path, LEAST, LEAST | {name: ""}))
    assert message.startswith(", line 3: ") and name in message and "fill it in" in message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"step_time_s": ""}, "no time: fill in step_time_s, or duration_s"),
        ({"batch_size": "many"}, "batch_size: 'many' is not a number"),
        ({"batch_size": "1_000"}, "batch_size: '1_000' is not a number"),
        ({"batch_size": "2.5"}, "batch_size: '2.5' is not a whole number"),
        ({"batch_size": "0"}, "batch_size: 0 is less than the minimum of 1"),
        ({"step_time_s": "nan"}, "step_time_s: 'nan' is not a number"),
        ({"step_time_s": "1e999"}, "step_time_s: '1e999' is not a number"),
        ({"step_time_s": "0,25"}, "step_time_s: '0,25' is not a number"),
        ({"step_time_s": "-1"}, "step_time_s: -1.0 is less than or equal to the minimum of 0"),
        ({"precision": "half"}, "precision: 'half' is not one of"),
        ({"optimizer": "lion"}, "optimizer: 'lion' is not one of"),
        ({"hardware": "abacus"}, "hardware: unknown accelerator 'abacus'"),
        ({"hardware": "rtx a100"}, "hardware: "),
        ({"phase": "training"}, "phase: 'training' is not one of"),
        ({"dims": "sequence:384"}, "dims: 'sequence:384' is not of the form name=size;name=size"),
        ({"dims": "sequence=0"}, "dims: 'sequence=0' is not of the form"),
        ({"energy_j": "100"}, "fill in both or neither"),
        ({"energy_j": "100", "duration_s": "1"}, "'energy_scope' is a dependency of 'energy_j'"),
        ({"mean_power_w": "100"}, "'power_scope' is a dependency of 'mean_power_w'"),
    ],
)
def test_a_cell_that_is_wrong(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    message = refused(write(tmp_path, LEAST, LEAST | changes))
    assert message.startswith(", line 3: ") and words in message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        # kW instead of W, and mW.
        ({"mean_power_w": "0.3"}, "mean_power_w: 0.3 W is below the 16 W that 1 x a100"),
        ({"mean_power_w": "3e5"}, "mean_power_w: 3e+05 W is above the 440 W"),
        # kWh, Wh and kJ instead of J.
        ({"energy_j": "0.0025"}, "energy_j / duration_s: 8.333e-05 W is below the 16 W"),
        ({"energy_j": "2.5"}, "1 kWh = 3.6e6 J"),
        ({"energy_j": "9"}, "energy_j / duration_s: 0.3 W is below"),
        # Of eight devices, where the power is of one.
        ({"energy_j": "72000"}, "energy_j / duration_s: 2400 W is above the 440 W"),
        # With the PUE of 1.55 in it.
        ({"energy_j": "12000"}, "energy_j / duration_s is 400 W, but mean_power_w 300 W"),
        # The limit of eight boards.
        ({"power_limit_w": "3200"}, "power_limit_w: 3200 W is above what a100-sxm4-80gb"),
        # A limit that the power does not keep.
        ({"power_limit_w": "200"}, "mean_power_w: 300 W is above the 220 W"),
        # ms, and the time of an epoch.
        ({"step_time_s": "250"}, "step_time_s: 100 steps of 250 s take 833 times the 30 s"),
        ({"step_time_s": "0.00025"}, "step_time_s: 100 steps of 0.00025 s take 0.000833 times"),
        (
            {"duration_s": "0.5", "energy_j": "150"},
            "step_time_s: 100 steps of 0.25 s take 50 times",
        ),
        # Samples of one device, where four trained: their idle power alone is 64 W.
        ({"device_count": "64"}, "mean_power_w: 300 W is below the 1024 W that 64 x a100"),
    ],
)
def test_figures_that_cannot_all_be_right(
    tmp_path: Path, changes: dict[str, str], words: str
) -> None:
    message = refused(write(tmp_path, LEAST, FULL | changes))
    assert message.startswith(", line 3: ") and words in message


def test_the_idle_power_of_the_device_is_the_bound_where_it_is_known(tmp_path: Path) -> None:
    mine = dataclasses.replace(resolve("a100").accelerator, id="mine", aliases=(), idle_w=60.0)
    row = FULL | {"hardware": "mine", "mean_power_w": "50", "energy_j": "1500"}
    assert "50 W is below the 60 W" in refused(write(tmp_path, row), (mine,))
    read_runs(write(tmp_path, row | {"hardware": "a100"}))


class TestTwice:
    def test_a_run_id(self, tmp_path: Path) -> None:
        path = write(tmp_path, FULL, LEAST, FULL | {"batch_size": "33"})
        assert refused(path) == ", line 4: run_id 'one' as in line 2: keep one of the two rows"

    def test_the_figures_under_another_name(self, tmp_path: Path) -> None:
        again = FULL | {"run_id": "two", "note": "", "quality": "B", "energy_j": "9000.0"}
        message = refused(write(tmp_path, FULL, again))
        assert message == ", line 3: every figure as in line 2: keep one of the two rows"

    def test_a_row_without_a_name(self, tmp_path: Path) -> None:
        assert "every figure as in line 2" in refused(write(tmp_path, LEAST, LEAST))


class TestFiles:
    def test_none(self, tmp_path: Path) -> None:
        assert "cannot be read" in refused(tmp_path / "none.csv")
        assert "cannot be read" in refused(tmp_path)

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            (b"", "no column graph, batch_size, precision, hardware"),
            (b"\xff\xfe\x00\x01", "give a CSV file in UTF-8"),
            (b"graph,batch_size,precision,hardware,step_time_s\n", "no rows"),
            (b"graph,batch_size,precision,hardware,step_time_s\na,1\n", ", line 2: not as many"),
            (b"graph,batch_size,precision,hardware\na,1,amp,a100,2\n", ", line 2: not as many"),
            (b'graph,batch_size,precision,hardware\n"a,1,amp,a100\n', "not CSV"),
            (b"graph,batch_size,precision,hardware,graph\n", "column graph occurs twice"),
            (b"graph,batch_size,precision,hardware,Energy_J\n", "call it energy_j"),
            (b"graph,batch_size,precision,hardware,colour\n", "'colour': leave it out"),
            (b"graph;batch_size;precision\n", "unknown column"),
        ],
    )
    def test_that_are_no_tables(self, tmp_path: Path, data: bytes, words: str) -> None:
        path = tmp_path / "my_runs.csv"
        path.write_bytes(data)
        assert words in refused(path)

    @given(data=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
    def test_whatever_is_in_it(self, tmp_path_factory: Any, data: bytes) -> None:
        path = tmp_path_factory.mktemp("any") / "my_runs.csv"
        path.write_bytes(data)
        with pytest.raises(CalibrationError):
            read_runs(path)


class TestSchema:
    def test_it_is_one_and_the_readers(self) -> None:
        read = json.loads((ROOT / "schemas" / "runs.schema.json").read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(read)
        assert read == schema()

    def test_it_has_the_fields_of_a_run(self) -> None:
        assert {field.name for field in dataclasses.fields(Run)} == set(schema()["properties"])

    def test_it_has_the_same_choices(self) -> None:
        found = schema()["properties"]
        assert found["precision"]["enum"] == list(PRECISIONS)
        assert found["optimizer"]["enum"] == list(OPTIMIZERS)
        assert found["phase"]["enum"] == list(PHASES)
        assert found["energy_scope"]["enum"] == found["power_scope"]["enum"] == list(SCOPES)
