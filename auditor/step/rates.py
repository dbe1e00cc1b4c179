"""What a device computes and moves per second in a numeric mode."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.errors import HardwareError
from auditor.hardware import Accelerator
from auditor.precision import PRECISIONS, Precision

# Half precision can be stored everywhere; where there are no matrix units for it, libraries
# compute it in fp32, since vector units would also sum up in half precision.  The other
# formats exist or do not.
_COMPUTED_IN_FP32 = frozenset({"fp16"})
# What to train in where nothing is said, the first that the device can.
_DEFAULTS = ("tf32-conv", "fp32", "tf32", "amp-bf16", "amp")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """Peaks of one device: FLOP/s for convolutions, matrix products and vectors; bytes/s.

    `multiprocessor_hz` is clock times multiprocessors: how fast operands reach matrix units.
    """

    convolution: str
    convolution_flops_per_s: float
    matmul: str
    matmul_flops_per_s: float
    vector_flops_per_s: float
    bandwidth_bytes_per_s: float
    multiprocessor_hz: float


def default_precision(accelerator: Accelerator) -> str:
    """Return PyTorch's default, TF32 for convolutions if there is, or the nearest to it."""
    usable = (n for n in _DEFAULTS if _supports(accelerator, PRECISIONS[n]))
    return next(usable, _DEFAULTS[0])


def rates(accelerator: Accelerator, mode: Precision) -> Rates:
    """Return the peaks that `mode` runs at.

    Raises:
        HardwareError: the device has no such mode, or its bandwidth is not known.
    """
    if accelerator.memory_bandwidth_bytes_per_s is None:
        raise HardwareError(
            f"{accelerator.id}: its memory bandwidth is not in the catalogue; "
            "describe the device in a --hardware-file"
        )
    peaks = accelerator.peak_flops_per_s
    convolution, convolution_peak = _peak(accelerator, mode, mode.convolution_rate)
    matmul, matmul_peak = _peak(accelerator, mode, mode.matmul_rate)
    # A TPU's or Gaudi's vector units are not published: an elementwise operator there is
    # bound by memory in any case.
    vector = peaks.get("fp32", min(peaks.values()))
    return Rates(
        convolution=convolution,
        convolution_flops_per_s=convolution_peak,
        matmul=matmul,
        matmul_flops_per_s=matmul_peak,
        vector_flops_per_s=vector,
        bandwidth_bytes_per_s=accelerator.memory_bandwidth_bytes_per_s,
        multiprocessor_hz=vector / (2 * _lanes(accelerator)),
    )


# Single-precision lanes of a multiprocessor or compute unit: NVIDIA's architecture whitepapers,
# "Kepler GK110" to "Blackwell", and AMD's "CDNA" ones.
_LANES = {"Kepler": 192, "Volta": 64, "Turing": 64, "CDNA": 64, "CDNA 2": 64}
_DEFAULT_LANES = 128
# The chips for data centres of these two have half as many lanes as those for desktops: GP100
# computes halves at twice the rate of singles, GA100 has matrix units of eight times that rate.
_HALVED_LANES = 64


def _lanes(accelerator: Accelerator) -> int:
    peaks = accelerator.peak_flops_per_s
    single, half = peaks.get("fp32", 0.0), peaks.get("fp16", 0.0)
    if accelerator.architecture == "Pascal" and half > single:
        return _HALVED_LANES
    if accelerator.architecture == "Ampere" and peaks.get("tf32", 0.0) > 4 * single:
        return _HALVED_LANES
    return _LANES.get(accelerator.architecture, _DEFAULT_LANES)


def _peak(accelerator: Accelerator, mode: Precision, rate: str) -> tuple[str, float]:
    peaks = accelerator.peak_flops_per_s
    if rate == "fp32" and "matrix_fp32" in peaks:
        return "fp32", peaks["matrix_fp32"]
    found = peaks.get(rate)
    if rate in _COMPUTED_IN_FP32 and "fp32" in peaks and not _has_half_matrix_units(accelerator):
        return "fp32", peaks["fp32"]
    if found is None:
        usable = [n for n, m in PRECISIONS.items() if _supports(accelerator, m)]
        raise HardwareError(
            f"{accelerator.id} has no published {rate} rate, which precision {mode.name!r} needs; "
            f"use --precision {', '.join(usable) or 'with another device'}"
        )
    return rate, found


def _has_half_matrix_units(accelerator: Accelerator) -> bool:
    """Tell matrix units from vector units that take two halves for one single (P100)."""
    peaks = accelerator.peak_flops_per_s
    half, single = peaks.get("fp16", 0.0), peaks.get("fp32", 0.0)
    return half > 0 and ("bf16" in peaks or half > 2.1 * single)


def _supports(accelerator: Accelerator, mode: Precision) -> bool:
    peaks = accelerator.peak_flops_per_s
    return all(
        rate in peaks or (rate in _COMPUTED_IN_FP32 and "fp32" in peaks)
        for rate in (mode.convolution_rate, mode.matmul_rate)
    )
