"""``audit reconcile``: what was measured of a training, beside its audit."""

from __future__ import annotations

from pathlib import Path

import click

from auditor.cli.deadline import deadline
from auditor.cli.output import write
from auditor.errors import OutputError

_FILE = click.Path(path_type=Path)
_TOOLS = ("codecarbon", "carbontracker", "zeus")


@click.command("reconcile", short_help="What codecarbon, carbontracker or zeus measured.")
@click.argument("measured", type=_FILE)
@click.option("--audit", "audit_file", type=_FILE, required=True, help="JSON of the audit.")
@click.option("--tool", type=click.Choice(_TOOLS), help="Whose file it is.  [default: seen]")
@click.option("--run-id", metavar="ID", help="A run in codecarbon's emissions.csv.")
@click.option("--project", metavar="NAME", help="The run of this project_name in it.")
@click.option("--row", type=int, metavar="N", help="The Nth row of it.")
@click.option("--window", metavar="NAME", help="A window in zeus's log.")
@click.option("--tool-pue", type=float, help="PUE in a carbontracker log that does not say it.")
@click.option("--epochs", type=float, help="Epochs trained while measuring.")
@click.option("--samples", type=float, help="Samples trained on while measuring, instead.")
@click.option("--hardware-file", type=_FILE, help="TOML with more accelerators.")
@click.option("--force", is_flag=True, help="Compare although the hardware differs.")
@deadline
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.option("-o", "--output", type=_FILE, help="Write the report to this file.")
@click.option("--row-output", type=_FILE, help="Add the run to this CSV for `audit calibrate`.")
def reconcile_command(
    *,
    measured: Path,
    audit_file: Path,
    tool: str | None,
    run_id: str | None,
    project: str | None,
    row: int | None,
    window: str | None,
    tool_pue: float | None,
    epochs: float | None,
    samples: float | None,
    hardware_file: Path | None,
    force: bool,
    form: str,
    output: Path | None,
    row_output: Path | None,
) -> None:
    """Compare the file MEASURED, which a meter wrote during a training, with its audit.

    \b
    audit model.onnx --hardware a100 --samples 50000 --epochs 90 --format json -o audit.json
    audit reconcile emissions.csv --audit audit.json

    MEASURED is the emissions.csv of codecarbon, a log of carbontracker, or a CSV file of
    zeus (windows, or power over time).
    """  # noqa: D301
    # Imported here: --help may not wait for it.
    from auditor.hardware import load_hardware_file
    from auditor.reconcile import Said, Selection, Tool, read_audit, read_measured, reconcile
    from auditor.reconcile.render import render_json, render_text
    from auditor.reconcile.row import row as row_of
    from auditor.reconcile.row import table

    if output is not None and row_output is not None and output.resolve() == row_output.resolve():
        raise OutputError(f"{output}: report and row into one file; name two")
    chosen = Selection(row=row, run_id=run_id, project=project, window=window, pue=tool_pue)
    extra = load_hardware_file(hardware_file) if hardware_file is not None else ()
    audited = read_audit(audit_file)
    found = reconcile(
        read_measured(measured, chosen, Tool(tool) if tool else None),
        audited,
        Said(epochs=epochs, samples=samples, despite_conflicts=force),
        extra,
    )
    # Everything that may be refused comes before anything is written.
    rows = table(row_of(found, str(measured)), row_output) if row_output is not None else None
    text = render_json(found) if form == "json" else render_text(found)
    if output is not None:
        write(text, output)
    if rows is not None:
        write(rows, row_output)
    if output is None:
        write(text, None)
