"""Real models beside each other: what is compared is what each one's own audit says."""

from __future__ import annotations

from pathlib import Path

import pytest
from comparing import PLAN, compared, given, saved

from auditor.compare import comparison
from auditor.compare.figures import figures_of
from auditor.compare.records import Criterion, Per
from auditor.pipeline import Request, audit
from auditor.scores import METRICS, Choices, published_sets
from auditor.workload import Plan

ACCURACIES = {"narrow": 0.7, "wide": 0.8}


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, ...]:
    return saved(tmp_path, narrow=8, wide=4096)


def test_each_is_as_in_its_own_audit(paths: tuple[Path, ...]) -> None:
    found = compared(paths, ACCURACIES)
    assert (found.per, found.failures) == (Per.TRAINING, ())
    for entry, path in zip(found.entries, paths, strict=True):
        alone = audit(Request(path=path, plan=Plan(**PLAN)))
        assert alone.estimate.energy is not None
        assert entry.amounts.energy_kwh == alone.estimate.energy.node_kwh
        assert entry.amounts.duration_s == alone.estimate.duration_s
        assert entry.amounts.carbon_gco2e == alone.impacts.operational_gco2e
        assert entry.amounts.training_flops == alone.impacts.flops
        assert (entry.path, entry.audit.model.path) == (str(path), str(path))


def test_ranks_front_and_scores(paths: tuple[Path, ...]) -> None:
    narrow, wide = compared(paths, ACCURACIES).entries
    costs = [c.value for c in Criterion if c is not Criterion.ACCURACY]
    assert all(narrow.ranks[name] == 1 and wide.ranks[name] == 2 for name in costs)
    assert (narrow.ranks["accuracy"], wide.ranks["accuracy"]) == (2, 1)
    assert narrow.place is not None and wide.place is not None
    assert narrow.place.on_front and wide.place.on_front
    by_id = {s.metric: s for s in narrow.scores}
    assert list(by_id) == [m.id for m in METRICS]
    # The least of the set has R = 0 and scores its accuracy, the most R = 1 and half of it.
    assert by_id["pepr_e"].median == 0.7
    assert {s.metric: s for s in wide.scores}["pepr_e"].median == 0.4
    # MACs of a sample: 64 x 8 + 8 x 32 = 768, as many parameters.  In millions and billions:
    # 20 log10(70^2 / (768 * 10^-7.5)) = 20 (0.8048344 + 7.5).
    assert by_id["netscore"].median == pytest.approx(166.096688, abs=1e-5)
    assert narrow.ranks["netscore"] == 1


def test_the_interval_of_the_energy_is_in_the_scores(paths: tuple[Path, ...]) -> None:
    for entry in compared(paths, ACCURACIES).entries:
        energy = entry.amounts.energy_kwh
        score = {s.metric: s for s in entry.scores}["accuracy_per_kwh"]
        assert entry.accuracy is not None
        assert score.low == pytest.approx(entry.accuracy / energy.high, rel=1e-12)
        assert score.median == pytest.approx(entry.accuracy / energy.median, rel=1e-12)
        assert score.high == pytest.approx(entry.accuracy / energy.low, rel=1e-12)
        assert score.level == energy.level


def test_a_published_set_is_named_with_what_it_covers(paths: tuple[Path, ...]) -> None:
    choices = Choices(reference=published_sets()["derma"])
    found = compared(paths, ACCURACIES, choices)
    assert found.reference.name == "derma"
    for entry in found.entries:
        for score in entry.scores:
            if score.metric.startswith("pepr"):
                assert score.settings["reference"] == "derma"
    assert any("derma, energy_kwh: 0.0105829 to 0.25527" in note for note in found.notes)


def test_without_an_amount_of_training_samples_are_compared(paths: tuple[Path, ...]) -> None:
    found = compared(paths, ACCURACIES, samples=None)
    assert found.per is Per.SAMPLE
    for entry, path in zip(found.entries, paths, strict=True):
        alone = audit(Request(path=path, plan=Plan(**(PLAN | {"samples": None}))))
        assert entry.amounts.energy_kwh == alone.estimate.energy_per_sample.node_kwh
        assert entry.amounts.carbon_gco2e is None and "carbon_gco2e" not in entry.ranks
        sam = entry.scores[0]
        assert sam.median is None and "amount of training" in (sam.undefined_because or "")
    assert any("one sample of each" in note for note in found.notes)


def test_a_sample_takes_the_time_of_the_training_by_its_samples(paths: tuple[Path, ...]) -> None:
    whole, each = compared(paths), compared(paths, samples=None)
    for training, sample in zip(whole.entries, each.entries, strict=True):
        # 10 epochs of 10^8 samples.
        expected = training.amounts.duration_s.median / 1e9
        assert sample.amounts.duration_s.median == pytest.approx(expected, rel=1e-9)


def test_the_time_of_an_epoch_is_that_of_one_of_all(paths: tuple[Path, ...]) -> None:
    alone = audit(Request(path=paths[0], plan=Plan(**PLAN, trials=4)))
    figures = figures_of(alone, 0.7)
    assert alone.estimate.duration_s is not None and figures.epoch_time_s is not None
    # 10 epochs in each of 4 trials.
    expected = alone.estimate.duration_s.median / 40
    assert figures.epoch_time_s.median == pytest.approx(expected, rel=1e-12)


def test_one_without_an_amount_takes_all_to_samples(paths: tuple[Path, ...]) -> None:
    own = {"wide": Plan(samples=1e6)}
    found = comparison(given(paths, own=own, samples=None), Choices())
    assert found.per is Per.SAMPLE
    # A sample of a training has the FLOPs of the training by its samples: 10 epochs of 10^6.
    wide = found.entries[1]
    assert isinstance(wide.audit.impacts.flops, float)
    assert wide.amounts.training_flops == pytest.approx(wide.audit.impacts.flops / 1e7)


def test_without_accuracies_there_is_no_front_and_no_score(paths: tuple[Path, ...]) -> None:
    found = compared(paths, {"wide": 0.8})
    narrow, wide = found.entries
    assert narrow.place is None and wide.place is not None
    assert "accuracy" not in narrow.ranks and wide.ranks["accuracy"] == 1
    assert all(score.median is None for score in narrow.scores)
    assert any(note.endswith("the front: narrow") for note in found.notes)


def test_a_broken_model_does_not_hide_the_others(tmp_path: Path, paths: tuple[Path, ...]) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    found = compared((broken, *paths, tmp_path / "missing.onnx"))
    assert [entry.name for entry in found.entries] == ["narrow", "wide"]
    assert [failure.name for failure in found.failures] == ["broken", "missing"]
    assert all(failure.reason for failure in found.failures)


def test_nothing_but_broken_models(tmp_path: Path) -> None:
    found = compared((tmp_path / "a.onnx", tmp_path / "b.onnx"))
    assert (found.entries, found.scope, len(found.failures)) == ((), None, 2)
    assert found.swaps == () and dict(found.reference.ranges) == {}
