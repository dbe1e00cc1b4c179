"""A forward pass alone: by hand, as the calibration models it, and within what a step takes."""

from __future__ import annotations

import math
from dataclasses import replace
from types import MappingProxyType

import pytest
from builders import DATA
from hypothesis import given
from hypothesis import strategies as st
from made_calibration import content
from round_figures import DEVICE, operation, profile

from auditor.calibration.modelled import device_time
from auditor.calibration.record import Run
from auditor.costs import Family, Work
from auditor.hardware import resolve
from auditor.sized import static_profile
from auditor.step import Serving, forward_pass, training_step
from auditor.step.artefact import Artefact, parsed, shipped_artefact
from auditor.step.kernels import kernels_of
from auditor.workload import Plan, workload

EXAMPLES = DATA.parents[1] / "examples"
RESNET = static_profile(EXAMPLES / "resnet50.onnx", Plan(batch_size=32))
WITHOUT_LOSS = replace(
    RESNET, operations=tuple(o for o in RESNET.operations if o.family is not Family.LOSS)
)
MADE = parsed(content(), "made")


def plain() -> Artefact:
    """The made-up calibration without its residual and without a host to wait for."""
    return replace(
        MADE,
        host_s_per_launch=0.0,
        residual=replace(MADE.residual, weights=MADE.residual.weights * 0),
        coefficients=MappingProxyType(dict.fromkeys(MADE.coefficients, 1.0)),
    )


def test_a_product_by_hand() -> None:
    # A batch of 32: 3.2e9 MAC are 6.4e9 FLOP, at 1e13 in fp32 640 us; 3.2e8 bytes of the batch
    # and 1e8 of weights at 1e12 are 420 us; a launch counts 1 us.  Its backward pass and the loss
    # do not run.  No factor is other than 1; what feeds the units is none of fp32's.
    product = operation(
        Family.MATMUL,
        Work(macs=3_200_000_000, read_bytes=420_000_000, weight_read_bytes=100_000_000),
        backward=Work(macs=6_400_000_000),
        backward_kernels=2,
    )
    loss = operation(Family.LOSS, Work(other_flops=10**9, read_bytes=10**9))
    found = forward_pass(profile(product, loss), DEVICE, Serving(32, "fp32"), plain())
    assert found.total_s == pytest.approx(640e-6 + 420e-6 + 1e-6, rel=1e-9)
    # Half the batch: half the arithmetic, the weights as they are.
    half = forward_pass(profile(product, loss), DEVICE, Serving(16, "fp32"), plain())
    assert half.total_s == pytest.approx(320e-6 + 160e-6 + 100e-6 + 1e-6, rel=1e-9)
    assert (found.hardware, found.precision, found.batch_size) == ("round", "fp32", 32)
    # Of 1,061 us 640 are arithmetic (share 1.0), 420 memory (0.8), one waiting (0.1): 0.9208 of
    # the 300 W between idle and design power.
    asked = 300 * (640 + 0.8 * 420 + 0.1 * 1) / 1061
    drawn = 50 + (asked**-4 + 300**-4) ** -0.25
    assert found.device_power_w == pytest.approx(drawn, rel=1e-9)
    assert found.host_power_w == pytest.approx(1.1 * (drawn + 60) - drawn, rel=1e-9)


@pytest.mark.parametrize("hardware", ["a100-sxm4-80gb", "rtx3090", "l4"])
@pytest.mark.parametrize("batch", [1, 32, 200])
def test_it_is_the_calibrations_own_model_of_a_forward_pass(hardware: str, batch: int) -> None:
    device, artefact = resolve(hardware).accelerator, shipped_artefact()
    run = Run(
        run_id="1",
        graph="resnet50",
        batch_size=batch,
        precision="amp",
        hardware=hardware,
        step_time_s=1.0,
        phase="infer",
    )
    modelled = device_time(run, kernels_of(WITHOUT_LOSS), device, artefact)
    found = forward_pass(RESNET, device, Serving(batch, "amp"), artefact)
    assert found.total_s == pytest.approx(modelled.total_s, rel=1e-9)


def test_it_takes_less_than_a_training_step_and_no_more_than_the_board() -> None:
    device, artefact = resolve("a100-sxm4-80gb").accelerator, shipped_artefact()
    work = workload(Plan(batch_size=32), "amp", None)
    step = training_step(RESNET, device, work, artefact)
    found = forward_pass(RESNET, device, Serving(32, "amp"), artefact)
    assert 0.1 * step.total_s < found.total_s < 0.6 * step.total_s
    assert device.tdp_w is not None
    assert 0 < found.device_power_w <= device.tdp_w and found.host_power_w > 0


def test_its_power_was_not_measured_and_the_interval_says_so() -> None:
    device, artefact = resolve("a100-sxm4-80gb").accelerator, shipped_artefact()
    found = forward_pass(RESNET, device, Serving(8, "amp"), artefact).confidence
    assert found.power_half_width == pytest.approx(1.5 * artefact.power_half_width)
    assert found.in_domain is False
    assert any("forward pass alone" in reason for reason in found.reasons)


@given(st.integers(1, 512))
def test_a_larger_batch_takes_longer_and_less_a_sample(batch: int) -> None:
    device = resolve("a100-sxm4-80gb").accelerator
    one, two = (
        forward_pass(RESNET, device, Serving(b, "amp"), plain()).total_s for b in (batch, 2 * batch)
    )
    assert one <= two <= 2 * one * (1 + 1e-9)
    assert math.isfinite(two)
