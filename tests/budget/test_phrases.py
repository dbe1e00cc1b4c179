"""The sentences, and that figures in them read as they were written."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from verdicts import (
    broken,
    change,
    compared,
    exceeded,
    limit,
    model,
    not_assessed,
    verdict,
    warned,
    within,
)

from auditor.budget import phrases
from auditor.budget.phrases import State
from auditor.budget.records import Bound, Cause, End, Judgement, ModelVerdict, Remedy, Value


@pytest.mark.parametrize(
    ("judged", "said"),
    [
        (
            exceeded(),
            "energy_kwh is 15.00 kWh (90% interval 10.00 kWh to 20.00 kWh): the median is 3.000 kWh"
            " (25.0%) over the limit (at most 12 kWh, by [limits] of auditor.toml)",
        ),
        (
            warned(),
            "energy_kwh is 15.00 kWh (90% interval 10.00 kWh to 20.00 kWh): the high end is 4.000"
            " kWh (25.0%) over the limit (at most 16 kWh, by [limits] of auditor.toml)",
        ),
        (
            within(),
            "energy_kwh is 15.00 kWh (90% interval 10.00 kWh to 20.00 kWh), within the limit"
            " (at most 30 kWh, by [limits] of auditor.toml)",
        ),
        (
            not_assessed(),
            "operational_gco2e is not assessed: no region was given; add region"
            " (limit: at most 5000 g CO2e, by [limits] of auditor.toml)",
        ),
        (
            # A floor: 1.5 where 2 are the least, half a point, a quarter of the floor.
            exceeded(
                limit=limit(2.0, quantity="sam", bound=Bound.MIN, origin="preset x"),
                unit="",
                value=Value(median=2.2, low=1.5, high=3.0, level=0.9),
                end=End.LOW,
                excess=0.5,
            ),
            "sam is 2.200 (90% interval 1.500 to 3.000): the low end is 0.5000 (25.0%) under the"
            " limit (at least 2, by preset x)",
        ),
        (
            # Without an interval; FLOPs of the size that laws speak of keep their exponent.
            exceeded(
                limit=limit(1e23, quantity="training_flops", origin="preset eu-gpai"),
                unit="FLOP",
                value=Value(median=1.25e23),
                excess=2.5e22,
            ),
            "training_flops is 1.25e+23 FLOP: the median is 2.5e+22 FLOP (25.0%) over the limit"
            " (at most 1e+23 FLOP, by preset eu-gpai)",
        ),
        (
            exceeded(
                limit=limit(40e9, quantity="memory_bytes"),
                unit="B",
                value=Value(median=40.01e9),
                excess=1e7,
                excess_share=0.00025,
            ),
            "memory_bytes is 40.01 GB: the median is 10.00 MB (less than 0.1%) over the limit"
            " (at most 40 GB, by [limits] of auditor.toml)",
        ),
    ],
)
def test_a_judgement_in_one_sentence(judged: Judgement, said: str) -> None:
    assert phrases.judgement(judged) == said


def test_a_range_with_an_open_end_says_so() -> None:
    score = Value(median=2.0, low=None, high=3.0, level=0.9)
    assert phrases.interval(score, "") == "90% interval undefined to 3.000"
    assert phrases.interval(Value(median=2.0), "kWh") is None


def test_a_remedy_is_what_to_write_into_the_plan() -> None:
    epochs = Remedy(key="epochs", setting=61.0, was=90.0, value=11.98)
    assert phrases.remedy(epochs, "kWh") == "epochs 61 (is 90): 11.98 kWh"
    samples = Remedy(key="samples", setting=1_230_000.0, was=1_281_167.0, value=11.9)
    assert phrases.remedy(samples, "kWh") == "samples 1230000 (is 1281167): 11.90 kWh"
    hardware = Remedy(key="hardware", setting="h100-sxm5", was="v100", value=7.0)
    assert phrases.remedy(hardware, "kWh") == "hardware h100-sxm5 (is v100): 7.000 kWh"


def test_what_was_tried_in_vain_stands_where_remedies_would() -> None:
    judged = exceeded(remedies=(), no_remedy="no batch size fits")
    assert list(phrases.remedies(judged)) == ["no batch size fits"]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (
            change(),
            "energy_kwh 12.00 -> 15.00 (+25.0%), more than the tolerance: the model changed",
        ),
        (
            change(after=9.0, ratio=0.75, causes=(Cause.MODEL, Cause.PLAN), exceeds=False),
            "energy_kwh 12.00 -> 9.000 (-25.0%): the model and the plan changed",
        ),
        (
            change(causes=(Cause.CALIBRATION,), exceeds=None),
            "energy_kwh 12.00 -> 15.00 (+25.0%): the calibration changed",
        ),
        (
            change(causes=(Cause.TOOL,), exceeds=None),
            "energy_kwh 12.00 -> 15.00 (+25.0%): the version of auditor changed",
        ),
        (change(causes=(Cause.NEW,), exceeds=None), "energy_kwh 15.00: not in the lock file"),
        (
            change(before=0.0, ratio=None, causes=(), exceeds=None),
            "energy_kwh 0 -> 15.00",
        ),
    ],
)
def test_a_change_names_its_cause(found: object, said: str) -> None:
    assert phrases.change("energy_kwh", found) == said  # type: ignore[arg-type]


def test_advice_on_a_score_says_what_it_takes_for_granted() -> None:
    floor = exceeded(limit=limit(2.0, quantity="sam", bound=Bound.MIN), unit="")
    granted = "if the accuracy stays as the plan has it"
    assert list(phrases.advice(floor)) == ["epochs 72 (is 90): 12.00", granted]
    assert granted not in phrases.advice(exceeded())
    assert list(phrases.advice(exceeded(remedies=()))) == []


def test_a_cost_is_told_once() -> None:
    found = (("cost", change()), ("energy_cost", change()))
    (said,) = phrases.changes(model(changes=found))
    assert said.startswith("energy_cost ")


def test_only_what_differs_is_said_and_a_new_model_once() -> None:
    same = change(causes=(), ratio=1.0, after=12.0, exceeds=False)
    new = change(causes=(Cause.NEW,), ratio=None, exceeds=None)
    assert list(phrases.changes(model(changes=(("energy_kwh", same), ("sam", new))))) == [
        "sam 15.00: not in the lock file"
    ]
    everything_new = model(changes=(("energy_kwh", new), ("sam", new)))
    assert list(phrases.changes(everything_new)) == ["is not in the lock file"]
    assert list(phrases.changes(model())) == []


def test_a_change_of_memory_is_in_bytes_with_a_prefix() -> None:
    found = change(before=8e9, after=1e10)
    assert phrases.difference("memory_bytes", found) == "8.000 GB -> 10.00 GB (+25.0%)"


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (model(within()), State.WITHIN),
        (model(within(), warned()), State.WARNED),
        (model(warned(), exceeded()), State.EXCEEDED),
        (model(within(), changes=(("energy_kwh", change()),)), State.EXCEEDED),
        (model(exceeded(), not_assessed()), State.NOT_JUDGED),
        (broken(), State.NOT_JUDGED),
    ],
)
def test_the_state_of_a_model_is_that_of_the_exit_code(one: ModelVerdict, expected: State) -> None:
    assert phrases.state(one) is expected
    codes = {State.WITHIN: 0, State.WARNED: 0, State.EXCEEDED: 1, State.NOT_JUDGED: 2}
    assert verdict(one).exit_code == codes[expected]


def test_the_headline_counts_the_models() -> None:
    assert phrases.headline(verdict(model(within()))) == "1 model: within"
    assert phrases.headline(verdict(model(within()), model(within()))) == "2 models: within"
    mixed = verdict(model(exceeded()), broken(), model(within()), model(within()))
    assert phrases.headline(mixed) == "4 models: 1 not judged; 1 exceeded; 2 within"
    assert phrases.headline(verdict()) == "0 models: nothing to judge"


def test_what_it_was_compared_with() -> None:
    assert phrases.compared(verdict()) is None
    assert phrases.compared(compared()) == "compared with audit.lock.json, tolerance 5%"
    assert phrases.compared(compared(tolerance=None)) == "compared with audit.lock.json"
    gone = list(phrases.missing(compared(missing=("old",))))
    assert gone == ["old is in the lock file and not in the configuration"]


@given(st.floats(1e-12, 1e30, allow_nan=False))
def test_a_figure_says_its_value_to_four_digits(value: float) -> None:
    said = float(phrases.number(value).replace(",", ""))
    assert said == pytest.approx(value, rel=5.001e-4)


@given(st.integers(1, 10**12), st.integers(0, 6))
def test_a_limit_reads_as_it_was_written(digits: int, decimals: int) -> None:
    written = digits / 10**decimals
    assert float(phrases.exact(written)) == written


def test_sentences_need_none_of_the_libraries_that_audits_need() -> None:
    code = (
        "import sys; import auditor.budget.markdown, auditor.budget.github, auditor.budget.junit;"
        "print([m for m in ('numpy', 'onnx', 'rich', 'jsonschema') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
