"""Figures as people read them."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.units import (
    G_PER_KG,
    J_PER_KWH,
    S_PER_H,
    binary_bytes,
    duration,
    energy,
    mass,
    si,
    significant,
)


def test_constants() -> None:
    # 1 kWh is 1000 W for 3600 s
    assert (J_PER_KWH, S_PER_H, G_PER_KG) == (1000 * 3600, 3600, 1000)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1, "1.00"),
        (12.345, "12.3"),
        (123.45, "123"),
        (123456, "123,456"),
        (0.00123456, "0.00123"),
        (-12.345, "-12.3"),
        (1.5e15, "1.50e+15"),
        (math.inf, "inf"),
        (math.nan, "nan"),
    ],
)
def test_three_significant_digits(value: float, text: str) -> None:
    assert significant(value) == text


@given(st.floats(1e-6, 1e14))
def test_rounding_is_within_half_a_digit(value: float) -> None:
    shown = float(significant(value).replace(",", ""))
    assert shown == pytest.approx(value, rel=0.0051)


@given(st.floats(0.001, 999_000), st.integers(1, 6))
def test_as_many_digits_as_asked_for(value: float, digits: int) -> None:
    shown = float(significant(value, digits).replace(",", ""))
    assert shown == pytest.approx(value, rel=0.51 * 10 ** (1 - digits))


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (4.09e9, "MAC", "4.09 GMAC"),
        (1.5e12, "FLOP/s", "1.50 TFLOP/s"),
        (25_557_032, "", "25.6 M"),
        (1500, "B", "1.50 kB"),
        (999, "B", "999 B"),
        (0, "MAC", "0 MAC"),
        (3e24, "FLOP", "3.00 YFLOP"),
    ],
)
def test_prefixes(value: float, unit: str, text: str) -> None:
    assert si(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (97.5 * 2**20, "97.5 MiB"),
        (80 * 2**30, "80.0 GiB"),
        (2**41, "2.00 TiB"),
    ],
)
def test_binary_prefixes(value: float, text: str) -> None:
    assert binary_bytes(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (5e-6, "5.00 µs"),
        (0.0123, "12.3 ms"),
        (0.999, "999 ms"),
        (1.5, "1.50 s"),
        (59.0, "59.0 s"),
        (600, "10.0 min"),
        (3 * 3600, "3.00 h"),
        (10 * 86400, "10.0 d"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("grams", "text"), [(12.3, "12.3 g"), (1500, "1.50 kg"), (2.5e6, "2.50 t")]
)
def test_masses(grams: float, text: str) -> None:
    assert mass(grams) == text


@pytest.mark.parametrize(
    ("kwh", "text"),
    [
        (1500, "1.50 MWh"),
        (12.3, "12.3 kWh"),
        (0.001, "1.00 Wh"),
        (1e-6, "3.60 J"),  # 1e-6 * 3.6e6
        (0, "0 J"),
    ],
)
def test_energies(kwh: float, text: str) -> None:
    assert energy(kwh) == text


UNITS_IN_J = {"J": 1.0, "Wh": 3600.0, "kWh": 3.6e6, "MWh": 3.6e9}


@given(st.floats(1e-9, 1e6))
def test_an_energy_reads_back_as_what_it_was(kwh: float) -> None:
    number, unit = energy(kwh).split()
    assert float(number.replace(",", "")) * UNITS_IN_J[unit] == pytest.approx(
        3.6e6 * kwh, rel=0.006
    )


@given(st.floats(1e-7, 1e9))
def test_a_duration_reads_back_as_what_it_was(seconds: float) -> None:
    number, unit = duration(seconds).split()
    in_s = {"µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
    assert float(number.replace(",", "")) * in_s[unit] == pytest.approx(seconds, rel=0.006)


@given(st.floats(1, 1e27))
def test_a_prefix_leaves_less_than_a_thousand(value: float) -> None:
    match = re.fullmatch(r"([\d,.]+) ?([kMGTPEZY]?)", si(value))
    assert match is not None
    assert float(match[1].replace(",", "")) <= 1000 or match[2] == "Y"


def test_a_range_keeps_the_unit_of_its_median() -> None:
    # 0.9e-5 kWh is 32.4 J; as a part of a range around 2e-5 kWh it is 0.009 Wh
    assert energy(0.9e-5) == "32.4 J"
    assert energy(0.9e-5, like=2e-5) == "0.00900 Wh"
    assert duration(90.0, like=600.0) == "1.50 min"
