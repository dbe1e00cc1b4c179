"""The report for people at a terminal."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from auditor.pipeline import Audit
from auditor.report import lines

PLAIN_WIDTH = 110


def render_text(audit: Audit, *, terminal: bool = False) -> str:
    """Return a compact panel, the top operators, then assumptions and warnings.

    With `terminal` it carries colours and has the terminal's width.
    """
    console = Console(
        file=io.StringIO(),
        force_terminal=terminal,
        width=None if terminal else PLAIN_WIDTH,
        highlight=False,
        soft_wrap=False,
    )
    console.print(_panel(audit))
    console.print(_operators(audit))
    for title, notes in (("assumptions", audit.assumptions), ("warnings", audit.warnings)):
        _print_notes(console, title, notes)
    output = console.file
    return output.getvalue() if isinstance(output, io.StringIO) else ""


def _grid(rows: Sequence[lines.Row]) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, value in rows:
        grid.add_row(Text(label), Text(value))
    return grid


def _panel(audit: Audit) -> Panel:
    groups = (lines.model_rows(audit), lines.step_rows(audit), lines.training_rows(audit))
    spaced: list[RenderableType] = []
    for rows in groups:
        spaced += [_grid(rows), Text("")]
    title = f"{lines.printable(audit.hardware.accelerator.name)}"
    return Panel(Group(*spaced[:-1]), title=Text(title), title_align="left")


def _operators(audit: Audit) -> Table:
    table = Table(box=None, pad_edge=False, title=None)
    for index, header in enumerate(lines.OP_TYPE_HEADER):
        table.add_column(header, justify="left" if index == 0 else "right")
    for row in lines.op_type_rows(audit):
        table.add_row(*(Text(cell) for cell in row))
    return table


def _print_notes(console: Console, title: str, notes: Sequence[str]) -> None:
    if notes:
        console.print()
        console.print(Text(title, style="bold yellow" if title == "warnings" else "bold"))
    for note in notes:
        wrapped = textwrap.fill(
            lines.printable(note),
            console.width,
            initial_indent="- ",
            subsequent_indent="  ",
            break_on_hyphens=False,
        )
        console.print(Text(wrapped), soft_wrap=True)
