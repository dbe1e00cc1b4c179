"""The example of docs/adding-an-operator.md runs as it is written there."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import builders
import pytest

from auditor.costs import plain, records, registry
from auditor.shapes import contrib, rules
from auditor.shapes.records import Operation

DOCUMENT = Path(__file__).parents[2] / "docs" / "adding-an-operator.md"
LINES = 40


def test_the_page_is_short() -> None:
    assert len(DOCUMENT.read_text("utf-8").splitlines()) < LINES


def test_the_example_is_an_operator_with_shape_cost_and_test(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    shape, formula, test = (textwrap.dedent(block) for block in blocks)
    line = eval("{" + shape + "}", vars(rules))  # noqa: S307  (the page's own line)
    more = {**contrib.RULES, **rules.everywhere("com.microsoft", line)}
    monkeypatch.setattr(contrib, "RULES", more)
    monkeypatch.setattr(registry, "_FORMULAS", dict(registry.formulas()))
    names: dict[str, Any] = {"Operation": Operation}
    for module in (registry, plain, records, builders):
        names |= vars(module)
    exec(formula + test, names)  # noqa: S102  (the page's own code)
    names["test_tanh_shrink"]()


def test_nothing_of_the_example_is_left() -> None:
    assert ("com.microsoft", "TanhShrink") not in registry.formulas()
