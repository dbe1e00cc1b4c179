"""What ``audit calibrate`` prints: own runs before and after their correction, and a refit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from auditor import units
from auditor.calibration.effect import Effect, enough
from auditor.calibration.local import Correction
from auditor.calibration.modelled import Modelled
from auditor.calibration.refit import TOLERANCE, Difference
from auditor.interval import log_interval
from auditor.report.lines import printable, span

_MOST_DIFFERENCES = 20
Row = tuple[str, ...]


def render_correction(found: Correction, output: Path) -> str:
    """Every run beside its estimate, the factors, and what to do next."""
    sections = (
        _heads(found),
        _table(("step time", *_HEADER), [_time_row(found, m) for m in found.runs]),
        _table(
            (f"mean power ({found.power_scope})", *_HEADER),
            [_power_row(found, m) for m in found.power_runs],
        )
        if found.power_runs
        else "",
        _factors(found),
        "next\n" + "".join(f"- {printable(line)}\n" for line in _next(found, output)),
    )
    return "\n".join(section for section in sections if section)


_HEADER = ("network", "measured", "before", "after", "measured/after")


def _heads(found: Correction) -> str:
    runs, networks = len(found.runs), found.time.count
    return f"hardware  {found.hardware}\nruns      {runs} of {_count(networks, 'network')}\n"


def _count(number: int, name: str) -> str:
    return f"{number} {name}" + ("" if number == 1 else "s")


def after_s(found: Correction, run: Modelled) -> float:
    """Time of a run's step in s as the corrected calibration has it."""
    host_factor = math.exp(found.time.log_host)
    return run.step_time_s(host_factor) * math.exp(found.time.log_factor)


def _time_row(found: Correction, run: Modelled) -> Row:
    measured_s = run.run.step_time_s
    return _row(run, (measured_s, run.step_time_s(), after_s(found, run)), units.duration)


def _power_row(found: Correction, run: Modelled) -> Row:
    before_w = run.powers_w[found.power_scope or "gpu"]
    factor = math.exp(found.power.log_factor) if found.power else 1.0
    return _row(run, (run.measured_power_w, before_w, before_w * factor), _watts)


def _watts(power_w: float, _: float) -> str:
    return f"{units.significant(power_w)} W"


def _row(
    run: Modelled, figures: tuple[float, float, float], show: Callable[[float, float], str]
) -> Row:
    measured, _, after = figures
    name = Path(run.network).name
    cells = (printable(cell) for cell in (run.run.run_id, name))
    return (*cells, *(show(x, measured) for x in figures), f"{measured / after:.2f}")


def _table(header: Row, rows: Sequence[Row]) -> str:
    table = [header, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    return "".join(
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        + "\n"
        for row in table
    )


def _factors(found: Correction) -> str:
    """The factors with their intervals, and how wide that of an estimate was and is."""
    rows = [("time factor", _factor(found.time, found.level))]
    if found.time.log_host:
        rows.append(("host factor", units.significant(math.exp(found.time.log_host))))
    if found.power:
        rows.append(("power factor", _factor(found.power, found.level)))
    rows.append(("error of time", _narrowed(found, found.time_half_width, found.time)))
    if found.power:
        rows.append(("error of power", _narrowed(found, found.power_half_width, found.power)))
    width = max(len(name) for name, _ in rows)
    return "".join(f"{name.ljust(width)}  {value}\n" for name, value in rows)


def _factor(effect: Effect, level: float) -> str:
    interval = log_interval(math.exp(effect.log_factor), effect.half_width, level)
    return span(interval, lambda value, _: units.significant(value))


def _narrowed(found: Correction, before: float, effect: Effect) -> str:
    """Half widths as factors: of 90 in 100 estimates the true value is within."""
    was, now = (
        f"{units.significant(math.exp(w))} times" for w in (before, effect.residual_half_width)
    )
    return f"up to {was} before, up to {now} after ({found.level:.0%} of other networks)"


def _next(found: Correction, output: Path) -> Iterator[str]:
    for name, ratio in _outside(found):
        yield f"{name} is {ratio:.2f} times what the others say: check its row"
    count, whole = found.time.count, enough(found.level)
    if count < whole:
        yield (
            f"{_count(count, 'network')} measured: each more narrows the interval; from {whole} "
            "on it rests on them alone"
        )
    if found.power is None:
        yield "no power measured: fill in mean_power_w, or energy_j and duration_s"
    aside = [m for m in found.runs if m.power_scope not in (None, found.power_scope)]
    if aside:
        yield f"power of {_count(len(aside), 'run')} left aside: of another scope than that above"
    yield f"audit MODEL --hardware {found.hardware} --calibration {output}"


def _outside(found: Correction) -> Iterator[tuple[str, float]]:
    """Runs that the correction leaves further off than nearly all networks are."""
    for run in found.runs:
        left = math.log(run.run.step_time_s / after_s(found, run))
        if found.time.count > 1 and abs(left) > found.time.residual_half_width:
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
