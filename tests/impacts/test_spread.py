"""The same training in every region: ranked within one boundary, and nothing made up."""

from __future__ import annotations

import pytest
from amounts import NODE_ONLY, of

from auditor.errors import PlanError
from auditor.impacts import NotAssessed, place
from auditor.impacts.spread import Spread, by_region
from auditor.regions import KINDS, of_kind, resolve_region


def spread(kind: str, region: str | None = None, pue: float | None = None) -> Spread:
    where = place(resolve_region(region) if region else None)
    found = by_region(NODE_ONLY, where, kind, pue)
    assert isinstance(found, Spread)
    return found


def test_aws_by_hand() -> None:
    # Stockholm 24.71 g/kWh is the lowest of 30, Mumbai 746.98 the highest; 10 kWh of the node,
    # since some have no published PUE.
    found = spread("aws", "aws:eu-west-1")
    assert (found.lowest.region.id, found.highest.region.id) == ("aws:eu-north-1", "aws:ap-south-1")
    assert found.lowest.operational_gco2e.median == pytest.approx(247.1)
    assert found.highest.operational_gco2e.high == pytest.approx(14_939.6)
    assert (found.scope, found.lowest.pue, len(found.rows)) == ("node", None, 30)
    # Below 403.40 g/kWh are 17 of them, read off the table.
    assert found.chosen_rank == 18


def test_a_given_pue_holds_everywhere() -> None:
    plain, given_pue = spread("country"), spread("country", pue=1.5)
    assert (plain.scope, given_pue.scope) == ("node", "facility")
    assert given_pue.median_gco2e == pytest.approx(1.5 * plain.median_gco2e)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_in_order_and_the_middle_is_between_them(kind: str) -> None:
    found = spread(kind)
    grams = [row.operational_gco2e.median for row in found.rows]
    assert grams == sorted(grams) and len(grams) == len(of_kind(kind))
    below = sum(g < found.median_gco2e for g in grams)
    above = sum(g > found.median_gco2e for g in grams)
    assert below <= len(grams) / 2 and above <= len(grams) / 2
    assert (found.chosen, found.chosen_rank) == (None, None)
    assert found.rank(found.lowest) == 1


def test_equals_share_a_rank() -> None:
    # Both lie in the zone US-MIDA-PJM: 396.25 g/kWh.
    ranks = {spread("aws", f"aws:{name}").chosen_rank for name in ("us-east-1", "us-east-2")}
    assert len(ranks) == 1


def test_a_region_of_another_kind_has_no_rank() -> None:
    found = spread("gcp", "FR")
    assert found.chosen is None and found.chosen_rank is None


def test_the_countrys_row_is_what_its_impacts_say() -> None:
    found = spread("all", "FR")
    row = next(r for r in found.rows if r.region.id == "FRA")
    assert of(row.operational_gco2e).median == pytest.approx(441.8)


def test_what_cannot_be_spread() -> None:
    assert isinstance(by_region(None, place(None), "all", None), NotAssessed)
    with pytest.raises(PlanError, match="choose one of all, country"):
        by_region(NODE_ONLY, place(None), "moon", None)
