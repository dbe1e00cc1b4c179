"""What people read, as labels and values: the text and Markdown reports share it."""

from __future__ import annotations

from collections.abc import Callable

from auditor import escaping, units
from auditor.energy import Scope
from auditor.errors import clipped
from auditor.impacts import NotAssessed
from auditor.interval import Interval
from auditor.pipeline import Audit
from auditor.report import impact_lines
from auditor.report.forward import forward_row

Row = impact_lines.Row
TOP_OP_TYPES = 8
LONGEST_NAME = 200
NOT_ASSESSED = impact_lines.NOT_ASSESSED
printable = escaping.printable


def span(interval: Interval, show: Callable[[float, float], str]) -> str:
    """A median with its range in one unit, in words that say how sure it is."""
    low, median, high = (
        show(value, interval.median) for value in (interval.low, interval.median, interval.high)
    )
    return f"{median}  ({interval.level:.0%} interval {low} to {high})"


def model_rows(audit: Audit) -> list[Row]:
    """The graph: what it is, and the device it is audited for."""
    found, model = audit.profile, audit.model
    inputs = ", ".join(
        f"{clipped(printable(n), LONGEST_NAME)} {'x'.join(map(str, s))}"
        for n, s in audit.bound.shapes.items()
    )
    trained = ""
    if found.training_parameter_count != found.parameter_count:
        trained = f" in the file, {found.training_parameter_count:,} trained"
    return [
        ("model", f"{printable(model.path)}  (opset {model.opset}, {found.node_count} nodes)"),
        ("hardware", printable(audit.hardware.accelerator.name)),
        ("inputs", inputs),
        ("parameters", f"{found.parameter_count:,}{trained}"),
        ("coverage", f"{found.coverage:.1%} of nodes have a cost"),
    ]


def step_rows(audit: Audit) -> list[Row]:
    """One training step on one device."""
    found, fit, memory = audit.profile, audit.fit, audit.profile.memory
    training = found.training_forward + found.backward
    fits = {True: "fits", False: "DOES NOT FIT", None: "device memory unknown"}[fit.fits]
    largest = f", largest batch {fit.largest_batch_size}" if fit.largest_batch_size else ""
    measured = [] if audit.brief is None else [forward_row(audit.brief)]
    return [
        ("forward", f"{units.si(found.forward.macs, 'MAC')}, "
         f"{units.si(found.forward.flops, 'FLOP')}, "
         f"{units.si(found.forward.read_bytes + found.forward.written_bytes, 'B')} moved "
         f"(batch {found.batch_size})"),
        ("forward + backward", f"{units.si(training.flops, 'FLOP')}, "
         f"{units.si(training.read_bytes + training.written_bytes, 'B')} moved"),
        ("memory", f"{units.binary_bytes(memory.total_bytes)} "
         f"(activations {units.binary_bytes(memory.activations_bytes)}): {fits}{largest}"),
        *measured,
        ("step time", span(audit.estimate.step_time_s, units.duration)),
        ("throughput", f"{units.significant(audit.estimate.samples_per_s)} samples/s, "
         f"{audit.workload.devices} x {audit.hardware.accelerator.name}, "
         f"{audit.workload.precision}{_limit(audit)}"),
    ]  # fmt: skip


def _limit(audit: Audit) -> str:
    limit_w = audit.workload.power_limit_w
    return "" if limit_w is None else f", limited to {limit_w:g} W"


def training_rows(audit: Audit) -> list[Row]:
    """The whole training: energy, time, power, carbon, score."""
    result, rows = audit.estimate, list[Row]()
    if result.energy is not None and result.duration_s is not None:
        headline = result.energy.of(result.scope) or result.energy.node_kwh
        rows.append((f"energy ({result.scope})", span(headline, units.energy)))
        others = [
            f"{s} {units.energy(a.median)}"
            for s in Scope
            if s is not result.scope and (a := result.energy.of(s)) is not None
        ]
        rows.append(("other scopes", ", ".join(others)))
        rows.append(("time", span(result.duration_s, units.duration)))
    else:
        per_sample = result.energy_per_sample.of(result.scope) or result.energy_per_sample.node_kwh
        rows.append((f"per sample ({result.scope})", span(per_sample, units.energy)))
        million = per_sample.scaled(1e6)
        rows.append(("per million samples", span(million, units.energy)))
    if result.mean_power_w is not None:
        rows.append(("mean power", f"{units.significant(result.mean_power_w)} W ({result.scope})"))
    rows.append(impact_lines.compute_row(audit.impacts))
    rows.append(("carbon", _carbon(audit)))
    # The label of a price is a stranger's.
    rows += [(n, printable(v)) for n, v in impact_lines.beyond_carbon_rows(audit.impacts)]
    rows.append(("SAM", _sam(audit)))
    rows.append(("method", _method(audit)))
    return rows


def _method(audit: Audit) -> str:
    sure = audit.step.confidence
    if sure.in_domain is None:
        return f"{sure.method}: not calibrated on measured runs"
    if sure.in_domain:
        return f"{sure.method} on measured runs, within what they cover"
    return f"{sure.method}, but beyond the measured runs: {'; '.join(sure.reasons)}"


def _carbon(audit: Audit) -> str:
    found, where = audit.impacts, audit.impacts.place
    if where.grid is None:
        return f"{NOT_ASSESSED} (add --region, a country or a cloud region)"
    if isinstance(found.operational_gco2e, NotAssessed):
        return f"{NOT_ASSESSED} (no amount of training given)"
    pue = f"PUE {where.pue:g}" if where.pue is not None else "without PUE"
    grid = where.grid
    named = f"{grid.name} {grid.year}" if grid.name is not None else "as given"
    return (
        f"{span(found.operational_gco2e, units.mass)} CO2e, {named}: "
        f"{grid.carbon_gco2e_per_kwh:g} g/kWh, {found.scope}, {pue}"
    )


def _sam(audit: Audit) -> str:
    score = audit.sam
    if score is None:
        return f"{NOT_ASSESSED} (needs --accuracy and an amount of training)"
    if score.median is None:
        return f"undefined: {score.undefined_because}"
    high = "undefined" if score.high is None else units.significant(score.high)
    low = "undefined" if score.low is None else units.significant(score.low)
    return (
        f"{units.significant(score.median)} ({low} to {high}), "
        f"accuracy {score.accuracy:g}, alpha {score.alpha:g}, beta {score.beta:g}, kWh"
    )


def op_type_rows(audit: Audit) -> list[tuple[str, ...]]:
    """The operator types that take the step's time: count, FLOPs, bytes, share of time."""
    times: dict[str, float] = {}
    for operation in audit.step.operations:
        times[operation.op_type] = times.get(operation.op_type, 0.0) + operation.total_s
    whole = sum(times.values()) or 1.0
    found = {r.op_type: r for r in audit.profile.by_op_type}
    rows: list[tuple[str, ...]] = []
    for op_type, seconds in sorted(times.items(), key=lambda t: -t[1])[:TOP_OP_TYPES]:
        row = found[op_type]
        training = row.training_forward + row.backward
        rows.append(
            (
                clipped(printable(op_type), LONGEST_NAME),
                str(row.count) if row.count else "-",
                units.si(training.flops, "FLOP"),
                units.si(training.read_bytes + training.written_bytes, "B"),
                f"{seconds / whole:.1%}",
            )
        )
    return rows


OP_TYPE_HEADER = ("operator", "nodes", "FLOPs per step", "bytes per step", "share of time")
