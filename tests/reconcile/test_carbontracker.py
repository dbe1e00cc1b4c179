"""Logs of carbontracker: energies by hand, PUE, several devices, and what is refused."""

from __future__ import annotations

import pytest
from measured_files import OUTPUT_2, STANDARD_1, STANDARD_2

from auditor.errors import CalibrationError
from auditor.reconcile import Measured, Selection
from auditor.reconcile.carbontracker import parse
from auditor.reconcile.measured import Covers, Extrapolated

TWO = "NVIDIA A40, NVIDIA A40"


def read(text: str, pue: float | None = None) -> Measured:
    return parse(text, Selection(pue=pue))


class TestStandardLog:
    def test_power_times_duration_without_pue(self) -> None:
        found = read(STANDARD_2)
        # 300 W x 60.5 s + 320 W x 59.5 s = 18,150 J + 19,040 J
        assert found.gpu_energy_j == pytest.approx(37_190)
        # 50 W x 60.5 s + 60 W x 59.5 s = 3,025 J + 3,570 J
        assert found.cpu_energy_j == pytest.approx(6_595)
        assert found.energy_j == pytest.approx(43_785)
        assert (found.duration_s, found.epochs) == (120, 2)
        assert found.covers is Covers.GPU_CPU
        assert (found.hardware_name, found.device_count) == ("NVIDIA GeForce RTX 3090", 1)
        assert (found.tool_version, found.pue_divided_out, found.warnings) == ("2.4.7", None, ())

    def test_an_array_is_a_figure_a_device(self) -> None:
        found = read(STANDARD_1)
        assert found.gpu_energy_j == pytest.approx(3600 * 400.5)
        assert found.cpu_energy_j == pytest.approx(3600 * 99.5)
        assert (found.hardware_name, found.device_count) == ("Tesla V100-SXM2-32GB", 2)

    def test_an_array_may_run_over_lines(self) -> None:
        found = read(STANDARD_1.replace("[250.  150.5]", "[250.\n 150.5]"))
        assert found.gpu_energy_j == pytest.approx(3600 * 400.5)

    def test_one_figure_of_two_devices_is_their_mean(self) -> None:
        """Boards at 300 W and 200 W: carbontracker 2.4.7 was seen to write 250.0."""
        found = read(STANDARD_2.replace("NVIDIA GeForce RTX 3090", TWO))
        assert found.gpu_energy_j == pytest.approx(2 * 37_190)
        assert (found.hardware_name, found.device_count) == ("NVIDIA A40", 2)

    def test_the_two_parts_of_an_apple_chip_are_one_figure(self) -> None:
        found = read(STANDARD_2.replace("NVIDIA GeForce RTX 3090", "GPU, ANE"))
        assert found.gpu_energy_j == pytest.approx(37_190)
        assert (found.hardware_name, found.device_count) == (None, 1)

    def test_an_epoch_without_power_is_left_out(self) -> None:
        found = read(STANDARD_2.replace("gpu: 320.0", "gpu: None"))
        assert found.gpu_energy_j == pytest.approx(18_150)
        assert (found.duration_s, found.epochs) == (60.5, 1)
        assert any("1 of 2 epochs have no power" in w for w in found.warnings)

    def test_an_epoch_that_the_log_ends_in_is_left_out(self) -> None:
        found = read(STANDARD_2[: STANDARD_2.index("2026-11-21 17:12:34 - Average power usage")])
        assert (found.duration_s, found.epochs) == (60.5, 1)

    def test_a_processor_that_could_not_be_read_is_not_counted(self) -> None:
        found = read(STANDARD_2.replace("cpu: 50.0", "cpu: 0.0").replace("cpu: 60.0", "cpu: 0.0"))
        assert (found.covers, found.cpu_energy_j) == (Covers.GPU, None)
        assert any("no power of cpu" in w for w in found.warnings)

    def test_a_guessed_processor_is_told(self) -> None:
        found = read(STANDARD_2.replace("cpu:0", "AMD EPYC 7543"))
        assert any("guess by its TDP, not measured: AMD EPYC 7543" in w for w in found.warnings)

    def test_an_interrupted_training_is_told(self) -> None:
        line = "Training was interrupted before all 10 epochs were monitored.\n"
        assert any("interrupted" in w for w in read(STANDARD_2 + line).warnings)

    def test_both_logs_in_one_text(self) -> None:
        found = read(STANDARD_2 + OUTPUT_2)
        assert found.energy_j == pytest.approx(43_785)
        # 0.092927 kWh x 3.6e6 / 1.58 = 211,732 J
        assert found.extrapolated is not None
        assert found.extrapolated.energy_j == pytest.approx(211_732, rel=1e-5)


class TestOutputLog:
    def test_the_pue_is_divided_out(self) -> None:
        found = read(OUTPUT_2, pue=1.58)
        assert found.energy_j == pytest.approx(0.01 * 3.6e6)  # 0.0158 kWh / 1.58
        assert (found.duration_s, found.epochs, found.pue_divided_out) == (120, 2, 1.58)
        assert (found.covers, found.gpu_energy_j) == (Covers.GPU_CPU, None)

    def test_the_prediction_is_kept_apart(self) -> None:
        found = read(OUTPUT_2, pue=1.58)
        assert found.extrapolated == Extrapolated(10, pytest.approx(211_732, rel=1e-5), 605)

    def test_boards_alone_are_boards(self) -> None:
        found = read(OUTPUT_2.replace(" CPU with device(s) cpu:0.", ""), pue=1.58)
        assert (found.covers, found.gpu_energy_j) == (Covers.GPU, pytest.approx(36_000))

    def test_without_a_count_of_epochs(self) -> None:
        found = read(
            OUTPUT_2.replace("Actual consumption for 2 epoch(s)", "Actual consumption"), 1.5
        )
        assert found.epochs is None

    def test_it_does_not_say_its_pue(self) -> None:
        with pytest.raises(CalibrationError, match=r"standard log .*, or --tool-pue: 1.58"):
            read(OUTPUT_2)

    @pytest.mark.parametrize("pue", [0.5, 0.0, 1000.0, float("nan")])
    def test_a_pue_must_be_one(self, pue: float) -> None:
        with pytest.raises(CalibrationError, match="must be from 1 to 100"):
            read(OUTPUT_2, pue)

    def test_several_devices_are_refused(self) -> None:
        with pytest.raises(CalibrationError, match=r"several devices of gpu: .*standard log"):
            read(OUTPUT_2.replace("NVIDIA GeForce RTX 3090", TWO), 1.58)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (STANDARD_2 + STANDARD_2, "several runs in one log"),
        (OUTPUT_2 + OUTPUT_2, "several runs in one log"),
        (OUTPUT_2[: OUTPUT_2.index("Actual")], "no actual consumption"),
        (OUTPUT_2[OUTPUT_2.index("Predicted") :], "does not say that an accelerator"),
        (OUTPUT_2.replace("0:02:00", "0:00:00"), "too short a run"),
        (OUTPUT_2.replace("0:02:00", "2 min"), "no actual consumption"),
        (OUTPUT_2.replace("0:02:00", "2min"), "Time: '2min' is not a time"),
        (OUTPUT_2.replace("0.015800000000", "0.000000"), "Energy is 0"),
        (OUTPUT_2.replace("for 2 epoch", "for 0 epoch"), "epochs is 0"),
        (STANDARD_2.replace("300.0", "much"), "'much' is not a number"),
        (STANDARD_2.replace("for gpu", "for tpu"), "no power of an accelerator"),
        (STANDARD_2.replace("Duration: ", "Took: "), "no power of an accelerator"),
        ("", "no actual consumption"),
    ],
)
def test_a_bad_log_is_refused(text: str, message: str) -> None:
    with pytest.raises(CalibrationError, match=message):
        read(text, 1.58)
