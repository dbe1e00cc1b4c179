"""The preset of the AI Act's marks."""

from __future__ import annotations

import pytest

from auditor.budget.presets import preset
from auditor.budget.records import End
from auditor.errors import PlanError


def amounts(base: float | None) -> list[tuple[float, End | None, End | None]]:
    return [(x.amount, x.error_on, x.warn_on) for x in preset("eu-gpai", base, "here")]


def test_the_marks_of_a_model_from_scratch() -> None:
    assert amounts(None) == [(1e23, None, End.MEDIAN), (1e25, End.MEDIAN, None)]


def test_a_modification_may_take_a_third() -> None:
    # A third of 3e22.
    assert amounts(3e22)[0] == (pytest.approx(1e22), End.MEDIAN, None)
    assert amounts(3e22)[1:] == amounts(None)


def test_each_names_its_source() -> None:
    origins = [limit.origin for limit in preset("eu-gpai", 3e22, "here")]
    assert all(origin.startswith("preset eu-gpai: ") for origin in origins)
    assert "Art. 51(2)" in origins[2] and "July 2025" in origins[0] and "July 2025" in origins[1]


def test_an_unknown_one_is_refused() -> None:
    with pytest.raises(PlanError, match="here: no preset is called 'eu': choose of eu-gpai"):
        preset("eu", None, "here")
