"""Documents to make pages of, and a page taken apart by the standard library's parser."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from builders import DATA

from auditor.compare import candidates, comparison
from auditor.compare.document import document as comparison_document
from auditor.page import render
from auditor.pipeline import Request, audit
from auditor.report.document import document
from auditor.scores import Choices
from auditor.workload import Lifecycle, Plan

EXAMPLES = DATA.parents[1] / "examples"
LIFE = Lifecycle(
    life_years=2.0,
    inferences_per_day=1e6,
    retrainings_per_year=1.0,
    failed_runs=0.5,
    usage_growth_percent=20.0,
)
PLAN: dict[str, Any] = {
    "hardware": "a100-sxm4-80gb",
    "samples": 1_281_167.0,
    "epochs": 90.0,
    "batch_size": 64,
    "region": "FR",
    "lifecycle": LIFE,
}
FORWARD = {
    "measured_s": {"value": 0.0125, "low": 0.012, "high": 0.013, "level": 0.95},
    "modelled_s": 0.0118,
    "energy_j": {"value": 3.25, "low": None, "high": None, "level": 0.95},
    "energy_method": "counter",
    "energy_scope": "gpu",
    "mean_power_w": 260.0,
    "batch_size": 64,
    "precision": "fp16",
    "hardware": "a100-sxm4-80gb",
    "versions": {"onnxruntime": "1.27"},
}


@cache
def _made(name: str) -> str:
    if name == "comparison":
        paths = (EXAMPLES / "resnet50.onnx", EXAMPLES / "mobilenetv2.onnx")
        accuracies = {"resnet50": 0.761, "mobilenetv2": 0.719}
        shared = Request(path=Path(), plan=Plan(**PLAN))
        found = comparison(candidates(paths, shared, {}, accuracies), Choices())
        return json.dumps(comparison_document(found))
    path = EXAMPLES / "resnet50.onnx"
    if name == "bare":
        return json.dumps(document(audit(Request(path=path, plan=Plan(hardware="v100")))))
    plan = Plan(**PLAN, accuracy=0.76, pue=1.2, price_per_kwh=0.25, currency="EUR")
    request = Request(path=path, plan=plan, by_region="all", alternatives=True)
    return json.dumps(document(audit(request)))


def made(name: str) -> dict[str, Any]:
    """A document of one's own to change: "full", "bare", "measured" or "comparison"."""
    if name == "measured":
        return made("bare") | {"measured_forward": copy.deepcopy(FORWARD)}
    found: dict[str, Any] = json.loads(_made(name))
    return found


NAMES = ("full", "bare", "measured", "comparison")


@cache
def page_of(name: str) -> str:
    return render(made(name))


def at(document: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    text: str = ""


@dataclass
class Taken(HTMLParser):
    """All elements in their order, each with the text below it; comments apart."""

    elements: list[Element] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    unclosed: list[Element] = field(default_factory=list)

    VOID = frozenset({"meta", "br", "link", "img", "input", "hr"})

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        self.elements.append(element)
        if tag not in self.VOID:
            self.unclosed.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.unclosed and self.unclosed[-1].tag == tag, f"</{tag}> closes nothing open"
        self.unclosed.pop()

    def handle_data(self, data: str) -> None:
        for element in self.unclosed:
            element.text += data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def of(self, *tags: str) -> list[Element]:
        return [e for e in self.elements if e.tag in tags]


def taken(page: str) -> Taken:
    parser = Taken()
    parser.feed(page)
    parser.close()
    assert parser.unclosed == []
    return parser


def saved(folder: Path, name: str) -> Path:
    path = folder / f"{name}.html"
    path.write_text(page_of(name), encoding="utf-8")
    return path
