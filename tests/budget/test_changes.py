"""Figures beside the lock file: causes, the tolerance, and what is nobody's doing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.budget.changes import Now, beside, changes, moved_by_others
from auditor.budget.lock import Lock, locked, rounded
from auditor.budget.records import Cause, Change, Found, Value

NOW = Now(tool_version="0.1.0", artefact_sha256="c" * 64, is_pepr_of_all=False)


def found(figures: dict[str, float] | None = None, **changed: Any) -> Found:
    values = {"energy_kwh": 12.0, "sam": 2.0} if figures is None else figures
    said: dict[str, Any] = {
        "hardware": "a100",
        "region": None,
        "method": "calibrated",
        "scope": "node",
        "in_domain": True,
        "structure_sha256": "a" * 64,
        "plan_sha256": "b" * 64,
        "artefact_sha256": "c" * 64,
        "figures": tuple((name, Value(median=v)) for name, v in values.items()),
    }
    return Found(**(said | changed))


def lock_of(**models: Found) -> Lock:
    return Lock(
        tool_version="0.1.0",
        artefact_sha256="c" * 64,
        models={name: locked(f) for name, f in models.items()},
    )


def compared(
    before: Found, after: Found, now: Now = NOW, tolerance: float | None = 0.05
) -> dict[str, Change]:
    to = beside(lock_of(net=before), now, {"net": after}, tolerance)
    return dict(changes("net", after, to))


def test_nothing_changed() -> None:
    same = Change(before=12.0, after=12.0, ratio=1.0, causes=(), exceeds=False)
    assert compared(found(), found())["energy_kwh"] == same


@pytest.mark.parametrize(
    ("after", "now", "causes"),
    [
        (found({"energy_kwh": 13.0}, structure_sha256="d" * 64), NOW, (Cause.MODEL,)),
        (found({"energy_kwh": 13.0}, plan_sha256="d" * 64), NOW, (Cause.PLAN,)),
        (found({"energy_kwh": 13.0}), replace(NOW, artefact_sha256=None), (Cause.CALIBRATION,)),
        (found({"energy_kwh": 13.0}), replace(NOW, tool_version="2"), (Cause.TOOL,)),
        (
            found({"energy_kwh": 13.0}, structure_sha256="d" * 64, plan_sha256="d" * 64),
            replace(NOW, artefact_sha256="e" * 64),
            (Cause.MODEL, Cause.PLAN, Cause.CALIBRATION),
        ),
        # Equal to six digits, whatever else changed.
        (found({"energy_kwh": 12.000001}, structure_sha256="d" * 64), NOW, ()),
    ],
)
def test_the_causes(after: Found, now: Now, causes: tuple[Cause, ...]) -> None:
    assert compared(found(), after, now)["energy_kwh"].causes == causes


@pytest.mark.parametrize(
    ("name", "before", "after", "exceeds"),
    [
        ("energy_kwh", 10.0, 10.5, False),  # five in a hundred is allowed
        ("energy_kwh", 10.0, 10.6, True),
        ("energy_kwh", 10.0, 2.0, False),  # less is better
        ("sam", 10.0, 9.5, False),
        ("sam", 10.0, 9.4, True),
        ("sam", 10.0, 30.0, False),  # more is better
        ("netscore", -10.0, -10.4, False),
        ("netscore", -10.0, -10.6, True),
        ("energy_kwh", 0.0, 0.1, True),
    ],
)
def test_the_tolerance(name: str, before: float, after: float, exceeds: bool) -> None:
    changed = found({name: after}, plan_sha256="d" * 64)
    assert compared(found({name: before}), changed)[name].exceeds is exceeds
    assert compared(found({name: before}), changed, tolerance=None)[name].exceeds is None


def test_a_calibration_alone_is_a_warning_and_no_failure() -> None:
    refitted = replace(NOW, artefact_sha256="e" * 64)
    after = compared(found(), found({"energy_kwh": 24.0, "sam": 2.0}), refitted)
    assert after["energy_kwh"].exceeds is False
    (warning,) = moved_by_others(after.items(), 0.05)
    assert warning.startswith("energy_kwh is worse") and "the calibration did" in warning
    assert "--update" in warning
    # Within the tolerance there is nothing to say, and without one nothing was asked.
    assert not list(moved_by_others(after.items(), 1.0))
    assert not list(moved_by_others(after.items(), None))
    # With the model changed too it may be the model.
    both = found({"energy_kwh": 24.0}, structure_sha256="d" * 64)
    changed = compared(found(), both, refitted)
    assert changed["energy_kwh"].exceeds is True
    assert not list(moved_by_others(changed.items(), 0.05))


def test_a_difference_without_a_cause_is_held_against_the_tolerance() -> None:
    """Someone has changed the lock file by hand, say."""
    change = compared(found({"energy_kwh": 6.0}), found())["energy_kwh"]
    assert change.causes == () and change.exceeds is True


def test_a_new_figure_and_a_new_model() -> None:
    after = compared(found({"sam": 2.0}), found())
    new = Change(before=0.0, after=12.0, ratio=None, causes=(Cause.NEW,), exceeds=None)
    assert after["energy_kwh"] == new
    to = beside(lock_of(other=found()), NOW, {"net": found()}, 0.05)
    compared_new = changes("net", found(), to)
    assert [c.causes for _, c in compared_new] == [(Cause.NEW,), (Cause.NEW,)]
    assert not list(moved_by_others(compared_new, 0.05))


def test_pepr_may_have_moved_with_any_model() -> None:
    now = replace(NOW, is_pepr_of_all=True)
    same, other = found({"pepr_e": 0.6, "energy_kwh": 3.0}), found(structure_sha256="d" * 64)
    to = beside(
        lock_of(net=found({"pepr_e": 0.7, "energy_kwh": 2.0}), other=found()),
        now,
        {"net": same, "other": other},
        0.05,
    )
    after = dict(changes("net", same, to))
    assert after["pepr_e"].causes == (Cause.MODEL,) and after["energy_kwh"].causes == ()
    # Of a set of its own it has moved by itself.
    alone = beside(to.lock, NOW, {"net": same, "other": other}, 0.05)
    assert dict(changes("net", same, alone))["pepr_e"].causes == ()
    # Other models are another set.
    fewer = beside(to.lock, now, {"net": same}, 0.05)
    assert dict(changes("net", same, fewer))["pepr_e"].causes == (Cause.PLAN,)


def test_a_ratio_over_next_to_nothing_is_none() -> None:
    changed = found({"energy_kwh": 1.0}, plan_sha256="d" * 64)
    change = compared(found({"energy_kwh": 1e-310}), changed)["energy_kwh"]
    assert change.ratio is None and change.exceeds is True


@given(st.floats(1e-6, 1e9).map(rounded), st.floats(1e-6, 1e9).map(rounded), st.floats(0, 1))
def test_more_tolerance_never_fails_more(before: float, after: float, tolerance: float) -> None:
    changed = found({"energy_kwh": after}, plan_sha256="d" * 64)
    strict = compared(found({"energy_kwh": before}), changed, tolerance=0.0)["energy_kwh"]
    lax = compared(found({"energy_kwh": before}), changed, tolerance=tolerance)["energy_kwh"]
    assert strict.exceeds is (after > before)
    assert lax.exceeds is (after - before > tolerance * before)
    assert strict.exceeds or not lax.exceeds
