"""Single kernels as the fit takes them: work and traffic by hand, errors that name the row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from auditor.calibration.record import Run
from auditor.calibration.samples import Samples
from auditor.calibration.single import beside, read_single
from auditor.errors import CalibrationError
from auditor.hardware import resolve
from auditor.step.terms import LAUNCH, TERMS

HEADING = (
    "hardware,op,split,batch,m,n,k,width,in_channels,out_channels,kernel,in_size,stride,padding,"
    "latency_s,source\n"
)
V100 = resolve("v100-pcie-32gb").accelerator
FP32 = V100.peak_flops_per_s["fp32"]
BANDWIDTH = V100.memory_bandwidth_bytes_per_s


def table(tmp_path: Path, *rows: str) -> Path:
    path = tmp_path / "kernels.csv"
    path.write_text(HEADING + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def term(found: Samples, name: str, row: int = 0) -> float:
    return float(found.sums[row, TERMS.index(name)])


def test_a_batch_of_products(tmp_path: Path) -> None:
    # (8, 16, 32) x (8, 32, 64): 8 x 16 x 64 results of 32 products each; the operands have
    # 8 x 16 x 32 and 8 x 32 x 64 elements.
    found = read_single(table(tmp_path, "v100-pcie-32gb,bmm,test,8,16,32,64,,,,,,,,1e-4,neusight"))
    flops = 2 * 8 * 16 * 32 * 64
    assert term(found, "compute/batched_matmul/forward/fp32") == pytest.approx(flops / FP32)
    moved_bytes = 4 * 8 * (16 * 32 + 32 * 64 + 16 * 64)
    assert BANDWIDTH is not None
    assert term(found, "memory/batched_matmul/forward/full") == pytest.approx(
        moved_bytes / BANDWIDTH
    )
    assert term(found, "latency/fp32") == pytest.approx(32e-9)
    assert term(found, LAUNCH) == pytest.approx(1e-6)
    assert found.log_time[0] == pytest.approx(np.log(1e-4))


def test_a_linear_layer_reads_its_weights_and_bias(tmp_path: Path) -> None:
    # 4 x 8 rows of 16 features to 32.
    found = read_single(table(tmp_path, "v100-pcie-32gb,linear,train,4,8,16,32,,,,,,,,1e-4,n"))
    assert term(found, "compute/matmul/forward/fp32") == pytest.approx(2 * 32 * 16 * 32 / FP32)
    assert BANDWIDTH is not None
    moved_bytes = 4 * (32 * 16 + 32 * 32 + 16 * 32 + 32)
    assert term(found, "memory/matmul/forward/full") == pytest.approx(moved_bytes / BANDWIDTH)


@pytest.mark.parametrize(
    ("op", "family", "moved"),
    [("softmax", "softmax", 2), ("ln", "normalization", 2), ("add", "elementwise", 3),
     ("addu", "elementwise", 2), ("gelu", "elementwise", 2)],
)  # fmt: skip
def test_what_is_no_product_moves_its_elements(
    tmp_path: Path, op: str, family: str, moved: int
) -> None:
    found = read_single(table(tmp_path, f"v100-pcie-32gb,{op},test,128,,,,256,,,,,,,1e-4,neusight"))
    assert BANDWIDTH is not None
    expected_s = 4 * moved * 128 * 256 / BANDWIDTH
    assert term(found, f"memory/{family}/forward/full") == pytest.approx(expected_s)
    assert not any("compute" in TERMS[i] for i in np.flatnonzero(found.sums[0]))


def test_convolutions_are_not_taken(tmp_path: Path) -> None:
    found = read_single(
        table(tmp_path, "v100-pcie-32gb,conv,train,1,,,,,3,8,3,16,1,1,1e-4,neusight")
    )
    assert found.runs == ()


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("v100-pcie-32gb,swish,test,128,,,,256,,,,,,,1e-4,neusight", "row 2: 'swish'"),
        ("v100-pcie-32gb,add,test,many,,,,256,,,,,,,1e-4,neusight", "row 2: could not convert"),
        ("v100-pcie-32gb,add,test,128,,,,256,,,,,,,0,neusight", "row 2: "),
        ("no-such-card,add,test,128,,,,256,,,,,,,1e-4,neusight", "row 2: "),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: str, words: str) -> None:
    with pytest.raises(CalibrationError, match=words):
        read_single(table(tmp_path, row))


def test_a_missing_table_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match="cannot be read"):
        read_single(tmp_path / "kernels.csv")


def steps(*of: tuple[str, str]) -> Samples:
    runs = tuple(
        Run(run_id=str(i), graph="g", batch_size=1, precision="fp32", hardware=h, step_time_s=1.0,
            source=s)
        for i, (s, h) in enumerate(of)
    )  # fmt: skip
    return Samples(runs, np.ones((len(runs), len(TERMS))), np.zeros(len(runs)))


def test_what_is_left_out_of_the_steps_is_left_out_of_the_kernels(tmp_path: Path) -> None:
    rows = [f"{h},add,test,128,,,,256,,,,,,,1e-4,neusight" for h in ("t4", "p4")]
    kernels = read_single(table(tmp_path, *rows))
    kept = beside(kernels, steps(("neusight", "t4"), ("pepr", "rtx3090")))
    assert [run.hardware for run in kept.runs] == ["t4"]
    assert beside(kernels, steps(("pepr", "t4"), ("pepr", "p4"))).runs == ()


def test_the_projects_own_table_is_read_whole() -> None:
    path = Path(__file__).parents[2] / "calibration" / "kernels.csv"
    found = read_single(path)
    rows = path.read_text(encoding="utf-8").splitlines()[1:]
    assert len(found.runs) == sum(",conv," not in row for row in rows)
    assert np.isfinite(found.log_time).all()
    assert (found.sums.sum(axis=1) > 0).all()
