"""Measured beside predicted: the same samples, the nearest scope, and what contradicts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from predictions import around, audited, measured

from auditor.errors import CalibrationError
from auditor.reconcile import Reconciliation, Said, reconcile
from auditor.reconcile.measured import Covers, Extrapolated


def notes(found: Reconciliation) -> str:
    return "\n".join((*found.notes, *found.warnings))


class TestFigures:
    def test_boards_beside_boards_and_the_rest_beside_the_node(self) -> None:
        found = reconcile(measured(), audited())
        boards, node = found.energies
        # 10 epochs of 1,000 samples at 2 J: 20 kJ predicted, 30 kJ measured
        assert boards.energy_j.predicted == around(20_000)
        assert boards.energy_j.ratio == pytest.approx(1.5)
        assert (boards.same_scope, boards.energy_j.inside) == (True, True)
        # 36 kJ beside 30 kJ
        assert (node.covers, node.predicted_scope) == (Covers.GPU_CPU_RAM, "node")
        assert node.energy_j.ratio == pytest.approx(1.2)
        assert not node.same_scope
        assert "holds more: disks, network, fans and losses" in notes(found)
        # 120 s beside 10,000 x 10 ms
        assert found.duration_s.ratio == pytest.approx(1.2)

    def test_boards_alone_are_compared_alone(self) -> None:
        found = reconcile(measured(covers=Covers.GPU, energy_j=30_000.0), audited())
        assert [e.predicted_scope for e in found.energies] == ["gpu"]
        assert "node" not in notes(found)

    def test_a_sum_without_parts_is_compared_with_the_node(self) -> None:
        found = reconcile(measured(covers=Covers.GPU_CPU, gpu_energy_j=None), audited())
        assert [(e.covers, e.predicted_scope) for e in found.energies] == [("gpu+cpu", "node")]
        assert "holds more: memory, disks" in notes(found)

    @pytest.mark.parametrize(
        ("energy_j", "inside"), [(9_999, False), (10_000, True), (40_000, True), (40_001, False)]
    )
    def test_the_ends_of_the_interval_are_inside(self, energy_j: float, inside: bool) -> None:
        (boards, _) = reconcile(measured(gpu_energy_j=energy_j), audited()).energies
        assert boards.energy_j.inside is inside

    @given(st.floats(1e-3, 1e6))
    def test_the_ratio_does_not_depend_on_how_much_was_measured(self, share: float) -> None:
        part = measured(
            gpu_energy_j=30_000.0 * share, energy_j=36_000.0 * share, duration_s=120.0 * share
        )
        found = reconcile(part, audited(), Said(samples=10_000 * share))
        assert found.energies[0].energy_j.ratio == pytest.approx(1.5)
        assert found.duration_s.ratio == pytest.approx(1.2)

    def test_a_far_ratio_asks_what_was_measured(self) -> None:
        assert "check that the measurement" in notes(reconcile(measured(duration_s=401), audited()))
        assert "check that" not in notes(reconcile(measured(duration_s=400), audited()))


class TestExtent:
    def test_the_plan_where_nothing_is_said(self) -> None:
        found = reconcile(measured(), audited())
        assert (found.samples, found.epochs, found.epochs_from) == (10_000, 10, "plan")
        assert "taken as the whole plan, 10 epochs" in notes(found)

    def test_the_file_says_how_many_epochs(self) -> None:
        found = reconcile(measured(epochs=3.0), audited())
        assert (found.samples, found.epochs_from) == (3_000, "file")
        assert "measured are 3,000 samples, planned 10,000" in notes(found)
        assert found.energies[0].energy_j.predicted.median == pytest.approx(6_000)

    def test_options_win_over_the_file(self) -> None:
        found = reconcile(measured(epochs=3.0), audited(), Said(epochs=2.0))
        assert (found.samples, found.epochs_from) == (2_000, "option")
        found = reconcile(measured(epochs=3.0), audited(samples=None), Said(samples=640.0))
        assert (found.samples, found.samples_per_epoch, found.epochs) == (640, 640, 1)

    def test_every_epoch_measured_needs_no_word_of_scaling(self) -> None:
        assert "scaled" not in notes(reconcile(measured(epochs=10.0), audited()))

    @pytest.mark.parametrize(
        ("said", "changes", "message"),
        [
            (Said(), {"samples": None}, "how many samples an epoch has: audit with --samples"),
            (Said(epochs=2.0), {"samples": None}, "how many samples an epoch has"),
            (Said(), {"trials": 30}, "30 trials, .* with --epochs"),
            (Said(epochs=1.0, samples=1.0), {}, "give one of them"),
            (Said(epochs=0.0), {}, "--epochs 0: must be above zero"),
            (Said(samples=-1.0), {}, "--samples -1: must be above zero"),
            (Said(samples=float("nan")), {}, "--samples nan: must be above zero"),
            (Said(epochs=float("inf")), {}, "--epochs inf: must be above zero"),
        ],
    )
    def test_what_stays_open_is_refused(
        self, said: Said, changes: dict[str, object], message: str
    ) -> None:
        with pytest.raises(CalibrationError, match=message):
            reconcile(measured(), audited(**changes), said)

    def test_trials_are_fine_where_epochs_are_said(self) -> None:
        assert reconcile(measured(), audited(trials=30), Said(epochs=5.0)).samples == 5_000


class TestHardware:
    @pytest.mark.parametrize("name", ["RTX 3090", "GeForce RTX 3090", "rtx3090"])
    def test_names_of_the_same_device(self, name: str) -> None:
        found = reconcile(measured(hardware_name=name), audited())
        assert (found.conflicts, found.warnings) == ((), ())

    def test_a_name_that_fits_several_contradicts_none(self) -> None:
        pcie = audited(hardware_id="a100-pcie-40gb", hardware_name="A100 PCIe 40GB")
        assert reconcile(measured(hardware_name="NVIDIA A100"), pcie).conflicts == ()

    def test_other_hardware_is_refused(self) -> None:
        with pytest.raises(
            CalibrationError, match=r"measured on Tesla T4, audited for .* with --force"
        ):
            reconcile(measured(hardware_name="Tesla T4"), audited())

    def test_another_number_of_devices_is_refused(self) -> None:
        with pytest.raises(CalibrationError, match=r"measured on 8 devices, audited for 1"):
            reconcile(measured(device_count=8), audited())

    def test_force_compares_and_keeps_the_conflict(self) -> None:
        said = Said(despite_conflicts=True)
        found = reconcile(measured(hardware_name="Tesla T4", device_count=8), audited(), said)
        assert len(found.conflicts) == 2

    @pytest.mark.parametrize(
        ("name", "word"), [(None, "does not name"), ("Apple M1 Pro", "says Apple M1 Pro")]
    )
    def test_what_cannot_be_checked_is_told(self, name: str | None, word: str) -> None:
        found = reconcile(measured(hardware_name=name), audited())
        assert word in notes(found) and "taken for granted" in notes(found)


def test_what_the_tool_did_is_told() -> None:
    changed = measured(pue_divided_out=1.5, extrapolated=Extrapolated(100.0, 1e6, 1e4))
    said = notes(reconcile(changed, audited()))
    assert "by a PUE of 1.5: divided out" in said
    assert "predicts for 100 epochs is no measurement" in said
