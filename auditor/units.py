"""Exact constants of units, and figures formatted for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

J_PER_KWH = 3.6e6
S_PER_H = 3600.0
G_PER_KG = 1000.0

_SI = ((1e24, "Y"), (1e21, "Z"), (1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"))
_BINARY = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def significant(value: float, digits: int = 3) -> str:
    """Format `value` with `digits` significant digits, without an exponent below 10^15."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{decimals}f}" if abs(value) < 1e15 else f"{value:.{digits - 1}e}"


def si(value: float, unit: str = "") -> str:
    """Format a count or a rate with an SI prefix: ``4.09 GMAC``."""
    for factor, prefix in (*_SI, (1e3, "k")):
        if abs(value) >= factor:
            return f"{significant(value / factor)} {prefix}{unit}".rstrip()
    return f"{significant(value)} {unit}".rstrip()


def binary_bytes(value: float) -> str:
    """Format bytes with a binary prefix: ``97.5 MiB``."""
    for factor, name in _BINARY:
        if abs(value) >= factor:
            return f"{significant(value / factor)} {name}"
    return f"{value:.0f} B"


def _scaled(value: float, like: float | None, scales: Sequence[tuple[float, float, str]]) -> str:
    """Format in the first unit whose least size `like` reaches: (least, unit in base, name)."""
    measure = abs(value if like is None else like)
    _, unit, name = next((s for s in scales if measure >= s[0]), scales[-1])
    return f"{significant(value / unit)} {name}"


_DURATIONS = (
    (72 * S_PER_H, 24 * S_PER_H, "d"),
    (2 * S_PER_H, S_PER_H, "h"),
    (120.0, 60.0, "min"),
    (1.0, 1.0, "s"),
    (1e-3, 1e-3, "ms"),
    (0.0, 1e-6, "µs"),
)
_MASSES = ((1e6, 1e6, "t"), (1e3, 1e3, "kg"), (0.0, 1.0, "g"))
_ENERGIES = (
    (1e3, 1e3, "MWh"),
    (1e-2, 1.0, "kWh"),
    (1e-5, 1e-3, "Wh"),
    (0.0, 1 / J_PER_KWH, "J"),
)


def duration(seconds: float, like: float | None = None) -> str:
    """Format a duration in the unit a person would choose for it, or for `like`."""
    return _scaled(seconds, like, _DURATIONS)


def mass(grams: float, like: float | None = None) -> str:
    """Format a mass of CO2 equivalents given in grams, in the unit for it or for `like`."""
    return _scaled(grams, like, _MASSES)


def energy(kwh: float, like: float | None = None) -> str:
    """Format an amount of electricity given in kWh, in the unit for it or for `like`."""
    return _scaled(kwh, like, _ENERGIES)


def columns(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Align the cells of a table, one line a row: the first `left` columns to the left."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
