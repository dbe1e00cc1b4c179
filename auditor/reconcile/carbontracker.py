"""Logs of carbontracker 1.1 to 2.4: ``*_carbontracker.log``, ``*_carbontracker_output.log``.

By the sources of 1.1.6, 1.2.5, 2.0.0 and 2.4.7 (``tracker.py``, ``loggerutil.py``, ``parser.py``):

- The standard log has the duration of every epoch (two decimals) and the mean power of every
  component in W, without PUE.  Up to 1.2.5 that is an array with a figure a device; from 2.0.0
  on it is one figure, the mean over samples *and devices* (``Component.collect_power_usage``
  puts all devices' samples into one list), so it is multiplied by the number of devices here.
- The output log has the energy of all components together, multiplied by a PUE that only the
  standard log states: 1.58 in 1.1.0, 1.59 in 1.1.6, 1.55 in 1.2, 1.58 in 2.  Of several devices
  it holds, from 2.0.0 on, the mean instead of the sum; it does not say its version, so it is
  refused.
- "Predicted consumption" extrapolates the epochs measured, and is kept apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from auditor.errors import CalibrationError
from auditor.reconcile.measured import (
    Covers,
    Extrapolated,
    Measured,
    Selection,
    Tool,
    number,
    positive,
)
from auditor.units import J_PER_KWH, S_PER_H

MARK = re.compile(
    r"carbontracker version |Average power usage \(W\) for |Predicted consumption for \d"
    r"|Actual consumption(?: for \d+ epoch\(s\))?:|CarbonTracker: "
)
"""What no other tool writes."""

_STANDARD_LOG = "give the standard log that lies beside it (..._carbontracker.log)"
_VERSION = re.compile(r"carbontracker version (\S{1,40})")
_PUE = re.compile(r"PUE coefficient of (\d{1,3}(?:\.\d{1,6})?)")
_COMPONENTS = re.compile(r"The following components were found:([^\n]{0,4000})")
_COMPONENT = re.compile(r"([A-Z]+) with device\(s\) (.*?)\.(?= [A-Z]+ with device|\s*$)")
_INTERRUPTED = re.compile(r"Training was interrupted before all")
_EVENT = re.compile(
    r"Duration: (?P<duration>[\d:.]+)"
    r"|Average power usage \(W\) for (?P<component>\w{1,20}):\s*"
    r"(?P<power>\[[^\]]{0,10000}\]|\S{1,40})"
)
_CLOCK = re.compile(r"(\d{1,9}):(\d{2}):(\d{2}(?:\.\d{1,9})?)")
_AMOUNT = r":\s*Time:\s*(\S{1,40})\s*Energy:\s*(\S{1,40})\s+kWh"
_ACTUAL = re.compile(r"Actual consumption(?: for (\d{1,9}) epoch\(s\))?" + _AMOUNT)
_PREDICTED = re.compile(r"Predicted consumption for (\d{1,9}) epoch\(s\)" + _AMOUNT)
_RAPL_DEVICE = re.compile(r"[\w-]+:\d+")

# Apple's power comes as one figure for both (components/apple_silicon/powermetrics.py).
_ONE_FIGURE = frozenset({("GPU", "ANE")})

Devices = Mapping[str, tuple[str, ...]]


@dataclass(slots=True)
class _Epoch:
    duration_s: float
    powers_w: dict[str, float | None] = field(default_factory=dict)


def parse(text: str, selection: Selection) -> Measured:
    """The one run of a log; of both logs in one text the standard log's figures are taken.

    Raises:
        CalibrationError: several runs, nothing measured, or an output log that leaves open what
            it holds.
    """
    versions = _VERSION.findall(text)
    if len(versions) > 1 or len(_ACTUAL.findall(text)) > 1:
        raise CalibrationError("several runs in one log: give a log of one run")
    devices = _devices(text)
    if "Average power usage (W) for " in text:
        return _of_standard_log(text, devices)
    return _of_output_log(text, devices, selection)


def _devices(text: str) -> Devices:
    """Names of the devices by component, "gpu" and "cpu"."""
    match = _COMPONENTS.search(text)
    found = _COMPONENT.findall(match.group(1)) if match else []
    return {name.lower(): tuple(d.strip() for d in said.split(",")) for name, said in found}


def _seconds(clock: str, what: str) -> float:
    match = _CLOCK.fullmatch(clock)
    if match is None:
        raise CalibrationError(f"{what}: {clock!r} is not a time as 0:12:34")
    hours, minutes, seconds = (float(part) for part in match.groups())
    return hours * S_PER_H + minutes * 60 + seconds


def _of_standard_log(text: str, devices: Devices) -> Measured:
    epochs = list(_epochs(text, devices))
    names = tuple(dict.fromkeys(name for e in epochs for name in e.powers_w))
    # Where it may not read a counter, carbontracker writes a power of zero.
    zero = [n for n in names if not any(e.powers_w.get(n) for e in epochs)]
    kept = [n for n in names if n not in zero]
    whole = [e for e in epochs if all(e.powers_w.get(n) is not None for n in kept)]
    if "gpu" not in kept or not whole:
        raise CalibrationError(
            "no power of an accelerator in the log; run carbontracker with components='all'"
        )
    joules = {n: sum((e.powers_w[n] or 0.0) * e.duration_s for e in whole) for n in kept}
    notes = [f"no power of {n} was read: it is not counted" for n in zero]
    if len(whole) < len(epochs):
        notes.append(
            f"{len(epochs) - len(whole)} of {len(epochs)} epochs have no power (they were too "
            "short, or the log ends in them): they are left out"
        )
    name, count = _hardware(devices)
    return Measured(
        tool=Tool.CARBONTRACKER,
        tool_version=_version(text),
        hardware_name=name,
        device_count=count,
        covers=Covers.GPU_CPU if "cpu" in kept else Covers.GPU,
        energy_j=sum(joules.values()),
        gpu_energy_j=joules["gpu"],
        cpu_energy_j=joules.get("cpu"),
        duration_s=sum(e.duration_s for e in whole),
        epochs=len(whole),
        extrapolated=_extrapolated(text, None),
        warnings=(*notes, *_doubts(text, devices, kept)),
    )


def _epochs(text: str, devices: Devices) -> Iterator[_Epoch]:
    """Every epoch that has a duration, with the power of its components."""
    epoch: _Epoch | None = None
    for event in _EVENT.finditer(text):
        if event["duration"]:
            if epoch is not None:
                yield epoch
            epoch = _Epoch(_seconds(event["duration"].rstrip("."), "Duration"))
        elif epoch is not None:
            name = event["component"].lower()
            epoch.powers_w[name] = _power_w(event["power"], devices.get(name, ()))
    if epoch is not None:
        yield epoch


def _power_w(said: str, devices: tuple[str, ...]) -> float | None:
    """Power of all devices of a component together; None where there was no measurement."""
    if said in ("None", "nan"):
        return None
    if said.startswith("["):
        return sum(number(part, "power") for part in said.strip("[]").split())
    count = 1 if devices in _ONE_FIGURE else max(1, len(devices))
    return number(said, "Average power usage (W)") * count


def _of_output_log(text: str, devices: Devices, selection: Selection) -> Measured:
    match = _ACTUAL.search(text)
    if match is None:
        raise CalibrationError(
            "no actual consumption in the log, and a prediction of carbontracker is no "
            f"measurement; {_STANDARD_LOG}"
        )
    if "gpu" not in devices:
        raise CalibrationError(
            f"the log does not say that an accelerator was measured; {_STANDARD_LOG}"
        )
    many = [n for n, d in devices.items() if len(d) > 1 and d not in _ONE_FIGURE]
    if many:
        raise CalibrationError(
            f"several devices of {' and '.join(many)}: carbontracker 2 writes the energy of their "
            f"mean, carbontracker 1 of their sum, and the log does not say which; {_STANDARD_LOG}"
        )
    pue = _pue(text, selection)
    energy_j = positive(match.group(3), "Energy") * J_PER_KWH / pue
    duration_s = _seconds(match.group(2), "Time")
    if duration_s == 0:
        raise CalibrationError(f"Time is 0:00:00: too short a run for this log; {_STANDARD_LOG}")
    name, count = _hardware(devices)
    return Measured(
        tool=Tool.CARBONTRACKER,
        tool_version=_version(text),
        hardware_name=name,
        device_count=count,
        covers=Covers.GPU_CPU if "cpu" in devices else Covers.GPU,
        energy_j=energy_j,
        gpu_energy_j=None if "cpu" in devices else energy_j,
        duration_s=duration_s,
        pue_divided_out=pue,
        epochs=positive(match.group(1), "epochs") if match.group(1) else None,
        extrapolated=_extrapolated(text, pue),
        warnings=_doubts(text, devices, list(devices)),
    )


def _pue(text: str, selection: Selection) -> float:
    said = _PUE.search(text)
    pue = float(said.group(1)) if said else selection.pue
    if pue is None:
        raise CalibrationError(
            "carbontracker multiplied this energy by a PUE that the log does not say; "
            f"{_STANDARD_LOG}, or --tool-pue: 1.58 of carbontracker 2, 1.55 of 1.2, 1.59 of 1.1.6"
        )
    if not 1 <= pue <= 100:
        raise CalibrationError(f"PUE {pue:g}: must be from 1 to 100")
    return pue


def _extrapolated(text: str, pue: float | None) -> Extrapolated | None:
    """The tool's forecast, where its PUE is known."""
    match, said = _PREDICTED.search(text), _PUE.search(text)
    pue = float(said.group(1)) if said else pue
    if match is None or pue is None or pue < 1:
        return None
    energy_j = number(match.group(3), "Energy") * J_PER_KWH / pue
    return Extrapolated(float(match.group(1)), energy_j, _seconds(match.group(2), "Time"))


def _hardware(devices: Devices) -> tuple[str | None, int | None]:
    """Name and number of the accelerators."""
    names = devices.get("gpu", ())
    if names in _ONE_FIGURE:
        return None, 1
    return " and ".join(dict.fromkeys(names)) or None, len(names) or None


def _version(text: str) -> str | None:
    match = _VERSION.search(text)
    return match.group(1) if match else None


def _doubts(text: str, devices: Devices, kept: list[str]) -> tuple[str, ...]:
    notes = []
    if _INTERRUPTED.search(text):
        notes.append("the training was interrupted before all epochs were measured")
    named = [d for d in devices.get("cpu", ()) if d != "CPU" and not _RAPL_DEVICE.fullmatch(d)]
    # components/cpu/generic.py: without a counter, half the TDP of the processor by its name.
    if "cpu" in kept and named:
        notes.append(f"the processor's power is a guess by its TDP, not measured: {named[0]}")
    return tuple(notes)
