"""Compute, time and energy for the technical documentation of a general-purpose AI model.

What is asked: Regulation (EU) 2024/1689, Annex XI section 1, point 2 (d) and (e), and the Model
Documentation Form of the Code of Practice (2025-07-10): training time as wall-clock and as
hardware days, compute in FLOP and energy in MWh with at least two significant figures, each with
its method in some 100 words.  Marks: 10^23 FLOP is the indicative criterion of the Commission's
guidelines, 10^25 the presumption of Article 51(2).
"""

from __future__ import annotations

import math

from auditor.cards.facts import Facts
from auditor.cards.lines import MEASURED_HEADER, NOT_ASSESSED, pair_row, table
from auditor.cards.options import CardOptions
from auditor.cards.records import Figure
from auditor.cards.yaml_lines import plain
from auditor.report.markdown import escaped

_S_PER_DAY = 86_400.0
_KWH_PER_MWH = 1e3
_MARKS = (
    (23, "indicative criterion for a general-purpose AI model (Commission's guidelines; it asks"
         " for the model's modalities too)"),
    (25, "presumption of systemic risk (Article 51(2))"),
)  # fmt: skip
_COUNTED = (
    "from the exported graph follow the operations and bytes of a training step, and from these "
    "the least times that the published rates of the device allow"
)
_HOW = {
    "roofline": "fixed shares of these rates and of the device's power, not fitted to "
    "measurements, give the time and the energy of a step",
    "calibrated": "coefficients fitted to measured trainings of other networks turn these into "
    "the time and the energy of a step",
    "calibrated+local": "coefficients fitted to measured trainings of other networks, corrected "
    "by runs of the user's own, turn these into the time and the energy of a step",
    "calibrated+measured": "coefficients fitted to measured trainings of other networks, "
    "corrected by a measured forward pass of this one, turn these into the time and the "
    "energy of a step",
}
_HEADER = ("entry", "value", "interval", "basis")


def render(found: Facts, _options: CardOptions) -> str:
    """The entries as Markdown."""
    parts = [
        f"# Compute, time and energy of the training: {escaped(found.name)}\n",
        "For Annex XI, section 1, point 2 (d) and (e) of Regulation (EU) 2024/1689 and the Model "
        "Documentation Form.  Figures without a measurement are estimates made before the "
        "training.\n",
        table(_HEADER, _rows(found)),
        "## Marks of training compute\n",
        table(("FLOP", "meaning", "this training"), _marks(found)),
        f"## Method of the compute figure\n\n{compute_method(found)}\n",
        f"## Method of the energy figure\n\n{energy_method(found)}\n",
        f"## Boundary\n\n{escaped(found.boundary)}\n",
    ]
    if found.measured is not None:
        parts += [
            f"## Measured beside predicted\n\nBy {escaped(found.measured.tool)}, for "
            f"{found.measured.samples:,.10g} samples.\n",
            table(MEASURED_HEADER, [pair_row(pair) for pair in found.measured.pairs]),
        ]
    parts.append("## Not in an audit\n\n" + _elsewhere())
    return "\n".join(parts)


def _elsewhere() -> str:
    return (
        f"- Data, architecture, licences and the other entries of the form: {NOT_ASSESSED}.\n"
        f"- Compute of inference by the form's benchmark: {NOT_ASSESSED}.\n"
        f"- Compute of synthetic data, and of failed runs not in the plan: {NOT_ASSESSED}.\n"
    )


def flop(value: float) -> str:
    """FLOP with two significant figures: ``1.1 × 10^17``."""
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits} × 10^{int(exponent)}"


def two_figures(value: float) -> str:
    """A plain decimal with two significant figures: ``0.00019``, ``1300``."""
    if value == 0:
        return "0"
    decimals = 1 - math.floor(math.log10(abs(float(f"{value:.1e}"))))
    return plain(value, 2).removesuffix(".0") if decimals <= 0 else f"{value:.{decimals}f}"


def _rows(found: Facts) -> list[tuple[str, ...]]:
    devices = found.document["workload"]["devices"]
    compute = found.compute
    flops = (NOT_ASSESSED, "-", compute.not_assessed or "-")
    if compute.median is not None:
        flops = (f"{flop(compute.median)} FLOP", "-", compute.basis.value)
    days = ("training time, wall-clock (days)", found.duration, 1 / _S_PER_DAY)
    hardware = ("training time, hardware (device-days)", found.duration, devices / _S_PER_DAY)
    energy = (f"energy ({found.energy.scope}, MWh)", found.energy, 1 / _KWH_PER_MWH)
    return [
        ("training compute", *flops),
        *((name, *_cells(figure, factor)) for name, figure, factor in (days, hardware, energy)),
        ("hardware", found.hardware, "-", "as planned"),
        ("place", found.place or NOT_ASSESSED, "-", "as planned"),
    ]


def _cells(figure: Figure, factor: float) -> tuple[str, str, str]:
    span = figure.interval
    if span is None:
        return NOT_ASSESSED, "-", figure.not_assessed or "-"
    low, median, high = (two_figures(v * factor) for v in (span.low, span.median, span.high))
    return median, f"{low} to {high} ({span.level:.0%})", figure.basis.value


def _marks(found: Facts) -> list[tuple[str, str, str]]:
    value = found.compute.median
    return [
        (f"10^{exponent}", meaning, NOT_ASSESSED if value is None else _beside(value, exponent))
        for exponent, meaning in _MARKS
    ]


def _beside(value: float, exponent: int) -> str:
    """Where a count of FLOP is to a mark; both marks are for more than their figure."""
    return "above" if value > 10.0**exponent else "not above"


def compute_method(found: Facts) -> str:
    """How the compute was counted, in some 100 words."""
    profile, plan = found.document["profile"], found.document["workload"]
    unknown = sum(row["count"] for row in profile["unknown"])
    left_out = f"{unknown} operators without a formula are left out. " if unknown else ""
    return (
        "The operations were counted from the exported ONNX graph, operator by operator, with "
        "the shapes that the plan gives them: a forward pass as it is trained, the gradients of "
        "the trained parameters and of the activations, and the optimizer's update. "
        f"The convention is {escaped(profile['flops_convention'])}. {left_out}"
        "One pass over one batch was multiplied by the number of passes of all devices, epochs "
        f"and runs of a search ({plan['trials']}). "
        "Nothing was measured for this figure, no utilisation of the hardware enters it, and "
        "operations that are computed again to save memory are counted where the plan asks for "
        "that. Compute of generated data, of evaluation and of discarded runs is not in it."
    )


def energy_method(found: Facts) -> str:
    """How the energy was come by, in some 100 words."""
    span = found.energy.interval
    if span is None:
        return f"The energy is {NOT_ASSESSED}: {escaped(found.energy.not_assessed or '')}."
    how = _HOW[found.document["estimate"]["method"]]
    return (
        f"Estimated before the training by {escaped(found.tool)} ({escaped(found.method)}), not "
        f"metered during it: {_COUNTED}; {how}. That is multiplied by the steps of the plan, its "
        f"epochs and its runs of a search. The scope is {found.energy.scope}; the Act names no "
        "boundary, so it is stated below. The figure is a median; the interval is to hold the "
        f"true value in {span.level:.0%} of trainings. No offsets are subtracted."
    )
