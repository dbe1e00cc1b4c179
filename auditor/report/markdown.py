"""The report as Markdown, for a job summary or a pull request."""

from __future__ import annotations

from collections.abc import Sequence

from auditor import escaping
from auditor.pipeline import Audit
from auditor.report import lines
from auditor.report.impact_lines import asked_tables

escaped = escaping.markdown


def render_markdown(audit: Audit) -> str:
    """Return tables of the model, the step, the training and the operators, and the notes."""
    title = escaped(audit.model.path.replace("\\", "/").rsplit("/", 1)[-1])
    parts = [f"## {title} on {escaped(audit.hardware.accelerator.name)}\n"]
    rows = [*lines.training_rows(audit), *lines.step_rows(audit), *lines.model_rows(audit)]
    parts.append(_table(("figure", "value"), rows))
    parts.append("### Operators\n")
    parts.append(_table(lines.OP_TYPE_HEADER, lines.op_type_rows(audit)))
    for table in asked_tables(audit):
        parts.append(f"### {escaped(table.title)}\n")
        parts.append(_table(table.header, table.rows))
    for name, notes in (("Assumptions", audit.assumptions), ("Warnings", audit.warnings)):
        if notes:
            parts.append(f"### {name}\n")
            parts.append("".join(f"- {escaped(n)}\n" for n in notes))
    return "\n".join(parts)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    cells = [header, ["---"] * len(header), *([escaped(c) for c in row] for row in rows)]
    return "".join("| " + " | ".join(row) + " |\n" for row in cells)
