"""PePR: what the paper's repository publishes, by hand, and where it is undefined."""

from __future__ import annotations

import csv
from dataclasses import replace

import pytest
from builders import DATA
from hypothesis import given
from hypothesis import strategies as st

from auditor.energy import Scope
from auditor.interval import Interval
from auditor.scores import (
    Choices,
    Figures,
    Range,
    ReferenceSet,
    Score,
    compared_set,
    published_sets,
    scores,
)
from auditor.scores.pepr import pepr_value, position

# Rows of the published tables, typed off with their scores; the source stands in each row.
PUBLISHED = list(
    csv.DictReader((DATA / "pepr_published.csv").read_text(encoding="utf-8").splitlines())
)
RESOURCES = {
    "pepr_e": "energy_kwh",
    "pepr_c": "carbon_gco2e",
    "pepr_t": "epoch_time_s",
    "pepr_m": "memory_bytes",
}
CASES = [(row, m) for row in PUBLISHED for m in RESOURCES if row[m]]

FIGURES = Figures(
    accuracy=0.8,
    scope=Scope.NODE,
    energy_kwh=Interval(2.0, 3.0, 5.0, 0.9),
    carbon_gco2e=Interval(200.0, 300.0, 500.0, 0.9),
    duration_s=Interval(40.0, 60.0, 90.0, 0.9),
    epoch_time_s=Interval(4.0, 6.0, 9.0, 0.9),
    memory_bytes=3e9,
    parameter_count=4_000_000,
    macs=1e9,
)


def own(low: float, high: float, resource: str = "energy_kwh") -> ReferenceSet:
    limits = Range(low=low, high=high, covers="made up", source="this test")
    return ReferenceSet(name="mine", ranges={resource: limits})


def scored(metric: str, reference: ReferenceSet | None, figures: Figures = FIGURES) -> Score:
    return {s.metric: s for s in scores(figures, Choices(reference=reference))}[metric]


def exact(value: float) -> Interval:
    return Interval(value, value, value, 0.9)


class TestPublished:
    def test_the_sample_is_of_every_set_and_metric(self) -> None:
        found = {(row["set"], metric) for row, metric in CASES}
        sets = ("derma", "derma_pt", "lidc", "pneumonia")
        assert found == {(s, m) for s in sets for m in RESOURCES} | {("imagenet", "pepr_m")}

    @pytest.mark.parametrize(
        ("row", "metric"), CASES, ids=[f"{r['set']}-{r['model']}-{m}" for r, m in CASES]
    )
    def test_the_published_score_comes_out(self, row: dict[str, str], metric: str) -> None:
        limits = published_sets()[row["set"]].ranges[RESOURCES[metric]]
        r = position(float(row[RESOURCES[metric]]), limits.low, limits.high)
        assert abs(pepr_value(float(row["accuracy"]), r) - float(row[metric])) < 1e-12  # type: ignore[operator]

    def test_the_same_through_the_registry(self) -> None:
        (row,) = [r for r in PUBLISHED if (r["set"], r["model"]) == ("lidc", "hrnet_w18")]
        figures = replace(
            FIGURES,
            accuracy=float(row["accuracy"]),
            energy_kwh=exact(float(row["energy_kwh"])),
            carbon_gco2e=exact(float(row["carbon_gco2e"])),
            epoch_time_s=exact(float(row["epoch_time_s"])),
            memory_bytes=float(row["memory_bytes"]),
        )
        for metric in RESOURCES:
            found = scored(metric, published_sets()["lidc"], figures)
            assert found.median == pytest.approx(float(row[metric]), rel=1e-12)
            assert found.settings["reference"] == "lidc"
            assert found.outside_reference is False

    def test_the_least_of_a_set_scores_its_accuracy_and_the_most_half_of_it(self) -> None:
        rows = {(r["set"], r["model"]): r for r in PUBLISHED}
        least = rows["pneumonia", "mobilenetv2_050"]
        assert least["pepr_e"] == least["pepr_c"] == least["pepr_t"] == least["accuracy"]
        # 82.828 % at the upper end of the range: 0.82828 / 2.
        assert float(rows["imagenet", "pnasnet5large"]["pepr_m"]) == 0.41414


class TestByHand:
    def test_in_the_middle_of_the_range(self) -> None:
        # R = (3 - 1) / (5 - 1) = 0.5; 0.8 / 1.5.
        found = scored("pepr_e", own(1.0, 5.0))
        assert found.settings["r"] == 0.5 and found.outside_reference is False
        assert found.median == pytest.approx(0.8 / 1.5, rel=1e-12)

    def test_the_interval_is_carried(self) -> None:
        # 5 kWh: R = 1, 0.8 / 2; 2 kWh: R = 0.25, 0.8 / 1.25.
        found = scored("pepr_e", own(1.0, 5.0))
        assert (found.low, found.level) == (0.4, 0.9)
        assert found.high == pytest.approx(0.64, rel=1e-12)

    def test_memory_has_no_interval(self) -> None:
        found = scored("pepr_m", own(1e9, 5e9, "memory_bytes"))
        assert found.median == pytest.approx(0.8 / 1.5, rel=1e-12)
        assert (found.low, found.high, found.level) == (None, None, None)

    @pytest.mark.parametrize(("low", "high", "r"), [(1.0, 2.0, 2.0), (4.0, 8.0, -0.25)])
    def test_outside_the_range_nothing_is_clipped(self, low: float, high: float, r: float) -> None:
        # 3 kWh: (3 - 1) / 1 = 2 and (3 - 4) / 4 = -0.25.
        found = scored("pepr_e", own(low, high))
        assert (found.settings["r"], found.outside_reference) == (r, True)
        assert found.median == pytest.approx(0.8 / (1 + r), rel=1e-12)

    def test_far_below_the_range_it_is_undefined(self) -> None:
        # (3 - 10) / (12 - 10) = -3.5.
        found = scored("pepr_e", own(10.0, 12.0))
        assert found.median is None and found.outside_reference is True
        assert found.undefined_because is not None and "-3.5" in found.undefined_because

    def test_the_whole_time_goes_before_that_of_an_epoch(self) -> None:
        both = own(0.0, 100.0, "duration_s").ranges["duration_s"]
        reference = ReferenceSet(name="b", ranges={"epoch_time_s": both, "duration_s": both})
        assert scored("pepr_t", reference).settings["resource"] == "duration_s"
        # One of ten epochs: 6 s of 0 to 10: 0.8 / 1.6.
        of_epoch = scored("pepr_t", own(0.0, 10.0, "epoch_time_s"))
        assert of_epoch.median == pytest.approx(0.5, rel=1e-12)


class TestUndefined:
    def test_without_a_reference_set(self) -> None:
        found = scored("pepr_e", None)
        assert found.median is None
        assert found.undefined_because is not None and "reference set" in found.undefined_because

    def test_without_a_range_of_the_resource(self) -> None:
        found = scored("pepr_e", published_sets()["imagenet"])
        reason = found.undefined_because
        assert reason == "the reference set imagenet has no range of energy_kwh"

    def test_in_a_set_whose_models_take_the_same(self) -> None:
        reference = compared_set([{"energy_kwh": 3.0}, {"energy_kwh": 3.0}], "two")
        found = scored("pepr_e", reference)
        assert found.median is None and "no range" in (found.undefined_because or "")

    def test_a_set_has_no_range_of_what_one_model_lacks(self) -> None:
        reference = compared_set(
            [{"energy_kwh": 3.0, "carbon_gco2e": 1.0}, {"energy_kwh": 7.0, "carbon_gco2e": None}],
            "two",
        )
        assert dict(reference.ranges) == {
            "energy_kwh": Range(low=3.0, high=7.0, covers="two", source="two")
        }


@given(st.floats(0.0, 1.0), st.floats(0.0, 1e6), st.floats(1e-3, 1e6))
def test_within_a_range_the_score_lies_between_half_the_accuracy_and_all(
    accuracy: float, low: float, width: float
) -> None:
    for share in (0.0, 0.3, 1.0):
        r = position(low + share * width, low, low + width)
        found = pepr_value(accuracy, r)
        assert found is not None
        assert accuracy / 2 * (1 - 1e-6) <= found <= accuracy * (1 + 1e-6)
