"""The roofline of single operations, worked out by hand on a device of round figures."""

from __future__ import annotations

import pytest
from round_figures import DEVICE, operation, profile

from auditor.costs import Family, Work
from auditor.precision import PRECISIONS
from auditor.profile import CostedOperation
from auditor.step import Seconds
from auditor.step.rates import rates
from auditor.step.roofline import copy_seconds, operation_times, update_seconds

pytestmark = pytest.mark.usefixtures("round_constants")

# Fixture round_constants: 1e13 FLOP/s fp32 at a half are 5e12, 1e14 FLOP/s fp16 are 5e13,
# 1e12 B/s at a half are 5e11, one kernel takes 1e-6 s.
TEN_GFLOP = Work(macs=5_000_000_000, read_bytes=60_000_000, written_bytes=40_000_000)
ONE_GB = Work(other_flops=1_000_000, read_bytes=600_000_000, written_bytes=400_000_000)


def forward(costed: CostedOperation, precision: str = "fp32") -> Seconds:
    mode = PRECISIONS[precision]
    (found,) = operation_times([costed], rates(DEVICE, mode), mode)
    return found.forward


def test_a_product_bound_by_arithmetic() -> None:
    # 2 * 5e9 FLOP / 5e12 FLOP/s = 2 ms, longer than 1e8 B / 5e11 B/s = 0.2 ms; one kernel.
    found = forward(operation(Family.MATMUL, TEN_GFLOP))
    assert found.total_s == pytest.approx(2e-3 + 1e-6, rel=1e-12)
    assert found.compute_bound_s == pytest.approx(2e-3, rel=1e-12)
    assert (found.memory_bound_s, found.overhead_s) == (0.0, 1e-6)


def test_an_operation_bound_by_memory() -> None:
    # 1e9 B / 5e11 B/s = 2 ms, longer than 1e6 FLOP / 5e12 FLOP/s = 0.2 us; three kernels.
    found = forward(operation(Family.ELEMENTWISE, ONE_GB, forward_kernels=3))
    assert found.total_s == pytest.approx(2e-3 + 3e-6, rel=1e-12)
    assert found.memory_bound_s == pytest.approx(2e-3, rel=1e-12)
    assert found.compute_bound_s == 0.0
    assert found.overhead_s == pytest.approx(3e-6, rel=1e-12)


def test_what_launches_no_kernel_takes_no_time() -> None:
    assert forward(operation(Family.MOVEMENT, ONE_GB, forward_kernels=0)) == Seconds()


def test_both_passes_are_timed_each_by_its_own_work_and_kernels() -> None:
    mode = PRECISIONS["fp32"]
    costed = operation(Family.ELEMENTWISE, Work(), backward=ONE_GB, backward_kernels=2)
    (found,) = operation_times([costed], rates(DEVICE, mode), mode)
    assert found.forward.total_s == pytest.approx(1e-6, rel=1e-12)  # an empty kernel
    assert found.backward.total_s == pytest.approx(2e-3 + 2e-6, rel=1e-12)
    assert found.total_s == pytest.approx(2e-3 + 3e-6, rel=1e-12)


def test_products_and_other_arithmetic_add_up() -> None:
    # 2 ms for the products, and 2.5e9 other FLOP / 5e12 FLOP/s = 0.5 ms.
    both = TEN_GFLOP + Work(other_flops=2_500_000_000)
    assert forward(operation(Family.CONVOLUTION, both)).compute_bound_s == pytest.approx(2.5e-3)


@pytest.mark.parametrize(
    ("family", "precision", "compute_s"),
    [
        # 1e10 FLOP at a half of 1e13, 5e13 or 1e14 FLOP/s: 2, 0.4 and 0.2 ms.
        (Family.MATMUL, "fp32", 2e-3),
        (Family.MATMUL, "tf32", 0.4e-3),
        (Family.MATMUL, "tf32-conv", 2e-3),
        (Family.MATMUL, "amp", 0.2e-3),
        (Family.BATCHED_MATMUL, "tf32-conv", 2e-3),
        (Family.BATCHED_MATMUL, "bf16", 0.2e-3),
        (Family.RECURRENT, "amp", 0.2e-3),
        (Family.CONVOLUTION, "fp32", 2e-3),
        (Family.CONVOLUTION, "tf32", 0.4e-3),
        (Family.CONVOLUTION, "tf32-conv", 0.4e-3),
        (Family.POINTWISE_CONVOLUTION, "tf32-conv", 0.4e-3),
        (Family.POINTWISE_CONVOLUTION, "amp-bf16", 0.2e-3),
        # No tensor cores: 1e10 FLOP at a tenth of 1e13 FLOP/s, in every mode.
        (Family.DEPTHWISE_CONVOLUTION, "fp32", 10e-3),
        (Family.DEPTHWISE_CONVOLUTION, "tf32-conv", 10e-3),
        (Family.DEPTHWISE_CONVOLUTION, "amp", 10e-3),
        (Family.DEPTHWISE_CONVOLUTION, "bf16", 10e-3),
        (Family.GROUPED_CONVOLUTION, "amp", 10e-3),
    ],
)
def test_which_peak_a_family_runs_at(family: Family, precision: str, compute_s: float) -> None:
    work = Work(macs=5_000_000_000)
    found = forward(operation(family, work), precision)
    assert found.compute_bound_s == pytest.approx(compute_s, rel=1e-12)


@pytest.mark.parametrize(
    ("precision", "in_fp32", "file_bytes", "memory_s"),
    [
        # 1e9 B of a four-byte file / 5e11 B/s = 2 ms, and half of it at two bytes.
        ("fp32", False, 4.0, 2e-3),
        ("tf32", True, 4.0, 2e-3),
        ("amp", False, 4.0, 1e-3),
        ("amp-bf16", False, 4.0, 1e-3),
        # Autocast keeps softmax and layer normalization at four bytes; pure half does not.
        ("amp", True, 4.0, 2e-3),
        ("amp-bf16", True, 4.0, 2e-3),
        ("fp16", True, 4.0, 1e-3),
        ("bf16", True, 4.0, 1e-3),
        # The file's own element size is divided out: a half-precision export trains alike.
        ("fp32", False, 2.0, 4e-3),
        ("amp", False, 2.0, 2e-3),
        ("amp", True, 2.0, 4e-3),
    ],
)
def test_bytes_per_element(
    precision: str, in_fp32: bool, file_bytes: float, memory_s: float
) -> None:
    costed = operation(Family.SOFTMAX, ONE_GB, fp32_in_autocast=in_fp32, element_bytes=file_bytes)
    assert forward(costed, precision).memory_bound_s == pytest.approx(memory_s, rel=1e-12)


def test_the_optimizer_streams_parameters_gradients_and_states() -> None:
    # AdamW on 1e6 fp32 parameters: reads 4 + 4 + 2*4 bytes each, writes 4 + 2*4:
    # 28e6 B / 5e11 B/s = 56 us; its 16e6 FLOP / 5e12 = 3.2 us hide behind; ten kernels.
    update = Work(other_flops=16_000_000, read_bytes=16_000_000, written_bytes=12_000_000)
    found = update_seconds(profile(optimizer_update=update), rates(DEVICE, PRECISIONS["fp32"]))
    assert found.total_s == pytest.approx(66e-6, rel=1e-12)
    assert found.memory_bound_s == pytest.approx(56e-6, rel=1e-12)


def test_no_optimizer_takes_no_time() -> None:
    assert update_seconds(profile(), rates(DEVICE, PRECISIONS["fp32"])) == Seconds()


@pytest.mark.parametrize(("precision", "copy_s"), [("amp", 26e-6), ("fp32", 0.0), ("bf16", 0.0)])
def test_weights_are_copied_to_half_only_under_autocast(precision: str, copy_s: float) -> None:
    # 1e6 weights: read at 4 and written at 2 bytes, their gradients read at 2 and written
    # at 4: 12e6 B / 5e11 B/s = 24 us, in two kernels.
    mode = PRECISIONS[precision]
    found = copy_seconds(profile(product_parameter_count=1_000_000), rates(DEVICE, mode), mode)
    assert found.total_s == pytest.approx(copy_s, rel=1e-12)


def test_seconds_add_and_scale_in_every_part() -> None:
    one = Seconds(total_s=4.0, compute_bound_s=1.0, memory_bound_s=2.0, overhead_s=1.0)
    three = Seconds(total_s=12.0, compute_bound_s=3.0, memory_bound_s=6.0, overhead_s=3.0)
    assert one + one + one == three == one.times(3)
    assert one + Seconds() == one
