"""``audit compare``: several models beside each other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.model import model_command
from auditor.cli.output import write
from auditor.cli.planned import LIFE_OPTIONS, PLAN_OPTIONS, plan_said
from auditor.errors import AuditError, OutputError, PlanError
from auditor.workload import Plan, find_project_plan

if TYPE_CHECKING:
    from auditor.compare import Comparison
    from auditor.scores import Choices

_FILE = click.Path(path_type=Path)
_COMPARED = "compared"
_MAX_SAM = 1e6
_BESIDE = {"hardware_file", "plan_file", "strict", "calibration", "timeout_s"}


@click.command(
    "compare",
    short_help="Several models beside each other.",
    context_settings={"max_content_width": 100},
)
@click.argument("models", type=_FILE, nargs=-1, required=True)
@click.option("--accuracy-file", type=_FILE, help="CSV with the columns model,accuracy.")
@click.option(
    "--reference",
    default=_COMPARED,
    metavar="NAME|FILE",
    help="Set that PePR is against: compared, derma, derma_pt, lidc, pneumonia, imagenet, a CSV.  "
    "[default: compared]",
)
@click.option("--sam-alpha", type=float, help="Exponent of the accuracy in SAM.  [default: 5]")
@click.option("--sam-beta", type=float, help="Factor of SAM.  [default: 5]")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "csv", "html"]), default="text"
)
@click.option("-o", "--output", type=_FILE, help="Write the comparison to this file.")
def compare_command(
    *,
    models: tuple[Path, ...],
    accuracy_file: Path | None,
    reference: str,
    sam_alpha: float | None,
    sam_beta: float | None,
    form: str,
    output: Path | None,
    **options: Any,
) -> None:
    """Compare the ONNX files MODELS: energy, ranks, Pareto front and scores.

    \b
    audit compare a.onnx b.onnx --hardware a100 --samples 50000 --accuracy-file acc.csv

    What differs between models stands in the --plan file under [models.NAME]; that goes before
    the command line, which goes before the rest of the file.
    """  # noqa: D301
    # Imported here, as below: --help may not wait for it.
    from auditor.compare import candidates, comparison
    from auditor.compare.accuracy import read_accuracies

    chosen = _choices(reference, sam_alpha, sam_beta)
    accuracies = read_accuracies(accuracy_file) if accuracy_file is not None else {}
    plan, own = _plans(options)
    shared = _request(plan, options)
    _not_over(output, (*models, accuracy_file, options["plan_file"], reference))
    found = comparison(candidates(models, shared, own, accuracies), chosen)
    write(_render(found, form), output)
    if found.failures:
        listed = "; ".join(f"{f.name}: {f.reason}" for f in found.failures)
        raise AuditError(f"{len(found.failures)} of {len(models)} models not audited: {listed}")


# The plan's options are those of `audit MODEL`, whatever they come to be.
compare_command.params.extend(
    option
    for option in model_command.params
    if option.name in (PLAN_OPTIONS - {"accuracy"}) | LIFE_OPTIONS | _BESIDE
)


def _not_over(output: Path | None, read: tuple[Path | str | None, ...]) -> None:
    """Refuse to write over what is read.

    Raises:
        OutputError: the output is one of the files read.
    """
    same = {os.path.realpath(path) for path in read if path is not None}
    if output is not None and os.path.realpath(output) in same:
        raise OutputError(f"{output}: is read for this; name another -o file")


def _plans(options: dict[str, Any]) -> tuple[Plan, dict[str, Plan]]:
    """The plan of all models, and by name what is said of one alone.

    Raises:
        PlanError: a plan is not usable.
    """
    from auditor.compare.candidates import read_plans

    said, own = plan_said(options), dict[str, Plan]()
    if options["plan_file"] is not None:
        file_plan, tables = read_plans(options["plan_file"])
        said, own = said.over(file_plan), dict(tables)
    project = find_project_plan(Path.cwd())
    return said.over(project[0]) if project is not None else said, own


def _request(plan: Plan, options: dict[str, Any]) -> Any:
    from auditor.pipeline import Request

    return Request(
        path=Path(),
        plan=plan,
        hardware_file=options["hardware_file"],
        strict=options["strict"],
        calibration=options["calibration"],
    )


def _choices(reference: str, alpha: float | None, beta: float | None) -> Choices:
    """What the scores leave open.

    Raises:
        PlanError: there is no such reference set, or SAM's parameters are not above 0.
    """
    from auditor.scores import SAM_ALPHA, SAM_BETA, Choices, read_reference

    for name, value in (("alpha", alpha), ("beta", beta)):
        if value is not None and not 0 < value <= _MAX_SAM:
            raise PlanError(f"--sam-{name} {value:g}: must be above 0, at most {_MAX_SAM:g}, as 5")
    return Choices(
        reference=None if reference == _COMPARED else read_reference(reference),
        sam_alpha=SAM_ALPHA if alpha is None else alpha,
        sam_beta=SAM_BETA if beta is None else beta,
    )


def _render(found: Comparison, form: str) -> str:
    if form == "json":
        from auditor.compare.document import render_json

        return render_json(found)
    if form == "csv":
        from auditor.compare.columns import render_csv

        return render_csv(found)
    if form == "html":
        from auditor.compare.document import document
        from auditor.page import render

        return render(document(found))
    from auditor.compare.text import render_text

    return render_text(found)
