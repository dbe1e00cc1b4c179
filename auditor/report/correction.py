"""What ``audit calibrate`` prints: own runs before and after their correction, and a refit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median

from auditor import units
from auditor.calibration.local import Correction, without
from auditor.calibration.modelled import Modelled
from auditor.calibration.refit import TOLERANCE, Difference
from auditor.interval import log_interval
from auditor.report.lines import printable, span

_MOST_DIFFERENCES = 20
# From so many networks on one more changes little.
_MANY = 10
Row = tuple[str, ...]


def render_correction(found: Correction, output: Path) -> str:
    """Every run beside its estimate, the factors, and what to do next."""
    runs = f"{_count(len(found.runs), 'run')} of {_count(found.networks, 'network')}"
    heading = ("network", "measured", "before", "after")
    sections = (
        f"hardware  {found.hardware}\nmeasured  {runs}\n",
        _table(("step time", *heading, "by others"), [_time_row(found, m) for m in found.runs]),
        _table(
            (f"mean power ({found.power_scope})", *heading),
            [_power_row(found, m) for m in found.power_runs],
        )
        if found.power_runs
        else "",
        _factors(found),
        "next\n" + "".join(f"- {printable(line)}\n" for line in _next(found, output)),
    )
    return "\n".join(section for section in sections if section)


def _count(number: int, name: str) -> str:
    return f"{number} {name}" + ("" if number == 1 else "s")


def _names(run: Modelled) -> Row:
    return printable(run.run.run_id), printable(Path(run.network).name)


def _time_row(found: Correction, run: Modelled) -> Row:
    """The last figure is what the runs of all other networks make of this one."""
    measured_s, others = run.run.step_time_s, without(found, run.network)
    logs = [0.0, found.time.log_at(run.device.place)]
    logs += [others.log_at(run.device.place)] if others else []
    times = [measured_s, *(run.step_time_s * math.exp(log) for log in logs)]
    cells = [units.duration(time_s, measured_s) for time_s in times]
    return (*_names(run), *cells, *([] if others else ["-"]))


def _power_row(found: Correction, run: Modelled) -> Row:
    before_w = run.powers_w[found.power_scope or "gpu"]
    after_w = before_w * (math.exp(found.power.log_factor) if found.power else 1.0)
    powers = (run.measured_power_w, before_w, after_w)
    return (*_names(run), *(f"{units.significant(power_w)} W" for power_w in powers))


def _table(header: Row, rows: Sequence[Row]) -> str:
    return "\n".join(units.columns([header, *rows], left=2)) + "\n"


def _factors(found: Correction) -> str:
    """The factors with their intervals, and by how much an estimate may be off."""
    time, power = found.time, found.power
    like = median(time.half_width_at(m.device.place) for m in found.runs)
    before = _times(found.time_half_width)
    rows = [
        ("time factor", _factor(time.log_common, time.common_half_width, found.level)),
        (
            "time off by",
            f"up to {before} times before, {_times(like)} for networks like these, "
            f"{_times(time.far_half_width)} for others ({found.level:.0%} of them)",
        ),
    ]
    if power is not None:
        before, after = _times(found.power_half_width), _times(power.residual_half_width)
        rows += [
            ("power factor", _factor(power.log_factor, power.half_width, found.level)),
            (
                "power off by",
                f"up to {before} times before, {after} after ({found.level:.0%} of networks)",
            ),
        ]
    return "".join(f"{name.ljust(len('power factor'))}  {value}\n" for name, value in rows)


def _factor(log_factor: float, half_width: float, level: float) -> str:
    interval = log_interval(math.exp(log_factor), half_width, level)
    return span(interval, lambda value, _: units.significant(value))


def _times(half_width: float) -> str:
    """A half width as the factor that it is."""
    return units.significant(math.exp(half_width))


def _next(found: Correction, output: Path) -> Iterator[str]:
    for name, ratio in _far_off(found):
        yield f"{name} took {ratio:.2f} times what the other networks say: check its row"
    if found.networks < _MANY:
        yield "each network more narrows the interval, most of all one like those to be trained"
    if found.power is None:
        yield "no power measured: fill in mean_power_w and power_scope, or the energy"
    aside = [m for m in found.runs if m.power_scope not in (None, found.power_scope)]
    if aside:
        yield f"power of {_count(len(aside), 'run')} left aside: of another scope than that above"
    yield f"audit MODEL --hardware {found.hardware} --calibration {output}"


def _far_off(found: Correction) -> Iterator[tuple[str, float]]:
    """Runs that are further off than the interval that the other networks give."""
    for run in found.runs:
        others, place = without(found, run.network), run.device.place
        left = run.log_ratio - others.log_at(place) if others else 0.0
        if others and abs(left) > others.half_width_at(place):
            yield run.run.run_id, math.exp(left)


def render_differences(found: Sequence[Difference], kept: str) -> str:
    """One line where a refit gives what is kept; else the figures that differ."""
    if not found:
        return f"{kept}: the refit gives the same figures (to {TOLERANCE:.0e})\n"
    lines = [f"{kept}: the refit gives {_count(len(found), 'other figure')}\n"]
    lines += [f"{printable(d.key)}: {_difference(d)}\n" for d in found[:_MOST_DIFFERENCES]]
    if len(found) > _MOST_DIFFERENCES:
        lines.append(f"and {len(found) - _MOST_DIFFERENCES} more\n")
    return "".join(lines)


def _difference(found: Difference) -> str:
    kept, refitted = (printable(str(v))[:60] for v in (found.kept, found.refitted))
    by = "" if found.relative is None else f" ({found.relative:.2e} of it)"
    return f"{kept} kept, {refitted} refitted{by}"
