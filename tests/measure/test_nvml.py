"""The meter of NVIDIA's devices, over the real bindings and a stand-in for the driver's library."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

import pynvml
import pytest
from fake_nvml import FakeDevice, FakeNvml, FakeWork

import auditor.measure.nvml
import auditor.measure.protocol
from auditor.errors import HardwareError
from auditor.measure.meters import gpu_meter
from auditor.measure.nvml import NvmlMeter
from auditor.measure.protocol import Schedule, measured
from auditor.measure.recording import recording_text

BRIEF = Schedule(
    idle_s=0.1, warm_up_s=0.1, longest_warm_up_s=1, window_s=0.5, trial_count=1, cool_down_s=0.1
)


@pytest.fixture
def nvml(monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    # A real sensor wants a window of 1 s, and steps timed over a quarter of one.
    monkeypatch.setattr(auditor.measure.nvml, "_AVERAGED_S", 0.5)
    monkeypatch.setattr(auditor.measure.protocol, "_CHUNK_S", 0.05)
    return FakeNvml().install(monkeypatch)


def opened(**options: Any) -> NvmlMeter:
    return NvmlMeter(environment={}, **options)


def test_a_device_is_described(nvml: FakeNvml) -> None:
    meter = opened()
    found = meter.description
    assert (found.kind, found.scope, found.device_index) == ("nvml", "gpu", 0)
    assert found.device_name == "NVIDIA H100 80GB HBM3"
    assert found.device_uuid == nvml.devices[0].uuid
    assert found.driver_version == "580.65.06"
    assert (found.power_limit_w, found.memory_bytes) == (700.0, 80 * 2**30)
    # arXiv 2312.02741: a quarter of the time on A100 and H100.
    assert found.visible_share == 0.25
    assert any("2312.02741" in note for note in found.notes)


def test_a_reading_is_in_our_units(nvml: FakeNvml) -> None:
    nvml.devices[0].reasons = 0x4 | 0x20
    reading = opened().read()
    assert reading.power_w == pytest.approx(100, abs=0.01)
    assert reading.counter_j == pytest.approx(1000, abs=5)
    assert reading.memory_used_bytes == 3 * 2**30
    assert reading.sm_clock_hz == 1.98e9
    assert reading.temperature_c == 55
    assert reading.utilization == 0
    assert reading.throttle_reasons == {"power limit", "thermal limit (software)"}
    assert reading.process_count == 0


def test_the_state_is_read_less_often_than_power(nvml: FakeNvml) -> None:
    meter = opened()
    first, second = meter.read(), meter.read()
    assert first.temperature_c is not None
    assert second.temperature_c is None and second.power_w is not None


def test_the_device_is_that_of_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    FakeNvml(FakeDevice(uuid="GPU-a"), FakeDevice(uuid="GPU-b")).install(monkeypatch)
    meter = NvmlMeter(0, environment={"CUDA_VISIBLE_DEVICES": "1"})
    assert (meter.description.device_uuid, meter.description.device_index) == ("GPU-b", 1)


def test_without_an_instant_reading_the_average_is_taken_and_said(nvml: FakeNvml) -> None:
    nvml.no_instant_power = True
    meter = opened()
    assert meter.read().power_w == pytest.approx(100, abs=0.01)
    assert any("average over 1 s" in note for note in meter.description.notes)


def test_a_missing_counter_leaves_power(nvml: FakeNvml) -> None:
    nvml.fail("nvmlDeviceGetTotalEnergyConsumption", pynvml.NVML_ERROR_NOT_SUPPORTED)
    reading = opened().read()
    assert reading.counter_j is None and reading.power_w is not None


def test_the_counter_can_be_left_out(nvml: FakeNvml) -> None:
    assert opened(use_counter=False).read().counter_j is None


def test_neither_power_nor_energy_is_an_error(nvml: FakeNvml) -> None:
    nvml.no_instant_power = True
    for name in ("nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetPowerUsage"):
        nvml.fail(name, pynvml.NVML_ERROR_NOT_SUPPORTED)
    with pytest.raises(HardwareError, match="tells neither power nor energy"):
        opened()
    assert not nvml.is_open


def test_what_a_device_cannot_tell_is_none(nvml: FakeNvml) -> None:
    for name in (
        "nvmlDeviceGetUtilizationRates",
        "nvmlDeviceGetMemoryInfo",
        "nvmlDeviceGetClockInfo",
        "nvmlDeviceGetTemperature",
        "nvmlDeviceGetComputeRunningProcesses_v3",
        "nvmlDeviceGetMigMode",
        "nvmlDeviceGetEnforcedPowerLimit",
    ):
        nvml.fail(name, pynvml.NVML_ERROR_NOT_SUPPORTED)
    nvml.missing.add("nvmlDeviceGetCurrentClocksEventReasons")
    reading = opened().read()
    assert reading.utilization is None and reading.memory_used_bytes is None
    assert reading.sm_clock_hz is None and reading.temperature_c is None
    assert reading.throttle_reasons == frozenset()


def test_reasons_are_read_by_their_older_name_too(nvml: FakeNvml) -> None:
    nvml.missing = {"nvmlDeviceGetCurrentClocksEventReasons"}
    nvml.devices[0].reasons = 0x40
    assert opened().read().throttle_reasons == {"thermal limit (hardware)"}


@pytest.mark.parametrize(
    ("function", "code", "words"),
    [
        ("nvmlInitWithFlags", pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "starting: driver not loaded"),
        ("nvmlDeviceGetCount_v2", pynvml.NVML_ERROR_UNKNOWN, "opening the device: unknown error"),
        ("nvmlDeviceGetHandleByIndex_v2", pynvml.NVML_ERROR_GPU_IS_LOST, "gpu is lost; .*dmesg"),
    ],
)
def test_what_fails_at_the_start_is_one_line(
    nvml: FakeNvml, function: str, code: int, words: str
) -> None:
    nvml.fail(function, code)
    with pytest.raises(HardwareError, match=words) as caught:
        opened()
    assert caught.value.facts["nvml_code"] == code


def test_no_driver_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pynvml, "nvmlLib", None)
    monkeypatch.setattr(pynvml, "CDLL", lambda name: (_ for _ in ()).throw(OSError(name)))
    with pytest.raises(HardwareError, match="library not found; install NVIDIA's driver"):
        opened()


def test_no_bindings_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pynvml", "auditor.measure.nvml", "auditor.measure.nvml_border"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(HardwareError, match=r"nvidia-ml-py; install auditor\[gpu\]"):
        gpu_meter()


def test_a_split_device_is_refused(nvml: FakeNvml) -> None:
    nvml.devices[0].mig = True
    with pytest.raises(HardwareError, match=r"HBM3: MIG is on.*whole device, not of a part"):
        opened()
    assert not nvml.is_open


@pytest.mark.parametrize(
    ("before", "now", "count"),
    [
        ([], [], 0),
        ([], [os.getpid()], 0),
        ([], [os.getpid(), 7], 1),
        ([7], [7, 8, os.getpid()], 2),
        # In a container this process has another number than the driver knows it by.
        ([], [4711], 0),
        ([7], [7, 4711], 1),
        ([7], [7], 1),
    ],
)
def test_other_processes_are_told_from_this_one(
    nvml: FakeNvml, before: list[int], now: list[int], count: int
) -> None:
    nvml.devices[0].pids = before
    meter = opened()
    nvml.devices[0].pids = now
    assert meter.read().process_count == count


def test_a_meter_that_is_closed_says_so(nvml: FakeNvml) -> None:
    meter = opened()
    meter.close()
    meter.close()
    assert nvml.calls.count("nvmlShutdown") == 1
    with pytest.raises(HardwareError, match="closed"):
        meter.read()


# --- whole runs -----------------------------------------------------------------------------


def test_a_run_is_measured_by_the_counter(nvml: FakeNvml, tmp_path: Path) -> None:
    device = nvml.devices[0]
    work = FakeWork(device)
    found = measured(opened(), work, BRIEF)
    (trial,) = found.trials
    assert found.energy_method == "counter"
    # 600 W at work and 100 W idle, as the device was made.
    assert found.mean_power_w == pytest.approx(600, rel=0.02)
    assert found.idle_power_w == pytest.approx(100, rel=0.01)
    assert found.disagreement == pytest.approx(0, abs=0.02)
    assert trial.duration_s >= 0.5
    assert trial.repetition_count < work.count  # the rest was warm-up
    assert trial.utilization == pytest.approx(0.97)
    assert trial.sample_count >= 10 * trial.duration_s  # of 50, on a machine with other work
    assert recording_text(found.recording).startswith('# {"schema_version"')


def test_the_device_is_read_by_a_thread_that_does_no_work(nvml: FakeNvml) -> None:
    worked_in: set[int] = set()
    work = FakeWork(nvml.devices[0], at_step=lambda _: worked_in.add(threading.get_ident()))
    meter = opened()
    nvml.threads.clear()
    measured(meter, work, BRIEF)
    assert worked_in == {threading.get_ident()}
    assert len(nvml.threads - worked_in) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda n: n.fail("nvmlDeviceGetFieldValues", pynvml.NVML_ERROR_GPU_IS_LOST),
            "reading NVIDIA H100 80GB HBM3: gpu is lost",
        ),
        (
            lambda n: n.fail(
                "nvmlDeviceGetTotalEnergyConsumption", pynvml.NVML_ERROR_UNINITIALIZED
            ),
            "uninitialized; the driver was unloaded",
        ),
        (
            lambda n: n.fail(
                "nvmlDeviceGetTotalEnergyConsumption", pynvml.NVML_ERROR_NOT_SUPPORTED
            ),
            "has stopped telling its energy",
        ),
        (lambda n: setattr(n, "no_instant_power", True), "has stopped telling its power"),
        (
            lambda n: n.fail("nvmlDeviceGetComputeRunningProcesses_v3", pynvml.NVML_ERROR_UNKNOWN),
            "unknown error",
        ),
        (lambda n: setattr(n.devices[0], "energy_j", 5.0), r"counter .* fell .* was reset"),
    ],
)
def test_what_fails_in_the_middle_ends_the_run(nvml: FakeNvml, change: Any, words: str) -> None:
    meter = opened()
    # After some 0.2 s of work.
    work = FakeWork(nvml.devices[0], at_step=lambda n: change(nvml) if n == 100 else None)
    with pytest.raises(HardwareError, match=words):
        measured(meter, work, BRIEF)
    assert threading.active_count() == 1


def test_a_counter_that_is_stuck_is_refused(nvml: FakeNvml) -> None:
    nvml.devices[0].counter_is_stuck = True
    with pytest.raises(HardwareError, match="counter does not move"):
        measured(opened(), FakeWork(nvml.devices[0]), BRIEF)


def test_a_sensor_that_reads_zero_is_refused(nvml: FakeNvml) -> None:
    nvml.devices[0].frozen_power_w = 0.0
    with pytest.raises(HardwareError, match="reads 0 W in trial 1"):
        measured(opened(use_counter=False), FakeWork(nvml.devices[0]), BRIEF)


def test_a_window_too_short_for_the_sensor_is_refused(nvml: FakeNvml) -> None:
    work = FakeWork(nvml.devices[0])
    with pytest.raises(HardwareError, match=r"window of 0\.4 s is too short .* needs 0\.5 s"):
        measured(opened(), work, Schedule(window_s=0.4))
    assert work.count == 0
