"""Which peak each precision runs at, on devices with it and without."""

from __future__ import annotations

import pytest
from round_figures import device

from auditor.errors import HardwareError
from auditor.hardware import Accelerator, catalogue, resolve
from auditor.precision import PRECISIONS
from auditor.step import default_precision, rates


def catalogued(name: str) -> Accelerator:
    return resolve(name).accelerator


@pytest.mark.parametrize(
    ("precision", "convolution_tflops", "matmul_tflops"),
    # H100 SXM whitepaper, dense: fp32 66.9, TF32 494.7, fp16 and bf16 989.4, fp8 1978.9.
    [
        ("fp32", 66.9, 66.9),
        ("tf32", 494.7, 494.7),
        ("tf32-conv", 494.7, 66.9),
        ("amp", 989.4, 989.4),
        ("amp-bf16", 989.4, 989.4),
        ("fp16", 989.4, 989.4),
        ("bf16", 989.4, 989.4),
        ("fp8", 989.4, 1978.9),
    ],
)
def test_h100_has_every_mode(
    precision: str, convolution_tflops: float, matmul_tflops: float
) -> None:
    found = rates(catalogued("h100-sxm-80gb"), PRECISIONS[precision])
    assert found.convolution_flops_per_s == pytest.approx(convolution_tflops * 1e12)
    assert found.matmul_flops_per_s == pytest.approx(matmul_tflops * 1e12)
    assert found.vector_flops_per_s == pytest.approx(66.9e12)
    assert found.bandwidth_bytes_per_s == pytest.approx(3.35e12)


@pytest.mark.parametrize(
    ("precision", "tflops"),
    # V100 SXM2 datasheet: fp32 15.7, tensor cores with fp16 125.
    [("fp32", 15.7), ("amp", 125.0), ("fp16", 125.0)],
)
def test_v100_has_half_precision(precision: str, tflops: float) -> None:
    found = rates(catalogued("v100-sxm2-16gb"), PRECISIONS[precision])
    assert found.matmul_flops_per_s == found.convolution_flops_per_s == tflops * 1e12


@pytest.mark.parametrize("precision", ["tf32", "tf32-conv", "amp-bf16", "bf16", "fp8"])
def test_v100_refuses_what_came_after_it_and_names_what_it_has(precision: str) -> None:
    with pytest.raises(HardwareError) as caught:
        rates(catalogued("v100-sxm2-16gb"), PRECISIONS[precision])
    assert str(caught.value).startswith("v100-sxm2-16gb has no published ")
    assert str(caught.value).endswith("use --precision fp32, amp, fp16")


@pytest.mark.parametrize("precision", ["amp", "fp16"])
def test_gtx_1080_computes_half_precision_in_fp32(precision: str) -> None:
    # GP104 runs fp16 at 1/64 of fp32 (whitepaper); libraries convert and use its 8.873 TFLOP/s.
    found = rates(catalogued("gtx1080"), PRECISIONS[precision])
    assert found.matmul_flops_per_s == found.convolution_flops_per_s == 8.873e12
    assert (found.matmul, found.convolution) == ("fp32", "fp32")


def test_p100_computes_half_precision_in_fp32() -> None:
    # GP100 doubles fp16 only with fp16 accumulation, which autocast's products do not use:
    # they run at the 9.3 TFLOP/s of fp32.
    assert rates(catalogued("p100-pcie-16gb"), PRECISIONS["amp"]).matmul_flops_per_s == 9.3e12


def test_a_device_without_any_half_rate_computes_it_in_fp32() -> None:
    # K80 (Kepler) has no fp16 arithmetic: 4.37 TFLOP/s of fp32 for one of its two GPUs.
    found = rates(catalogued("k80"), PRECISIONS["amp"])
    assert (found.matmul, found.matmul_flops_per_s) == ("fp32", 4.37e12)


def test_matrix_units_that_take_fp32_are_used_for_products_only() -> None:
    peaks = {"fp32": 1e13, "matrix_fp32": 4e13}
    found = rates(device(peak_flops_per_s=peaks), PRECISIONS["fp32"])
    assert found.matmul_flops_per_s == found.convolution_flops_per_s == 4e13
    assert found.vector_flops_per_s == 1e13


@pytest.mark.parametrize("accelerator", catalogue(), ids=lambda a: a.id)
def test_every_mode_is_there_or_refused_with_modes_that_are(accelerator: Accelerator) -> None:
    for mode in PRECISIONS.values():
        try:
            found = rates(accelerator, mode)
        except HardwareError as error:
            named = str(error).partition("use --precision ")[2].split(", ")
            assert mode.name not in named
            for name in named:
                assert rates(accelerator, PRECISIONS[name]).matmul_flops_per_s > 0
        else:
            assert min(found.convolution_flops_per_s, found.matmul_flops_per_s) > 0


def test_without_a_bandwidth_there_is_no_roofline() -> None:
    with pytest.raises(HardwareError, match=r"^round: its memory bandwidth .* --hardware-file"):
        rates(device(memory_bandwidth_bytes_per_s=None), PRECISIONS["fp32"])


@pytest.mark.parametrize(
    ("name", "precision"),
    # PyTorch: torch.backends.cudnn.allow_tf32 is on by default, that of matmul is off.
    [
        ("a100-sxm4-80gb", "tf32-conv"),
        ("h100-sxm-80gb", "tf32-conv"),
        ("v100-sxm2-16gb", "fp32"),
        ("gtx1080", "fp32"),
    ],
)
def test_default_precision_is_pytorchs(name: str, precision: str) -> None:
    assert default_precision(catalogued(name)) == precision


@pytest.mark.parametrize(
    "name",
    [
        "a100-sxm4-80gb",
        "p100-pcie-16gb",
        "gtx1080",
        "gaudi2",
        "gaudi1",
        "tpu-v4",
        "h800-sxm-80gb",
    ],
)
def test_the_default_precision_can_be_run(name: str) -> None:
    accelerator = catalogued(name)
    try:
        rates(accelerator, PRECISIONS[default_precision(accelerator)])
    except HardwareError as error:
        pytest.fail(str(error))
