"""Two thousand audits in one process, good models and bad: nothing grows and nothing stays open."""

from __future__ import annotations

import sys

import pytest

from benchmarks.soak import Reading, growth_bytes, soak

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_growth_is_since_all_was_loaded() -> None:
    """By hand: 130 MB at the end, 120 at audit 400, whatever it was before."""
    readings = [Reading(n, 0, mb * 10**6, 5, 1) for n, mb in ((200, 90), (400, 120), (600, 130))]
    assert growth_bytes(readings) == 10 * 10**6


def test_nothing_stays_open() -> None:
    first, *_, last = soak(count=60, every=20)
    assert 0 < last.refused < last.audits
    assert (last.open_files, last.threads) == (first.open_files, first.threads)


@pytest.mark.long
def test_two_thousand_audits_hold_no_more_than_four_hundred() -> None:
    readings = list(soak())
    assert [r.audits for r in readings] == list(range(200, 2001, 200))
    assert {r.open_files for r in readings} == {readings[0].open_files}
    assert {r.threads for r in readings} == {readings[0].threads}
    # Memory that is given back and taken again moves by pages; a leak of 4 kB an audit is 6 MB.
    assert growth_bytes(readings) < 6_000_000
