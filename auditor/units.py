"""Exact constants of units, and figures formatted for people."""

from __future__ import annotations

import math

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


def duration(seconds: float) -> str:
    """Format a duration in the unit a person would choose."""
    if seconds < 1e-3:
        return f"{significant(seconds * 1e6)} µs"
    if seconds < 1:
        return f"{significant(seconds * 1e3)} ms"
    if seconds < 120:
        return f"{significant(seconds)} s"
    if seconds < 2 * S_PER_H:
        return f"{significant(seconds / 60)} min"
    if seconds < 72 * S_PER_H:
        return f"{significant(seconds / S_PER_H)} h"
    return f"{significant(seconds / (24 * S_PER_H))} d"


def mass(grams: float) -> str:
    """Format a mass of CO2 equivalents given in grams."""
    if grams >= 1e6:
        return f"{significant(grams / 1e6)} t"
    if grams >= 1e3:
        return f"{significant(grams / 1e3)} kg"
    return f"{significant(grams)} g"


def energy(kwh: float) -> str:
    """Format an amount of electricity given in kWh."""
    if kwh >= 1e3:
        return f"{significant(kwh / 1e3)} MWh"
    if kwh >= 1e-2:
        return f"{significant(kwh)} kWh"
    if kwh >= 1e-5:
        return f"{significant(kwh * 1e3)} Wh"
    return f"{significant(kwh * J_PER_KWH)} J"
