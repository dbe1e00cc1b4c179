"""What the charts have in common: Vega-Lite specifications as plain mappings.

Colours are variables of the page's style sheet, so that one drawing serves a light screen, a
dark one and paper.  Names stand in the data alone, never in an expression.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from auditor.page.figures import plain

Spec = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]

FIRST = "var(--first)"
SECOND = "var(--second)"
QUIET = "var(--quiet)"
_LONGEST_LABEL = 22
_TEXT = "currentColor"
_CONFIG: Spec = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {
        "labelColor": _TEXT,
        "titleColor": _TEXT,
        "domainColor": QUIET,
        "tickColor": QUIET,
        "gridColor": QUIET,
        "gridOpacity": 0.35,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
    },
    "legend": {
        "labelColor": _TEXT,
        "titleColor": _TEXT,
        "orient": "top",
        "columns": 2,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "symbolStrokeWidth": 0,
    },
    "text": {"color": _TEXT, "fontSize": 12},
    "bar": {"color": FIRST},
    "rule": {"color": _TEXT},
    "point": {"filled": True, "size": 80, "color": FIRST, "opacity": 1},
}


def labels(found: Sequence[str]) -> list[str]:
    """The ends of long names, where names of layers differ, numbered where two would be one."""
    short = [_label(plain(name)) for name in found]
    if len(set(short)) == len(short):
        return short
    return [f"{i} {name}" for i, name in enumerate(short, 1)]


def _label(name: str) -> str:
    return name if len(name) <= _LONGEST_LABEL else "…" + name[1 - _LONGEST_LABEL :]


def chart(description: str, rows: Rows, **parts: Any) -> Spec:
    """A chart as wide as its place, which a screen reader announces by `description`."""
    return {
        "description": description,
        "width": "container",
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": [dict(row) for row in rows]},
        "config": _CONFIG,
        **parts,
    }


def names(sort: str | None = None) -> Spec:
    """The vertical axis with one name a row, in the order of the data."""
    axis = {"labelLimit": 240, "title": None, "labelOverlap": "greedy", "ticks": False}
    return {"field": "label", "type": "nominal", "sort": sort, "axis": axis}


def amount(field: str, title: str, **scale: Any) -> Spec:
    """A quantitative axis with few ticks."""
    found: Spec = {
        "field": field,
        "type": "quantitative",
        "title": title,
        "axis": {"tickCount": 4, "labelOverlap": "greedy", "format": ",.4~r"},
    }
    return found | ({"scale": scale} if scale else {})


def tooltip(**titles: str) -> list[Spec]:
    """What a pointer over a mark is told: fields of text, by their titles."""
    return [{"field": field, "type": "nominal", "title": title} for field, title in titles.items()]


def zoom(title: str, choices: Sequence[str]) -> Spec:
    """A list to choose a part of the chart from, by hand or by keyboard; the first is shown."""
    bind = {"input": "select", "options": list(choices), "name": f"{title} "}
    return {"name": "part", "value": choices[0], "bind": bind}


def bars_with_ends(x: Spec) -> list[Spec]:
    """Bars of a median with a rule from the low end to the high one."""
    ends = {"x": {"field": "low", "type": "quantitative"}, "x2": {"field": "high"}}
    return [
        {"mark": {"type": "bar", "height": {"band": 0.6}}, "encoding": {"x": x}},
        {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": ends},
    ]
