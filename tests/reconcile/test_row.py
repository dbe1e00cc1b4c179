"""The row for ``audit calibrate``: its reader takes it, and nothing unfit is offered."""

from __future__ import annotations

from pathlib import Path

import pytest
from predictions import audited, measured

from auditor.calibration.runs import read_runs
from auditor.errors import CalibrationError
from auditor.reconcile import Reconciliation, Said, Tool, reconcile
from auditor.reconcile.measured import Covers
from auditor.reconcile.row import row, table

# 300 W over 100 s of 10,000 samples, which is less than the board's 350 W.
PLAUSIBLE = measured(duration_s=100.0)


def found(**changes: object) -> Reconciliation:
    return reconcile(PLAUSIBLE, audited(**changes))


def test_the_reader_of_runs_takes_it(tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    dims = (("height", 224), ("sequence", 384))
    path.write_text(table(row(found(dims=dims), "out/emissions.csv"), path), encoding="utf-8")
    (run,) = read_runs(path)
    assert (run.run_id, run.graph, run.hardware) == ("979336a5", "net.onnx", "rtx3090")
    assert (run.batch_size, run.precision, run.optimizer) == (32, "amp", "adamw")
    assert run.dims == dims
    assert (run.duration_s, run.samples_per_epoch, run.epochs) == (100, 1000, 10)
    assert (run.energy_j, run.energy_scope) == (30_000, "gpu")
    assert (run.source, run.source_path) == ("codecarbon 2.4.2", "out/emissions.csv")
    # 100 s / 10,000 samples x 32
    assert run.step_time_s == pytest.approx(0.32)


def test_a_sum_without_parts_keeps_its_scope() -> None:
    both = measured(covers=Covers.GPU_CPU, gpu_energy_j=None, tool=Tool.CARBONTRACKER)
    made = row(reconcile(both, audited()), "a.log")
    assert (made["energy_j"], made["energy_scope"]) == ("36000", "gpu+cpu")
    assert made["run_id"] == ""  # such logs name no run


def test_samples_said_by_the_user_are_one_epoch() -> None:
    made = row(reconcile(PLAUSIBLE, audited(), Said(samples=12_345.0)), "a.csv")
    assert (made["samples_per_epoch"], made["epochs"]) == ("12345", "1")


def test_accumulation_is_noted() -> None:
    assert row(found(gradient_accumulation=4), "a.csv")["note"] == "gradient accumulation 4"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unlike_rows": ("freeze",)}, "the plan sets freeze"),
        ({"model_path": "torch:package:factory"}, "is no file"),
    ],
)
def test_what_a_row_cannot_tell_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(CalibrationError, match=message):
        row(found(**changes), "a.csv")


def test_a_conflict_makes_no_row() -> None:
    forced = reconcile(measured(device_count=8), audited(), Said(despite_conflicts=True))
    with pytest.raises(CalibrationError, match="no row for calibration: measured on 8 devices"):
        row(forced, "a.csv")


class TestTable:
    def test_rows_are_added(self, tmp_path: Path) -> None:
        path = tmp_path / "runs.csv"
        first = row(found(), "a.csv")
        path.write_text(table(first, path).rstrip("\n"), encoding="utf-8")
        path.write_text(table(first | {"run_id": "b", "epochs": "5"}, path), encoding="utf-8")
        assert [run.run_id for run in read_runs(path)] == ["979336a5", "b"]

    def test_the_same_row_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "runs.csv"
        path.write_text(table(row(found(), "a.csv"), path), encoding="utf-8")
        with pytest.raises(CalibrationError, match="has this row already, in line 2"):
            table(row(found(), "a.csv"), path)

    @pytest.mark.parametrize("text", ["graph,batch_size\na,1\n", "not a table"])
    def test_another_table_is_left_alone(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "runs.csv"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(CalibrationError, match="other columns than"):
            table(row(found(), "a.csv"), path)

    def test_what_could_break_a_line_is_quoted_or_replaced(self, tmp_path: Path) -> None:
        path = tmp_path / "runs.csv"
        odd = reconcile(measured(duration_s=100.0, label='a,"b"\n\x1b[1m'), audited())
        path.write_text(table(row(odd, "a\nb.csv"), path), encoding="utf-8")
        (run,) = read_runs(path)
        assert (run.run_id, run.source_path) == ('a,"b"  [1m', "a b.csv")
