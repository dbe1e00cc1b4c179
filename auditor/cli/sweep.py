"""``audit sweep``: a fleet of models as one table."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from auditor import __version__
from auditor.cli.deadline import deadline
from auditor.cli.model import model_command
from auditor.cli.output import write
from auditor.cli.planned import PLAN_OPTIONS, plan_said
from auditor.errors import AuditError, PlanError
from auditor.workload import Plan, find_project_plan, read_plan_file, validated

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from auditor.sweep.records import Grid, NamedPlan

_FILE = click.Path(path_type=Path)
_DEFAULT_PLAN = "default"
_OWN = {"hardware", "accuracy"}
_BESIDE = {"hardware_file", "strict", "calibration"}


@click.command(
    "sweep",
    short_help="A fleet of models as one table.",
    context_settings={"max_content_width": 100},
)
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")
@click.option("--hardware", required=True, metavar="NAME,NAME", help="As a100,h100,l4.")
@click.option(
    "--plan", "plan_files", type=_FILE, multiple=True, help="A plan each; may be given often."
)
@click.option("-o", "--output", type=_FILE, required=True, help="Table: .parquet or .jsonl.")
@click.option("--processes", type=int, help="On this machine.  [default: its cores]")
@click.option("--scheduler", metavar="tcp://HOST:PORT", help="A Dask cluster instead.")
@click.option("--accuracy-file", type=_FILE, help="CSV with the columns model,accuracy.")
@click.option("--summary", is_flag=True, help="Print totals and the Pareto front.")
@deadline
def sweep_command(
    *,
    sources: tuple[str, ...],
    hardware: str,
    plan_files: tuple[Path, ...],
    output: Path,
    processes: int | None,
    scheduler: str | None,
    accuracy_file: Path | None,
    summary: bool,
    **options: Any,
) -> int:
    """Audit every model of SOURCE on every hardware under every plan: one row each.

    \b
    audit sweep models/ 's3://bucket/**/*.onnx' --hardware a100,h100 --plan plan.toml -o all.parquet

    SOURCE is a file, a folder, a pattern, or a URL of s3://, gs://, hf:// or https://, of which
    ranges are read and no weights.  What fails is a row with its error.  Begun again after it was
    interrupted, it goes on where it stopped.  Exit code 2 if no row could be made.
    """  # noqa: D301
    # Imported here: --help may not wait for it.
    from auditor.sweep.summary import summary_text
    from auditor.sweep.sweep import sweep

    plans = _plans(plan_files, options)
    grid = _grid(plans, _names(hardware), accuracy_file, options)
    # A cluster's workers have working folders of their own.
    given = sources if scheduler is None else tuple(map(_absolute, sources))
    with _executor(processes, scheduler) as executor:
        found = sweep(given, grid, output, executor, _facts(grid))
    if summary:
        write(summary_text(found), None)
    if found.failed:
        click.echo(f"{found.failed} of {found.rows} rows hold an error", err=True)
    if found.failed == found.rows:
        kinds = ", ".join(sorted(found.errors))
        raise AuditError(f"no model could be audited ({kinds}); {output} has the errors")
    return 0


sweep_command.params.extend(
    option for option in model_command.params if option.name in (PLAN_OPTIONS - _OWN) | _BESIDE
)


def _absolute(source: str) -> str:
    from auditor.sweep.open import is_remote

    return source if is_remote(source) else os.path.abspath(source)


def _names(hardware: str) -> tuple[str, ...]:
    """Split the list of hardware.

    Raises:
        PlanError: it is empty, or names one twice.
    """
    names = tuple(name.strip() for name in hardware.split(","))
    if not all(names) or len(set(names)) < len(names):
        raise PlanError(f"--hardware {hardware!r}: name each once, as a100,h100,l4")
    return names


def _plans(files: tuple[Path, ...], options: dict[str, Any]) -> tuple[NamedPlan, ...]:
    """Return the plans: each file with what the command line says over it, and the project below.

    Raises:
        PlanError: a plan is not usable, or two files have one name.
    """
    from auditor.sweep.records import NamedPlan

    said, project = plan_said(options), find_project_plan(Path.cwd())
    # Hardware is the grid's, and an accuracy is of one model.
    below = Plan() if project is None else replace(project[0], hardware=None, accuracy=None)
    found = [(path.stem, said.over(read_plan_file(path)).over(below)) for path in files]
    named = found or [(_DEFAULT_PLAN, said.over(below))]
    if len({name for name, _ in named}) < len(named):
        raise PlanError(
            "--plan: two files have one name, which is what rows call a plan; rename one"
        )
    for path, (_, plan) in zip(files, found, strict=True):
        if plan.hardware is not None:
            raise PlanError(f"{path}: names hardware; a sweep takes --hardware for all plans")
    return tuple(NamedPlan(name, validated(plan)) for name, plan in named)


def _grid(
    plans: tuple[NamedPlan, ...],
    hardware: tuple[str, ...],
    accuracy_file: Path | None,
    options: dict[str, Any],
) -> Grid:
    """Put together what every model is held against, and see that it can be.

    Raises:
        AuditError: a file cannot be read, or hardware or a region is unknown.
    """
    from auditor.compare.accuracy import read_accuracies
    from auditor.setting import resolved
    from auditor.sweep.records import Grid

    calibration = options["calibration"]
    for plan in plans:
        for name in hardware:  # a mistake in the grid would be one in every row
            resolved(replace(plan.plan, hardware=name), options["hardware_file"])
    accuracies = read_accuracies(accuracy_file) if accuracy_file is not None else {}
    return Grid(
        plans=plans,
        hardware=hardware,
        hardware_file=_content(options["hardware_file"]),
        calibration=b"" if str(calibration) == "none" else _checked(calibration),
        strict=options["strict"],
        accuracies=MappingProxyType(dict(accuracies)),
    )


def _checked(calibration: Path | None) -> bytes | None:
    if calibration is None:
        return None
    from auditor.step.artefact import read_artefact

    read_artefact(calibration)
    return _content(calibration)


def _content(path: Path | None) -> bytes | None:
    return None if path is None else path.read_bytes()


def _facts(grid: Grid) -> tuple[tuple[str, str], ...]:
    from auditor.budget.cache import tool_stamp

    return (
        ("grid of plans and hardware", grid.sha256),
        ("version", f"{__version__} {tool_stamp()}"),
    )


def _executor(processes: int | None, scheduler: str | None) -> AbstractContextManager[Any]:
    """Return who audits.

    Raises:
        PlanError: both are given, or fewer than one process.
    """
    from auditor.sweep.executor import Cluster, Local

    if scheduler is not None:
        if processes is not None:
            raise PlanError("--processes is of this machine: leave it out, or --scheduler")
        return Cluster(scheduler)
    if processes is not None and not 1 <= processes <= 1024:
        raise PlanError(f"--processes {processes}: must be 1 or more, at most 1024")
    return Local(processes or _cores())


def _cores() -> int:
    available = getattr(os, "sched_getaffinity", None)
    return len(available(0)) if available else os.cpu_count() or 1
