"""The charts of a comparison: what each model takes, and accuracy against energy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from auditor.page.charts import (
    FIRST,
    QUIET,
    SECOND,
    Spec,
    amount,
    bars_with_ends,
    chart,
    labels,
    names,
    tooltip,
    zoom,
)
from auditor.page.figures import plain, words

_ROW_PX = 30
_PARETO_PX = 340
_ON, _OFF = "on the front", "not on the front"
_EVERY = "all models"


def comparison_charts(document: Mapping[str, Any]) -> dict[str, Spec]:
    """The specifications by the id of their place; the front needs accuracies."""
    models = [m for m in document["models"] if m["energy_kwh"] is not None]
    found = {}
    placed = [m for m in models if m["place"] is not None and m["accuracy"] is not None]
    if placed:
        found["chart-pareto"] = _pareto(placed)
    if models:
        found["chart-energy"] = _energy(models)
    return found


def _rows(models: Sequence[Mapping[str, Any]]) -> list[Spec]:
    named = zip(models, labels([model["name"] for model in models]), strict=True)
    return [_row(model, label) for model, label in named]


def _row(model: Mapping[str, Any], label: str) -> Spec:
    energy = model["energy_kwh"]
    ends = {key: energy[key] for key in ("low", "median", "high")}
    shown = {f"{key}_text": words(value, "kwh", ends["median"]) for key, value in ends.items()}
    return {"label": label, "name": plain(model["name"]), **ends, **shown}


def _scale(rows: Sequence[Mapping[str, Any]]) -> str:
    """Logarithmic, as energies of models lie far apart, where all are above nothing."""
    return "log" if all(row["low"] > 0 for row in rows) else "linear"


def _energy(models: Sequence[Mapping[str, Any]]) -> Spec:
    rows = _rows(models)
    shown = tooltip(name="", median_text="median", low_text="low", high_text="high")
    return chart(
        "Electricity of each model with its interval; the table below has the figures",
        rows,
        height=max(2, len(rows)) * _ROW_PX,
        encoding={"y": names(), "tooltip": shown},
        layer=bars_with_ends(amount("median", "kWh")),
    )


def _pareto(models: Sequence[Mapping[str, Any]]) -> Spec:
    """Points with their intervals of energy; a line joins the front of the medians."""
    rows = [
        row
        | {
            "accuracy": model["accuracy"],
            "accuracy_text": words(model["accuracy"], "exact"),
            "front": _ON if model["place"]["on_front"] else _OFF,
        }
        for model, row in zip(models, _rows(models), strict=True)
    ]
    rows.sort(key=lambda row: float(row["median"]))
    return chart(
        "Accuracy against electricity, the Pareto front joined; the table below has the figures",
        rows,
        height=_PARETO_PX,
        params=[zoom("Show", (_EVERY, _ON))],
        transform=[{"filter": f"part == '{_EVERY}' || datum.front == part"}],
        encoding={"y": _accuracy_axis()},
        layer=_pareto_layers(_scale(rows)),
    )


def _accuracy_axis() -> Spec:
    return amount("accuracy", "accuracy", zero=False, padding=24)


def _pareto_layers(scale: str) -> list[Spec]:
    zero = {} if scale == "log" else {"zero": False}
    x = amount("median", "electricity, kWh", type=scale, padding=16, **zero)
    low = {"field": "low", "type": "quantitative"}
    colours = {"domain": [_ON, _OFF], "range": [FIRST, SECOND]}
    shapes = {"domain": [_ON, _OFF], "range": ["circle", "square"]}
    shown = tooltip(
        name="", accuracy_text="accuracy", median_text="electricity", low_text="low",
        high_text="high",
    )  # fmt: skip
    place = {"field": "front", "type": "nominal", "title": None}
    return [
        {
            "transform": [{"filter": f"datum.front == '{_ON}'"}],
            "mark": {"type": "line", "interpolate": "step-after", "stroke": QUIET},
            "encoding": {"x": x, "order": {"field": "median", "type": "quantitative"}},
        },
        {
            "mark": {"type": "rule", "opacity": 0.6},
            "encoding": {"x": low, "x2": {"field": "high"}},
        },
        {
            "mark": {"type": "point"},
            "encoding": {
                "x": x,
                "color": place | {"scale": colours},
                "shape": place | {"scale": shapes},
                "tooltip": shown,
            },
        },
        {
            "mark": {"type": "text", "dy": -12, "limit": 160},
            "encoding": {"x": x, "text": {"field": "label", "type": "nominal"}},
        },
    ]
