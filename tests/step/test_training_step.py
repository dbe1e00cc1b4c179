"""One optimizer step: communication, input pipeline, accumulation and power, by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from round_figures import DEVICE, device, operation, planned, profile

from auditor.costs import Family, Work
from auditor.errors import HardwareError
from auditor.precision import PRECISIONS
from auditor.profile import Profile
from auditor.step import Step, constants, training_step
from auditor.step.step import exposed_communication_s

pytestmark = pytest.mark.usefixtures("round_constants")

# Under round_constants: 1e10 FLOP take 2 ms in fp32, 1e9 B take 2 ms, a kernel takes 1 us.
COMPUTE_2_MS = operation(Family.MATMUL, Work(macs=5_000_000_000))
MEMORY_2_MS = operation(Family.ELEMENTWISE, Work(read_bytes=1_000_000_000))
BACKWARD_4_MS = operation(
    Family.ELEMENTWISE,
    Work(),
    forward_kernels=0,
    backward=Work(read_bytes=2_000_000_000),
    backward_kernels=1,
)


def step(*operations: Any, **plan: Any) -> Step:
    return training_step(profile(*operations), DEVICE, planned(**plan))


def exposed(count: int, backward_s: float, precision: str = "fp32", **plan: Any) -> float:
    """Time of the all-reduce of `count` gradients that `backward_s` does not hide."""
    work = planned(precision, **plan)
    found: Profile = profile(trained_parameter_count=count)
    return exposed_communication_s(found, DEVICE, work, PRECISIONS[precision], backward_s)


def test_one_device_has_nobody_to_talk_to() -> None:
    assert exposed(10**9, 0.0) == 0.0


def test_the_ring_moves_its_share_of_the_gradients_over_every_link() -> None:
    # 1e8 gradients of 4 bytes on 4 devices: 2 * 3/4 * 4e8 B / (1e11 * 0.5 B/s) = 12 ms.
    assert exposed(10**8, 0.0, devices=4) == pytest.approx(12e-3, rel=1e-12)
    # On 2 devices: 2 * 1/2 * 4e8 B / 5e10 B/s = 8 ms.
    assert exposed(10**8, 0.0, devices=2) == pytest.approx(8e-3, rel=1e-12)


def test_the_backward_pass_hides_the_ring() -> None:
    assert exposed(10**8, 5e-3, devices=4) == pytest.approx(12e-3 - 5e-3, rel=1e-12)


def test_the_last_bucket_stays_exposed() -> None:
    # 2 * 3/4 * 25e6 B / 5e10 B/s = 0.75 ms, however long the backward pass takes.
    assert exposed(10**8, 1.0, devices=4) == pytest.approx(0.75e-3, rel=1e-12)


def test_fewer_gradients_than_a_bucket_are_the_last_bucket() -> None:
    # 1e6 gradients of 4 bytes: 1.5 * 4e6 B / 5e10 B/s = 0.12 ms.
    assert exposed(10**6, 1.0, devices=4) == pytest.approx(0.12e-3, rel=1e-12)


def test_half_precision_gradients_are_half_as_long_on_the_way() -> None:
    assert exposed(10**8, 0.0, "bf16", devices=4) == pytest.approx(6e-3, rel=1e-12)
    # Autocast keeps fp32 gradients.
    assert exposed(10**8, 0.0, "amp", devices=4) == pytest.approx(12e-3, rel=1e-12)


def test_the_plans_link_replaces_the_devices() -> None:
    # A link of 1e10 B/s is ten times slower than the device's: 120 ms.
    found = exposed(10**8, 0.0, devices=4, link_bytes_per_s=1e10)
    assert found == pytest.approx(120e-3, rel=1e-12)


def test_an_unknown_link_is_refused_with_the_remedy() -> None:
    lone, work = device(link_bytes_per_s=None), planned(devices=2)
    with pytest.raises(HardwareError, match=r"^round: .* link .* --link-bytes-per-s"):
        training_step(profile(COMPUTE_2_MS), lone, work)
    with_link = planned(devices=2, link_bytes_per_s=1e10)
    assert training_step(profile(COMPUTE_2_MS), lone, with_link).total_s > 0
    assert training_step(profile(COMPUTE_2_MS), lone, planned()).communication_s == 0.0


def test_a_step_is_the_sum_of_its_parts() -> None:
    # 2 ms + 2 ms + 4 ms with a kernel each; 1e8 gradients: 12 ms - 4.001 ms hidden; and the
    # update of 28e6 B: 56 us + 10 kernels.
    update = Work(read_bytes=16_000_000, written_bytes=12_000_000)
    found = training_step(
        profile(
            COMPUTE_2_MS,
            MEMORY_2_MS,
            BACKWARD_4_MS,
            trained_parameter_count=10**8,
            optimizer_update=update,
        ),
        DEVICE,
        planned(devices=4),
    )
    assert found.forward.total_s == pytest.approx(4.002e-3, rel=1e-12)
    assert found.backward.total_s == pytest.approx(4.001e-3, rel=1e-12)
    assert found.update.total_s == pytest.approx(66e-6, rel=1e-12)
    assert found.communication_s == pytest.approx(7.999e-3, rel=1e-12)
    assert found.total_s == pytest.approx(16.068e-3, rel=1e-12)
    assert found.input_wait_s == 0.0


def test_an_input_pipeline_caps_the_speed_and_lets_the_device_rest() -> None:
    # 32 samples at 100 a second take 320 ms; the device is busy for 2.001 ms of them.
    free, capped = step(COMPUTE_2_MS), step(COMPUTE_2_MS, input_pipeline_samples_per_s=100.0)
    assert capped.total_s == pytest.approx(0.32, rel=1e-12)
    assert capped.input_wait_s == pytest.approx(0.32 - 2.001e-3, rel=1e-12)
    # idle 50 W + 300 W * (2 ms * 1.0 + 1 us * 0.3) / 320 ms = 51.875... W
    assert capped.device_power_w == pytest.approx(50 + 300 * 2.0003e-3 / 0.32, rel=1e-12)
    assert capped.device_power_w < free.device_power_w
    assert capped.host_power_w == free.host_power_w


def test_an_input_pipeline_that_keeps_up_changes_nothing() -> None:
    # 32 samples in 2.001 ms are 15,992 a second.
    assert step(COMPUTE_2_MS, input_pipeline_samples_per_s=16_000.0) == step(COMPUTE_2_MS)


def test_all_devices_draw_from_one_input_pipeline() -> None:
    # 8 devices of 32 samples at 1000 a second: 256 ms.
    found = step(COMPUTE_2_MS, devices=8, input_pipeline_samples_per_s=1000.0)
    assert found.total_s == pytest.approx(0.256, rel=1e-12)


def test_accumulation_repeats_the_passes_but_not_update_and_exchange() -> None:
    update = Work(read_bytes=28_000_000)
    found = training_step(
        profile(
            COMPUTE_2_MS,
            BACKWARD_4_MS,
            trained_parameter_count=10**8,
            product_parameter_count=10**6,
            optimizer_update=update,
        ),
        DEVICE,
        planned("amp", gradient_accumulation=3, devices=4),
    )
    # amp: 1e10 FLOP at 5e13 = 0.2 ms + 1 us; 2e9 B at half the bytes = 2 ms + 1 us; thrice.
    assert found.forward.total_s == pytest.approx(3 * 0.201e-3, rel=1e-12)
    assert found.backward.total_s == pytest.approx(3 * 2.001e-3, rel=1e-12)
    # Update 56 us + 10 us once; the copy to half and back (24 us + 2 us) every pass.
    assert found.update.total_s == pytest.approx(66e-6 + 3 * 26e-6, rel=1e-12)
    # The exchange hides behind one backward pass only: 12 ms - 2.001 ms.
    assert found.communication_s == pytest.approx(9.999e-3, rel=1e-12)


@pytest.mark.parametrize(
    ("kind", "power_w"),
    [
        # A kernel of 1 us is a gap of 1 us: 50 + 300 * (2 * 1.0 + 0.001 * 0.3) / 2.001 W,
        (COMPUTE_2_MS, 50 + 300 * 2.0003 / 2.001),
        # and with the memory's share 0.8: 50 + 300 * (2 * 0.8 + 0.001 * 0.3) / 2.001 W.
        (MEMORY_2_MS, 50 + 300 * 1.6003 / 2.001),
        # Only gaps: 50 + 300 * 0.3 W.
        (operation(Family.MOVEMENT, Work(), forward_kernels=7), 140.0),
    ],
)
def test_board_power_by_what_binds(kind: Any, power_w: float) -> None:
    assert step(kind).device_power_w == pytest.approx(power_w, rel=1e-12)


def test_waiting_for_the_others_draws_idle_power() -> None:
    # 2.001 ms busy, then the whole ring of 12 ms: nothing hides it.
    found = training_step(
        profile(COMPUTE_2_MS, trained_parameter_count=10**8), DEVICE, planned(devices=4)
    )
    assert found.device_power_w == pytest.approx(50 + 300 * 2.0003 / 14.001, rel=1e-12)


def test_the_host_draws_a_base_and_a_share_of_the_boards_limit() -> None:
    assert step(COMPUTE_2_MS).host_power_w == pytest.approx(40 + 0.2 * 350)


def test_an_unpublished_idle_power_is_assumed_and_said() -> None:
    found = training_step(profile(COMPUTE_2_MS), device(idle_w=None), planned())
    # A tenth of the limit: 35 W.
    assert found.device_power_w == pytest.approx(35 + 315 * 2.0003 / 2.001, rel=1e-12)
    (note,) = found.notes
    assert note.startswith("idle power of round ") and "10% of its TDP" in note
    assert step(COMPUTE_2_MS).notes == ()


def test_without_a_power_limit_there_is_no_energy() -> None:
    with pytest.raises(HardwareError, match=r"^round: .*TDP.* --hardware-file"):
        training_step(profile(COMPUTE_2_MS), device(tdp_w=None), planned())


works = st.builds(
    Work,
    macs=st.integers(0, 10**13),
    other_flops=st.integers(0, 10**12),
    read_bytes=st.integers(0, 10**11),
    written_bytes=st.integers(0, 10**11),
)
operations = st.builds(
    operation,
    st.sampled_from(Family),
    works,
    backward=works,
    forward_kernels=st.integers(0, 5),
    backward_kernels=st.integers(0, 5),
    fp32_in_autocast=st.booleans(),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(operations, max_size=5),
    st.sampled_from(["fp32", "tf32-conv", "amp", "bf16"]),
    st.fixed_dictionaries(
        {
            "devices": st.integers(1, 64),
            "gradient_accumulation": st.integers(1, 8),
            "input_pipeline_samples_per_s": st.none() | st.floats(1.0, 1e6),
        }
    ),
)
def test_power_stays_between_idle_and_the_limit(
    made: list[Any], precision: str, plan: dict[str, Any]
) -> None:
    found = training_step(profile(*made), DEVICE, planned(precision, **plan))
    assert 50.0 <= found.device_power_w <= 350.0
    parts = found.forward.total_s + found.backward.total_s + found.update.total_s
    assert found.total_s == pytest.approx(parts + found.communication_s + found.input_wait_s)
    assert found.input_wait_s >= 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(2, 512), st.integers(0, 10**10), st.floats(0.0, 10.0))
def test_exposed_communication_is_never_less_than_a_bucket_nor_more_than_the_ring(
    devices: int, count: int, backward_s: float
) -> None:
    moved = 2 * (devices - 1) / devices
    rate = 1e11 * constants.LINK_SHARE
    found = exposed(count, backward_s, devices=devices)
    assert moved * min(4 * count, 25e6) / rate <= found <= moved * 4 * count / rate
