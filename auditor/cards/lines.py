"""Figures as people read them: the tables that the Markdown cards share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from auditor import units
from auditor.cards.facts import Facts
from auditor.cards.measured import Pair
from auditor.cards.records import Figure
from auditor.report.markdown import escaped

NOT_ASSESSED = "not assessed"
FIGURE_HEADER = ("figure", "value", "interval", "covers", "basis", "method")
MEASURED_HEADER = (
    "figure", "measured", "predicted for as many samples", "interval", "error of the prediction",
)  # fmt: skip
_LABELS = {
    "flops": "compute",
    "duration_s": "time",
    "mean_power_w": "mean power",
    "operational_gco2e": "carbon of the electricity",
    "embodied_gco2e": "embodied carbon of the accelerators",
    "embodied_server_gco2e": "embodied carbon of their servers",
    "water_l": "water",
    "water_site_l": "water at the site",
    "water_grid_l": "water of the grid",
    "energy_cost": "cost of the electricity",
    "device_cost": "cost of the devices' hours",
    "e_waste": "e-waste",
    "minerals": "minerals",
    "sam": "SAM",
}


def label(figure: Figure) -> str:
    """What a figure is called."""
    name = figure.name.removeprefix("measured_")
    if name.startswith("energy_") and name.endswith("_kwh"):
        return "energy"
    return _LABELS.get(name, name.replace("_", " "))


def amount(unit: str) -> Callable[[float, float], str]:
    """How to show a value in `unit`, in the scale that suits a second value."""
    scaled: dict[str, Callable[[float, float], str]] = {
        "kWh": units.energy,
        "s": units.duration,
        "g CO2e": _mass,
        "FLOP": _flop,
    }
    return scaled.get(unit, lambda value, _: f"{units.significant(value)} {unit}".rstrip())


def _flop(count: float, _like: float) -> str:
    return units.si(count, "FLOP")


def _mass(grams: float, like: float) -> str:
    return f"{units.mass(grams, like)} CO2e"


def figure_row(figure: Figure) -> tuple[str, ...]:
    """Cells of one figure under `FIGURE_HEADER`."""
    covers = figure.scope or "-"
    if figure.median is None:
        reason = figure.not_assessed or "-"
        return (label(figure), NOT_ASSESSED, "-", covers, "-", reason)
    show, found = amount(figure.unit), figure.interval
    value = show(figure.median, figure.median)
    span = "-"
    if found is not None:
        low, high = show(found.low, found.median), show(found.high, found.median)
        span = f"{low} to {high} ({found.level:.0%})"
    return (label(figure), value, span, covers, figure.basis.value, figure.method)


def pair_row(pair: Pair) -> tuple[str, ...]:
    """Cells of one measured figure beside its prediction, under `MEASURED_HEADER`."""
    show, found = amount(pair.unit), pair.predicted
    low, high = show(found.low, found.median), show(found.high, found.median)
    error = f"{pair.error:+.1%}"
    if not pair.same_scope:
        error = f"at most {error}: {pair.measured_scope} of the {pair.predicted_scope} measured"
    name = "time" if pair.unit == "s" else f"energy ({pair.measured_scope})"
    return (
        name,
        show(pair.measured, found.median),
        show(found.median, found.median),
        f"{low} to {high} ({found.level:.0%})",
        error,
    )


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; what stands in its cells is text, whatever is in it."""
    cells = [header, ["---"] * len(header), *([escaped(cell) for cell in row] for row in rows)]
    return "".join("| " + " | ".join(row) + " |\n" for row in cells)


def bullets(lines: Sequence[str]) -> str:
    """A Markdown list of texts."""
    return "".join(f"- {escaped(line)}\n" for line in lines)


def plan_rows(found: Facts) -> list[tuple[str, str]]:
    """What was to be trained, on what and how long."""
    document, plan = found.document, found.document["workload"]
    return [
        ("model", found.name),
        ("parameters", f"{document['model']['training_parameter_count']:,}"),
        ("hardware", found.hardware),
        ("precision", f"{plan['precision']}, optimizer {plan['optimizer']}"),
        ("batch", f"{plan['global_batch_size']:,} samples in one optimizer step"),
        ("samples", _samples(found)),
        ("operators with a cost", f"{document['profile']['coverage']:.1%}"),
        ("where", found.place or NOT_ASSESSED),
    ]


def _samples(found: Facts) -> str:
    plan = found.document["workload"]
    if plan["samples"] is None or plan["total_samples"] is None:
        return NOT_ASSESSED
    text = f"{plan['samples']:,.10g} x {plan['epochs']:g} epochs"
    trials = f" x {plan['trials']} runs of a search" if plan["trials"] > 1 else ""
    return f"{text}{trials} = {plan['total_samples']:,.10g}"
