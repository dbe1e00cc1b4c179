"""Times at peak by hand, and the step that the fitted coefficients make of them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from builders import Setting, model, node, profiled, value, weight

from auditor.calibration.record import Run
from auditor.calibration.samples import sums_of
from auditor.errors import CalibrationError, HardwareError, PlanError
from auditor.hardware import resolve
from auditor.precision import precision
from auditor.profile import Profile
from auditor.step import training_step
from auditor.step.artefact import (
    GROUPS,
    VERSION,
    Artefact,
    MeasuredForward,
    Residual,
    digest_of,
    parsed,
    shipped_artefact,
)
from auditor.step.calibrated import calibrated_times
from auditor.step.kernels import kernels_of
from auditor.step.rates import rates
from auditor.step.terms import PRIORS, TERMS, Passes, step_terms
from auditor.workload import Plan, Workload, workload

B, K, N = 16, 256, 512  # one dense layer: (B, K) x (K, N)
V100 = resolve("v100-pcie-32gb").accelerator
PEAK, BANDWIDTH = 14e12, 9e11  # its published fp32 rate and bandwidth


def layer(optimizer: str = "adam") -> Profile:
    proto = model(
        [node("MatMul", ["x", "w"], ["y"])],
        [value("x", ["batch", K])],
        [value("y", ["batch", N])],
        [weight("w", K, N)],
    )
    return profiled(proto, Setting(batch=B, optimizer=optimizer))


def planned(**plan: Any) -> Workload:
    return workload(Plan(**({"batch_size": B} | plan)), "fp32", None)


def content(**changes: Any) -> dict[str, Any]:
    """An artefact of round numbers: nothing but the terms that are named."""
    made: dict[str, Any] = {
        "version": VERSION,
        "coefficients": dict.fromkeys(TERMS, 1.0),
        "host_s_per_launch": 0.0,
        "devices": {},
        "residual": {
            "centres": [[0.0] * (len(GROUPS) + 2)],
            "weights": [0.0],
            "length_scale": 1.0,
            "amplitude": 0.1,
        },
        "power": {
            "arithmetic_share": 1.0,
            "memory_share": 1.0,
            "waiting_share": 0.1,
            "idle_share_of_tdp": 0.1,
            "limit_sharpness": 4.0,
            "clock_exponent": 0.5,
            "voltage_floor_share": 0.3,
            "processor_w": 100.0,
            "rest_share": 0.1,
            "devices": {},
        },
        "half_widths": {"family": 0.2, "device": 0.4, "source": 0.3},
        "forward": {"share": 0.8, "half_width": 0.25},
        "power_half_width": 0.25,
        "level": 0.9,
        "hardware": ["v100-pcie-32gb"],
        "precisions": ["fp32"],
        "farthest": 1e9,
        "tables": {},
    }
    made |= changes
    return made | {"digest": digest_of(made)}


def artefact(**changes: Any) -> Artefact:
    return parsed(content(**changes), "test")


FORWARD_AND_BACKWARD = Passes()


def sums_by_name(
    profile: Profile, batch: int, passes: Passes = FORWARD_AND_BACKWARD
) -> dict[str, float]:
    mode = precision("fp32")
    terms = step_terms(kernels_of(profile), batch, rates(V100, mode), mode, passes)
    return dict(zip(TERMS, terms.sums().tolist(), strict=True))


def test_times_at_peak_of_one_layer_by_hand() -> None:
    found = sums_by_name(layer(), B)
    macs = B * K * N
    # Forward one product; backward the weight's gradient alone, since the input is the data.
    assert found["compute/matmul/forward/fp32"] == pytest.approx(2 * macs / PEAK)
    assert found["compute/matmul/backward/fp32"] == pytest.approx(2 * macs / PEAK)
    moved = 4 * (B * K + K * N + B * N)
    assert found["memory/matmul/forward/full"] == pytest.approx(moved / BANDWIDTH)
    # K elements are summed into each of the result's, in a launch forward and one backward.
    assert found["latency/fp32"] == pytest.approx(2 * K * 1e-9)
    # fp32 does not run on matrix units, so none are fed.
    assert found["feed/matmul/forward"] == 0.0


def test_an_update_moves_its_bytes_and_launches_by_tensor() -> None:
    found = sums_by_name(layer(), B, Passes(update_bytes=1e9))
    assert found["update"] == pytest.approx(1e9 / BANDWIDTH)
    assert found["tensors"] == pytest.approx(1e-6)  # one tensor is updated


@pytest.mark.parametrize(
    ("phase", "optimizer", "bytes_a_parameter"),
    [
        # Parameter, gradient and two states read, all but the gradient written.
        ("train", "adam", 28),
        ("train", "momentum", 20),
        ("train", None, 28),
        ("forward_backward", None, 0),
        ("infer", None, 0),
    ],
)
def test_a_measured_run_has_the_traffic_of_its_own_optimizer(
    phase: str, optimizer: str | None, bytes_a_parameter: int
) -> None:
    run = Run(
        run_id="1", graph="g", batch_size=B, precision="fp32", hardware="v100-pcie-32gb",
        step_time_s=1.0, phase=phase, optimizer=optimizer,
    )  # fmt: skip
    sums = sums_of(run, kernels_of(layer()), V100)
    expected_s = bytes_a_parameter * K * N / BANDWIDTH
    assert sums[TERMS.index("update")] == pytest.approx(expected_s)


def test_work_grows_with_the_batch_and_weights_do_not() -> None:
    one, two = sums_by_name(layer(), B), sums_by_name(layer(), 2 * B)
    assert two["compute/matmul/forward/fp32"] == 2 * one["compute/matmul/forward/fp32"]
    more = two["memory/matmul/forward/full"] - one["memory/matmul/forward/full"]
    assert more == pytest.approx(4 * (B * K + B * N) / BANDWIDTH)
    assert two["launch"] == one["launch"]


def test_inference_has_no_backward_pass_and_no_update() -> None:
    found = sums_by_name(layer(), B, Passes(backward=False))
    later = ("backward", "update", "tensors")
    assert not any(seconds for name, seconds in found.items() if any(t in name for t in later))


def test_matrix_units_are_fed_by_multiprocessors() -> None:
    # V100 in half precision: 112e12 FLOP/s; 14e12 / (2 x 64 lanes) multiprocessor clocks.
    mode = precision("fp16")
    terms = step_terms(kernels_of(layer()), B, rates(V100, mode), mode, Passes())
    found = dict(zip(TERMS, terms.sums().tolist(), strict=True))
    flops = 2 * B * K * N
    assert found["compute/matmul/forward/half"] == pytest.approx(flops / 1.12e14)
    assert found["feed/matmul/forward"] == pytest.approx(flops / (14e12 / 128 * 256))
    assert found["memory/matmul/forward/half"] > 0 == found["memory/matmul/forward/full"]


def step_s(made: Artefact, **plan: Any) -> float:
    return training_step(layer(), V100, planned(**plan), made).total_s


def test_the_step_is_the_sum_of_its_terms() -> None:
    # Adam reads parameter, gradient and two states, and writes all but the gradient.
    expected = sum(sums_by_name(layer(), B, Passes(update_bytes=28 * K * N)).values())
    assert step_s(artefact()) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("optimizer", "bytes_a_parameter"), [("adam", 28), ("sgd", 12), ("none", 0)]
)
def test_the_update_is_that_of_the_optimizer(optimizer: str, bytes_a_parameter: int) -> None:
    # SGD reads parameter and gradient and writes the parameter; none launches nothing either.
    found = calibrated_times(layer(optimizer), V100, precision("fp32"), artefact())
    launched_s = 1e-6 if bytes_a_parameter else 0.0
    expected_s = bytes_a_parameter * K * N / BANDWIDTH + launched_s
    assert found.update.total_s == pytest.approx(expected_s, rel=1e-9)


def test_low_precision_weights_are_copied_in_every_pass() -> None:
    mode = precision("amp")
    once, thrice = (
        calibrated_times(layer(), V100, mode, artefact(), n).update.total_s for n in (1, 3)
    )
    # Of each weight 12 bytes: read in fp32, written in half, and its gradient the other way.
    assert thrice - once == pytest.approx(2 * 12 * K * N / BANDWIDTH, rel=1e-9)


def test_a_coefficient_is_the_inverse_of_the_share_of_the_peak() -> None:
    term = "compute/matmul/forward/fp32"
    slower = artefact(coefficients=dict.fromkeys(TERMS, 1.0) | {term: 3.0})
    more = 2 * sums_by_name(layer(), B)[term]
    assert step_s(slower) - step_s(artefact()) == pytest.approx(more, rel=1e-6)


def test_a_devices_own_factor_is_for_that_device() -> None:
    own = dict.fromkeys(GROUPS, 1.0) | {"update": 2.0}
    more = sums_by_name(layer(), B, Passes(update_bytes=28 * K * N))["update"]
    there = step_s(artefact(devices={"v100-pcie-32gb": own}))
    assert there - step_s(artefact()) == pytest.approx(more, rel=1e-6)
    assert step_s(artefact(devices={"t4": own})) == step_s(artefact())


def test_the_host_decides_where_it_takes_longer() -> None:
    launches = sums_by_name(layer(), B)["launch"] / 1e-6
    busy = step_s(artefact())
    host = launches * 1e-3
    expected = (busy**4 + host**4) ** 0.25
    assert step_s(artefact(host_s_per_launch=1e-3)) == pytest.approx(expected, rel=1e-9)


def test_the_residual_multiplies_the_step() -> None:
    found = calibrated_times(layer(), V100, precision("fp32"), artefact())
    place = np.zeros(len(GROUPS) + 2)
    # Of one centre far away, nothing; of one that is everywhere alike, its weight.
    wide = Residual(centres=place[None], weights=np.array([10.0]), length_scale=1e6, amplitude=0.1)
    narrow = replace(wide, length_scale=1e-6)
    for residual, expected in ((wide, math.exp(0.1)), (narrow, 1.0)):
        made = replace(artefact(), residual=residual)
        other = calibrated_times(layer(), V100, precision("fp32"), made)
        assert other.forward.total_s / found.forward.total_s == pytest.approx(expected, rel=1e-3)


def test_operations_add_up_to_the_passes() -> None:
    made = replace(shipped_artefact())
    found = calibrated_times(layer(), V100, precision("fp32"), made, accumulation=3)
    assert 3 * sum(o.forward.total_s for o in found.operations) == pytest.approx(
        found.forward.total_s
    )
    assert 3 * sum(o.backward.total_s for o in found.operations) == pytest.approx(
        found.backward.total_s
    )


def test_a_new_set_up_has_the_interval_of_sources_left_out() -> None:
    sure = training_step(layer(), V100, planned(), artefact()).confidence
    assert (sure.method, sure.in_domain, sure.time_half_width) == ("calibrated", True, 0.3)
    assert (sure.power_half_width, sure.level, sure.reasons) == (0.25, 0.9, ())


def test_beyond_the_data_the_interval_is_wider_and_says_why() -> None:
    t4 = resolve("t4").accelerator
    sure = training_step(layer(), t4, planned(), artefact()).confidence
    assert (sure.in_domain, sure.time_half_width) == (False, 0.4)
    assert sure.reasons == ("t4 was not measured",)
    work = workload(Plan(batch_size=B), "fp16", None)
    sure = training_step(layer(), V100, work, artefact()).confidence
    assert sure.time_half_width == pytest.approx(0.3 * 1.5)
    assert sure.reasons == ("precision fp16 was not measured",)
    sure = training_step(layer(), V100, planned(), artefact(farthest=1.0)).confidence
    assert "unlike that of every network" in sure.reasons[0]


def test_without_an_artefact_it_is_the_roofline() -> None:
    sure = training_step(layer(), V100, planned()).confidence
    assert (sure.method, sure.in_domain) == ("roofline", None)


def test_a_device_that_is_no_gpu_has_the_roofline() -> None:
    tpu = resolve("tpu-v4").accelerator
    work = workload(Plan(batch_size=B), "bf16", None)
    assert training_step(layer(), tpu, work, artefact()).confidence.method == "roofline"


def test_power_of_a_step_that_is_all_arithmetic() -> None:
    # Every share is 1 and nothing waits: the board asks for its design power, 250 W.  With
    # q = 4 and nothing but the limit in the way: idle + 225 x 2^(-1/4).
    only = dict.fromkeys(TERMS, 1e-12) | {"compute/matmul/forward/fp32": 1.0}
    step = training_step(layer(), V100, planned(), artefact(coefficients=only))
    expected = 25 + 225 * 2 ** (-1 / 4)
    assert step.device_power_w == pytest.approx(expected, rel=1e-3)
    # The node: processors of 100 W, and a tenth on top of all.
    assert step.host_power_w == pytest.approx(1.1 * (expected + 100) - expected, rel=1e-3)


def test_a_lower_limit_takes_longer_and_draws_less() -> None:
    full = training_step(layer(), V100, planned(), artefact())
    half = training_step(layer(), V100, planned(power_limit_w=125.0), artefact())
    assert half.total_s > full.total_s
    assert half.device_power_w < full.device_power_w <= 250.0
    assert half.device_power_w <= 125.0


@pytest.mark.parametrize("plan", [{}, {"gradient_accumulation": 4}, {"power_limit_w": 125.0}])
def test_operations_add_up_to_the_passes_of_the_step(plan: dict[str, Any]) -> None:
    found = training_step(layer(), V100, planned(**plan), artefact())
    total_s = sum(o.total_s for o in found.operations)
    assert total_s == pytest.approx(found.forward.total_s + found.backward.total_s, rel=1e-9)


def test_the_roofline_knows_no_power_limit() -> None:
    with pytest.raises(PlanError, match="--power-limit-w 125"):
        training_step(layer(), V100, planned(power_limit_w=125.0))


def test_a_limit_out_of_range_is_refused() -> None:
    with pytest.raises(PlanError, match=r"--power-limit-w 400: above .* 250 W"):
        training_step(layer(), V100, planned(power_limit_w=400.0), artefact())


def test_a_device_without_a_bandwidth_is_an_error() -> None:
    bare = replace(V100, memory_bandwidth_bytes_per_s=None)
    with pytest.raises(HardwareError, match="bandwidth"):
        training_step(layer(), bare, planned(), artefact())


class TestMeasuredForward:
    """A forward pass that took twice what is modelled: `forward` has a share of 0.8."""

    MEASURED = MeasuredForward(hardware="v100-pcie-32gb", measured_s=0.2, modelled_s=0.1)

    def test_the_step_takes_its_share_of_it(self) -> None:
        corrected = step_s(replace(artefact(), measured=self.MEASURED))
        assert corrected == pytest.approx(step_s(artefact()) * 2**0.8)

    def test_it_is_said_and_the_interval_is_that_of_pairs(self) -> None:
        found = training_step(
            layer(), V100, planned(), replace(artefact(), measured=self.MEASURED)
        ).confidence
        assert found.method == "calibrated+measured"
        assert found.time_half_width == 0.25
        assert found.in_domain is True

    def test_another_devices_forward_pass_tells_nothing(self) -> None:
        other = replace(artefact(), measured=replace(self.MEASURED, hardware="t4"))
        assert step_s(other) == step_s(artefact())
        assert training_step(layer(), V100, planned(), other).confidence.method == "calibrated"


class TestReading:
    def test_a_changed_number_is_refused(self) -> None:
        made = content()
        made["coefficients"]["update"] = 0.5
        with pytest.raises(CalibrationError, match="does not match its digest"):
            parsed(made, "mine.json")

    @pytest.mark.parametrize("wrong", [None, [], {}, {"version": 99}])
    def test_what_is_no_calibration_is_refused(self, wrong: Any) -> None:
        with pytest.raises(CalibrationError, match=r"mine\.json: not a calibration of version 2"):
            parsed(wrong, "mine.json")

    @pytest.mark.parametrize("missing", ["coefficients", "power", "half_widths", "residual"])
    def test_a_part_that_is_missing_is_named(self, missing: str) -> None:
        made = {k: v for k, v in content().items() if k not in (missing, "digest")}
        with pytest.raises(CalibrationError, match=missing):
            parsed(made | {"digest": digest_of(made)}, "mine.json")

    def test_the_shipped_one_has_every_term(self) -> None:
        assert set(shipped_artefact().coefficients) == set(PRIORS)
        assert shipped_artefact().half_widths["family"] < shipped_artefact().half_widths["source"]
