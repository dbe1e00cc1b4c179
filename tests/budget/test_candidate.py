"""The hashes that say what has changed."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from auditor.budget.candidate import Candidate, artefact_sha256, plan_sha256
from auditor.errors import CalibrationError, HardwareError
from auditor.workload import Lifecycle, Plan

ROOT = Path(__file__).resolve().parents[2]
BASE = Candidate(name="m", path=Path("m.onnx"), plan=Plan(hardware="a100", epochs=90), limits=())


def of(**plan: Any) -> str:
    return plan_sha256(replace(BASE, plan=replace(BASE.plan, **plan)), "compared")


def test_plans_that_say_the_same_are_one() -> None:
    assert (
        of() == of(epochs=90.0) == of(dims={}) == plan_sha256(replace(BASE, name="n"), "compared")
    )


def test_everything_that_is_asked_counts(tmp_path: Path) -> None:
    file = tmp_path / "more.toml"
    file.write_text("one", encoding="utf-8")
    with_file = replace(BASE, hardware_file=file)
    hashes = [
        of(),
        of(epochs=91),
        of(region="FRA"),
        of(hardware="h100"),
        of(dims={"sequence": 1}),
        of(shapes={"x": (1, 2)}),
        of(freeze=("a",)),
        of(freeze=("a", "b")),
        of(lifecycle=Lifecycle(life_years=3)),
        plan_sha256(BASE, "lidc"),
        plan_sha256(with_file, "compared"),
    ]
    file.write_text("two", encoding="utf-8")
    hashes.append(plan_sha256(with_file, "compared"))
    assert len(set(hashes)) == len(hashes)


def test_the_calibration_is_hashed_byte_by_byte(tmp_path: Path) -> None:
    shipped = (ROOT / "calibration" / "artefact.json").read_bytes()
    assert artefact_sha256(None) == hashlib.sha256(shipped).hexdigest()
    own = tmp_path / "own.json"
    own.write_bytes(b"abc")
    # FIPS 180-2's example.
    expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert artefact_sha256(own) == expected
    assert artefact_sha256(Path("none")) is None


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=r"gone\.json: cannot be read"):
        artefact_sha256(tmp_path / "gone.json")
    with pytest.raises(HardwareError, match=r"gone\.toml: cannot be read"):
        plan_sha256(replace(BASE, hardware_file=tmp_path / "gone.toml"), "compared")
    with pytest.raises(CalibrationError, match="cannot be read"):
        artefact_sha256(Path("a\0b"))
