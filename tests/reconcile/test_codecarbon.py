"""emissions.csv: energies by hand, the choice of a row, and what is refused."""

from __future__ import annotations

import pytest
from measured_files import CODECARBON_2, CODECARBON_3, emissions

from auditor.errors import CalibrationError
from auditor.reconcile import Measured, Selection
from auditor.reconcile.codecarbon import parse
from auditor.reconcile.measured import Covers


def one(*rows: dict[str, str], **selection: object) -> Measured:
    return parse(emissions(*rows), Selection(**selection))  # type: ignore[arg-type]


@pytest.mark.parametrize("header", [CODECARBON_2, CODECARBON_3])
def test_energies_are_kwh_of_all_devices(header: str) -> None:
    found = parse(emissions({}, header=header), Selection())
    assert found.covers is Covers.GPU_CPU_RAM
    assert found.energy_j == pytest.approx(0.125 * 3.6e6)  # 450 kJ
    assert found.gpu_energy_j == pytest.approx(360_000)
    assert found.cpu_energy_j == pytest.approx(72_000)
    assert found.ram_energy_j == pytest.approx(18_000)
    assert found.duration_s == 1000
    assert (found.hardware_name, found.device_count) == ("NVIDIA GeForce RTX 3090", 1)
    assert (found.tool_version, found.label) == ("2.4.2", "979336a5")
    assert (found.epochs, found.extrapolated, found.pue_divided_out) == (None, None, None)


def test_a_pue_is_divided_out_of_every_part() -> None:
    found = one({"pue": "1.25"})
    assert found.pue_divided_out == 1.25
    assert found.energy_j == pytest.approx(360_000)  # 450 kJ / 1.25
    assert found.gpu_energy_j == pytest.approx(288_000)


def test_columns_of_the_first_versions_of_two_are_enough() -> None:
    header = "run_id,emissions,duration,energy_consumed,cpu_energy,gpu_energy,ram_energy"
    found = parse(emissions({}, header=header), Selection())
    assert found.gpu_energy_j == pytest.approx(360_000)
    assert (found.hardware_name, found.device_count) == (None, None)


def test_the_last_row_of_a_run_holds_its_totals() -> None:
    found = one({}, {"gpu_energy": "0.3", "energy_consumed": "0.325", "duration": "3000"})
    assert (found.duration_s, found.gpu_energy_j) == (3000, pytest.approx(1_080_000))
    assert any("2 rows of one run" in w for w in found.warnings)


def test_a_run_of_several_is_chosen() -> None:
    rows = (
        {"run_id": "a", "project_name": "vision", "duration": "10"},
        {"run_id": "b", "project_name": "text", "duration": "20"},
        {"run_id": "b", "project_name": "text", "duration": "30"},
    )
    assert one(*rows, run_id="a").duration_s == 10
    assert one(*rows, run_id="b").duration_s == 30
    assert one(*rows, project="text").duration_s == 30
    assert one(*rows, row=2).duration_s == 20
    with pytest.raises(CalibrationError, match=r"3 rows of 2 runs: .*--run-id.*'a', 'b'"):
        one(*rows)
    with pytest.raises(CalibrationError, match=r"no row with run_id 'c'; there are 'a', 'b'"):
        one(*rows, run_id="c")
    with pytest.raises(CalibrationError, match=r"--row 4: the file has rows 1 to 3"):
        one(*rows, row=4)


def test_several_kinds_of_devices_are_not_told_apart() -> None:
    # Seen in a public file: two names run into each other, "A40" and "1 x ...".
    mixed = "4 x NVIDIA A401 x NVIDIA A100 80GB PCIe"
    found = one({"gpu_count": "5", "gpu_model": mixed})
    assert (found.hardware_name, found.device_count) == (mixed, 5)
    assert any("several kinds" in w for w in found.warnings)


def test_doubts_are_said() -> None:
    assert any("tracking_mode process" in w for w in one({"tracking_mode": "process"}).warnings)
    # 0.1375 / 0.125 = 1.1
    odd = one({"energy_consumed": "0.1375"})
    assert any("1.1 times the sum" in w for w in odd.warnings)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"gpu_energy": "0.0"}, "line 2: gpu_energy is 0"),
        ({"gpu_energy": "nan"}, "line 2: gpu_energy: 'nan' is not a number"),
        ({"gpu_energy": "-0.1"}, "line 2: gpu_energy: '-0.1' is not a number"),
        ({"gpu_energy": ""}, "line 2: gpu_energy: '' is not a number"),
        ({"duration": "0"}, "line 2: duration is 0"),
        ({"energy_consumed": "0"}, "line 2: energy_consumed is 0"),
        ({"pue": "0.5"}, "line 2: pue is 0.5: must be from 1 to 100"),
        ({"gpu_count": "two"}, "line 2: gpu_count: 'two' is not a number"),
        ({"cpu_model": "Xeon, fast"}, "line 2: 32 cells under 31 columns"),
    ],
)
def test_a_bad_cell_is_named(row: dict[str, str], message: str) -> None:
    with pytest.raises(CalibrationError, match=message):
        one(row)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CODECARBON_2 + "\n", "no rows below the header"),
        ("timestamp,emissions,energy_consumed,duration\n1,2,3,4\n", "no column cpu_energy"),
        ("", "no column duration"),
        (emissions({}) + '"open', "line 3: not CSV"),
    ],
)
def test_a_bad_table_is_refused(text: str, message: str) -> None:
    with pytest.raises(CalibrationError, match=message):
        parse(text, Selection())
