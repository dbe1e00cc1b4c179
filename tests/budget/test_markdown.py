"""The verdict as Markdown: whole, and with what strangers put into names."""

from __future__ import annotations

import re

import pytest
from markdown_it import MarkdownIt
from verdicts import (
    PAYLOADS,
    broken,
    change,
    compared,
    everything,
    exceeded,
    model,
    not_assessed,
    verdict,
    warned,
    within,
)

from auditor.budget.markdown import MARKER, render_markdown
from auditor.budget.records import Cause

WHOLE = """\
<!-- auditor-check -->
## Training budget: 2 models: 1 not judged; 1 exceeded

compared with audit.lock.json, tolerance 5%

| model | limit on | allowed | before | now | interval | verdict |
| --- | --- | --- | --- | --- | --- | --- |
| resnet50 | energy\\_kwh | at most 12 kWh | 12.00 kWh | 15.00 kWh (+25.0%) | 90% interval \
10.00 kWh to 20.00 kWh | **exceeded**: the median is 3.000 kWh (25.0%) over |

### Limits that do not hold, and what would help

- model resnet50: energy\\_kwh is 15.00 kWh (90% interval 10.00 kWh to 20.00 kWh): the median is \
3.000 kWh (25.0%) over the limit (at most 12 kWh, by \\[limits\\] of auditor.toml)
  - epochs 72 (is 90): 12.00 kWh

### Not judged

- model broken: broken.onnx: is no ONNX model

### Against audit.lock.json

- model resnet50: energy\\_kwh 12.00 -\\> 15.00 (+25.0%), more than the tolerance: the model changed
- old is in the lock file and not in the configuration

### Warnings

- model resnet50: beyond the measured runs

### How it was estimated

| model | hardware | region | energy covers | method | within what was measured |
| --- | --- | --- | --- | --- | --- |
| resnet50 | A100 SXM4 80GB | FRA | node | calibrated | yes |
"""


def test_the_whole_of_it() -> None:
    changed = (("energy_kwh", change()), ("duration_h", change(causes=(), exceeds=False)))
    one = model(exceeded(), changes=changed, warnings=("beyond the measured runs",))
    assert render_markdown(compared(one, broken(), missing=("old",))) == WHOLE


def test_what_there_is_nothing_to_say_of_is_left_out() -> None:
    said = render_markdown(verdict(model(within())))
    assert re.findall(r"^#+ .*$", said, re.MULTILINE) == [
        "## Training budget: 1 model: within",
        "### How it was estimated",
    ]
    assert "before" not in said
    assert "| **" not in said


def test_each_outcome_has_its_word() -> None:
    said = render_markdown(verdict(model(within(), warned(), exceeded(), not_assessed())))
    rows = [line for line in said.splitlines() if line.startswith("| resnet50 | ")][:4]
    assert [row.split(" | ")[-1] for row in rows] == [
        "within |",
        "**warning**: the high end is 4.000 kWh (25.0%) over |",
        "**exceeded**: the median is 3.000 kWh (25.0%) over |",
        "**not judged** |",
    ]
    assert "not assessed | - |" in rows[3]
    assert "- model resnet50: operational\\_gco2e is not assessed: no region was given" in said


def test_a_figure_that_the_lock_file_lacks_has_nothing_before() -> None:
    new = change(causes=(Cause.NEW,), ratio=None, exceeds=None)
    said = render_markdown(compared(model(within(), changes=(("energy_kwh", new),))))
    assert "| at most 30 kWh | - | 15.00 kWh | 90% interval" in said
    assert "- model resnet50: is not in the lock file" in said


def elements(markdown: str) -> list[str]:
    """The elements that a reader of Markdown makes, with their attributes."""
    reader = MarkdownIt("gfm-like", {"linkify": False}).enable("table")
    return re.findall(r"<[^>]*>", reader.render(markdown))


@pytest.mark.parametrize("payload", PAYLOADS.values(), ids=PAYLOADS.keys())
def test_a_name_is_text_and_nothing_else(payload: str) -> None:
    said = render_markdown(everything(payload))
    assert elements(said) == elements(render_markdown(everything("plain")))
    assert said.count(MARKER) == 1
    assert said.startswith(MARKER)
    assert said.replace("\n", "").isprintable() or "\u200b" in said
    assert not re.search(r"@\w|www\.|://|(?<!&)#\d", said)


def test_nobody_is_mentioned_by_what_the_page_shows() -> None:
    """Mentions are looked for in the text of the page, where an entity is a letter again."""
    page = MarkdownIt().render(render_markdown(verdict(broken("@octocat see #12"))))
    assert "@\u200boctocat see #\u200b12" in page
