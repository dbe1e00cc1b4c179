"""Manifests: what an entry stands for, and one line for whatever is wrong."""

from __future__ import annotations

import copy
import json
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from builders import DATA
from collecting import manifest_table, train_entry
from hypothesis import given
from hypothesis import strategies as st

from auditor.collect import manifest as module
from auditor.collect.budget import least_s
from auditor.collect.configuration import INFER, PLAIN_IMAGES, TRAIN
from auditor.collect.manifest import DEFAULT_SCHEDULE, manifest_from, read_manifest
from auditor.errors import PlanError

ROOT = DATA.parents[1]
SHIPPED = ROOT / "calibration" / "manifests" / "h200.toml"
PAGE = (ROOT / "docs" / "collect.md").read_text(encoding="utf-8")
SCHEMA = json.loads((ROOT / "schemas" / "manifest.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

GPT = {"class": "GPT2LMHeadModel", "config": "GPT2Config", "family": "gpt"}


def accepted(table: dict[str, Any]) -> bool:
    try:
        manifest_from(table, "m.toml")
    except PlanError:
        return False
    return True


def test_an_entry_stands_for_every_combination() -> None:
    entry = train_entry(
        networks=["plain:cnn", "timm:resnet18"],
        sizes=[32, 64],
        batch_sizes=[2, 4, 8],
        precisions=["fp32", "amp-bf16"],
    )
    found = manifest_from(manifest_table(train=[entry]), "m.toml")
    assert len(found.runs) == 2 * 2 * 3 * 2
    assert len({run.key("a device") for run in found.runs}) == 24
    assert str(found.runs[0]) == "plain:cnn@32 batch 2 fp32 momentum"
    assert found.schedule == DEFAULT_SCHEDULE


def test_a_network_is_defined_once_with_its_family() -> None:
    table = manifest_table(
        networks={"mini": {**GPT, "settings": {"n_layer": 2}}},
        train=[train_entry(networks=["transformers:mini"], family=None, sizes=[128])],
    )
    run = manifest_from(table, "m.toml").runs[0]
    assert (run.family, run.graph, run.dims) == ("gpt", "transformers:mini", "sequence=128")
    assert run.network.defined["settings"] == {"n_layer": 2}
    assert run.layout is None  # of images alone


def test_the_schedule_is_that_of_the_protocol() -> None:
    found = manifest_from(manifest_table(schedule={"window_s": 4, "trial_count": 3}), "m.toml")
    assert (found.schedule.window_s, found.schedule.trial_count) == (4, 3)
    assert found.schedule.idle_s == DEFAULT_SCHEDULE.idle_s


Case = tuple[dict[str, Any], str]
BAD: list[Case] = [
    ({"nmae": "x"}, "m.toml: unknown key 'nmae'; there are name, schedule, networks, train, infer"),
    ({"name": 3}, "m.toml: name = 3 must be a string"),
    ({"train": {}}, "m.toml: train must be entries headed [[train]]"),
    ({"train": []}, "m.toml: no runs; add a [[train]] entry"),
    ({"train": [train_entry(colour="red")]}, "train entry 1: unknown key 'colour'"),
    ({"train": [train_entry(sizes=None)]}, "train entry 1: no sizes; add it"),
    ({"train": [train_entry(sizes=[])]}, "sizes must be a list of one or more, as sizes = [...]"),
    ({"train": [train_entry(sizes=[0])]}, "sizes: 0 must be a whole number from 1 to 1000000"),
    ({"train": [train_entry(batch_sizes=[True])]}, "batch_sizes: True must be a whole number"),
    ({"train": [train_entry(precisions=["fp8"])]}, "precisions = 'fp8': choose one of fp32, tf32"),
    ({"train": [train_entry(optimizer="lion")]}, "optimizer = 'lion': choose one of sgd, momentum"),
    ({"train": [train_entry(networks=["resnet18"])]}, "'resnet18' must be LIBRARY:NAME with one"),
    ({"train": [train_entry(networks=["keras:a"])]}, "'keras:a' must be LIBRARY:NAME with one of"),
    ({"networks": {"a": 3}}, "networks.a: must be a table with class, config, family and settings"),
    ({"schedule": {"windows": 3}}, "schedule: unknown key 'windows'"),
    ({"schedule": {"window_s": "5"}}, "schedule: window_s = '5' must be a number"),
    ({"schedule": {"window_s": 0}}, "schedule: window_s 0: give more than 0 and up to 3600 s"),
    ({"schedule": {"trial_count": 1.5}}, "schedule: trial_count = 1.5 must be a number"),
    (
        {"infer": [{**train_entry(optimizer=None), "provider": "tpu"}]},
        "infer entry 1: provider = 'tpu': choose one of cpu, cuda",
    ),
]
# What no schema can tell: blanks, names that fit each other, runs told twice.
BAD_TOGETHER: list[Case] = [
    ({"name": " "}, "m.toml: name = ' ' must be a string"),
    (
        {"train": [train_entry(networks=["transformers:gpt9"])]},
        "'transformers:gpt9' is not defined; add [networks.gpt9]",
    ),
    ({"train": [train_entry(family=None)]}, "train entry 1: no family; add it"),
    (
        {"train": [train_entry(), train_entry()]},
        "m.toml: train entry 2: plain:cnn@32 batch 2 fp32 momentum is there already",
    ),
    ({"networks": {"a": {**GPT, "settings": {"x": float("nan")}}}}, "networks.a: settings: "),
]


@pytest.mark.parametrize(("change", "message"), [*BAD, *BAD_TOGETHER])
def test_one_line_names_the_culprit_and_the_remedy(change: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError) as caught:
        manifest_from(manifest_table(**change), "m.toml")
    text = str(caught.value)
    assert message in text and text.startswith("m.toml: ") and "\n" not in text


def test_files_that_are_no_manifests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.toml"
    with pytest.raises(PlanError, match="cannot be read: No such file or directory; check"):
        read_manifest(path)
    path.write_text("name = ", encoding="utf-8")
    with pytest.raises(PlanError, match="not valid TOML"):
        read_manifest(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(PlanError, match="not valid TOML"):
        read_manifest(path)
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 1)
    with pytest.raises(PlanError, match="larger than 1 bytes"):
        read_manifest(path)


def test_a_product_without_end_is_refused() -> None:
    many = list(range(1, 101))
    entry = train_entry(sizes=many, batch_sizes=many)
    with pytest.raises(PlanError, match="over 5000 runs; split the manifest"):
        manifest_from(manifest_table(train=[entry]), "m.toml")


class TestSchema:
    @pytest.mark.parametrize("change", [change for change, _ in BAD])
    def test_it_refuses_what_the_reader_refuses(self, change: dict[str, Any]) -> None:
        assert not VALIDATOR.is_valid(manifest_table(**change))

    @pytest.mark.parametrize("change", [change for change, _ in BAD_TOGETHER])
    def test_it_has_no_say_beyond_that(self, change: dict[str, Any]) -> None:
        assert VALIDATOR.is_valid(manifest_table(**change))

    @given(
        st.fixed_dictionaries(
            {},
            optional={
                "sizes": st.lists(st.integers(-1, 10**6 + 1) | st.booleans(), max_size=3),
                "batch_sizes": st.lists(st.integers(0, 4), max_size=2, unique=True),
                "precisions": st.lists(st.sampled_from(["fp32", "amp", "fp8"]), max_size=2),
                "optimizer": st.sampled_from(["sgd", "adamw", "lion"]),
                "layout": st.sampled_from(["nchw", "nhwc", "hwc"]),
                "networks": st.lists(st.sampled_from(["timm:a", "b", "plain:"]), max_size=2),
            },
        )
    )
    def test_both_say_the_same_of_an_entry(self, change: dict[str, Any]) -> None:
        entry = train_entry(**change)
        lists = [v for v in entry.values() if isinstance(v, list)]
        if any(len(set(map(repr, values))) < len(values) for values in lists):
            return  # a run twice: no schema can tell
        table = manifest_table(train=[entry])
        assert accepted(copy.deepcopy(table)) == VALIDATOR.is_valid(table)


class TestShipped:
    found = read_manifest(SHIPPED)

    def test_its_form(self) -> None:
        table = tomllib.loads(SHIPPED.read_text(encoding="utf-8"))
        VALIDATOR.validate(table)

    def test_what_it_spans(self) -> None:
        kinds = Counter(run.kind for run in self.found.runs)
        assert 140 <= kinds[TRAIN] <= 160 and kinds[INFER] >= 10
        trained = [run for run in self.found.runs if run.kind == TRAIN]
        assert len({run.family for run in trained}) >= 30
        assert (min(r.batch_size for r in trained), max(r.batch_size for r in trained)) == (1, 512)
        sequences = {run.size for run in trained if run.dims}
        assert (min(sequences), max(sequences)) == (128, 4096)
        assert {"tf32", "amp-bf16"} <= {run.precision for run in trained}

    def test_every_network_that_answers_is_trained_too(self) -> None:
        trained = {str(r.network) for r in self.found.runs if r.kind == TRAIN}
        assert {str(r.network) for r in self.found.runs if r.kind == INFER} <= trained

    def test_it_fits_in_25_minutes_as_the_page_reckons(self) -> None:
        """Per run 1.0 + 2 x 2.5 + 0.1 s by the schedule and 3 s around it; 20 s to begin."""
        kinds = Counter(run.kind for run in self.found.runs)
        run_s = least_s(self.found.schedule) - self.found.schedule.idle_s
        assert run_s == pytest.approx(6.1)
        total_s = 20 + sum(kinds.values()) * (run_s + 3.0)
        assert total_s <= 25 * 60
        networks = len({run.network_key for run in self.found.runs})
        page = " ".join(PAGE.split())
        for stated in (
            f"has {kinds[TRAIN]} trainings and {kinds[INFER]} brief runs of {networks} networks",
            f"| {kinds[TRAIN]} trainings | {kinds[TRAIN] * 9.1:,.0f} |",
            f"| {total_s:,.0f}: 25 minutes |",
        ):
            assert stated in page


def test_the_example_of_the_page_can_be_read() -> None:
    (shown,) = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    table = tomllib.loads(shown)
    VALIDATOR.validate(table)
    found = manifest_from(table, "page")
    assert len(found.runs) == 2 * 1 * 2 * 2 + 2 * 2 * 1 * 1
    assert found.schedule == DEFAULT_SCHEDULE  # as the page says


def test_the_page_lists_the_plain_networks() -> None:
    for name in ("lstm-lm", "lstm-lm-wide", "gru-lm", "bilstm-tagger", *sorted(PLAIN_IMAGES)):
        assert f"`{name}`" in PAGE
