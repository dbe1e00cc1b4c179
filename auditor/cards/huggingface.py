"""A Hugging Face model card: YAML at its head and a Markdown section with every figure.

Keys by huggingface.co/docs/hub/model-cards-co2; `energy` is an extension of our own, as the Hub
has no field for electricity.
"""

from __future__ import annotations

from collections.abc import Mapping

from auditor.cards.facts import Facts
from auditor.cards.lines import (
    FIGURE_HEADER,
    MEASURED_HEADER,
    bullets,
    figure_row,
    pair_row,
    plan_rows,
    table,
)
from auditor.cards.options import CardOptions
from auditor.cards.records import Figure
from auditor.cards.yaml_lines import Tree, yaml_lines
from auditor.report.markdown import escaped

BEGIN, END = "<!-- auditor:begin -->", "<!-- auditor:end -->"
SCORES_KEY = "model-index"


def render(found: Facts, options: CardOptions) -> str:
    """A whole README.md."""
    head = "\n".join(yaml_lines(front_matter(found, options)))
    return f"---\n{head}\n---\n\n# {escaped(found.name)}\n\n{section(found)}"


def front_matter(found: Facts, options: CardOptions) -> dict[str, Tree]:
    """Our keys of the YAML head; one that cannot be filled is left out."""
    tree: dict[str, Tree] = {}
    grams = found.carbon.interval
    if grams is not None:
        tree["co2_eq_emissions"] = _emissions(found, options, grams.median)
    tree["energy"] = _energy(found)
    index = _model_index(found, options)
    if index is not None:
        tree[SCORES_KEY] = index
    return tree


def _emissions(found: Facts, options: CardOptions, grams: float) -> Tree:
    tree: dict[str, Tree] = {"emissions": float(grams), "source": _source(found)}
    if options.training_type is not None:
        tree["training_type"] = options.training_type
    if found.place is not None:
        tree["geographical_location"] = found.place
    return {**tree, "hardware_used": found.hardware}


def _source(found: Facts) -> str:
    grams = found.carbon.interval
    span = ""
    if grams is not None:
        low, high = (f"{v:,.3g}" if v < 1000 else f"{v:,.0f}" for v in (grams.low, grams.high))
        span = f", {grams.level:.0%} interval {low} to {high} g CO2e"
    return (
        f"{found.carbon.basis.value} by {found.tool} before the training ({found.method})"
        f"{span}; {found.carbon.method}"
    )


def figure_tree(figure: Figure) -> Mapping[str, Tree]:
    """A figure as a mapping, by the names that the JSON card has too."""
    found = figure.interval
    tree: dict[str, Tree] = {"basis": figure.basis.value}
    if figure.median is None:
        return {"value": None, "not_assessed": figure.not_assessed}
    tree = {"value": float(figure.median), "unit": figure.unit, **tree}
    if found is not None:
        tree |= {"low": float(found.low), "high": float(found.high), "level": found.level}
    if figure.scope is not None:
        tree["scope"] = figure.scope
    return {**tree, "method": figure.method, "source": figure.source}


def _energy(found: Facts) -> Tree:
    """Electricity and scores; numbers are plain decimals."""
    tree: dict[str, Tree] = {
        "training": figure_tree(found.energy),
        "duration": figure_tree(found.duration),
        "boundary": found.boundary,
        "scores": {score.name: figure_tree(score) for score in found.scores},
    }
    if found.measured is not None:
        tree["measured"] = [
            {
                "figure": pair.name,
                "basis": "measured",
                "value": float(pair.measured),
                "scope": pair.measured_scope,
                "source": found.measured.tool,
                "predicted": float(pair.predicted.median),
                "predicted_scope": pair.predicted_scope,
                "prediction_error": float(pair.error),
            }
            for pair in found.measured.pairs
        ]
    return tree


def _model_index(found: Facts, options: CardOptions) -> list[Tree] | None:
    """Scores as results; the Hub wants a task and a dataset, which are not made up."""
    scores = [score for score in found.scores if score.median is not None]
    if not scores or options.task is None or options.dataset is None:
        return None
    metrics: list[Tree] = [
        {
            "type": score.name,
            "name": f"{score.name.upper()} ({score.basis.value})",
            "value": float(score.median or 0.0),
        }
        for score in scores
    ]
    return [
        {
            "name": found.name,
            "results": [
                {
                    "task": {"type": options.task},
                    "dataset": {"name": options.dataset, "type": options.dataset},
                    "metrics": metrics,
                }
            ],
        }
    ]


def section(found: Facts) -> str:
    """The Markdown between our marks, with every figure; a newline at its end."""
    parts = [
        f"{BEGIN}\n\n## Electricity of the training\n",
        f"By {escaped(found.tool)}: {escaped(found.method)}. {escaped(found.boundary)}\n",
        table(FIGURE_HEADER, [figure_row(f) for f in (*found.figures, *found.scores)]),
    ]
    if found.measured is not None:
        parts += [
            f"### Measured beside predicted\n\nBy {escaped(found.measured.tool)}, for "
            f"{found.measured.samples:,.10g} samples.\n",
            table(MEASURED_HEADER, [pair_row(pair) for pair in found.measured.pairs]),
        ]
    parts += ["### Setting\n", table(("what", "value"), plan_rows(found))]
    warnings = (*found.document["warnings"], *(found.measured.warnings if found.measured else ()))
    for title, lines in (("Assumptions", found.document["assumptions"]), ("Warnings", warnings)):
        if lines:
            parts += [f"### {title}\n", bullets(lines)]
    return "\n".join(parts) + f"\n{END}\n"
