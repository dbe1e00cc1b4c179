"""Plans: whose word counts, which values are possible, and the workload that follows."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import PlanError
from auditor.workload import (
    DEFAULT_BATCH_SIZE,
    DEFAULT_OPTIMIZER,
    Lifecycle,
    Plan,
    Workload,
    validated,
    workload,
)


def work(sequence_length: int | None = None, **said: Any) -> Workload:
    return workload(Plan(**said), "fp32", sequence_length)


# --- precedence -------------------------------------------------------------------------


def test_a_plans_own_word_counts_over_anothers() -> None:
    merged = Plan(epochs=3, optimizer="sgd").over(Plan(epochs=90, samples=1000))
    assert (merged.epochs, merged.samples, merged.optimizer) == (3, 1000, "sgd")


def test_dimensions_are_merged_one_by_one() -> None:
    mine = Plan(dims={"sequence": 128}, shapes={"x": (1, 2)})
    merged = mine.over(Plan(dims={"sequence": 512, "past": 7}, shapes={"y": (3,)}))
    assert dict(merged.dims) == {"sequence": 128, "past": 7}
    assert dict(merged.shapes) == {"x": (1, 2), "y": (3,)}


def test_zero_is_a_word() -> None:
    assert Plan(accuracy=0.0).over(Plan(accuracy=0.9)).accuracy == 0.0


PLANS = st.builds(
    Plan,
    samples=st.none() | st.floats(1, 1e9),
    epochs=st.none() | st.floats(1, 1e3),
    batch_size=st.none() | st.integers(1, 4096),
    optimizer=st.none() | st.sampled_from(["sgd", "adamw"]),
    dims=st.dictionaries(st.sampled_from("ab"), st.integers(1, 9)),
)


@given(PLANS, PLANS, PLANS)
def test_precedence_is_associative(a: Plan, b: Plan, c: Plan) -> None:
    assert a.over(b).over(c) == a.over(b.over(c))
    assert a.over(Plan()) == a == Plan().over(a)


# --- what is possible -------------------------------------------------------------------

COUNTS = ["batch_size", "gradient_accumulation", "devices", "trials"]
AMOUNTS = [
    "samples",
    "tokens",
    "epochs",
    "input_pipeline_samples_per_s",
    "link_bytes_per_s",
    "power_limit_w",
]


def refusal(**said: Any) -> str:
    with pytest.raises(PlanError) as caught:
        validated(Plan(**said))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", COUNTS + AMOUNTS)
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, -math.inf])
def test_impossible_numbers_are_refused_by_name(name: str, value: float) -> None:
    assert refusal(**{name: value}).startswith("--" + name.replace("_", "-"))


@pytest.mark.parametrize("value", [0.5, 0.99, math.nan, math.inf, -2])
def test_a_pue_is_one_or_more(value: float) -> None:
    assert "--pue" in refusal(pue=value)


@pytest.mark.parametrize("value", [-0.1, 1.1, 76.1, math.nan])
def test_an_accuracy_is_a_fraction(value: float) -> None:
    assert "a fraction from 0 to 1" in refusal(accuracy=value)


@pytest.mark.parametrize(
    ("said", "known"),
    [
        ({"scope": "galaxy"}, "gpu, node, facility"),
        ({"batchnorm": "maybe"}, "auto, restore, keep"),
        ({"precision": "fp3"}, "fp32"),
        ({"optimizer": "magic"}, "adamw"),
    ],
)
def test_unknown_names_are_refused_with_the_known_ones(said: dict[str, str], known: str) -> None:
    message = refusal(**said)
    assert known in message
    assert next(iter(said.values())) in message


def test_samples_and_tokens_exclude_each_other() -> None:
    assert "--samples and --tokens" in refusal(samples=10, tokens=10)


@pytest.mark.parametrize("said", [{"dims": {"s": 0}}, {"shapes": {"x": (4, -1)}}])
def test_sizes_of_dimensions_are_one_or_more(said: dict[str, Any]) -> None:
    assert "must be a whole number of 1 or more" in refusal(**said)


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_whole_numbers(name: str) -> None:
    assert "whole number" in refusal(**{name: 1.5})


def test_a_possible_plan_comes_back_as_it_was() -> None:
    plan = Plan(
        samples=1.28e6,
        epochs=0.5,
        batch_size=1,
        pue=1.0,
        accuracy=1.0,
        scope="node",
        batchnorm="keep",
        precision="amp",
        optimizer="momentum",
        dims={"sequence": 1},
    )
    assert validated(plan) is plan
    assert validated(Plan()) == Plan()


# --- the workload -----------------------------------------------------------------------


def test_what_a_plan_leaves_out() -> None:
    found = work()
    assert (found.batch_size, found.optimizer) == (DEFAULT_BATCH_SIZE, DEFAULT_OPTIMIZER)
    assert (found.epochs, found.devices, found.trials, found.gradient_accumulation) == (1, 1, 1, 1)
    assert (found.samples, found.total_samples) == (None, None)


def test_tokens_are_counted_in_samples_of_the_sequence() -> None:
    # 10^6 tokens in sequences of 128
    found = work(sequence_length=128, tokens=1e6)
    assert found.samples == 7812.5
    assert found.tokens == 1e6


def test_tokens_of_a_model_without_a_sequence_are_refused() -> None:
    with pytest.raises(PlanError, match="no integer input of shape"):
        work(tokens=1e6)


def test_an_optimizer_step_over_all_devices() -> None:
    found = work(batch_size=16, gradient_accumulation=4, devices=8)
    assert found.global_batch_size == 16 * 4 * 8


def test_a_power_limit_is_carried_over_or_left_open() -> None:
    assert work().power_limit_w is None
    found = work(power_limit_w=250.0)
    assert found.power_limit_w == 250.0 and found.as_dict()["power_limit_w"] == 250.0
    assert Plan(power_limit_w=200.0).over(Plan(power_limit_w=300.0)).power_limit_w == 200.0


def test_samples_of_all_epochs_and_trials() -> None:
    found = work(samples=1000, epochs=3, trials=20)
    assert found.total_samples == 1000 * 3 * 20
    assert found.as_dict()["total_samples"] == 60_000
    assert found.as_dict()["global_batch_size"] == found.global_batch_size


@given(st.floats(1, 1e9), st.floats(0.1, 1e3), st.integers(1, 100), st.integers(2, 50))
def test_energy_is_linear_in_samples_epochs_and_trials(
    samples: float, epochs: float, trials: int, factor: int
) -> None:
    def total(**changed: float) -> float:
        said = {"samples": samples, "epochs": epochs, "trials": trials} | changed
        found = work(**said).total_samples
        assert found is not None
        return found

    base = factor * total()
    assert total(samples=factor * samples) == pytest.approx(base)
    assert total(epochs=factor * epochs) == pytest.approx(base)
    assert total(trials=factor * trials) == pytest.approx(base)


@given(st.integers(1, 512), st.integers(1, 512))
def test_the_batch_does_not_change_how_much_is_trained(one: int, other: int) -> None:
    totals = {work(samples=1e6, epochs=2, batch_size=b).total_samples for b in (one, other)}
    assert totals == {2e6}


# --- impacts and the life cycle -----------------------------------------------------------


def test_a_life_is_merged_key_by_key() -> None:
    file = Plan(lifecycle=Lifecycle(life_years=2.0, inferences_per_day=10.0), price_per_kwh=0.2)
    said = Plan(lifecycle=Lifecycle(life_years=5.0, failed_runs=0.0)).over(file)
    assert said.lifecycle == Lifecycle(life_years=5.0, inferences_per_day=10.0, failed_runs=0.0)
    assert said.price_per_kwh == 0.2
    assert not Plan().lifecycle.is_given and said.lifecycle.is_given


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("life_years", 0),
        ("life_years", 101),
        ("usage_growth_percent", -100),
        ("inferences_per_day", -1),
        ("retrainings_per_year", math.nan),
        ("failed_runs", math.inf),
        ("inference_batch_size", 0),
    ],
)
def test_impossible_lives_are_refused(key: str, value: float) -> None:
    assert f"--{key.replace('_', '-')}" in refusal(lifecycle=Lifecycle(**{key: value}))
