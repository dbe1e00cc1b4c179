"""Alternatives are what the audit itself says of the changed plan; nothing is advice in prose."""

from __future__ import annotations

from dataclasses import replace

import pytest
from amounts import audited, of

from auditor.energy import Scope, estimate
from auditor.impacts import NotAssessed, Training, place
from auditor.impacts.alternatives import Alternative, Alternatives, Base, alternatives
from auditor.step import training_step
from auditor.step.artefact import Artefact, Forward, MeasuredForward, shipped_artefact


def asked(**plan: object) -> Alternatives:
    found = audited(alternatives=True, **plan).beyond.alternatives  # type: ignore[arg-type]
    assert isinstance(found, Alternatives)
    return found


def chosen(found: Alternatives, kind: str) -> list[Alternative]:
    return [row for row in found.rows if row.kind == kind]


def test_fewer_trials_and_epochs_by_hand() -> None:
    found = asked(trials=4, epochs=10, region="FR")
    (trials,), (epochs,) = chosen(found, "trials"), chosen(found, "epochs")
    assert (trials.energy_ratio, trials.carbon_ratio) == (pytest.approx(0.25), pytest.approx(0.25))
    assert epochs.energy_ratio == pytest.approx(0.5)
    assert chosen(asked(trials=1), "trials") == []


def test_another_device_is_what_an_audit_of_it_says() -> None:
    found = asked(region="DE", pue=1.2)
    rows = chosen(found, "hardware")
    assert len(rows) == 3
    energies = [row.energy_kwh.median for row in rows]
    assert energies == sorted(energies)
    device = rows[0].change.removeprefix("on ")
    there = audited(hardware=device, region="DE", pue=1.2)
    assert there.estimate.energy is not None
    assert rows[0].energy_kwh == there.estimate.energy.facility_kwh
    assert rows[0].duration_s == there.estimate.duration_s
    assert rows[0].operational_gco2e == there.impacts.operational_gco2e
    assert "a100-sxm4-80gb" not in {row.change.removeprefix("on ") for row in rows}


def test_a_device_that_is_too_small_is_not_proposed() -> None:
    skipped = dict(asked(batch_size=512).skipped)
    # ResNet-50 at batch 512 keeps about 20 GiB: not in 11 GB.
    assert skipped["rtx2080ti"] == "the step does not fit its memory"


def test_a_power_limit_is_not_carried_to_other_boards() -> None:
    limited, free = asked(power_limit_w=250.0), asked()
    assert chosen(limited, "hardware")[0].energy_kwh == chosen(free, "hardware")[0].energy_kwh


def test_the_cleanest_region_of_the_provider() -> None:
    (aws,) = chosen(asked(region="aws:eu-west-1"), "region")
    # Stockholm, 24.71 g/kWh with a PUE of 1.10; Ireland has 403.4 and 1.11, and is alone there.
    assert aws.change.startswith("aws:eu-north-1")
    assert aws.carbon_ratio == pytest.approx(24.71 * 1.10 / (403.4 * 1.11))
    # In America as well: Oregon's zone has 119.76, and a PUE of 1.12.
    own, same = chosen(asked(region="aws:us-east-2"), "region")
    assert own.change.startswith("aws:eu-north-1") and same.change.startswith("aws:us-west-2")
    assert chosen(asked(region="aws:eu-north-1"), "region") == []


def test_regions_are_compared_within_one_boundary() -> None:
    # us-central1 has a PUE: a region without one, as Paris with 16.3 g/kWh, is none to compare.
    with_pue = chosen(asked(region="gcp:us-central1"), "region")
    assert with_pue[0].change.startswith("gcp:europe-north1")
    # Taiwan's neighbour has none: then Stockholm's 2.73 g/kWh over 505.02, of the node.
    without = chosen(asked(region="gcp:asia-east2"), "region")
    assert without[0].change.startswith("gcp:europe-north2")
    assert without[0].carbon_ratio == pytest.approx(2.73 / 505.02)
    assert without[0].energy_ratio == 1.0
    # A PUE that is given is that of every region.
    given_pue = chosen(asked(region="gcp:us-central1", pue=1.5), "region")
    assert given_pue[0].change.startswith("gcp:europe-north2")
    assert given_pue[0].carbon_ratio == pytest.approx(2.73 / 412.72)


def test_a_country_is_offered_its_cleanest_cloud_region() -> None:
    (found,) = chosen(asked(region="FR"), "region")
    # gcp:europe-west9 has 16.3 g/kWh, aws:eu-west-3 52.87; France 44.18, of another mix.
    assert found.change.startswith("gcp:europe-west9, the cleanest cloud region in France")
    assert found.carbon_ratio == pytest.approx(16.3 / 44.18)
    assert chosen(asked(), "region") == []


def test_without_a_region_carbon_is_not_assessed_in_any_row() -> None:
    for row in asked().rows:
        assert isinstance(row.operational_gco2e, NotAssessed) and row.carbon_ratio is None
        assert of(row.energy_kwh).median > 0


def test_without_an_amount_there_is_nothing_to_compare() -> None:
    found = audited(samples=None, alternatives=True).beyond.alternatives
    assert isinstance(found, NotAssessed)


def test_nothing_is_computed_that_was_not_asked_for() -> None:
    found = audited().beyond
    assert (found.by_region, found.alternatives, found.life_cycle) == (None, None, None)


def test_what_is_known_of_one_device_alone_does_not_tip_the_comparison() -> None:
    found = audited()
    accelerator, artefact = found.hardware.accelerator, shipped_artefact()

    def compared(with_it: Artefact) -> Alternatives:
        step = training_step(found.profile, accelerator, found.workload, with_it)
        training = Training(
            hardware=accelerator.id,
            workload=found.workload,
            profile=found.profile,
            estimate=estimate(step, found.workload, Scope.NODE, None),
        )
        rows = alternatives(
            Base(
                training=training,
                accelerator=accelerator,
                step=step,
                artefact=with_it,
                where=place(None),
                given_pue=None,
            )
        )
        assert isinstance(rows, Alternatives)
        return rows

    # The device at hand was measured to run twice as long as modelled.
    slow = MeasuredForward(hardware=accelerator.id, measured_s=2.0, modelled_s=1.0)
    share = Forward(share=0.5, half_width=0.1)
    plain, corrected = compared(artefact), compared(replace(artefact, forward=share, measured=slow))
    assert chosen(corrected, "hardware") == chosen(plain, "hardware")
    # What is left of the training itself is corrected: sqrt(2) times as much time.
    (was,), (now,) = chosen(plain, "epochs"), chosen(corrected, "epochs")
    assert now.duration_s.median == pytest.approx(2**0.5 * was.duration_s.median)
