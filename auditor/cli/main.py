"""The command ``audit``: exit codes and errors.

0: done (within budget, where there is one); 1: budget exceeded, or a calibration that a refit
does not give again; 2: could not tell.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import Any

import click

from auditor import __version__
from auditor.cli.calibrate import calibrate_command
from auditor.cli.card import card_command
from auditor.cli.check import check_command
from auditor.cli.collect import collect_command
from auditor.cli.compare import compare_command
from auditor.cli.crosscheck import crosscheck_command
from auditor.cli.hardware import hardware_command
from auditor.cli.measure import measure_command
from auditor.cli.model import model_command
from auditor.cli.reconcile import reconcile_command
from auditor.cli.regions import regions_command
from auditor.cli.sweep import sweep_command
from auditor.errors import AuditError
from auditor.escaping import log_lines, printable

EXIT_ERROR = 2
EXIT_INTERRUPTED = 130
_DEFAULT = "model"


class _DefaultGroup(click.Group):
    """``audit model.onnx`` is ``audit model model.onnx``: the main job needs no name."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {"--help", "-h", "--version"}
        if not args or (args[0] not in self.commands and args[0] not in own):
            args = [_DEFAULT, *args]
        return super().parse_args(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        main_command = self.commands[_DEFAULT]
        with click.Context(main_command, info_name=ctx.info_name) as inner:
            main_command.format_help(inner, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [
            (f"audit {name}", command.get_short_help_str())
            for name, command in self.commands.items()
            if name != _DEFAULT
        ]
        with formatter.section("Other commands"):
            formatter.write_dl(rows)


@click.group(
    cls=_DefaultGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="audit")
def cli() -> None:
    """Audit the electricity of training ONNX models."""


cli.add_command(model_command, _DEFAULT)
cli.add_command(hardware_command, "hardware")
cli.add_command(regions_command, "regions")
cli.add_command(crosscheck_command, "crosscheck")
cli.add_command(reconcile_command, "reconcile")
cli.add_command(calibrate_command, "calibrate")
cli.add_command(collect_command, "collect")
cli.add_command(compare_command, "compare")
cli.add_command(sweep_command, "sweep")
cli.add_command(measure_command, "measure")
cli.add_command(card_command, "card")
cli.add_command(check_command, "check")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: every error is one line on stderr and exit code 2."""
    # One audit makes little garbage and then ends; looking for it costs a twentieth of the time.
    gc.disable()
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    args: Any = list(arguments) if arguments is not None else None
    try:
        code = cli.main(args=args, prog_name="audit", standalone_mode=False)
    except (AuditError, click.ClickException) as error:
        return _fail(_message(error))
    except click.exceptions.Exit as error:
        return int(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    return code if isinstance(code, int) else 0


def _message(error: AuditError | click.ClickException) -> str:
    """One line; click's own errors have several, with the usage first."""
    text = error.format_message() if isinstance(error, click.ClickException) else str(error)
    return " ".join(text.split())


def _fail(message: str) -> int:
    # A message may quote a name from the model, which is not to drive the terminal, nor to be
    # taken for a command by what reads a log.
    click.echo(log_lines(f"error: {printable(message)}"), err=True)
    return EXIT_ERROR
