"""CSV files of zeus: sums and trapezoids by hand, the choice of a window, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from measured_files import OLD_TRACE, TRACE, WINDOWS

from auditor.errors import CalibrationError
from auditor.reconcile import Measured, Selection
from auditor.reconcile.measured import Covers
from auditor.reconcile.zeus import parse


def read(text: str, window: str | None = None) -> Measured:
    return parse(text, Selection(window=window))


class TestWindows:
    def test_one_window(self) -> None:
        found = read(WINDOWS, "entire_training")
        assert (found.energy_j, found.gpu_energy_j) == (122_000, 122_000)  # 62 kJ + 60 kJ
        assert (found.duration_s, found.device_count) == (210, 2)
        assert (found.covers, found.label, found.warnings) == (Covers.GPU, "entire_training", ())

    def test_windows_of_one_name_are_added_up(self) -> None:
        found = read(WINDOWS, "epoch")
        assert found.energy_j == 118_001  # 30,000.5 + 29,000.5 + 30,000 + 29,000
        assert found.duration_s == 200  # 100.25 + 99.75
        assert found.warnings == ("2 windows of this name are added up",)

    def test_the_only_name_needs_no_choice(self) -> None:
        assert read("\n".join(WINDOWS.splitlines()[:2])).energy_j == 59_001

    def test_a_name_may_hold_commas(self) -> None:
        text = WINDOWS.splitlines()[0] + "\n1.0,lr=0.1,seed=2,10.0,500.0,600.0\n"
        found = read(text, "lr=0.1,seed=2")
        assert (found.energy_j, found.duration_s) == (1100, 10)

    def test_a_window_too_short_for_the_counter_is_told(self) -> None:
        found = read(WINDOWS.replace("62000.0", "0.0"), "entire_training")
        assert any("0 J" in w for w in found.warnings)

    @pytest.mark.parametrize(
        ("text", "window", "message"),
        [
            (WINDOWS, None, r"2 windows, .*--window; there are 'epoch', 'entire_training'"),
            (WINDOWS, "step", "no window 'step'; there are 'epoch'"),
            (WINDOWS.splitlines()[0], None, "no window has ended"),
            ("start_time,window_name,elapsed_time,\n1,a,2,\n", None, "saw no accelerator"),
            ("start_time,window_name,elapsed_time,energy\n", None, "columns 'energy'"),
            (WINDOWS + "1700000300.0,epoch,1.0\n", "epoch", "line 5: 3 cells instead of 5"),
            (WINDOWS.replace("30000.5", "many"), "epoch", "line 2: energy: 'many'"),
            (WINDOWS.replace("100.25", "-1"), "epoch", "line 2: elapsed_time: '-1'"),
            (WINDOWS.replace("210.0", "0.0"), "entire_training", "time is 0"),
        ],
    )
    def test_refusals(self, text: str, window: str | None, message: str) -> None:
        with pytest.raises(CalibrationError, match=message):
            read(text, window)


class TestPowerOverTime:
    def test_trapezoid(self) -> None:
        found = read(TRACE)
        # 1 s x (300 + 500) / 2 W + 2 s x (500 + 200) / 2 W = 400 J + 700 J
        assert found.energy_j == pytest.approx(1100)
        assert (found.duration_s, found.device_count) == (3, 2)

    @pytest.mark.parametrize("header", ["time,power0,power1", "timestamp,power0,power1"])
    def test_with_a_header(self, header: str) -> None:
        assert read(f"{header}\n{TRACE}").energy_j == pytest.approx(1100)

    def test_with_the_index_that_pandas_writes(self) -> None:
        rows = "".join(f"{i},{line}\n" for i, line in enumerate(TRACE.splitlines()))
        found = read(",time,power0,power1\n" + rows)
        assert (found.energy_j, found.device_count) == (pytest.approx(1100), 2)

    def test_the_older_monitor_writes_dates_and_mw(self) -> None:
        found = read(OLD_TRACE)
        # 2 s x (100 + 300) / 2 W + 1 s x 300 W = 400 J + 300 J, over midnight
        assert found.energy_j == pytest.approx(700)
        assert (found.duration_s, found.device_count) == (pytest.approx(3), 1)

    def test_a_gap_is_told(self) -> None:
        steps = "".join(f"170000000{i}.0,100.0\n" for i in range(5))
        found = read(steps + "1700001004.0,100.0\n")
        assert found.energy_j == pytest.approx(100 * 1004)
        assert any("a gap of 16.7 min" in w for w in found.warnings)

    @given(st.lists(st.tuples(st.floats(0.01, 10), st.floats(1, 1000)), min_size=2, max_size=20))
    def test_between_least_and_greatest_power(self, steps: list[tuple[float, float]]) -> None:
        time, lines = 1.7e9, []
        for seconds, power_w in steps:
            time += seconds
            lines.append(f"{time!r},{power_w!r}\n")
        found = read("".join(lines))
        powers = [power for _, power in steps]
        mean_w = found.energy_j / found.duration_s
        assert min(powers) * (1 - 1e-9) <= mean_w <= max(powers) * (1 + 1e-9)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (TRACE.splitlines()[0], "fewer than two samples"),
            (TRACE + "1600000000.0,1.0,1.0\n", "backwards after sample 3"),
            (TRACE + "1700000004.0,1.0\n", "line 4: 2 cells instead of 3"),
            (TRACE + "1700000004.0,1.0,x\n", "line 4: power: 'x'"),
            (TRACE + "yesterday,1.0,1.0\n", "line 4: time: 'yesterday'"),
            (OLD_TRACE.replace("2022-07-13", "2022-13-13"), "line 2: '2022-13-13.* is no date"),
            (OLD_TRACE + "\n2022-07-14 00:00:03.5,1\n", "line 5: 1 cells instead of 2"),
            (TRACE.replace("1700000001", "1700000000").replace("03.0", "00.0"), "energy is 0"),
            ("a,b\n1,2\n", "not a CSV file of zeus"),
        ],
    )
    def test_refusals(self, text: str, message: str) -> None:
        with pytest.raises(CalibrationError, match=message):
            read(text)

    def test_there_are_no_windows_in_it(self) -> None:
        with pytest.raises(CalibrationError, match="has no windows"):
            read(TRACE, "epoch")
