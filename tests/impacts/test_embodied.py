"""Shares of a device's life: against a published training, by hand, and from every row's source."""

from __future__ import annotations

import math

import pytest
from amounts import NODE_ONLY, estimated, of

from auditor.hardware import catalogue
from auditor.impacts import Life, NotAssessed
from auditor.impacts.embodied import embodied, lone_factor, published, span
from auditor.interval import Interval
from auditor.tables import read_table

ROWS = read_table("embodied.csv")


def exactly(seconds: float) -> Interval:
    return Interval(seconds, seconds, seconds, 0.9)


def test_the_published_share_of_bloom() -> None:
    # Luccioni et al., arXiv 2211.02001: 1,082,990 GPU-hours on A100, eight to a server; 150 kg a
    # GPU, 2,500 kg a server, 6 years in use 85 % of the time; they give 11.2 t.
    life = Life(years=6, utilisation=0.85)
    hours = 1_082_990 * 3600.0
    figures = {
        f.part: f.embodied_kgco2e for f in published("a100-sxm4-80gb") if "2211.02001" in f.source
    }
    assert figures == {"device": 150.0, "server": 2500.0 / 8}
    found = embodied("a100-sxm4-80gb", 1, estimated(NODE_ONLY, exactly(hours)), life)
    assert isinstance(found.share, float)
    tonnes = found.share * (figures["device"] + figures["server"]) / 1000
    assert tonnes == pytest.approx(11.2, abs=0.05)


def test_a_share_by_hand() -> None:
    # Ten hours of four A100 SXM: 40 of 3 * 8760 * 0.85 = 22,338 hours that a device works.
    # 127.6, 150 and 319 kg are published: 150 in the middle.
    time = Interval(18_000.0, 36_000.0, 72_000.0, 0.9)
    life = Life(years=3, utilisation=0.85)
    found = embodied("a100-sxm4-40gb", 4, estimated(NODE_ONLY, time), life)
    grams = of(found.device_gco2e)
    assert grams.median == pytest.approx(40 / 22_338 * 150_000)
    assert grams.low == pytest.approx(20 / 22_338 * 127_600)
    assert grams.high == pytest.approx(80 / 22_338 * 319_000)
    # Servers: 2,500 and 5,700 kg for eight devices, 4,100 between them.
    assert of(found.server_gco2e).median == pytest.approx(40 / 22_338 * 4_100_000 / 8)


def test_half_the_life_is_twice_the_share() -> None:
    time = estimated(NODE_ONLY, exactly(1e5))
    long, short = (
        of(embodied("l4", 1, time, Life(years=y, utilisation=0.5)).device_gco2e) for y in (4, 2)
    )
    assert short.median == pytest.approx(2 * long.median)


def test_a_lone_figure_is_as_wide_as_others_differ() -> None:
    # H100: 164 to 575 kg, the widest of all: a factor of sqrt(575 / 164) either way.
    assert lone_factor() == pytest.approx(math.sqrt(575 / 164))
    assert span([123.5]) == pytest.approx((123.5 / 1.8725, 123.5, 123.5 * 1.8725), rel=1e-3)
    assert span([3.0, 1.0, 2.0]) == (1.0, 2.0, 3.0)
    assert span([1.0, 3.0]) == (1.0, 2.0, 3.0)


def test_a_device_without_a_source_is_not_assessed() -> None:
    found = embodied("rtx3090", 1, estimated(NODE_ONLY, exactly(1.0)), Life(years=3, utilisation=1))
    assert isinstance(found.device_gco2e, NotAssessed) and "rtx3090" in found.device_gco2e.reason
    assert isinstance(found.server_gco2e, NotAssessed) and found.figures == ()
    # A card has figures, the workstation around it none.
    card = embodied(
        "titan-rtx", 1, estimated(NODE_ONLY, exactly(1.0)), Life(years=3, utilisation=1)
    )
    assert isinstance(card.device_gco2e, Interval) and isinstance(card.server_gco2e, NotAssessed)


def test_without_an_amount_of_training_there_is_no_share() -> None:
    found = embodied("l4", 1, estimated(None, None), Life(years=3, utilisation=1))
    assert isinstance(found.device_gco2e, NotAssessed) and isinstance(found.share, NotAssessed)
    assert "--samples" in found.device_gco2e.reason


def test_every_row_is_sourced_and_of_a_device_in_the_catalogue() -> None:
    known = {device.id for device in catalogue()}
    assert len(ROWS) == 16
    for row in ROWS:
        assert row["part"] in ("device", "server") and row["source"] and row["boundary"], row
        assert set(row["hardware"].split(";")) <= known, row
        assert 2020 <= int(row["year"]) <= 2030
        assert 50 < float(row["embodied_kgco2e"]) / int(row["devices_per_unit"]) < 1000
