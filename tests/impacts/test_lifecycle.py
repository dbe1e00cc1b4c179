"""A life of round figures by hand; growth against a sum over days; what is not said is not zero."""

from __future__ import annotations

import math
from typing import Any

import pytest
from amounts import audited, of
from hypothesis import given
from hypothesis import strategies as st

from auditor.errors import PlanError
from auditor.impacts import NotAssessed, place
from auditor.impacts.lifecycle import (
    LifeCycle,
    Rebound,
    Trained,
    growth_factor,
    inference_kwh,
    life_cycle,
)
from auditor.impacts.records import NO_AMOUNT
from auditor.interval import Interval
from auditor.step import Confidence, ForwardPass
from auditor.workload import Lifecycle

ONE_KWH = Interval(50.0, 100.0, 200.0, 0.9)
# A pass of four samples in 0.04 s at 360 W and 90 W of the host: 18 J, 4.5 J a sample.
SERVED = ForwardPass(
    hardware="round",
    precision="fp32",
    batch_size=4,
    total_s=0.04,
    device_power_w=360.0,
    host_power_w=90.0,
    confidence=Confidence(
        method="calibrated",
        time_half_width=0.3,
        power_half_width=0.4,
        level=0.9,
        in_domain=False,
        reasons=("power",),
    ),
)
KWH_EACH = 4.5 / 3.6e6


def lived(trials: int | None = 3, served: Any = SERVED, pue: float | None = None,
          **said: Any) -> LifeCycle:  # fmt: skip
    where = place(None, 100.0, pue)
    return life_cycle(Lifecycle(**said), 2.0, Trained(ONE_KWH, trials), served, where)


def phases(found: LifeCycle) -> dict[str, Any]:
    return {p.name: p for p in found.phases}


def test_an_inference_by_hand() -> None:
    found = inference_kwh(SERVED, None)
    assert found.median == pytest.approx(KWH_EACH)
    # Time 0.3 and power 0.4 together, as independent: 0.5.
    assert found.high / found.median == pytest.approx(math.exp(0.5))
    assert inference_kwh(SERVED, 1.2).median == pytest.approx(1.2 * KWH_EACH)


def test_a_whole_life_by_hand() -> None:
    found = lived(inferences_per_day=1e6, retrainings_per_year=4, failed_runs=1.5)
    of_phase = phases(found)
    # Three trials are the training and two more; 4 a year for two years.
    counts = {"search": 2, "failed runs": 1.5, "training": 1, "retraining": 8}
    for name, count in counts.items():
        assert of_phase[name].count == count
        assert of(of_phase[name].energy_kwh).median == pytest.approx(100 * count)
    assert of_phase["inference"].count == pytest.approx(1e6 * 365.25 * 2)
    inference = of(of_phase["inference"].energy_kwh)
    assert inference.median == pytest.approx(7.305e8 * KWH_EACH)  # 913.1 kWh
    total = of(found.total_kwh)
    assert total.median == pytest.approx(1250 + 913.125, rel=1e-6)
    assert total.low == pytest.approx(625 + inference.low)
    assert of(found.total_gco2e).median == pytest.approx(100 * total.median)
    # Retraining takes 800 kWh, inference 913 of 2163.
    assert found.dominant == "inference"
    assert found.dominant_share == pytest.approx(913.125 / 2163.125)


def test_what_is_not_said_is_not_assessed_and_not_zero() -> None:
    found = lived(trials=None)
    of_phase = phases(found)
    for name, option in {
        "search": "--trials",
        "failed runs": "--failed-runs",
        "retraining": "--retrainings-per-year",
        "inference": "--inferences-per-day",
    }.items():
        missing = of_phase[name].energy_kwh
        assert isinstance(missing, NotAssessed) and option in missing.reason
        assert of_phase[name].count is None
    assert of(found.total_kwh) == ONE_KWH
    assert found.dominant is None
    assert isinstance(found.rebound, NotAssessed)
    # Said to be nothing is another thing.
    assert of(phases(lived(inferences_per_day=0.0))["inference"].energy_kwh).median == 0.0
    assert of(phases(lived(trials=1))["search"].energy_kwh).median == 0.0


def test_without_a_training_inference_still_counts() -> None:
    said = Lifecycle(inferences_per_day=10.0)
    found = life_cycle(said, 1.0, Trained(NO_AMOUNT, None), SERVED, place(None))
    assert of(found.total_kwh).median == pytest.approx(3652.5 * KWH_EACH)
    assert isinstance(phases(found)["training"].energy_kwh, NotAssessed)
    assert isinstance(found.total_gco2e, NotAssessed)


def test_rebound_by_hand() -> None:
    # Doubling every year for two years: the mean of 2^t is 3 / (2 ln 2) = 2.164.
    found = lived(inferences_per_day=1e6, usage_growth_percent=100.0, pue=1.2)
    rebound = found.rebound
    assert isinstance(rebound, Rebound)
    assert rebound.factor == pytest.approx(3 / (2 * math.log(2)))
    before = of(phases(found)["inference"].energy_kwh)
    assert of(rebound.inference_kwh).median == pytest.approx(2.16404 * before.median, rel=1e-5)
    extra = of(rebound.total_kwh).median - of(found.total_kwh).median
    assert extra == pytest.approx(1.16404 * before.median, rel=1e-5)
    assert found.scope == "facility"


@given(st.floats(-90.0, 500.0), st.floats(0.1, 10.0))
def test_growth_is_the_mean_over_the_days(percent: float, years: float) -> None:
    days = 2000
    mean = sum((1 + percent / 100) ** ((d + 0.5) * years / days) for d in range(days)) / days
    assert growth_factor(percent, years) == pytest.approx(mean, rel=1e-3)


def test_no_growth_is_no_rebound() -> None:
    assert growth_factor(0.0, 5.0) == 1.0
    assert growth_factor(1e-9, 5.0) == pytest.approx(1.0)


def test_of_an_audit() -> None:
    found = audited(
        trials=2,
        lifecycle=Lifecycle(life_years=1.0, inferences_per_day=1e5, inference_hardware="t4"),
    )
    life = found.beyond.life_cycle
    assert life is not None and isinstance(life.served_by, ForwardPass)
    # Two trials: the search is one more training, and both together the audit's energy.
    energy = found.estimate.energy
    assert energy is not None
    of_phase = phases(life)
    both = of(of_phase["search"].energy_kwh).median + of(of_phase["training"].energy_kwh).median
    assert both == pytest.approx(energy.node_kwh.median)
    served = life.served_by
    assert (served.hardware, served.batch_size, served.precision) == ("t4", 1, "amp")
    assert any("runs on t4 at batch 1" in line for line in found.assumptions)
    assert any("not in a forward pass alone" in line for line in found.assumptions)


def test_without_a_calibration_inference_is_not_assessed(tmp_path: Any) -> None:
    from pathlib import Path

    life = audited(
        calibration=Path("none"), lifecycle=Lifecycle(life_years=1.0, inferences_per_day=1.0)
    ).beyond.life_cycle
    assert life is not None and isinstance(life.served_by, NotAssessed)
    assert isinstance(phases(life)["inference"].energy_kwh, NotAssessed)
    assert isinstance(phases(life)["training"].energy_kwh, Interval)


def test_a_life_needs_its_years() -> None:
    with pytest.raises(PlanError, match="--life-years"):
        audited(lifecycle=Lifecycle(inferences_per_day=1.0))


def test_an_unknown_device_of_inference_is_refused_before_the_file_is_read() -> None:
    from pathlib import Path

    from auditor.errors import HardwareError

    with pytest.raises(HardwareError, match="no-such"):
        audited(
            Path("missing.onnx"), lifecycle=Lifecycle(life_years=1.0, inference_hardware="no-such")
        )
