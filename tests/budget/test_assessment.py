"""What an audit tells a check: figures, reasons, and the way through JSON."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from builders import DATA
from checking import around, assessment, network
from hypothesis import given
from hypothesis import strategies as st

from auditor.budget.assess import assess
from auditor.budget.assessment import assessment_from
from auditor.budget.candidate import Candidate
from auditor.budget.quantities import QUANTITIES
from auditor.budget.scoring import Frame, known
from auditor.errors import PlanError
from auditor.pipeline import Request, audit
from auditor.workload import Plan

EXAMPLES = DATA.parents[1] / "examples"
FULL = Plan(
    hardware="a100-sxm4-80gb",
    samples=1281167,
    epochs=90,
    batch_size=64,
    region="aws:eu-west-1",
    accuracy=0.76,
    price_per_kwh=0.3,
)


def candidate(path: Path, plan: Plan = FULL) -> Candidate:
    return Candidate(name="net", path=path, plan=plan, limits=())


def test_the_figures_are_those_of_the_audit() -> None:
    path = EXAMPLES / "resnet50.onnx"
    found = assess(candidate(path))
    whole = audit(Request(path=path, plan=FULL))
    values = dict(found.values)
    assert whole.estimate.energy is not None and whole.estimate.duration_s is not None
    assert values["energy_kwh"].median == whole.estimate.energy.node_kwh.median
    assert values["energy_kwh"].high == whole.estimate.energy.node_kwh.high
    # Hours and not seconds.
    assert values["duration_h"].median == pytest.approx(whole.estimate.duration_s.median / 3600)
    assert values["memory_bytes"].median == whole.profile.memory.total_bytes
    assert values["training_flops"].median == whole.impacts.flops
    # One price is given, so that is the cost.
    assert values["cost"] == values["energy_cost"]
    assert set(dict(found.missing)) >= {"device_cost"}


@pytest.mark.parametrize("name", ["resnet50", "mobilenetv2", "vit_b_16"])
def test_every_quantity_is_a_figure_or_has_a_reason(name: str) -> None:
    found = assess(candidate(EXAMPLES / f"{name}.onnx"))
    figures = known(found, Frame(reference=None))
    assert set(figures.values) | set(figures.missing) == set(QUANTITIES)
    assert not set(figures.values) & set(figures.missing)


def test_without_an_amount_only_the_step_is_known(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(network())
    found = assess(candidate(path, Plan(hardware="a100-sxm4-80gb")))
    assert [name for name, _ in found.values] == ["memory_bytes"]
    missing = dict(found.missing)
    expected = "no amount of training given; add samples or tokens to its plan"
    assert missing["energy_kwh"] == missing["training_flops"] == expected
    assert missing["operational_gco2e"] == (
        "no region given; add region, or carbon_gco2e_per_kwh to its plan"
    )
    assert missing["cost"] == (
        "no price given; add price_per_kwh or price_per_device_hour to its plan"
    )
    scores = known(found, Frame(reference=None)).missing
    assert scores["sam"] == "no accuracy is given; add accuracy to its plan"


def test_what_no_key_can_give_says_so(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(network())
    plan = Plan(hardware="titan-v", samples=1e9, accuracy=0.8)
    found = known(assess(candidate(path, plan)), Frame(reference=None))
    otherwise = "; limit another quantity, or set its level to off here"
    assert found.missing["embodied_gco2e"].startswith("no published figure is known for the device")
    assert found.missing["embodied_gco2e"].endswith(otherwise)
    # Less than 1 kWh: SAM is undefined, though all that it needs is given.
    assert found.values["energy_kwh"].median < 1
    assert found.missing["sam"].endswith(otherwise)


def test_two_prices_are_two_costs(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(network())
    plan = Plan(hardware="a100", samples=1e9, price_per_kwh=0.3, price_per_device_hour=2.0)
    found = assess(candidate(path, plan))
    assert "limit energy_cost or device_cost" in dict(found.missing)["cost"]
    assert {"energy_cost", "device_cost"} <= set(dict(found.values))


def test_code_is_no_file() -> None:
    with pytest.raises(PlanError, match="export the network to ONNX"):
        assess(candidate(Path("torch:package:factory")))


def test_it_comes_back_from_json() -> None:
    found = assess(candidate(EXAMPLES / "resnet50.onnx"))
    again = assessment_from(json.loads(json.dumps(found.as_dict())))
    assert again == found and hash(again) == hash(found)
    assert known(again, Frame(reference=None)) == known(found, Frame(reference=None))


figures = st.none() | st.floats(1e-6, 1e9).map(around)


@given(figures, figures, st.none() | st.floats(0, 1), st.floats(0, 1e12))
def test_any_comes_back_from_json(
    energy: object, carbon: object, accuracy: float | None, memory: float
) -> None:
    found = assessment(
        energy_kwh=energy, carbon_gco2e=carbon, accuracy=accuracy, memory_bytes=memory
    )
    assert assessment_from(json.loads(json.dumps(found.as_dict()))) == found


@pytest.mark.parametrize("broken", [{}, {"inputs": {}}, {"inputs": None, "values": 3}])
def test_what_is_none_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        assessment_from(broken)


def test_scores_by_hand() -> None:
    found = known(assessment(), Frame(reference=None)).values
    # SAM: 5 * 0.8^5 / log10(100) = 5 * 0.32768 / 2.
    assert found["sam"].median == pytest.approx(0.8192)
    # At the ends of the electricity, 50 and 200 kWh.
    assert found["sam"].low == pytest.approx(1.6384 / math.log10(200))
    assert found["sam"].high == pytest.approx(1.6384 / math.log10(50))
    assert found["accuracy_per_kwh"].median == pytest.approx(0.008)
    # Of a million parameters and 10^9 MACs: 20 log10(80^2 / (1 * 1)).
    assert found["netscore"].median == pytest.approx(20 * math.log10(6400))


def test_pepr_is_against_the_other_models_too() -> None:
    small, large = assessment(energy_kwh=around(50.0)), assessment(energy_kwh=around(150.0))
    middle = assessment(energy_kwh=around(75.0))
    # R of the range 50 to 150: 0, 1/4, 1; the score is 0.8 / (1 + R).
    for one, others, expected in (
        (small, (middle, large), 0.8),
        (middle, (small, large), 0.8 / 1.25),
        (large, (small, middle), 0.4),
    ):
        found = known(one, Frame(reference=None, others=others))
        assert found.values["pepr_e"].median == pytest.approx(expected)


def test_a_set_that_lacks_a_model_is_none() -> None:
    frame = Frame(reference=None, others=(assessment(energy_kwh=around(50.0)),), lacking=("big",))
    found = known(assessment(), frame)
    assert "pepr_e" not in found.values and "sam" in found.values
    assert found.missing["pepr_e"].startswith("the set of the models compared lacks big, not")
