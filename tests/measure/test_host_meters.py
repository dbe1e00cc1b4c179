"""RAPL over a made powercap tree, and the model of the load over a made /proc/stat."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from auditor.errors import HardwareError
from auditor.measure.cpu_model import CpuModelMeter, power_w
from auditor.measure.meters import Host, host_meter
from auditor.measure.rapl import RaplMeter, zones

RANGE_UJ = 262_143_328_850


def zone(root: Path, folder: str, name: str, energy_uj: int) -> Path:
    made = root / folder
    made.mkdir(parents=True)
    (made / "name").write_text(f"{name}\n")
    (made / "energy_uj").write_text(f"{energy_uj}\n")
    (made / "max_energy_range_uj").write_text(f"{RANGE_UJ}\n")
    return made


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two packages with their parts, memory, the whole machine, and the second way to a package."""
    root = tmp_path / "powercap"
    zone(root, "intel-rapl:0", "package-0", 1_000_000)
    zone(root, "intel-rapl:0:0", "core", 400_000)
    zone(root, "intel-rapl:0:1", "uncore", 100_000)
    zone(root, "intel-rapl:0:2", "dram", 200_000)
    zone(root, "intel-rapl:1", "package-1", 5_000_000)
    zone(root, "intel-rapl:2", "psys", 9_000_000)
    zone(root, "intel-rapl-mmio:0", "package-0", 1_000_000)
    (root / "intel-rapl").mkdir()
    return root


def add(root: Path, folder: str, energy_uj: int) -> None:
    path = root / folder / "energy_uj"
    path.write_text(str((int(path.read_text()) + energy_uj) % RANGE_UJ))


def test_every_joule_is_counted_once(tree: Path) -> None:
    meter = RaplMeter(tree)
    assert [z.name for z in zones(tree)] == ["package-0", "dram", "package-1"]
    assert meter.description.scope == "cpu+dram"
    assert meter.read().counter_j == 0
    for folder, uj in [
        ("intel-rapl:0", 3_000_000),
        ("intel-rapl:0:0", 2_000_000),
        ("intel-rapl:0:2", 500_000),
        ("intel-rapl:1", 1_000_000),
        ("intel-rapl:2", 7_000_000),
        ("intel-rapl-mmio:0", 3_000_000),
    ]:
        add(tree, folder, uj)
    reading = meter.read()
    assert reading.counter_j == pytest.approx(3 + 0.5 + 1)
    assert reading.power_w is None
    meter.close()


def test_a_counter_that_begins_again_goes_on(tree: Path) -> None:
    (tree / "intel-rapl:0" / "energy_uj").write_text(str(RANGE_UJ - 1_000_000))
    meter = RaplMeter(tree)
    add(tree, "intel-rapl:0", 4_000_000)  # 1 J to the end of the range, 3 J from its beginning
    assert int((tree / "intel-rapl:0" / "energy_uj").read_text()) == 3_000_000
    assert meter.read().counter_j == pytest.approx(4)


def test_without_memory_the_scope_is_the_processor(tmp_path: Path) -> None:
    zone(tmp_path, "intel-rapl:0", "package-0", 0)
    assert RaplMeter(tmp_path).description.scope == "cpu"


@pytest.fixture
def locked(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The counter of the first package may not be read, as Linux has it for all but root."""
    path = tree / "intel-rapl:0" / "energy_uj"
    read_text = Path.read_text

    def refusing(self: Path, *args: object, **kwargs: object) -> str:
        if self == path:
            raise PermissionError(13, "Permission denied", str(self))
        return read_text(self, *args, **kwargs)  # type: ignore[arg-type]

    # Who runs the tests may be root, who can read all.
    monkeypatch.setattr(Path, "read_text", refusing)
    return path


def test_a_locked_counter_is_named_with_the_way_to_open_it(tree: Path, locked: Path) -> None:
    with pytest.raises(HardwareError, match=r"energy_uj: may not be read.*chmod o\+r") as caught:
        RaplMeter(tree)
    assert caught.value.facts["path"] == str(locked)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_rights_is_refused_for_real(tree: Path) -> None:
    (tree / "intel-rapl:0" / "energy_uj").chmod(0)
    with pytest.raises(HardwareError, match="may not be read"):
        RaplMeter(tree)


def test_a_counter_that_is_no_number_is_refused(tree: Path) -> None:
    (tree / "intel-rapl:1" / "energy_uj").write_text("many")
    with pytest.raises(HardwareError, match=r"intel-rapl:1/energy_uj: 'many' is no number"):
        RaplMeter(tree)


def test_a_counter_that_goes_away_is_an_error(tree: Path) -> None:
    meter = RaplMeter(tree)
    (tree / "intel-rapl:1" / "energy_uj").unlink()
    with pytest.raises(HardwareError, match=r"intel-rapl:1/energy_uj: cannot be read"):
        meter.read()


def test_no_powercap_is_an_error(tmp_path: Path) -> None:
    assert zones(tmp_path / "nothing") == ()
    with pytest.raises(HardwareError, match="no RAPL counter"):
        RaplMeter(tmp_path)


def stat(path: Path, busy: int, idle: int) -> Path:
    """Four threads; the sum says how long they worked and how long they did not, in ticks."""
    lines = [
        f"cpu  {busy} 0 0 {idle} 0 0 0 0 0 0",
        *(f"cpu{i} 1 0 0 1 0 0 0 0 0 0" for i in range(4)),
    ]
    path.write_text("\n".join([*lines, "intr 12345", "ctxt 9"]) + "\n")
    return path


@pytest.mark.parametrize(
    ("load", "expected_w"),
    [(0.0, 4 * 0.74), (1.0, 4 * 3.5), (0.5, 4 * 2.12)],  # 0.74 + 0.5 x 2.76 = 2.12
)
def test_the_model_is_the_one_that_its_source_gives(load: float, expected_w: float) -> None:
    assert power_w(4, load) == pytest.approx(expected_w)


def test_the_load_is_that_since_the_last_look(tmp_path: Path) -> None:
    path = stat(tmp_path / "stat", 100, 100)
    meter = CpuModelMeter(path)
    stat(path, 175, 125)  # 75 of 100 ticks
    reading = meter.read()
    assert reading.utilization == pytest.approx(0.75)
    assert reading.power_w == pytest.approx(power_w(4, 0.75))
    assert reading.counter_j is None
    assert meter.description.is_modelled
    # Within a tenth of a second it does not look again.
    stat(path, 175, 999)
    assert meter.read().power_w == reading.power_w
    meter.close()


def test_the_range_of_the_model_is_that_of_its_source() -> None:
    # 0.45/0.74 = 0.61 and 1.64/3.5 = 0.469; 1.90/0.74 = 2.57 and 5.99/3.5 = 1.71.
    from auditor.measure import cpu_model

    assert pytest.approx(0.4686, abs=1e-4) == cpu_model.LOWEST_FACTOR
    assert pytest.approx(2.5676, abs=1e-4) == cpu_model.HIGHEST_FACTOR


@pytest.mark.parametrize("text", ["", "cpu 1 2\n", "cpu a b c d e f g h\n"])
def test_a_load_that_cannot_be_read_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "stat").write_text(text)
    with pytest.raises(HardwareError, match=r"stat: the processors' load cannot be read"):
        CpuModelMeter(tmp_path / "stat")


def test_left_to_itself_the_host_is_metered_by_rapl(tree: Path, tmp_path: Path) -> None:
    meter, warnings = host_meter(Host.AUTO, tree, stat(tmp_path / "stat", 1, 1))
    assert meter is not None and meter.description.kind == "rapl"
    assert warnings == ()


def test_a_locked_rapl_leaves_the_model_and_says_why(
    tree: Path, locked: Path, tmp_path: Path
) -> None:
    meter, (warning,) = host_meter(Host.AUTO, tree, stat(tmp_path / "stat", 1, 1))
    assert meter is not None and meter.description.kind == "cpu-model"
    assert warning.startswith("the host's energy is modelled, not measured: ")
    assert str(locked) in warning


def test_without_both_there_is_no_meter(tmp_path: Path) -> None:
    meter, (warning,) = host_meter(Host.AUTO, tmp_path / "none", tmp_path / "nothing")
    assert meter is None
    assert warning.startswith("the host's energy is not measured: ")


def test_what_is_asked_for_is_taken_or_refused(tree: Path, tmp_path: Path) -> None:
    assert host_meter(Host.NONE, tree) == (None, ())
    rapl, _ = host_meter(Host.RAPL, tree)
    assert rapl is not None and rapl.description.kind == "rapl"
    model, _ = host_meter(Host.MODEL, tree, stat(tmp_path / "stat", 1, 1))
    assert model is not None and model.description.kind == "cpu-model"
    with pytest.raises(HardwareError, match="no RAPL counter"):
        host_meter(Host.RAPL, tmp_path / "none")
