"""The report for people: a panel at a terminal, plain lines in a file or a pipe.

Plain lines are what logs and grep want, and they spare the time that rich takes to load.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from auditor import units
from auditor.report import lines
from auditor.report.impact_lines import asked_tables

if TYPE_CHECKING:
    from rich.console import RenderableType

    from auditor.pipeline import Audit

PLAIN_WIDTH = 110


def render_text(audit: Audit) -> str:
    """Return figures, the top operators, then assumptions and warnings, as plain lines."""
    blocks = [
        "\n".join(_aligned(rows, PLAIN_WIDTH))
        for rows in (lines.model_rows(audit), lines.step_rows(audit), lines.training_rows(audit))
    ]
    blocks.append("\n".join(units.columns([lines.OP_TYPE_HEADER, *lines.op_type_rows(audit)])))
    for table in asked_tables(audit):
        cells = [table.header, *table.rows]
        blocks.append("\n".join((lines.printable(table.title), *units.columns(cells))))
    for title, notes in (("assumptions", audit.assumptions), ("warnings", audit.warnings)):
        if notes:
            blocks.append("\n".join((title, *_bullets(notes, PLAIN_WIDTH))))
    return "\n\n".join(blocks) + "\n"


def _aligned(rows: Sequence[lines.Row], width: int) -> Iterator[str]:
    """Labels in one column, values in the next, long values wrapped below themselves."""
    label_width = max(len(label) for label, _ in rows) + 2
    for label, value in rows:
        yield textwrap.fill(
            value,
            width,
            initial_indent=label.ljust(label_width),
            subsequent_indent=" " * label_width,
            break_on_hyphens=False,
        )


def _bullets(notes: Sequence[str], width: int) -> Iterator[str]:
    for note in notes:
        yield textwrap.fill(
            lines.printable(note),
            width,
            initial_indent="- ",
            subsequent_indent="  ",
            break_on_hyphens=False,
        )


def print_terminal(audit: Audit) -> None:
    """Print the same to a terminal, in its width, with a panel around the figures."""
    from rich.console import Console, Group
    from rich.panel import Panel
    from rich.text import Text

    console = Console(highlight=False)
    groups = (lines.model_rows(audit), lines.step_rows(audit), lines.training_rows(audit))
    parts: list[RenderableType] = []
    for rows in groups:
        parts += [_grid(rows), Text("")]
    title = Text(lines.printable(audit.hardware.accelerator.name))
    console.print(Panel(Group(*parts[:-1]), title=title, title_align="left"))
    table = units.columns([lines.OP_TYPE_HEADER, *lines.op_type_rows(audit)])
    console.print(Text(table[0], style="bold"), soft_wrap=True)
    console.print(Text("\n".join(table[1:])), soft_wrap=True)
    for asked in asked_tables(audit):
        console.print(Text(f"\n{lines.printable(asked.title)}", style="bold"))
        cells = units.columns([asked.header, *asked.rows])
        console.print(Text("\n".join(map(lines.printable, cells))), soft_wrap=True)
    for name, notes in (("assumptions", audit.assumptions), ("warnings", audit.warnings)):
        if notes:
            style = "bold yellow" if name == "warnings" else "bold"
            console.print(Text(f"\n{name}", style=style))
            console.print(Text("\n".join(_bullets(notes, console.width))), soft_wrap=True)


def _grid(rows: Sequence[lines.Row]) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in rows:
        grid.add_row(Text(label), Text(value))
    return grid
