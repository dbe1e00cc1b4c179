"""The processor's own energy counters (RAPL), as Linux shows them under powercap.

https://docs.kernel.org/power/powercap/powercap.html: ``energy_uj`` counts µJ and begins again at
``max_energy_range_uj``.  A package has its cores and caches; ``dram`` stands beside it though its
folder lies below; ``core`` and ``uncore`` are in the package already, ``psys`` holds everything
again, and ``intel-rapl-mmio`` is a second way to the same counter.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path

from auditor.errors import HardwareError
from auditor.measure.meter import MeterDescription, Reading

POWERCAP = Path("/sys/class/powercap")
_FOLDER = re.compile(r"intel-rapl:\d+(:\d+)?")
# The counters move about every ms; reading one takes longer than that on some machines.
_LOWEST_WINDOW_S = 0.1


@dataclass(frozen=True, slots=True)
class Zone:
    """One counter: its folder, what it counts ("package-0", "dram"), and where it begins again."""

    folder: Path
    name: str
    range_uj: int


def zones(root: Path = POWERCAP) -> tuple[Zone, ...]:
    """Return the counters that do not count the same energy twice; none where there is no RAPL.

    Raises:
        HardwareError: one of them cannot be read; names the file.
    """
    try:
        folders = sorted(f for f in root.iterdir() if _FOLDER.fullmatch(f.name))
    except OSError:  # no such folder: another system, or a machine without RAPL
        return ()
    named = [(folder, _text(folder / "name")) for folder in folders]
    return tuple(
        Zone(folder, name, _number(folder / "max_energy_range_uj"))
        for folder, name in named
        if name.startswith("package") or name == "dram"
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except PermissionError as error:
        raise HardwareError(
            f"{path}: may not be read: Linux lets only root read it; run as root, or once as root "
            f"chmod o+r {path}",
            path=str(path),
        ) from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise HardwareError(
            f"{path}: cannot be read: {reason}; use --host model", path=str(path)
        ) from error


def _number(path: Path) -> int:
    text = _text(path)
    if not text.isdecimal():
        raise HardwareError(f"{path}: {text[:40]!r} is no number; use --host model", path=str(path))
    return int(text)


class RaplMeter:
    """All packages of the machine, and their memory where it is counted."""

    def __init__(self, root: Path = POWERCAP) -> None:
        """Open the counters.

        Raises:
            HardwareError: there is none, or one may not be read.
        """
        self._zones = zones(root)
        if not self._zones:
            raise HardwareError(f"no RAPL counter under {root}; use --host model")
        self._last_uj = [self._counter_uj(zone) for zone in self._zones]
        self._total_uj = 0
        names = sorted({zone.name for zone in self._zones})
        self._description = MeterDescription(
            name="RAPL",
            kind="rapl",
            scope="cpu+dram" if "dram" in names else "cpu",
            device_name=f"RAPL ({', '.join(names)})",
            lowest_window_s=_LOWEST_WINDOW_S,
        )

    @property
    def description(self) -> MeterDescription:
        """Which counters are added up."""
        return self._description

    def read(self) -> Reading:
        """Return the energy since the meter was made.

        Raises:
            HardwareError: a counter cannot be read any more.
        """
        for place, zone in enumerate(self._zones):
            now_uj = self._counter_uj(zone)
            gone_uj = now_uj - self._last_uj[place]
            self._last_uj[place] = now_uj
            # At the end of its range a counter begins again at 0.
            self._total_uj += gone_uj if gone_uj >= 0 else gone_uj + zone.range_uj
        return Reading(time_s=time.monotonic(), power_w=None, counter_j=self._total_uj / 1e6)

    def _counter_uj(self, zone: Zone) -> int:
        return _number(zone.folder / "energy_uj")

    def close(self) -> None:
        """Do nothing."""
