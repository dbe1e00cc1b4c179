"""The table, the differences and the words, from counts made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from auditor.costs import Work
from auditor.frontend.crosscheck import (
    CONVENTIONS,
    Crosscheck,
    FlopCounterCounts,
    FvcoreCounts,
    Layer,
    innermost,
    is_off,
    layers_of,
    multiplying,
    own_counts,
)
from auditor.frontend.findings import findings
from auditor.frontend.layers import LayerWork
from auditor.frontend.render import document, render_json, render_text

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "schemas" / "crosscheck.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

# A network of two modules: 30 and 70 MACs forward, twice that backward, and 5 other FLOPs.
MODULES = {"": "Net", "a": "Conv2d", "act": "ReLU", "b": "Linear"}


def work(macs: int, other: int = 0, *, groups: bool = False) -> LayerWork:
    return LayerWork(Work(macs=macs, other_flops=other), Work(macs=2 * macs), groups)


WORKS = {
    "": work(100, 5, groups=True),
    "a": work(30, groups=True),
    "b": work(70),
    "act": work(0, 5),
}


def counted(**changes: Any) -> FlopCounterCounts:
    same = {
        "forward": {"": 200, "a": 60, "b": 140},
        "forward_backward": {"": 600, "a": 180, "b": 420},
        "corrected": {"": 600, "a": 180, "b": 420},
        "without_formula": {"aten.relu": 1},
    }
    return FlopCounterCounts(**(same | changes))


def by_fvcore(**changes: Any) -> FvcoreCounts:
    same = {
        "products": {"": 100, "a": 30, "b": 70, "act": 0},
        "others": {"": 0, "a": 0, "b": 0, "act": 0},
        "other_operators": {},
        "unsupported": {"aten::mean": 1},
    }
    return FvcoreCounts(**(same | changes))


def rows(
    fvcore: FvcoreCounts | None = None, torch: FlopCounterCounts | None = None
) -> tuple[Layer, ...]:
    return layers_of(MODULES, WORKS, fvcore, torch or counted())


def said(fvcore: FvcoreCounts | str, torch: FlopCounterCounts) -> str:
    traced = None if isinstance(fvcore, str) else fvcore
    return "\n".join(findings(rows(traced, torch), fvcore, torch))


def test_rows_are_the_modules_that_someone_counts_in_their_order() -> None:
    found = rows(by_fvcore())
    assert [r.name for r in found] == ["", "a", "b"]
    assert found[0].forward_macs == 100
    assert found[0].forward_flops == 2 * 100 + 5
    assert found[0].forward_backward_macs == 300
    assert [r.has_groups for r in found] == [True, True, False]


def test_equal_counts_differ_by_nothing_and_only_that_is_said() -> None:
    for row in rows(by_fvcore()):
        assert row.fvcore_difference == row.forward_difference == 0
        assert row.forward_backward_difference == row.corrected_difference == 0
    assert said(by_fvcore(), counted()).splitlines() == [
        "forward products: ours and FlopCounterMode's are equal",
        "forward and backward products: ours and FlopCounterMode's are equal",
        "forward products: ours and fvcore's are equal",
    ]


def test_differences_are_ours_over_theirs() -> None:
    torch = counted(forward={"": 250, "a": 60, "b": 190})
    (total, _, b) = rows(None, torch)
    assert total.forward_difference == pytest.approx(200 / 250 - 1)
    assert b.forward_difference == pytest.approx(140 / 190 - 1)
    assert total.fvcore_difference is None
    text = said(by_fvcore(), torch)
    assert "forward products: ours against FlopCounterMode's -20.00%" in text
    assert "forward products differ from FlopCounterMode's in: b" in text


def test_groups_are_named_only_where_the_formula_without_them_agrees_less() -> None:
    torch = counted(forward_backward={"": 900, "a": 480, "b": 420})
    text = said(by_fvcore(), torch)
    assert "-33.33%" in text
    assert "its total is 600 instead of 900, and ours against that equal (grouped: a)" in text
    assert "groups" not in said(by_fvcore(), counted())


def test_a_difference_beside_the_groups_is_left_open() -> None:
    torch = counted(
        forward_backward={"": 900, "a": 480, "b": 420}, corrected={"": 700, "a": 280, "b": 420}
    )
    text = said(by_fvcore(), torch)
    assert "ours against that -14.29%" in text
    assert "groups apart, in: a" in text


def test_work_that_is_booked_twice_is_told_from_the_sum() -> None:
    twice = {"": 600, "a": 180, "b": 500}
    text = said(by_fvcore(), counted(forward_backward=twice, corrected=twice))
    assert "groups apart, in: b" in text
    assert "add up to 680, more than its total of 600" in text


def test_fvcores_other_flops_and_skipped_products_are_named() -> None:
    fvcore = by_fvcore(
        products={"": 30, "a": 30, "b": 0, "act": 0},
        others={"": 8, "a": 8, "b": 0, "act": 0},
        other_operators={"batch_norm": 8},
        unsupported={"aten::mean": 1, "aten::lstm": 2},
    )
    text = said(fvcore, counted())
    assert "fvcore's total holds FLOPs of no products: batch_norm 8" in text
    assert "fvcore has no formula for what ran here: aten::lstm (2)" in text
    assert "forward products: ours against fvcore's +233.33%" in text
    assert "differ from fvcore's in: b" in text
    assert "mean" not in text


def test_an_operator_that_multiplies_uncounted_is_named() -> None:
    torch = counted(without_formula={"aten.mv": 2, "aten.relu": 1})
    assert "FlopCounterMode has no formula for what ran here: aten.mv (2)" in said(
        by_fvcore(), torch
    )


def test_a_network_that_fvcore_cannot_trace_says_why() -> None:
    assert "fvcore cannot trace the network: RuntimeError: no" in said(
        "RuntimeError: no", counted()
    )


def test_own_counts_leave_out_the_nearest_modules_that_count() -> None:
    # b.0.x lies in b, since b.0 counts nothing.
    assert own_counts({"": 10, "a": 4, "b": 5, "b.0.x": 5}) == {"": 1, "a": 4, "b": 0, "b.0.x": 5}


def test_innermost_modules_hold_no_other() -> None:
    assert [r.name for r in innermost(rows())] == ["a", "b"]


@pytest.mark.parametrize(
    ("ours", "theirs", "off"), [(100, 100, False), (1000, 1004, False), (1000, 1006, True),
                                (0, 0, False), (1, 0, True), (0, 1, True)],
)  # fmt: skip
def test_half_a_percent_is_no_difference(ours: int, theirs: int, off: bool) -> None:
    assert is_off(ours, theirs) is off


def test_operators_that_multiply_are_told_by_their_names() -> None:
    names = (
        "aten::lstm",
        "aten::scaled_dot_product_attention",
        "aten.mv",
        "aten.relu",
        "aten::add",
    )
    assert list(multiplying(dict.fromkeys(names, 1))) == list(names[:3])


def crosschecked(fvcore: FvcoreCounts | None = None, **changes: Any) -> Crosscheck:
    same = {
        "tool_version": "1.2.3",
        "target": "torch:nets:net",
        "inputs": ("2x3",),
        "versions": {"torch": "2", "fvcore": "0.1", "onnxscript": "1"},
        "training": True,
        "layers": rows(fvcore),
        "fvcore_failed_because": None if fvcore else "RuntimeError: no",
        "fvcore_other_operators": {},
        "fvcore_unsupported": {"aten::mean": 1},
        "torch_without_formula": {"aten.relu": 1},
        "findings": ("found",),
        "notes": ("noted",),
    }
    return Crosscheck(**(same | changes))


@pytest.mark.parametrize("fvcore", [by_fvcore(), None])
def test_the_document_is_valid_by_its_schema(fvcore: FvcoreCounts | None) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    found = json.loads(render_json(crosschecked(fvcore)))
    VALIDATOR.validate(found)
    assert found == document(crosschecked(fvcore))
    assert [row["fvcore"] is None for row in found["layers"]] == [fvcore is None] * 3
    assert found["layers"][0]["ours"]["forward_backward_macs"] == 300


def test_the_schema_leaves_no_object_open() -> None:
    def objects(part: Any) -> list[dict[str, Any]]:
        if isinstance(part, list):
            return [o for p in part for o in objects(p)]
        if not isinstance(part, dict):
            return []
        own = [part] if "properties" in part and part.get("type") == "object" else []
        return own + [o for p in part.values() for o in objects(p)]

    found = objects(SCHEMA)
    assert len(found) > 5
    for part in found:
        assert part["additionalProperties"] is False
        assert set(part["required"]) == set(part["properties"])


def test_the_text_has_a_line_a_layer_and_the_conventions() -> None:
    lines = render_text(crosschecked(by_fvcore())).splitlines()
    (total,) = [line for line in lines if line.startswith("total (Net)")]
    # MAC, FLOP, fvcore's two, difference, FlopCounterMode's, difference, 2 x MAC, theirs, diff.
    assert total.split()[2:] == ["100", "205", "100", "0", "=", "200", "=", "600", "600", "="]
    assert any(line.startswith("a (Conv2d)") for line in lines)
    assert "- found" in lines and "- noted" in lines
    for convention in CONVENTIONS:
        assert f"- {convention}" in lines


def test_names_do_not_drive_the_terminal() -> None:
    text = render_text(crosschecked(by_fvcore(), target="torch:a\x1b[31m:b"))
    assert text.replace("\n", "").isprintable()
