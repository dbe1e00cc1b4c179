"""schemas/plan.schema.json says what a plan file may hold, and the reader agrees."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import jsonschema
import pytest
from builders import DATA
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import PlanError
from auditor.optimizers import OPTIMIZERS
from auditor.precision import PRECISIONS
from auditor.workload import Lifecycle, Plan, validated
from auditor.workload.files import plan_from_table

SCHEMA = json.loads((DATA.parents[1] / "schemas" / "plan.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
PROPERTIES = SCHEMA["properties"]


def accepted(table: dict[str, Any]) -> bool:
    try:
        validated(plan_from_table(table, "plan.toml"))
    except PlanError:
        return False
    return True


def test_the_schema_has_the_plans_keys() -> None:
    assert set(PROPERTIES) == {field.name for field in fields(Plan)}
    assert SCHEMA["additionalProperties"] is False and SCHEMA["required"] == []


def test_the_schema_has_the_same_choices() -> None:
    assert PROPERTIES["precision"]["enum"] == list(PRECISIONS)
    assert PROPERTIES["optimizer"]["enum"] == list(OPTIMIZERS)


@pytest.mark.parametrize("key", ["precision", "optimizer", "scope", "batchnorm"])
def test_every_choice_is_accepted_and_no_other(key: str) -> None:
    assert all(accepted({key: choice}) for choice in PROPERTIES[key]["enum"])
    assert not accepted({key: "something else"})


counts = st.integers(1, 10**9 - 1)
positive = st.floats(1e-9, 1e18) | st.integers(1, 10**18)
texts = st.text(max_size=20)
sizes = st.integers(1, 10**6)
shape_texts = st.lists(sizes, min_size=1, max_size=5).map(lambda s: "x".join(map(str, s)))
some = st.floats(0.0, 1e18) | st.integers(0, 10**18)
labels = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)
LIFE: dict[str, st.SearchStrategy[Any]] = {
    "life_years": st.floats(0.01, 100.0) | st.integers(1, 100),
    "inferences_per_day": some,
    "retrainings_per_year": some,
    "failed_runs": some,
    "usage_growth_percent": st.floats(-99.0, 1e4) | st.integers(-99, 10_000),
    "inference_hardware": texts,
    "inference_batch_size": counts,
    "inference_precision": st.sampled_from(list(PRECISIONS)),
}
GOOD: dict[str, st.SearchStrategy[Any]] = {
    "samples": positive,
    "tokens": positive,
    "epochs": positive,
    "batch_size": counts,
    "gradient_accumulation": counts,
    "precision": st.sampled_from(list(PRECISIONS)),
    "optimizer": st.sampled_from(list(OPTIMIZERS)),
    "devices": counts,
    "link_bytes_per_s": positive,
    "input_pipeline_samples_per_s": positive,
    "power_limit_w": positive,
    "trials": counts,
    "hardware": texts,
    "region": texts,
    "pue": st.floats(1.0, 100.0) | st.integers(1, 10),
    "carbon_gco2e_per_kwh": st.floats(0.0, 1e4) | st.integers(0, 10_000),
    "wue_l_per_kwh": st.floats(0.0, 1e3) | st.integers(0, 1000),
    "price_per_kwh": some,
    "price_per_device_hour": some,
    "currency": labels,
    "lifetime_years": st.floats(0.01, 100.0) | st.integers(1, 100),
    "device_utilisation": st.floats(0.01, 1.0) | st.just(1),
    "scope": st.sampled_from(["gpu", "node", "facility"]),
    "accuracy": st.floats(0.0, 1.0) | st.integers(0, 1),
    "batchnorm": st.sampled_from(["auto", "restore", "keep"]),
    "dims": st.dictionaries(texts, sizes, max_size=3),
    "shapes": st.dictionaries(texts, shape_texts | st.lists(sizes, max_size=5), max_size=3),
    "lifecycle": st.fixed_dictionaries({}, optional=LIFE),
}
# What TOML can hold besides, some of it right for some keys.
anything = st.one_of(
    st.booleans(),
    st.integers(-3, 3),
    st.floats(-2.0, 2.0).filter(lambda f: not f.is_integer()),
    st.sampled_from(["", "amp", "sgd", "gpu", "keep", "4x128", "4xy", "-1", "x", "1e3"]),
    st.lists(st.integers(-1, 3) | st.just("a"), max_size=2),
    st.dictionaries(texts, st.integers(-1, 3) | st.sampled_from(["2x3", "y"]), max_size=2),
)


@given(st.fixed_dictionaries({}, optional=GOOD))
def test_what_the_schema_allows_is_accepted(table: dict[str, Any]) -> None:
    assert VALIDATOR.is_valid(table) == (not {"samples", "tokens"} <= set(table))
    assert accepted(table) == VALIDATOR.is_valid(table)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(GOOD, anything)))
def test_reader_and_schema_agree_on_whole_tables(table: dict[str, Any]) -> None:
    assert accepted(table) == VALIDATOR.is_valid(table)


@pytest.mark.parametrize("key", list(GOOD))
@given(entry=anything)
def test_reader_and_schema_agree_on_every_key(key: str, entry: Any) -> None:
    assert accepted({key: entry}) == VALIDATOR.is_valid({key: entry})


@pytest.mark.parametrize("key", list(LIFE))
@given(entry=anything)
def test_reader_and_schema_agree_on_every_key_of_a_life(key: str, entry: Any) -> None:
    table = {"lifecycle": {key: entry}}
    assert accepted(table) == VALIDATOR.is_valid(table)


def test_the_schema_has_the_keys_of_a_life() -> None:
    own = PROPERTIES["lifecycle"]
    assert set(own["properties"]) == {f.name for f in fields(Lifecycle)} == set(LIFE)
    assert own["additionalProperties"] is False
    assert own["properties"]["inference_precision"]["enum"] == list(PRECISIONS)
    assert not accepted({"lifecycle": {"years": 1}})


@pytest.mark.parametrize("label", ["", "a" * 13, "EUR\n", "\x1b[2J", "a\x9b"])
def test_a_label_is_short_and_plain_to_both(label: str) -> None:
    assert not VALIDATOR.is_valid({"currency": label}) and not accepted({"currency": label})


@given(texts.filter(lambda key: key not in GOOD), anything)
def test_unknown_keys_are_refused_by_both(key: str, entry: Any) -> None:
    assert not VALIDATOR.is_valid({key: entry})
    with pytest.raises(PlanError, match="unknown key"):
        plan_from_table({key: entry}, "plan.toml")


@pytest.mark.parametrize("shape", ["0", "0x3", "4x0", "1x10", "01x2", "00"])
def test_reader_and_schema_agree_on_empty_dimensions(shape: str) -> None:
    assert accepted({"shapes": {"input": shape}}) == VALIDATOR.is_valid(
        {"shapes": {"input": shape}}
    )


@pytest.mark.parametrize(
    "table",
    [
        {"samples": 1.1e18},
        {"samples": 0.9e-9},
        {"epochs": 10**400},
        {"epochs": 1e308},
        {"devices": 10**9},
        {"batch_size": 10**400},
        {"pue": 101},
        {"dims": {"sequence": 10**9}},
        {"shapes": {"input": [10**9]}},
    ],
)
def test_what_no_training_reaches_is_refused_by_both(table: dict[str, Any]) -> None:
    assert not VALIDATOR.is_valid(table)
    assert not accepted(table)


TABLES = ("dims", "shapes", "lifecycle")


@given(st.fixed_dictionaries({}, optional=GOOD))
def test_a_plan_holds_what_the_table_said(table: dict[str, Any]) -> None:
    plan = plan_from_table(table, "plan.toml")
    for key, entry in table.items():
        if key == "lifecycle":
            assert plan.lifecycle == Lifecycle(**entry)
        elif key not in ("dims", "shapes"):
            assert getattr(plan, key) == entry
    assert dict(plan.dims) == table.get("dims", {})
    assert set(plan.shapes) == set(table.get("shapes", {}))
    assert all(getattr(plan, f) is None for f in GOOD if f not in {*table, *TABLES})
