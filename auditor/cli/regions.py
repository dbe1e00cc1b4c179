"""``audit regions``: the countries and cloud regions whose grid is known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor import units
from auditor.cli.output import write
from auditor.errors import PlanError

if TYPE_CHECKING:
    from auditor.regions import Region

_KINDS = ("all", "country", "cloud", "aws", "gcp", "azure")


@click.command("regions", short_help="Countries and cloud regions whose grid is known.")
@click.argument("query", nargs=-1)
@click.option("--kind", type=click.Choice(_KINDS), default="all", show_default=True)
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to this file.")
def regions_command(query: tuple[str, ...], kind: str, form: str, output: Path | None) -> None:
    """List countries and cloud regions, or those that match QUERY."""
    from auditor.regions import search_regions

    text = " ".join(query)
    found = search_regions(text, kind)
    if not found:
        raise PlanError(f"no region of kind {kind} matches {text!r}; `audit regions` lists all")
    write(_json(found) if form == "json" else _table(found), output)


def _json(found: Sequence[Region]) -> str:
    return json.dumps([region.as_dict() for region in found], indent=2, ensure_ascii=False) + "\n"


def _table(found: Sequence[Region]) -> str:
    """Plain columns; a dash is what no source gives."""
    header = ("id", "name", "gCO2e/kWh", "year", "PUE", "WUE l/kWh")
    rows = [
        (r.id, r.name, f"{r.carbon_gco2e_per_kwh:g}", str(r.year), _of(r.pue), _of(r.wue_l_per_kwh))
        for r in found
    ]
    return "\n".join(units.columns([header, *rows], left=2)) + "\n"


def _of(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
