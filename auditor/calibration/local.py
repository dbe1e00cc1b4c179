"""A user's own runs on top of a calibration: factors of one set-up, one host with one device.

The result is the calibration's content with an object ``local`` and a digest of its own.
"""

from __future__ import annotations

import hashlib
import json
import math
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from auditor.calibration.effect import Effect, effect
from auditor.calibration.modelled import Modelled, Profiler, modelled
from auditor.calibration.record import SCOPES, Run
from auditor.calibration.runs import LARGEST_BYTES
from auditor.errors import AuditError, CalibrationError
from auditor.hardware import Accelerator, resolve
from auditor.reading import read_limited
from auditor.step.artefact import Artefact, digest_of, parsed, read_content
from auditor.step.kernels import Floats
from auditor.step.local import Own, Spread
from auditor.tables import read_schema

# Widths may come out alike in a calibration; then a set-up is still off by a few percent.
_LEAST_COMMON = 0.05
# Of the power's half width, how much networks differ by on one set-up; a judgement: the
# calibration has one width for all.
_POWER_NETWORK_SHARE = 0.5
# Half width of ln(time) between runs of one network: repeated measurements differ by 3 to 5 %, and
# batches and precisions are not off alike.  From 0.06 to 0.2 little depends on it.
_NOISE = 0.15
# No set-up is off by so much; a unit is.
_LARGEST_RATIO = 20.0
# Every audit computes with all of them, and the time grows with the cube of their number.
_MOST_RUNS = 200
_DIGITS = 6
_LONGEST_MESSAGE = 200


@dataclass(frozen=True, slots=True)
class Base:
    """The calibration that own runs correct: as JSON, and as the estimate reads it."""

    content: Mapping[str, Any]
    artefact: Artefact


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What own runs say of time, and of power, which is None if it was not measured.

    `networks` are counted; `time_half_width` and `power_half_width` are of ln at `level` before,
    without own runs.
    """

    hardware: str
    runs: tuple[Modelled, ...]
    networks: int
    time: Own
    power: Effect | None
    power_scope: str | None
    time_half_width: float
    power_half_width: float
    level: float

    @property
    def power_runs(self) -> tuple[Modelled, ...]:
        """The runs whose power was used: all of one scope."""
        return tuple(m for m in self.runs if m.power_scope == self.power_scope is not None)


def schema() -> Mapping[str, Any]:
    """The JSON Schema of a calibration."""
    return read_schema("artefact.schema.json")


def read_base(path: Path | None = None) -> Base:
    """Read a calibration to be corrected; None is the one of the package.

    Raises:
        CalibrationError: it cannot be read, is not one by digest or schema, or holds own runs.
    """
    if path is None:
        return _shipped()
    content = read_content(path)
    artefact = parsed(content, str(path))
    problem = _problem(content)
    if problem is not None:
        raise CalibrationError(f"{path}: not a calibration: {problem}; fit it again")
    if "local" in content:
        raise CalibrationError(
            f"{path}: holds own runs already; put all runs into one table and correct what it "
            "was made from"
        )
    return Base(content, artefact)


def _shipped() -> Base:
    where = "the package's artefact.json"
    try:
        data = pkgutil.get_data("auditor_calibration", "artefact.json") or b""
    except OSError as error:
        raise CalibrationError(f"{where} is missing: install the package again") from error
    content = json.loads(data)
    return Base(content, parsed(content, where))


def _problem(content: object) -> str | None:
    import jsonschema  # takes longer to load than an audit takes

    errors = jsonschema.Draft202012Validator(schema()).iter_errors(content)
    error = next(iter(errors), None)
    if error is None:
        return None
    where = ".".join(map(str, error.absolute_path))
    return f"{where}: {error.message}".removeprefix(": ")[:_LONGEST_MESSAGE]


def of_one_device(
    runs: Sequence[Run], hardware: str | None, extra: Sequence[Accelerator] = ()
) -> tuple[tuple[Run, ...], Accelerator]:
    """Take the runs of one kind of device, the one called `hardware` where there are several.

    Raises:
        CalibrationError: they are of several kinds, or of none that can be corrected, or too
            many.
        HardwareError: no device is called so.
    """
    there = sorted({run.hardware for run in runs})
    if hardware is None and len(there) > 1:
        raise CalibrationError(
            f"runs on {', '.join(there)}: factors are of one set-up; make one file for each, with "
            f"--hardware {there[0]} and so on"
        )
    device = resolve(hardware or there[0], extra).accelerator
    if device.id not in there:
        raise CalibrationError(
            f"no run on {device.id}; there are runs on {', '.join(there)}: name one of these"
        )
    if device.kind != "gpu":
        raise CalibrationError(
            f"{device.id} is not a GPU: its estimate is a roofline, which no run corrects"
        )
    taken = tuple(run for run in runs if run.hardware == device.id)
    if len(taken) > _MOST_RUNS:
        raise CalibrationError(
            f"{len(taken)} runs on {device.id}: over {_MOST_RUNS} are too many; give some of "
            "each network"
        )
    return taken, device


def correction(
    table: Path, runs: Sequence[Run], device: Accelerator, profiler: Profiler, base: Base
) -> Correction:
    """Compare the runs of a table, all on `device`, with the calibration.

    Raises:
        CalibrationError: names the table and the run whose network cannot be profiled or whose
            time is not in s.
    """
    found = tuple(_beside(table, run, device, profiler, base.artefact) for run in runs)
    before = _widest(base.artefact, device)
    own = Own(
        np.array([m.device.place for m in found]),
        np.array([m.log_ratio for m in found]),
        _spread(base.artefact, before),
    )
    scope, power = _power(found, base.artefact)
    return Correction(
        hardware=device.id,
        runs=found,
        networks=len({m.network for m in found}),
        time=own,
        power=power,
        power_scope=scope,
        time_half_width=before,
        power_half_width=base.artefact.power_half_width,
        level=base.artefact.level,
    )


def _beside(
    table: Path, run: Run, device: Accelerator, profiler: Profiler, artefact: Artefact
) -> Modelled:
    try:
        found = modelled(run, table.parent / run.graph, profiler, device, artefact)
    except AuditError as error:
        raise CalibrationError(
            f"runs of {table}, run {run.run_id}: {error}", path=str(table), run_id=run.run_id
        ) from error
    modelled_s = found.step_time_s
    ratio = run.step_time_s / modelled_s
    if not 1 / _LARGEST_RATIO <= ratio <= _LARGEST_RATIO:
        raise CalibrationError(
            f"runs of {table}, run {run.run_id}: a step of {run.step_time_s:.4g} s is {ratio:.3g} "
            f"times the modelled {modelled_s:.4g} s: give s, of one step of batch_size samples",
            path=str(table),
            run_id=run.run_id,
        )
    return found


def _widest(artefact: Artefact, device: Accelerator) -> float:
    """Half width of ln(time) without own runs."""
    widths = artefact.half_widths
    is_known = device.id in artefact.hardware
    return widths["source"] if is_known else max(widths["source"], widths["device"])


def _spread(artefact: Artefact, whole: float) -> Spread:
    """Part the half width `whole` in two: networks', and what is left, common to a set-up."""
    network = artefact.half_widths["family"]
    return Spread(
        common=_left(whole, network),
        network=network,
        noise=_NOISE,
        length_scale=artefact.residual.length_scale,
    )


def _left(whole: float, network: float) -> float:
    return math.sqrt(max(whole**2 - network**2, _LEAST_COMMON**2))


def without(found: Correction, network: str) -> Own | None:
    """What the runs of all other networks say; None if there are none."""
    others = np.array([m.network != network for m in found.runs])
    if not others.any():
        return None
    return Own(found.time.places[others], found.time.logs[others], found.time.spread)


def _by_network(found: Sequence[Modelled], logs: Sequence[float]) -> Floats:
    """Means of each network: many runs of one tell no more of power than one."""
    of: dict[str, list[float]] = {}
    for run, log in zip(found, logs, strict=True):
        of.setdefault(run.network, []).append(log)
    return np.array([float(np.mean(values)) for values in of.values()])


def _power(found: Sequence[Modelled], artefact: Artefact) -> tuple[str | None, Effect | None]:
    """Effect on power by the narrowest scope that was measured: boards say most."""
    for scope in SCOPES:
        measured = [m for m in found if m.power_scope == scope]
        if measured:
            logs = [math.log(m.measured_power_w / m.powers_w[scope]) for m in measured]
            whole = artefact.power_half_width
            network = _POWER_NETWORK_SHARE * whole
            return scope, effect(_by_network(measured, logs), _left(whole, network), network)
    return None, None


def localized(base: Base, found: Correction, table: Path) -> dict[str, Any]:
    """The content of the corrected calibration; `table` is where the runs stand.

    Raises:
        CalibrationError: the table has gone meanwhile.
    """
    try:
        sha256 = hashlib.sha256(read_limited(table, LARGEST_BYTES)).hexdigest()
    except OSError as error:
        raise CalibrationError(f"runs of {table} cannot be read: {error}") from error
    kept = {key: value for key, value in base.content.items() if key != "digest"}
    content = kept | {"local": _local(found, base, {table.name: sha256})}
    return content | {"digest": digest_of(content)}


def _local(found: Correction, base: Base, sources: Mapping[str, str]) -> dict[str, Any]:
    power = found.power
    return {
        "hardware": found.hardware,
        "precisions": sorted({m.run.precision for m in found.runs}),
        "count": found.networks,
        "run_count": len(found.runs),
        "factor": _significant(math.exp(found.time.log_common)),
        "time": _time(found.time),
        "power_factor": _significant(math.exp(power.log_factor)) if power else 1.0,
        "power_scope": found.power_scope,
        "power_half_width": _significant(
            power.residual_half_width if power else found.power_half_width
        ),
        "power_count": power.count if power else 0,
        "base": base.content["digest"],
        "sources": dict(sources),
    }


def _time(own: Own) -> dict[str, Any]:
    return asdict(own.spread) | {
        "places": [[_significant(x) for x in place] for place in own.places.tolist()],
        "logs": [_significant(log) for log in own.logs.tolist()],
    }


def _significant(number: float) -> float:
    return float(f"{number:.{_DIGITS}g}")
