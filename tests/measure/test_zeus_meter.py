"""The adapter to zeus, over objects with zeus's interface: it is not installed for the tests."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from auditor.errors import HardwareError
from auditor.measure.meters import Host, host_meter
from auditor.measure.zeus_meter import ZeusGpuMeter, ZeusSocMeter, amd_meter, soc_meter


class ZeusBaseError(Exception):
    pass


class ZeusGPUNotSupportedError(ZeusBaseError):
    pass


class Gpu:
    """As zeus.device.gpu.common.GPU: mW and mJ."""

    instant = True
    counts = True
    is_lost = False

    def get_name(self) -> str:
        return "AMD Instinct MI300X"

    def get_power_management_limit(self) -> int:
        return 750_000

    def supports_get_total_energy_consumption(self) -> bool:
        return self.counts

    def get_total_energy_consumption(self) -> int:
        return 12_500

    def get_instant_power_usage(self) -> int:
        if self.is_lost:
            raise ZeusBaseError("GPU is lost")
        if not self.instant:
            raise ZeusGPUNotSupportedError("no instant power")
        return 300_000

    def get_average_power_usage(self) -> int:
        return 280_000


@dataclass
class Measured:
    cpu_total_mj: int | None = None
    gpu_mj: int | None = None
    dram_mj: int | None = None
    total_energy_mj: float | None = None


class Soc:
    def __init__(self, **figures: Any) -> None:
        self.found = Measured(**figures)

    def get_total_energy_consumption(self) -> Measured:
        return self.found


@pytest.fixture
def zeus(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """Modules of zeus's names that hold what the adapter takes from them."""
    names = ("zeus", "zeus.exception", "zeus.device", "zeus.device.gpu", "zeus.device.soc")
    made = {name: ModuleType(name) for name in names}
    for name, module in made.items():
        monkeypatch.setitem(sys.modules, name, module)
    made["zeus.exception"].ZeusBaseError = ZeusBaseError  # type: ignore[attr-defined]
    made["zeus.device.gpu"].ZeusGPUNotSupportedError = (  # type: ignore[attr-defined]
        ZeusGPUNotSupportedError
    )
    return made


@pytest.fixture(autouse=True)
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is installed or not, the tests see the same."""
    monkeypatch.setitem(sys.modules, "zeus", None)


def test_a_gpu_is_read_in_our_units(zeus: Any) -> None:
    meter = ZeusGpuMeter(Gpu())
    assert meter.description.device_name == "AMD Instinct MI300X"
    assert (meter.description.power_limit_w, meter.description.scope) == (750, "gpu")
    reading = meter.read()
    assert (reading.power_w, reading.counter_j) == (300, 12.5)
    meter.close()


def test_what_a_gpu_does_not_have_is_left_out(zeus: Any) -> None:
    gpu = Gpu()
    gpu.instant = gpu.counts = False
    reading = ZeusGpuMeter(gpu).read()
    assert (reading.power_w, reading.counter_j) == (280, None)


def test_a_gpu_that_goes_away_is_one_line(zeus: Any) -> None:
    gpu = Gpu()
    meter = ZeusGpuMeter(gpu)
    gpu.is_lost = True
    with pytest.raises(HardwareError, match="reading AMD Instinct MI300X: GPU is lost"):
        meter.read()


@pytest.mark.parametrize(
    ("figures", "energy_j"),
    [
        ({"cpu_total_mj": 1000, "gpu_mj": 500, "dram_mj": 250}, 1.75),
        # Where there is a whole, its parts are in it.
        ({"cpu_total_mj": 1000, "total_energy_mj": 4000.0}, 4),
    ],
)
def test_a_chip_is_the_sum_of_its_parts(
    zeus: Any, figures: dict[str, Any], energy_j: float
) -> None:
    meter = ZeusSocMeter(Soc(**figures))
    assert meter.description.scope == "soc"
    assert meter.read().counter_j == energy_j


def test_a_chip_without_counters_is_refused(zeus: Any) -> None:
    with pytest.raises(HardwareError, match="no energy counter"):
        ZeusSocMeter(Soc())


def test_the_devices_that_zeus_finds_are_taken(zeus: dict[str, ModuleType]) -> None:
    zeus["zeus.device.soc"].get_soc = lambda: Soc(gpu_mj=7000)  # type: ignore[attr-defined]
    meter, warnings = host_meter(Host.ZEUS)
    assert meter is not None and meter.read().counter_j == 7
    assert warnings == ()
    found = type("AMDGPUs", (), {"gpus": [Gpu()]})
    zeus["zeus.device.gpu"].AMDGPUs = found  # type: ignore[attr-defined]
    zeus["zeus.device.gpu"].amdsmi_is_available = lambda: True  # type: ignore[attr-defined]
    assert amd_meter().read().power_w == 300
    with pytest.raises(HardwareError, match="no AMD GPU 1: zeus finds 1"):
        amd_meter(1)
    zeus["zeus.device.gpu"].amdsmi_is_available = lambda: False  # type: ignore[attr-defined]
    with pytest.raises(HardwareError, match="no AMD GPU 0: zeus finds 0"):
        amd_meter()


def test_a_machine_without_such_a_chip_is_one_line(zeus: dict[str, ModuleType]) -> None:
    def get_soc() -> Soc:
        raise ZeusBaseError("No observable SoC was found on the current machine.")

    zeus["zeus.device.soc"].get_soc = get_soc  # type: ignore[attr-defined]
    with pytest.raises(HardwareError, match="zeus, looking for a chip: No observable SoC"):
        soc_meter()


def test_without_zeus_the_extra_is_named() -> None:
    for opened in (soc_meter, amd_meter):
        with pytest.raises(HardwareError, match=r"install auditor\[zeus\]"):
            opened()
