"""Remedies: each is tried by a whole audit of the changed plan, and the largest that there is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import DATA
from checking import ceiling, floor, network
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.budget.assess import assess
from auditor.budget.assessment import Assessment
from auditor.budget.candidate import Candidate
from auditor.budget.judge import judgement
from auditor.budget.limits import at_end, breaks
from auditor.budget.quantities import PRICED, QUANTITIES
from auditor.budget.records import Bound, End, Judgement, Limit
from auditor.budget.remedies import remedied, rounded_down
from auditor.budget.scoring import Frame, known
from auditor.errors import HardwareError
from auditor.workload import Plan

EXAMPLES = DATA.parents[1] / "examples"
ALONE = Frame(reference=None)
PLAN: dict[str, Any] = {
    "hardware": "rtx3090",
    "samples": 1e9,
    "epochs": 10,
    "trials": 4,
    "batch_size": 64,
    "region": "aws:eu-west-1",
    "accuracy": 0.8,
    "price_per_device_hour": 2.0,
}


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("remedies") / "net.onnx"
    path.write_bytes(network())
    return path


def candidate(path: Path, **plan: Any) -> Candidate:
    return Candidate(name="net", path=path, plan=Plan(**(PLAN | plan)), limits=())


def figure(found: Assessment, limit: Limit, end: End) -> float:
    value = known(found, ALONE).values[limit.quantity]
    at = at_end(value, end)
    assert at is not None
    return at


def broken(of: Candidate, limit: Limit) -> Judgement:
    found = judgement(limit, known(assess(of), ALONE), None)
    (with_remedies,) = remedied(of, [found], ALONE)
    return with_remedies


def keys(found: Judgement) -> dict[str, float | str]:
    return {r.key: r.setting for r in reversed(found.remedies)}


def again(of: Candidate, key: str, setting: float | str) -> Assessment:
    """Audit the changed plan from the file on: nothing that the search kept is in it."""
    changes: dict[str, Any] = {key: setting}
    return assess(replace(of, plan=replace(of.plan, **changes)))


def half(of: Candidate, quantity: str, end: End, share: float = 0.5) -> Limit:
    """A limit that the candidate breaks: a share of what it takes, or as much more of a score."""
    asked = QUANTITIES[quantity]
    limit = ceiling(1.0, quantity=quantity, bound=asked.bound, error_on=end, warn_on=None)
    now = figure(assess(of), limit, end)
    return replace(limit, amount=now * share if asked.bound is Bound.MAX else now / share)


def test_epochs_samples_and_trials_by_hand(net: Path) -> None:
    of = candidate(net)
    found = broken(of, half(of, "energy_kwh", End.MEDIAN, 0.55))
    # 0.55 of 10 epochs, of 10^9 samples and of 4 trials; whole numbers, rounded down.
    assert (keys(found)["epochs"], keys(found)["samples"], keys(found)["trials"]) == (5, 550e6, 2)
    assert found.no_remedy is None


def test_an_amount_is_kept_to_three_digits_and_fractions_where_it_was_one(net: Path) -> None:
    of = candidate(net, epochs=7.5, samples=1_234_567, trials=1)
    found = broken(of, half(of, "duration_h", End.HIGH, 0.5))
    # 3.75 epochs and 617,283.5 samples.
    assert (keys(found)["epochs"], keys(found)["samples"]) == (3.75, 617_000)
    assert "trials" not in keys(found)


def test_less_than_one_whole_is_no_remedy(net: Path) -> None:
    of = candidate(net, epochs=1, trials=2)
    found = broken(of, half(of, "training_flops", End.MEDIAN, 0.3))
    assert keys(found) == {"samples": 300e6}


def test_tokens_are_counted_where_the_plan_counts_them() -> None:
    of = replace(
        candidate(EXAMPLES / "gpt_small.onnx"),
        plan=Plan(hardware="rtx3090", tokens=1e9, dims={"sequence": 128}, batch_size=2),
    )
    found = broken(of, half(of, "energy_kwh", End.MEDIAN, 0.25))
    assert keys(found)["tokens"] == 250e6
    assert "epochs" not in keys(found)  # the plan has none to lessen


def test_sam_by_hand(net: Path) -> None:
    of = candidate(net)
    limit = half(of, "sam", End.MEDIAN, 0.9)
    found = broken(of, limit)
    kwh = figure(assess(of), ceiling(), End.MEDIAN)
    # SAM = 5 a^5 / log10(kWh): as large as is asked for where log10(kWh) is 5 a^5 / limit.
    share = 10 ** (5 * 0.8**5 / limit.amount) / kwh
    assert keys(found)["samples"] == pytest.approx(1e9 * share, rel=0.01)
    assert keys(found)["samples"] <= 1e9 * share


def test_hardware_has_the_least_electricity_first_and_fits() -> None:
    of = candidate(EXAMPLES / "resnet50.onnx", hardware="t4", batch_size=96)
    limit = half(of, "duration_h", End.MEDIAN, 0.2)
    found = [r for r in broken(of, limit).remedies if r.key == "hardware"]
    assert len(found) == 3
    assert all(r.was == "t4" for r in found)
    after = [again(of, "hardware", r.setting) for r in found]
    assert not any(breaks(limit, figure(a, limit, End.MEDIAN)) for a in after)
    assert all(a.fits for a in after)
    kwh = [figure(a, ceiling(), End.MEDIAN) for a in after]
    assert kwh == sorted(kwh)
    # Some that would hold have too little memory for a larger batch.
    crowded = candidate(EXAMPLES / "resnet50.onnx", hardware="t4", batch_size=768)
    limit = half(crowded, "duration_h", End.MEDIAN, 0.2)
    named = [r.setting for r in broken(crowded, limit).remedies if r.key == "hardware"]
    assert named and all(again(crowded, "hardware", d).fits for d in named)
    small = again(crowded, "hardware", "rtx4090")
    assert small.fits is False
    assert not breaks(limit, figure(small, limit, End.MEDIAN)) and "rtx4090" not in named


def test_the_region_is_the_cleanest_of_the_provider(net: Path) -> None:
    of = candidate(net)
    found = broken(of, half(of, "operational_gco2e", End.MEDIAN, 0.5))
    region = keys(found)["region"]
    assert isinstance(region, str) and region.startswith("aws:") and "-gov-" not in region
    # No region changes the electricity of the node.
    assert "region" not in keys(broken(of, half(of, "energy_kwh", End.MEDIAN, 0.5)))
    # Where the intensity is given, the region says nothing.
    fixed = candidate(net, carbon_gco2e_per_kwh=300.0)
    assert "region" not in keys(broken(fixed, half(fixed, "operational_gco2e", End.MEDIAN, 0.5)))


@pytest.mark.parametrize("share", [0.35, 0.5, 0.8])
def test_the_batch_is_the_largest_that_fits(share: float) -> None:
    of = candidate(EXAMPLES / "resnet50.onnx", batch_size=48)
    limit = half(of, "memory_bytes", End.MEDIAN, share)
    found = broken(of, limit)
    largest = keys(found)["batch_size"]
    assert isinstance(largest, int)
    assert not breaks(limit, figure(again(of, "batch_size", largest), limit, End.MEDIAN))
    assert breaks(limit, figure(again(of, "batch_size", largest + 1), limit, End.MEDIAN))
    assert "hardware" not in keys(found)


def test_memory_is_saved_by_segments_and_by_sharding() -> None:
    of = candidate(EXAMPLES / "resnet50.onnx", batch_size=1, devices=8, hardware="a100")
    found = broken(of, half(of, "memory_bytes", End.MEDIAN, 0.95))
    assert "batch_size" not in keys(found)  # one sample cannot become less
    assert keys(found)["sharding"] in ("zero1", "zero2", "zero3")


def test_what_nothing_helps_says_what_was_tried(net: Path) -> None:
    of = candidate(net, trials=1)
    found = broken(of, ceiling(0.0, warn_on=None))
    assert found.remedies == ()
    assert found.no_remedy is not None
    assert found.no_remedy.startswith("nothing that was tried helps: fewer epochs, fewer samples, ")
    assert "other devices" in found.no_remedy
    netscore = broken(of, floor(1e6, quantity="netscore", warn_on=None))
    assert netscore.no_remedy == "no key of the plan changes it"


def test_without_a_calibration_no_device_is_known(net: Path) -> None:
    of = replace(candidate(net, trials=1), calibration=Path("none"))
    found = broken(of, ceiling(0.0, warn_on=None))
    assert found.no_remedy == "nothing that was tried helps: fewer epochs, fewer samples"


def test_within_there_is_nothing_to_change(net: Path) -> None:
    of = candidate(net)
    found = judgement(ceiling(1e12), known(assess(of), ALONE), None)
    assert remedied(of, [found], ALONE) == (found,)


def test_a_hardware_file_that_has_gone_is_an_error(net: Path, tmp_path: Path) -> None:
    of = candidate(net)
    found = judgement(half(of, "duration_h", End.MEDIAN), known(assess(of), ALONE), None)
    gone = replace(of, hardware_file=tmp_path / "gone.toml")
    with pytest.raises(HardwareError, match="cannot be read"):
        remedied(gone, [found], ALONE)


LIMITABLE = [q for q in QUANTITIES if q not in PRICED and q != "water_site_l"] + ["device_cost"]


@given(
    quantity=st.sampled_from([q for q in LIMITABLE if not q.startswith("pepr")]),
    end=st.sampled_from(End),
    share=st.floats(0.05, 0.99),
    plan=st.fixed_dictionaries(
        {
            "samples": st.floats(1e7, 1e11),
            "epochs": st.sampled_from([3, 10, 90, 2.5, None]),
            "trials": st.sampled_from([1, 3, None]),
            "hardware": st.sampled_from(["rtx3090", "a100-sxm4-80gb", "t4"]),
            "precision": st.sampled_from([None, "amp"]),
            "batch_size": st.sampled_from([1, 7, 64]),
        }
    ),
)
@settings(max_examples=40)
def test_every_remedy_holds_when_the_changed_plan_is_audited(
    net: Path, quantity: str, end: End, share: float, plan: dict[str, Any]
) -> None:
    of = candidate(net, **plan)
    value = known(assess(of), ALONE).values.get(quantity)
    if value is None or at_end(value, end) is None:
        return  # SAM of little electricity
    limit = half(of, quantity, end, share)
    found = broken(of, limit)
    assert found.end is end
    assert (found.no_remedy is None) == bool(found.remedies)
    for remedy in found.remedies:
        after = figure(again(of, remedy.key, remedy.setting), limit, end)
        assert not breaks(limit, after)
        assert after == pytest.approx(remedy.value)
        assert remedy.setting != remedy.was


@given(st.floats(1e-6, 1e15), st.booleans())
def test_rounding_down(amount: float, whole: bool) -> None:
    found = rounded_down(amount, whole)
    assert 0 <= found <= amount * (1 + 1e-12)
    assert not whole or found.is_integer()
    assert float(f"{found:.3g}") == found
    # No more than a unit of the third digit is lost, or one where it is to be whole.
    assert amount - found <= max(amount / 100, 1.0 if whole else 0.0) * (1 + 1e-9)


def test_rounding_down_by_hand() -> None:
    assert rounded_down(61.99, whole=True) == 61
    assert rounded_down(935251.9, whole=True) == 935_000
    assert rounded_down(0.34567, whole=False) == 0.345
    assert rounded_down(0.9, whole=True) == 0
    assert rounded_down(0.0, whole=False) == 0
