"""Carbon intensity of the grid by country and by cloud region.

Countries: yearly mean of generation (Ember).  Cloud regions: the newest year
with an intensity, as collected by the Green Software Foundation.  Left out are
aggregates without an ISO code, cloud regions without any intensity, and rows
whose grid zone contradicts the region's place (gcp:me-central1, azure:westus,
azure:asiapacific, and the Finnish one of two rows for azure:northeurope).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from auditor.errors import PlanError
from auditor.tables import read_table

_LONGEST_NAME = 80
# Names in common use that the tables spell in another way.
_ALSO = {
    "uk": "GBR",
    "great britain": "GBR",
    "united states of america": "USA",
    "turkey": "TUR",
    "czech republic": "CZE",
    "ivory coast": "CIV",
    "swaziland": "SWZ",
    "burma": "MMR",
    "cape verde": "CPV",
    "macau": "MAC",
    "democratic republic of the congo": "COD",
    "republic of korea": "KOR",
    "russian federation": "RUS",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """Where a training runs, with the yearly mean intensity of its grid.

    `carbon_gco2e_per_kwh` is in gCO2e/kWh, `pue` a ratio, `wue_l_per_kwh` in
    litres/kWh; None where the source gives none.  `method` says which mix the
    intensity is of: production for countries, consumption for cloud regions.
    `country` is an ISO 3166 alpha-2 code, None where the tables have no zone.
    """

    id: str
    name: str
    kind: str
    country: str | None
    carbon_gco2e_per_kwh: float
    year: int
    pue: float | None
    wue_l_per_kwh: float | None
    method: str
    source: str

    @property
    def provider(self) -> str | None:
        """Whose cloud region it is: aws, gcp or azure; None of a country."""
        return self.id.partition(":")[0] if self.kind == "cloud" else None

    def as_dict(self) -> dict[str, Any]:
        """Return every field and the provider, for JSON."""
        return {**asdict(self), "provider": self.provider}


def _country(row: dict[str, str]) -> Region:
    return Region(
        id=row["iso_alpha3"],
        name=row["name"],
        kind="country",
        country=row["iso_alpha2"] or None,
        carbon_gco2e_per_kwh=float(row["carbon_gco2e_per_kwh"]),
        year=int(row["year"]),
        pue=None,
        wue_l_per_kwh=None,
        method=row["method"],
        source=row["source"],
    )


def _cloud(row: dict[str, str]) -> Region:
    return Region(
        id=row["id"],
        name=row["location"],
        kind="cloud",
        country=row["zone"][:2] or None,
        carbon_gco2e_per_kwh=float(row["carbon_gco2e_per_kwh"]),
        year=int(row["year"]),
        pue=float(row["pue"]) if row["pue"] else None,
        wue_l_per_kwh=float(row["wue_l_per_kwh"]) if row["wue_l_per_kwh"] else None,
        method=row["method"],
        source=row["source"],
    )


@lru_cache(maxsize=1)
def regions() -> tuple[Region, ...]:
    """Every country, by ISO 3166 alpha-3 code, then every cloud region, by id."""
    countries = tuple(_country(row) for row in read_table("grid.csv"))
    return countries + tuple(_cloud(row) for row in read_table("cloud_regions.csv"))


KINDS = ("all", "country", "cloud", "aws", "gcp", "azure")


def of_kind(kind: str) -> tuple[Region, ...]:
    """Regions of one of `KINDS`: every one, countries, cloud regions, or those of one provider.

    Raises:
        PlanError: it is none of them.
    """
    if kind not in KINDS:
        raise PlanError(f"regions of kind {kind!r}: choose one of {', '.join(KINDS)}")
    return tuple(r for r in regions() if kind in ("all", r.kind, r.provider))


def search_regions(query: str, kind: str = "all") -> tuple[Region, ...]:
    """Regions of a kind that have every word of `query` in their id or name.

    A word that is the code of a country, as FR, stands for all regions in it.  Case and accents
    do not matter.

    Raises:
        PlanError: as `of_kind`.
    """
    codes = {_key(region.country) for region in regions() if region.country}
    words = [_key(word) for word in query.split()]

    def has(region: Region, word: str) -> bool:
        if word in codes:
            return word == _key(region.country or "")
        return any(word in _key(text) for text in (region.id, region.name))

    return tuple(r for r in of_kind(kind) if all(has(r, word) for word in words))


def _key(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(ch for ch in plain if ch.isascii() and ch.isalnum())


def _spellings() -> Iterator[tuple[str, str]]:
    """(name, region id) of everything a region is certainly called."""
    for row in read_table("grid.csv"):
        for column in ("iso_alpha2", "iso_alpha3", "name"):
            yield row[column], row["iso_alpha3"]
    for row in read_table("cloud_regions.csv"):
        yield row["id"], row["id"]
        yield row["region"], row["id"]
    yield from _ALSO.items()


def _loose_spellings() -> Iterator[tuple[str, str]]:
    """Country names without what stands in brackets and without "the"."""
    for region in regions():
        if region.kind == "country":
            short = re.sub(r"\(.*?\)|\[.*?\]|^The ", "", region.name)
            yield short, region.id


@lru_cache(maxsize=1)
def _index() -> dict[str, tuple[str, ...]]:
    index: dict[str, tuple[str, ...]] = {}
    for name, region_id in _spellings():
        known = index.get(_key(name), ())
        index[_key(name)] = known if region_id in known else (*known, region_id)
    # A shortened name never takes a full one: "Congo" is one country, "Congo (DRC)" another.
    loose: dict[str, tuple[str, ...]] = {}
    for name, region_id in _loose_spellings():
        loose[_key(name)] = (*loose.get(_key(name), ()), region_id)
    return loose | index


def _unknown(name: str) -> PlanError:
    import difflib  # only the sad path pays for it

    near = difflib.get_close_matches(_key(name), _index(), n=5, cutoff=0.6)
    ids = list(dict.fromkeys(region_id for key in near for region_id in _index()[key]))
    hint = f"nearest are {', '.join(ids)}" if ids else "give an ISO code as FR or aws:eu-west-1"
    return PlanError(f"unknown region {name!r}: {hint}; else give the intensity itself")


def resolve_region(name: str) -> Region:
    """Return the region meant by an ISO code, a country's or a cloud region's name.

    Case, accents, spaces and dashes do not matter.  Raises PlanError for an
    unknown name (with the nearest) and for one that fits several regions (with
    their ids).
    """
    if len(name) > _LONGEST_NAME:
        raise PlanError(f"region name {name[:40]!r}... is too long: give an ISO code as FR")
    ids = _index().get(_key(name), ())
    if not ids or not _key(name):
        raise _unknown(name)
    if len(ids) > 1:
        raise PlanError(f"region {name!r} is ambiguous: name one of {', '.join(ids)}")
    return next(region for region in regions() if region.id == ids[0])
