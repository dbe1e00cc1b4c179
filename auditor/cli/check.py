"""``audit check``: budgets of trainings, held before they run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli.deadline import deadline
from auditor.cli.output import write
from auditor.errors import AuditError, OutputError, PlanError

if TYPE_CHECKING:
    from auditor.budget.cache import Cache
    from auditor.budget.check import Against, Checked
    from auditor.budget.config import Configuration
    from auditor.budget.records import ModelVerdict, Verdict

_FILE = click.Path(path_type=Path)
FORMATS = ("text", "json", "markdown", "github", "junit")
MOST_NAMED = 3
_Written = tuple[str, Path | None]


@click.command(
    "check",
    short_help="Limits on trainings, for CI.",
    context_settings={"max_content_width": 100},
)
@click.argument("models", type=_FILE, nargs=-1)
@click.option("--config", type=_FILE, help="auditor.toml, or a pyproject.toml with [tool.auditor].")
@click.option("--lock", type=_FILE, help="[default: audit.lock.json beside the configuration]")
@click.option("--update", is_flag=True, help="Write the figures into the lock file.")
@click.option("--tolerance", metavar="SHARE", help="How much worse figures may be, as 5%.")
@click.option("--format", "form", type=click.Choice(FORMATS), default="text")
@click.option("-o", "--output", type=_FILE, help="Write the verdict to this file.")
@click.option(
    "--also",
    multiple=True,
    metavar="FORMAT=FILE",
    help="Write it in another format too, as junit=report.xml.",
)
@click.option("--no-cache", is_flag=True, help="Audit anew what was audited before.")
@deadline
def check_command(
    *,
    models: tuple[Path, ...],
    config: Path | None,
    lock: Path | None,
    update: bool,
    tolerance: str | None,
    form: str,
    output: Path | None,
    also: tuple[str, ...],
    no_cache: bool,
) -> int:
    """Hold the trainings of a configuration, or of the ONNX files MODELS, against its limits.

    \b
    audit check
    audit check --tolerance 5% --also junit=report.xml

    Without --config it is the nearest auditor.toml, or pyproject.toml with [tool.auditor],
    upwards.  MODELS select among the models of the configuration by name or file.

    Exit code: 0 within all limits, 1 over one, 2 if something could not be judged.
    """  # noqa: D301
    # Imported here: --help may not wait for it.
    from auditor.budget.cached import cached_stages
    from auditor.budget.check import check, require_one_making
    from auditor.budget.config import read_configuration
    from auditor.budget.lock import FILE_NAME

    asked = read_configuration(config, models)
    lock_path = lock or asked.path.parent / FILE_NAME
    outputs = ((form, output), *map(_also, also))
    _require_apart(outputs, asked, lock_path)
    against = _against(asked, lock_path, tolerance, update)
    _require_something(asked, against, update, lock is not None)
    if update:
        require_one_making(asked, against.lock)
    kept = _cache(no_cache)
    found = check(asked, against, cached_stages(kept))
    kept.trim()
    return _reported(found, outputs, lock_path if update else None)


def _reported(found: Checked, outputs: Iterable[_Written], lock_path: Path | None) -> int:
    """Write the verdict, then the lock file where one is to be written; return the exit code.

    Raises:
        AuditError: a model or a limit was not judged, which the verdict tells too.
        OutputError: a file cannot be written.
    """
    for name, path in outputs:
        write(_render(found.verdict, name), path, commands=name == "github")
    _refuse_unjudged(found.verdict.models, lock_path is not None)
    if lock_path is not None and found.lock is not None:
        from auditor.budget.lock import lock_text

        write(lock_text(found.lock), lock_path, option="--lock")
    _refuse_not_assessed(found.verdict)
    return found.verdict.exit_code


def _cache(is_off: bool) -> Cache:
    from auditor.budget.cache import Cache, default_folder

    return Cache(None if is_off else default_folder())


def _also(text: str) -> _Written:
    """Read ``FORMAT=FILE``.

    Raises:
        PlanError: it is not that.
    """
    form, separator, path = text.partition("=")
    if not separator or not path or form not in FORMATS:
        raise PlanError(f"--also {text!r}: give FORMAT=FILE with one of {', '.join(FORMATS)}")
    return form, Path(path)


def _require_apart(outputs: Iterable[_Written], asked: Configuration, lock_path: Path) -> None:
    """Refuse to write over what is read, and two things into one file.

    Raises:
        OutputError: one of these.
    """
    read = [asked.path, lock_path, asked.calibration, asked.hardware_file]
    read += [Path(asked.reference)] if asked.reference is not None else []
    taken = {os.path.realpath(p) for p in (*read, *(m.path for m in asked.all_models)) if p}
    if os.path.realpath(lock_path) in {os.path.realpath(m.path) for m in asked.all_models}:
        raise OutputError(f"{lock_path}: is a model; name another --lock file")
    for path in (path for _, path in outputs if path is not None):
        there = os.path.realpath(path)
        if there in taken and _is_replaced(path):
            raise OutputError(f"{path}: is read or written for this already; name another file")
        taken.add(there)


def _is_replaced(path: Path) -> bool:
    """Whether writing replaces what is there: a device takes any number of texts."""
    return not path.exists() or path.is_file()


def _against(asked: Configuration, lock_path: Path, tolerance: str | None, update: bool) -> Against:
    from auditor.budget.check import Against
    from auditor.budget.lock import read_lock
    from auditor.budget.tolerance import fraction

    share = asked.tolerance if tolerance is None else fraction(tolerance, "--tolerance")
    return Against(
        lock_name=str(lock_path),
        lock=read_lock(lock_path, to_be_replaced=update),
        # An update takes the figures as they are.
        tolerance=None if update else share,
    )


def _require_something(
    asked: Configuration, against: Against, update: bool, lock_is_named: bool
) -> None:
    from auditor.budget.check import require_baseline

    if not update:
        require_baseline(asked, against, lock_is_named)


def _refuse_unjudged(models: Iterable[ModelVerdict], update: bool) -> None:
    """Say which models could not be audited.

    Raises:
        AuditError: there is one.
    """
    broken = [f"{m.name}: {m.error}" for m in models if m.error is not None]
    if broken:
        kept = "; the lock file is as it was" if update else ""
        raise AuditError(f"{len(broken)} not audited: {_few(broken)}{kept}")


def _refuse_not_assessed(verdict: Verdict) -> None:
    """Say which limits could not be judged.

    Raises:
        AuditError: there is one.
    """
    from auditor.budget.records import Outcome

    missing = [
        f"{model.name}: {judged.limit.quantity}: {judged.because}"
        for model in verdict.models
        for judged in model.judgements
        if judged.outcome is Outcome.NOT_ASSESSED
    ]
    if missing:
        many = "1 limit" if len(missing) == 1 else f"{len(missing)} limits"
        raise AuditError(f"{many} not judged: {_few(missing)}")


def _few(texts: list[str]) -> str:
    """The first of them; the verdict has them all."""
    more = len(texts) - MOST_NAMED
    return "; ".join(texts[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _render(verdict: Verdict, form: str) -> str:
    if form == "json":
        from auditor.budget.document import render_json

        return render_json(verdict)
    if form == "markdown":
        from auditor.budget.markdown import render_markdown

        return render_markdown(verdict)
    if form == "github":
        from auditor.budget.github import render_github

        return render_github(verdict)
    if form == "junit":
        from auditor.budget.junit import render_junit

        return render_junit(verdict)
    from auditor.budget.text import render_text

    return render_text(verdict)
