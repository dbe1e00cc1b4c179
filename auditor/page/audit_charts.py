"""The charts of one audit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from auditor.page.charts import (
    FIRST,
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
from auditor.page.shares import Part, energy_basis, family_parts, operation_parts, step_parts

_ROW_PX = 30
_MOST_PX = 420
_EDGE = 20
_NEAR = 10
_LONGEST = 10
_LISTED, _ALL = "the longest operations", "the whole step"


def audit_charts(document: Mapping[str, Any]) -> dict[str, Spec]:
    """The specifications by the id of their place; what the document has not gets no chart."""
    return dict(_charts(document))


def _charts(document: Mapping[str, Any]) -> Iterator[tuple[str, Spec]]:
    yield "chart-scopes", _scopes(document)
    yield "chart-step", _step(document)
    yield "chart-operations", _operations(document)
    yield "chart-energy-families", _energy_of_families(document)
    if document["profile"]["by_family"]:
        yield "chart-families", _families(document)
    if "regions" in (document["by_region"] or {}):
        yield "chart-regions", _regions(document["by_region"])
    if "rows" in (document["alternatives"] or {}) and document["alternatives"]["rows"]:
        yield "chart-alternatives", _alternatives(document["alternatives"]["rows"])
    life = document["life_cycle"]
    if life is not None and any(phase["energy_kwh"] for phase in life["phases"]):
        yield "chart-life", _life(life)


def _row(name: str, interval: Mapping[str, float], unit: str) -> Spec:
    """A median and its ends, as numbers for the axes and in words for a pointer."""
    ends = {key: interval[key] for key in ("low", "median", "high")}
    shown = {f"{key}_text": words(value, unit, ends["median"]) for key, value in ends.items()}
    return {"label": plain(name), "name": plain(name), **ends, **shown}


_INTERVAL = tooltip(name="", median_text="median", low_text="low", high_text="high")


def _intervals(description: str, rows: list[Spec], title: str) -> Spec:
    return chart(
        description,
        rows,
        height=max(2, len(rows)) * _ROW_PX,
        encoding={"y": names(), "tooltip": _INTERVAL},
        layer=bars_with_ends(amount("median", title)),
    )


def _scopes(document: Mapping[str, Any]) -> Spec:
    found = document["estimate"]["by_scope"]
    of = "training"
    if found["gpu"] is None:
        found, of = document["estimate"]["energy_per_million_samples_kwh"], "a million samples"
    rows = [_row(scope, value, "kwh") for scope, value in found.items() if value is not None]
    return _intervals(
        f"Electricity of {of} by scope, with intervals; the table below has the figures",
        rows,
        "kWh",
    )


def _shared(part: Part, label: str) -> Spec:
    return {
        "label": label,
        "name": plain(part.name),
        "family": _ALL if part.family is None else plain(part.family),
        "share": part.share,
        "share_text": words(part.share, "share"),
        "time_text": words(part.time_s, "s"),
        "energy_text": "-" if part.energy_kwh is None else words(part.energy_kwh, "kwh"),
    }


_SHARE = tooltip(name="", share_text="share", time_text="time", energy_text="energy")


def _share_axis() -> Spec:
    axis = {"format": ".2~%", "tickCount": 4, "labelOverlap": "greedy"}
    return {"field": "share", "type": "quantitative", "title": "share of the step", "axis": axis}


def _step(document: Mapping[str, Any]) -> Spec:
    rows = [_shared(part, part.name) for part in step_parts(document)]
    return chart(
        "Parts of a training step by their share of its time; the table below has the figures",
        rows,
        height=len(rows) * _ROW_PX,
        mark={"type": "bar"},
        encoding={"y": names(), "x": _share_axis(), "tooltip": _SHARE},
    )


def _operations(document: Mapping[str, Any]) -> Spec:
    parts = operation_parts(document)
    named = zip(parts, labels([part.name for part in parts]), strict=True)
    rows = [_shared(part, label) | {"rank": rank} for rank, (part, label) in enumerate(named)]
    families = sorted({plain(part.family) for part in parts if part.family is not None})
    _, of = energy_basis(document)
    return chart(
        f"Operations by their share of the devices' energy for {of}; the table has the figures",
        rows,
        height=min(len(rows), 2 * _LONGEST) * _ROW_PX,
        params=[zoom("Show", (_LISTED, _ALL, *families))],
        transform=[
            {
                "filter": f"part == '{_ALL}' || datum.family == part"
                f" || (part == '{_LISTED}' && datum.rank < {_LONGEST})"
            }
        ],
        mark={"type": "bar"},
        encoding={"y": names(), "x": _share_axis(), "tooltip": _SHARE},
    )


def _energy_of_families(document: Mapping[str, Any]) -> Spec:
    rows = [_shared(part, part.name) for part in family_parts(document)]
    return chart(
        "Families of operators by their share of the step and so of the devices' energy; the "
        "table below has the figures",
        rows,
        height=max(2, len(rows)) * _ROW_PX,
        mark={"type": "bar"},
        encoding={"y": names(), "x": _share_axis(), "tooltip": _SHARE},
    )


def _families(document: Mapping[str, Any]) -> Spec:
    rows = []
    for what, keys in (("FLOPs", ("flops",)), ("bytes moved", ("read_bytes", "written_bytes"))):
        sums = [
            (row["family"], sum(row[p][k] for p in ("training_forward", "backward") for k in keys))
            for row in document["profile"]["by_family"]
        ]
        total = sum(value for _, value in sums) or 1
        rows += [
            {
                "label": plain(family),
                "name": plain(family),
                "what": what,
                "share": value / total,
                "share_text": words(value / total, "share"),
            }
            for family, value in sums
        ]
    axis = {"format": ".2~%", "tickCount": 4, "labelOverlap": "greedy"}
    colours = {"domain": ["FLOPs", "bytes moved"], "range": [FIRST, SECOND]}
    return chart(
        "Families of operators by their share of FLOPs and of bytes moved; the table has both",
        rows,
        height=len(rows) * 16,
        mark={"type": "bar"},
        encoding={
            "y": names(),
            "yOffset": {"field": "what", "type": "nominal", "sort": None},
            "x": {"field": "share", "type": "quantitative", "title": "share", "axis": axis},
            "color": {"field": "what", "type": "nominal", "title": None, "scale": colours},
            "tooltip": tooltip(name="", what="of", share_text="share"),
        },
    )


def _regions(found: Mapping[str, Any]) -> Spec:
    """All regions, or one end of them, or what is near the chosen one."""
    regions = found["regions"]
    rank = found["chosen_rank"]
    rows = [
        _row(f"{i} {region['name']} ({region['id']})", region["operational_gco2e"], "gco2e")
        | {
            "rank": i,
            "chosen": "chosen" if region["id"] == found["chosen"] else "other",
            "label": f"{i} {plain(region['name'])[:20]}",
        }
        for i, region in enumerate(regions, 1)
    ]
    lowest, highest, near = f"the lowest {_EDGE}", f"the highest {_EDGE}", "near the chosen one"
    every = "all regions"
    choices = [every, lowest, highest] + ([near] if rank is not None else [])
    tests = [f"part == '{every}'", f"(part == '{lowest}' && datum.rank <= {_EDGE})"]
    tests.append(f"(part == '{highest}' && datum.rank > {len(rows) - _EDGE})")
    if rank is not None:
        tests.append(f"(part == '{near}' && abs(datum.rank - {int(rank)}) <= {_NEAR})")
    colours = {"domain": ["other", "chosen"], "range": [FIRST, SECOND]}
    legend = {"title": None} if rank is not None else None
    colour = {"field": "chosen", "type": "nominal", "scale": colours, "legend": legend}
    return chart(
        "Carbon of the same training by region, lowest first; the table below has the figures",
        rows,
        height=_MOST_PX,
        params=[zoom("Show", choices)],
        transform=[{"filter": " || ".join(tests)}],
        mark={"type": "bar"},
        encoding={
            "y": names(),
            "x": amount("median", "g CO2e, medians"),
            "color": colour,
            "tooltip": _INTERVAL,
        },
    )


def _alternatives(found: list[Mapping[str, Any]]) -> Spec:
    rows = [
        {
            "label": label,
            "name": plain(row["change"]),
            "ratio": row["energy_ratio"],
            "ratio_text": words(row["energy_ratio"], "ratio"),
        }
        for row, label in zip(found, labels([row["change"] for row in found]), strict=True)
    ]
    return chart(
        "Electricity of each alternative over that of the plan; the table below has the figures",
        rows,
        height=max(60, len(rows) * 22),
        layer=[
            {
                "mark": {"type": "bar"},
                "encoding": {
                    "y": names(),
                    "x": amount("ratio", "electricity, plan = 1"),
                    "tooltip": tooltip(name="", ratio_text="of the plan's electricity"),
                },
            },
            {"mark": {"type": "rule", "strokeDash": [4, 4]}, "encoding": {"x": {"datum": 1}}},
        ],
    )


def _life(life: Mapping[str, Any]) -> Spec:
    rows = [
        _row(phase["name"], phase["energy_kwh"], "kwh")
        for phase in life["phases"]
        if phase["energy_kwh"] is not None
    ]
    return _intervals(
        "Electricity of the phases of the network's life; the table below has the figures",
        rows,
        "kWh",
    )
