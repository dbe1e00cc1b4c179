"""Constants of the roofline: set by hand from published behaviour, not fitted.

They say which share of a peak an operator family reaches, what a kernel launch costs,
and how power follows load.  A calibration on measured runs replaces them; until then the
estimate's interval is as wide as their error was on runs that were not used to set them
(`python -m benchmarks.roofline`).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from auditor.costs import Family

# Half widths of ln(time) and ln(power) at that level.  On 84 published runs that the constants
# were not set by, ln(estimate / measured) had standard deviations of 0.27 and 0.16 (`python -m
# benchmarks.roofline`); taken are 0.40 and 0.20, since those are well-known networks on single
# well-known cards, times the normal distribution's quantile.
LEVEL = 0.90
TIME_LOG_STD, POWER_LOG_STD = 0.40, 0.20
_QUANTILE = 1.6449
TIME_HALF_WIDTH = _QUANTILE * TIME_LOG_STD
POWER_HALF_WIDTH = _QUANTILE * POWER_LOG_STD

# Share of the device's dense peak that large products reach.  Matrix products in fp32
# reach 62 to 87 % of peak on V100 and A100 (NeuSight kernel measurements,
# sitar-lab/NeuSight@6945927d); tensor cores reach less, since memory feeds them too slowly
# for the sizes found in networks: a third to a half at fp16.
_PRODUCT_SHARES: Mapping[Family, Mapping[str, float]] = {
    Family.MATMUL: {"fp32": 0.75, "tf32": 0.60, "fp16": 0.50, "bf16": 0.50, "fp8": 0.35},
    Family.BATCHED_MATMUL: {"fp32": 0.55, "tf32": 0.35, "fp16": 0.25, "bf16": 0.25, "fp8": 0.2},
    Family.POINTWISE_CONVOLUTION: {"fp32": 0.65, "tf32": 0.50, "fp16": 0.40, "bf16": 0.40},
    Family.CONVOLUTION: {"fp32": 0.75, "tf32": 0.55, "fp16": 0.40, "bf16": 0.40},
    Family.RECURRENT: {"fp32": 0.30, "tf32": 0.20, "fp16": 0.12, "bf16": 0.12, "fp8": 0.1},
}
# Grouped and depthwise convolutions hardly use tensor cores: their share is of the fp32
# vector peak, whatever the precision.
_VECTOR_SHARES: Mapping[Family, float] = {
    Family.GROUPED_CONVOLUTION: 0.30,
    Family.DEPTHWISE_CONVOLUTION: 0.15,
}
# Elementwise arithmetic is bound by memory nearly always; this bounds the rest.
VECTOR_SHARE = 0.5

# Share of the memory bandwidth: streaming kernels reach 75 to 90 %; kernels that reduce
# or stride reach less.
_BANDWIDTH_SHARES: Mapping[Family, float] = MappingProxyType(
    {
        Family.ELEMENTWISE: 0.80,
        Family.NORMALIZATION: 0.70,
        Family.SOFTMAX: 0.70,
        Family.POOLING: 0.60,
        Family.MOVEMENT: 0.60,
        Family.EMBEDDING: 0.50,
        Family.DEPTHWISE_CONVOLUTION: 0.40,
        Family.GROUPED_CONVOLUTION: 0.50,
    }
)
DEFAULT_BANDWIDTH_SHARE = 0.70

# Between two kernels the device idles for some microseconds; measured floors of a lone
# kernel are 14 to 45 us, most of it hidden when kernels queue (NeuSight, as above).
KERNEL_OVERHEAD_S = 4e-6
# A multi-tensor optimizer makes few launches, however many parameters there are.
OPTIMIZER_KERNELS = 20

# Data-parallel frameworks send gradients in buckets while the backward pass runs; the
# last bucket (25 MB in PyTorch) has nothing left to hide behind.
LAST_BUCKET_BYTES = 25e6
# Share of a link's published rate that ring all-reduce reaches.
LINK_SHARE = 0.7

# Board power while a kernel runs, as a share of the way from idle to TDP: arithmetic
# drives the board to its limit, streaming memory does not quite.
COMPUTE_POWER_SHARE = 1.0
MEMORY_POWER_SHARE = 0.8
# Between kernels clocks stay up.
GAP_POWER_SHARE = 0.35
# Idle board power where no figure is published, as a share of TDP (A100: 50 to 60 W of
# 400, V100 PCIe: 25 to 40 W of 250).
IDLE_SHARE_OF_TDP = 0.13

# Rest of the node (CPU, memory, fans, network, power supply losses) per accelerator:
# measured training nodes of eight 700 W boards draw 1.2 to 1.3 times the boards' TDP
# (MLPerf Training v4.0 and v4.1 power results), a workstation's host about 100 to 150 W.
HOST_BASE_W = 50.0
HOST_SHARE_OF_TDP = 0.25

# Framework and CUDA context, workspaces and fragmentation that no tensor accounts for.
RESERVED_BYTES = 1.5e9


def product_share(family: Family, rate: str) -> float:
    """Share of the peak called `rate` that products of `family` reach."""
    return _PRODUCT_SHARES[family].get(rate, 0.4)


def vector_share(family: Family) -> float | None:
    """Share of the fp32 vector peak for families that run beside the tensor cores, else None."""
    return _VECTOR_SHARES.get(family)


def bandwidth_share(family: Family) -> float:
    """Share of the memory bandwidth that kernels of `family` reach."""
    return _BANDWIDTH_SHARES.get(family, DEFAULT_BANDWIDTH_SHARE)
