"""``audit card``: one audit in the formats of others."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from auditor.cli.model import audit_asked, model_command
from auditor.cli.output import write
from auditor.errors import OutputError, PlanError

if TYPE_CHECKING:
    from auditor.cards import CardOptions

_FILE = click.Path(path_type=Path)
# As auditor.cards has them; --help may not wait for that.
FORMATS = (
    "huggingface", "cyclonedx", "spdx", "boamps", "ai-act", "compute-form", "json", "badge", "html",
)  # fmt: skip
TYPES_OF_TRAINING = ("pre-training", "fine-tuning")
TYPES_OF_DATA = (
    "tabular", "audio", "boolean", "image", "video", "object", "text", "token", "word", "other",
)  # fmt: skip
INFRASTRUCTURES = ("publicCloud", "privateCloud", "onPremise", "other")
_HUB = "huggingface"
_OWN = ("form", "output", "model")
_CARD = (
    "model_name", "model_version", "supplied_by", "release_time", "download_location",
    "training_type", "task", "dataset", "data_type", "infrastructure",
)  # fmt: skip


@click.command(
    "card",
    short_help="An audit as a model card, SBOM, report or badge.",
    context_settings={"max_content_width": 100},
)
@click.argument("source", type=_FILE, metavar="AUDIT.json|MODEL")
@click.option("--format", "form", type=click.Choice(FORMATS), required=True)
@click.option("--reconciled", type=_FILE, help="JSON of `audit reconcile` of the same audit.")
@click.option("--update", type=_FILE, metavar="README.md", help="Bring this card up to date.")
@click.option("-o", "--output", type=_FILE, help="Write the card to this file.")
@click.option("--model-name", metavar="TEXT", help="[default: that of the file]")
@click.option("--model-version", metavar="TEXT", help="Version of the model.")
@click.option("--supplied-by", metavar="TEXT", help="Who supplies the model.")
@click.option("--release-time", metavar="DATE", help="Of the model, as 2026-11-21.")
@click.option("--download-location", metavar="URL", help="Where the model can be fetched.")
@click.option("--training-type", type=click.Choice(TYPES_OF_TRAINING))
@click.option("--task", metavar="TEXT", help="As image-classification.")
@click.option("--dataset", metavar="TEXT", help="Name of the dataset.")
@click.option("--data-type", type=click.Choice(TYPES_OF_DATA), help="For BoAmps.")
@click.option("--infrastructure", type=click.Choice(INFRASTRUCTURES), help="For BoAmps.")
@click.pass_context
def card_command(
    context: click.Context,
    /,
    *,
    source: Path,
    form: str,
    reconciled: Path | None,
    update: Path | None,
    output: Path | None,
    **options: Any,
) -> None:
    """Show an audit, or that of a model, in another format.

    \b
    audit model.onnx --hardware a100 --samples 50000 --format json -o audit.json
    audit card audit.json --format huggingface --update README.md

    Every figure says whether it was estimated or measured; with --reconciled both stand beside
    each other.  A MODEL takes the options of `audit MODEL`.
    """  # noqa: D301
    # Imported here: --help may not wait for it.
    from auditor.cards import facts, read_reconciliation, render_card

    _agreeing(form, update, output)
    said = _card_options({name: options.pop(name) for name in _CARD}).checked()
    for written in (output, update):
        _not_over(written, (source, reconciled, options["plan_file"]))
    document = _document(context, source, options)
    measured = read_reconciliation(reconciled) if reconciled is not None else None
    if update is None:
        write(render_card(form, document, said, measured), output)
        return
    from auditor.cards.readme import read_readme, updated

    found = facts(document, measured, said.name)
    write(updated(read_readme(update), found, said, update), update)


# The options of a MODEL are those of `audit MODEL`, whatever they come to be.
card_command.params.extend(option for option in model_command.params if option.name not in _OWN)


def _agreeing(form: str, update: Path | None, output: Path | None) -> None:
    """Refuse options that contradict each other.

    Raises:
        PlanError: a card other than Hugging Face's is to be updated in place, or two files are
            to be written.
    """
    if update is None:
        return
    if form != _HUB:
        raise PlanError(f"--update: is for --format {_HUB}; write {form} with -o")
    if output is not None:
        raise PlanError("--update and -o: both name a file to write; give one")


def _not_over(output: Path | None, read: tuple[Path | None, ...]) -> None:
    """Refuse to write over what is read.

    Raises:
        OutputError: the output is one of the files read.
    """
    same = {os.path.realpath(path) for path in read if path is not None}
    if output is not None and os.path.realpath(output) in same:
        raise OutputError(f"{output}: is read for this; name another file to write")


def _document(context: click.Context, source: Path, options: dict[str, Any]) -> Mapping[str, Any]:
    """The document of an audit that is a file already, or is made of a model now.

    Raises:
        AuditError: it is not usable, or a finished audit is given options of a model.
    """
    from auditor.cards.read import printed, read_audit_document

    if source.suffix.lower() != ".json":
        from auditor.report.document import document

        made: Mapping[str, Any] = printed(document(audit_asked(model=source, **options)))
        return made
    for parameter in card_command.params:
        name = parameter.name or ""
        if name in options and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise PlanError(f"{parameter.opts[0]}: is for a model; {source} is an audit already")
    return read_audit_document(source)


def _card_options(said: Mapping[str, Any]) -> CardOptions:
    """What the user says of the model, and when the card is made.

    Raises:
        PlanError: a date is none.
    """
    from auditor.cards.options import CardOptions, moment

    released = said["release_time"]
    return CardOptions(
        created=_now(),
        name=said["model_name"],
        version=said["model_version"],
        supplier=said["supplied_by"],
        release_time=None if released is None else moment(released, "--release-time"),
        location=said["download_location"],
        training_type=said["training_type"],
        task=said["task"],
        dataset=said["dataset"],
        data_type=said["data_type"],
        infrastructure=said["infrastructure"],
    )


def _now() -> datetime:
    """The time, or SOURCE_DATE_EPOCH (reproducible-builds.org) where that is set.

    Raises:
        PlanError: SOURCE_DATE_EPOCH is no number of seconds.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    if epoch is None:
        return datetime.now(UTC)
    try:
        return datetime.fromtimestamp(int(epoch), UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise PlanError(f"SOURCE_DATE_EPOCH {epoch!r}: must be seconds since 1970") from error
