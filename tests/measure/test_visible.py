"""CUDA's numbers and the driver's: the variables that decide."""

from __future__ import annotations

import pytest

from auditor.errors import HardwareError
from auditor.measure.visible import Listed, nvml_index

SAME = tuple(Listed(f"GPU-{i}{i}{i}{i}-abcd", "NVIDIA H100 80GB HBM3") for i in range(4))
MIXED = (Listed("GPU-aaaa", "NVIDIA T4"), Listed("GPU-abbb", "NVIDIA A100-SXM4-80GB"))
BY_BUS = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def visible(text: str, **more: str) -> dict[str, str]:
    return {"CUDA_VISIBLE_DEVICES": text, **more}


@pytest.mark.parametrize(
    ("environment", "ordinal", "index"),
    [
        ({}, 0, 0),
        ({}, 3, 3),
        (visible("2"), 0, 2),
        (visible("3,1"), 1, 1),
        (visible(" 3 , 1 "), 0, 3),
        (visible("GPU-2222-abcd"), 0, 2),
        (visible("GPU-22"), 0, 2),  # cut short, and still one alone
        (visible("gpu-2222"), None, None),
        (visible("GPU-3333-abcd,0"), 1, 0),
        (visible("1,9,2"), 0, 1),  # what follows an invalid entry is not seen
        (visible("1,9,2"), 1, None),
        (visible("1,-1,2"), 1, None),
        (visible("1,1"), 0, None),  # twice: CUDA sees none
        (visible(""), 0, None),
        (visible("-1"), 0, None),
        (visible("GPU-"), 0, None),  # fits all
        ({}, 4, None),
    ],
)
def test_the_device_is_the_one_that_cuda_means(
    environment: dict[str, str], ordinal: int | None, index: int | None
) -> None:
    if index is not None and ordinal is not None:
        assert nvml_index(ordinal, SAME, environment) == index
    else:
        with pytest.raises(HardwareError, match="no CUDA device"):
            nvml_index(ordinal or 0, SAME, environment)


def test_devices_that_differ_need_a_known_order() -> None:
    with pytest.raises(HardwareError, match=r"set CUDA_DEVICE_ORDER=PCI_BUS_ID, or give a UUID"):
        nvml_index(0, MIXED, {})
    with pytest.raises(HardwareError, match="as they differ"):
        nvml_index(0, MIXED, visible("1"))
    assert nvml_index(0, MIXED, BY_BUS) == 0
    assert nvml_index(0, MIXED, visible("1", **BY_BUS)) == 1
    assert nvml_index(0, MIXED, visible("GPU-ab")) == 1


def test_a_part_of_a_device_cannot_be_measured() -> None:
    with pytest.raises(HardwareError, match=r"MIG.*no power sensor of its own"):
        nvml_index(0, SAME, visible("MIG-11111111-2222"))


def test_the_error_says_how_many_there_are() -> None:
    with pytest.raises(
        HardwareError, match=r"no CUDA device 1: 1 of 4 .*=2\); give .* below 1, or"
    ):
        nvml_index(1, SAME, visible("2"))
