"""``audit crosscheck``: our counts beside fvcore's and FlopCounterMode's."""

from __future__ import annotations

from pathlib import Path

import click

from auditor.cli.deadline import deadline
from auditor.cli.output import write


@click.command("crosscheck", short_help="A torch: network beside fvcore's counts.")
@click.argument("model")
@click.option("--input", "inputs", multiple=True, metavar="[NAME=]AxB[:TYPE]", help="An input.")
@deadline
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to this file.")
def crosscheck_command(model: str, inputs: tuple[str, ...], form: str, output: Path | None) -> None:
    """Count torch:MODULE:CALLABLE by layer, beside fvcore and FlopCounterMode.

    \b
    audit crosscheck torch:package.module:factory --input 1x3x224x224

    This imports and runs the code that MODEL names (extra torch).
    """  # noqa: D301
    # Imported here: --help may not wait for it.
    from auditor.frontend.comparison import crosscheck
    from auditor.frontend.render import render_json, render_text

    found = crosscheck(model, inputs)
    write(render_json(found) if form == "json" else render_text(found), output)
