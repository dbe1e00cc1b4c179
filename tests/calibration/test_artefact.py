"""schemas/artefact.schema.json says what a calibration holds, and the reader agrees."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from builders import DATA
from made_calibration import artefact_file, content

from auditor.calibration.local import read_base, schema
from auditor.calibration.refit import differences
from auditor.errors import CalibrationError
from auditor.step.artefact import GROUPS, digest_of, parsed, read_artefact
from auditor.step.power import FIGURES
from auditor.step.terms import TERMS

ROOT = DATA.parents[1]
SHIPPED = ROOT / "calibration" / "artefact.json"
SCHEMA: dict[str, Any] = dict(schema())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_the_schema_is_one_and_is_that_of_the_repository() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    path = ROOT / "schemas" / "artefact.schema.json"
    assert json.loads(path.read_text(encoding="utf-8")) == SCHEMA


def test_every_term_and_figure_has_its_place() -> None:
    names = jsonschema.Draft202012Validator(SCHEMA["$defs"]["term"])
    assert all(names.is_valid(name) for name in (*TERMS, *GROUPS))
    assert SCHEMA["properties"]["power"]["required"] == [*FIGURES, "devices"]


def test_what_is_made_up_is_valid() -> None:
    VALIDATOR.validate(content())


@pytest.mark.skipif(not SHIPPED.exists(), reason="no calibration is kept yet")
def test_what_is_shipped_is_valid() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    shipped = json.loads(text, parse_constant=pytest.fail)
    VALIDATOR.validate(shipped)
    parsed(shipped, str(SHIPPED))
    assert set(shipped["coefficients"]) == set(TERMS)
    assert read_base().content == shipped


def required() -> list[tuple[str, ...]]:
    """Paths of every key that must be there."""
    top = [(name,) for name in SCHEMA["required"]]
    inner = [
        (name, key)
        for name in ("residual", "power", "half_widths")
        for key in SCHEMA["properties"][name]["required"]
    ]
    return top + inner


@pytest.mark.parametrize("path", required(), ids="/".join)
def test_a_missing_key_is_refused(path: tuple[str, ...], tmp_path: Path) -> None:
    made = copy.deepcopy(content())
    inner = made
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    if path != ("digest",):
        made["digest"] = digest_of(made)
    assert not VALIDATOR.is_valid(made)
    file = tmp_path / "made.json"
    file.write_text(json.dumps(made), encoding="utf-8")
    with pytest.raises(CalibrationError, match=r"made\.json: "):
        read_base(file)


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"level": 1.5},
        {"half_widths": {"family": -0.1, "device": 0.3, "source": 0.4}},
        {"hardware": []},
        {"tables": {"runs.csv": "abc"}},
        {"coefficients": {"compute/convolution/forward/fp32": 0}},
        {"power_half_width": "0.2"},
    ],
)
def test_what_the_schema_forbids_is_no_base(change: dict[str, Any], tmp_path: Path) -> None:
    """Although its digest is right."""
    with pytest.raises(CalibrationError, match=r"base\.json: not a "):
        read_base(artefact_file(tmp_path, **change))


class TestTampered:
    def test_a_figure_changed_by_hand(self, tmp_path: Path) -> None:
        path = artefact_file(tmp_path)
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace('"level": 0.9', '"level": 0.8'), encoding="utf-8")
        for read in (read_artefact, read_base):
            with pytest.raises(CalibrationError, match="does not match its digest"):
                read(path)

    @pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", '{"version": 99}', "\x00"])
    def test_no_calibration(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "none.json"
        path.write_text(text, encoding="utf-8")
        for read in (read_artefact, read_base):
            with pytest.raises(CalibrationError, match=r"none\.json: not a "):
                read(path)

    def test_no_file(self, tmp_path: Path) -> None:
        for path in (tmp_path / "absent.json", tmp_path):
            with pytest.raises(CalibrationError, match="not a readable calibration"):
                read_base(path)


class TestRefit:
    def test_the_same(self) -> None:
        assert differences(content(), content()) == ()
        assert differences(content(versions={"numpy": "2.0"}), content()) == ()

    def test_rounding_is_no_difference(self) -> None:
        assert differences(content(farthest=3.00001), content(farthest=3.00002)) == ()

    def test_the_largest_comes_first(self) -> None:
        kept = content(farthest=4.0, power_half_width=0.2)
        found = differences(kept, content(farthest=3.0, power_half_width=0.199))
        assert [d.key for d in found] == ["farthest", "power_half_width"]
        # 3 beside 4 are a quarter off, 0.199 beside 0.2 half a hundredth.
        assert [d.relative for d in found] == pytest.approx([0.25, 0.005])

    def test_text_and_missing_keys_come_before_figures(self) -> None:
        kept = content(tables={"runs.csv": "1" * 64}, farthest=4.0)
        del kept["level"]
        found = differences(kept, content())
        assert [d.key for d in found] == ["level", "tables.runs.csv", "farthest"]

    def test_lists_are_compared_by_their_largest_number(self) -> None:
        """1e-9 beside 2e-9 is nothing in a list of ones; a list of another length is another."""
        kept, other = copy.deepcopy(content()), copy.deepcopy(content())
        kept["residual"]["weights"], other["residual"]["weights"] = [1.0, 1e-9], [1.0, 2e-9]
        assert differences(kept, other) == ()
        other["residual"]["weights"] = [1.0]
        (found,) = differences(kept, other)
        assert found.key == "residual.weights" and found.relative is None

    def test_no_number_is_equal_to_nan(self) -> None:
        (found,) = differences(content(), content() | {"farthest": float("nan")})
        assert found.key == "farthest"
