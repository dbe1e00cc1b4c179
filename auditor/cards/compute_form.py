"""A statement of compute as conferences ask for it: hardware, time, and the total with trials.

Asked by the NeurIPS checklist (experiments compute resources: workers, memory, time of a run,
total compute with what is not in the paper) and the compute reporting form of CVPR.
"""

from __future__ import annotations

from auditor import units
from auditor.cards.facts import Facts
from auditor.cards.lines import (
    FIGURE_HEADER,
    MEASURED_HEADER,
    NOT_ASSESSED,
    figure_row,
    pair_row,
    plan_rows,
    table,
)
from auditor.cards.options import CardOptions
from auditor.report.markdown import escaped
from auditor.units import S_PER_H


def render(found: Facts, _options: CardOptions) -> str:
    """The statement as Markdown."""
    phases = _phases(found)
    parts = [
        f"# Compute of {escaped(found.name)}\n",
        f"By {escaped(found.tool)}: {escaped(found.method)}. {escaped(found.boundary)}\n",
        "## Hardware\n",
        table(("what", "value"), _hardware(found)),
        "## Compute\n",
        table(("run", "count", "device-hours", "energy", "basis"), phases),
        "Of the experiments, what is not in the plan (debugging, discarded runs that it does not "
        f"name, evaluation): {NOT_ASSESSED}.\n",
        "## Figures\n",
        table(FIGURE_HEADER, [figure_row(f) for f in (*found.figures, *found.scores)]),
    ]
    if found.measured is not None:
        parts += [
            f"## Measured beside predicted\n\nBy {escaped(found.measured.tool)}, for "
            f"{found.measured.samples:,.10g} samples.\n",
            table(MEASURED_HEADER, [pair_row(pair) for pair in found.measured.pairs]),
        ]
    return "\n".join(parts)


def _hardware(found: Facts) -> list[tuple[str, str]]:
    hardware, memory = found.document["hardware"], found.document["profile"]["memory"]
    size = hardware["memory_bytes"]
    return [
        *plan_rows(found),
        ("memory of a device", NOT_ASSESSED if size is None else units.binary_bytes(size)),
        ("memory needed (estimated)", units.binary_bytes(memory["total_bytes"])),
        ("CPU, memory and storage of the host", NOT_ASSESSED),
    ]


def _phases(found: Facts) -> list[tuple[str, ...]]:
    """One training, the search beside it, failed runs and the total of the experiments."""
    trials = found.document["workload"]["trials"]
    basis = found.energy.basis.value
    failed = _failed(found)
    rows: list[tuple[str, ...]] = [
        ("one training", "1", *_share(found, 1 / trials), basis),
        ("other runs of the search", str(trials - 1), *_share(found, (trials - 1) / trials), basis),
    ]
    if failed is None:
        rows.append(("failed runs", "-", NOT_ASSESSED, NOT_ASSESSED, "-"))
    else:
        rows.append(("failed runs", f"{failed:g}", *_share(found, failed / trials), basis))
    whole = (trials + (failed or 0)) / trials
    rows.append(("total", f"{trials + (failed or 0):g}", *_share(found, whole), basis))
    return rows


def _failed(found: Facts) -> float | None:
    """Whole trainings that came to nothing; None where the plan does not say."""
    life = found.document["life_cycle"]
    phases = [] if life is None else life["phases"]
    counts = [phase["count"] for phase in phases if phase["name"] == "failed runs"]
    return counts[0] if counts else None


def _share(found: Facts, share: float) -> tuple[str, str]:
    """Device-hours and energy of a share of the planned runs."""
    seconds, kwh = found.duration.median, found.energy.median
    if seconds is None or kwh is None:
        return NOT_ASSESSED, NOT_ASSESSED
    hours = seconds * found.document["workload"]["devices"] * share / S_PER_H
    return units.significant(hours), f"{units.energy(kwh * share)} ({found.energy.scope})"
