"""``audit measure``: a model run for a few seconds on the device itself, with its meter."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.output import write
from auditor.cli.pairs import shapes as shapes_of
from auditor.cli.pairs import sizes
from auditor.errors import OutputError

if TYPE_CHECKING:
    from auditor.measure.brief import BriefRun

_FILE = click.Path(path_type=Path)
_PROVIDERS = ("auto", "cuda", "cpu")
_HOSTS = ("auto", "rapl", "model", "zeus", "none")
_PHASES = (
    "idle_s",
    "warm_up_s",
    "longest_warm_up_s",
    "window_s",
    "trial_count",
    "cool_down_s",
    "rate_hz",
)


@click.command("measure", short_help="Run a model on the device and measure it.")
@click.argument("model", type=_FILE)
@click.option("--provider", type=click.Choice(_PROVIDERS), default="auto", help="Where to run.")
@click.option("--device", type=click.IntRange(0, 1023), default=0, help="CUDA's number of the GPU.")
@click.option("--hardware", metavar="NAME", help="Fail if the GPU is another than this.")
@click.option("--hardware-file", type=_FILE, help="TOML with more accelerators.")
@click.option("--any-device", is_flag=True, help="Measure although the GPU is another.")
@click.option("--batch-size", type=click.IntRange(1), help="Samples a pass.  [default: 1]")
@click.option("--dim", "dims", multiple=True, metavar="NAME=N", help="Bind a dynamic dimension.")
@click.option("--shape", "shapes", multiple=True, metavar="INPUT=AxB", help="Bind an input.")
@click.option("--inputs", "inputs_file", type=_FILE, help="Inputs, by numpy.savez.")
@click.option("--tf32/--no-tf32", default=True, help="Let fp32 products run in TF32.")
@click.option("--strict", is_flag=True, help="Fail if any node would run on the processor.")
@click.option("--threads", type=click.IntRange(1, 4096), help="Threads of --provider cpu.")
@click.option("--idle", "idle_s", type=float, default=3.0, help="Idle before, in s.")
@click.option("--warm-up", "warm_up_s", type=float, default=2.0, help="Warm-up, at least, in s.")
@click.option("--longest-warm-up", "longest_warm_up_s", type=float, default=20.0, help="At most.")
@click.option("--window", "window_s", type=float, default=5.0, help="Each trial, at least, in s.")
@click.option("--trials", "trial_count", type=int, default=3, help="Trials.")
@click.option("--cool-down", "cool_down_s", type=float, default=1.0, help="Idle after, in s.")
@click.option("--rate", "rate_hz", type=float, default=50.0, help="Readings a second, 20 or more.")
@click.option("--host", type=click.Choice(_HOSTS), default="auto", help="Meter of the host.")
@click.option("--no-counter", is_flag=True, help="Integrate power; leave the energy counter.")
@click.option("--recording", type=_FILE, help="Write all readings of the device to this CSV.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.option("-o", "--output", type=_FILE, help="Write the report to this file.")
def measure_command(
    *,
    model: Path,
    provider: str,
    hardware_file: Path | None,
    dims: tuple[str, ...],
    shapes: tuple[str, ...],
    host: str,
    no_counter: bool,
    recording: Path | None,
    form: str,
    output: Path | None,
    **options: Any,
) -> None:
    """Measure time and energy of the forward pass of the ONNX file MODEL.

    \b
    audit measure model.onnx --hardware h100-sxm --batch-size 32

    onnxruntime runs it on the GPU (extra gpu) or the processor (extra cpu), idle before and
    warm, in several trials.  Weights that are not there are made up; so are inputs.
    """  # noqa: D301
    # Imported here: --help may not wait for it.
    from auditor.hardware import load_hardware_file
    from auditor.measure.brief import BriefRequest, brief_run
    from auditor.measure.meters import Host
    from auditor.measure.protocol import Schedule
    from auditor.measure.session import Provider

    _require_apart(model, output, recording)
    schedule = Schedule(**{name: options.pop(name) for name in _PHASES})
    options |= {
        "provider": None if provider == "auto" else Provider(provider),
        "dims": MappingProxyType(sizes(dims)),
        "shapes": MappingProxyType(shapes_of(shapes, "--shape")),
        "extra": load_hardware_file(hardware_file) if hardware_file is not None else (),
        "host": Host(host),
    }
    request = BriefRequest(path=model, use_counter=not no_counter, schedule=schedule, **options)
    _report(brief_run(request), form, output, recording)


def _require_apart(model: Path, output: Path | None, recording: Path | None) -> None:
    """Refuse to write over what is read, or one file over the other.

    Raises:
        OutputError: names the file.
    """
    named = [path.resolve() for path in (output, recording) if path is not None]
    if model.resolve() in named:
        raise OutputError(f"{model}: is the model; name another file to write to")
    if len(named) == 2 and named[0] == named[1]:
        raise OutputError(f"{output}: report and recording into one file; name two")


def _report(run: BriefRun, form: str, output: Path | None, recording: Path | None) -> None:
    from auditor.measure.recording import recording_text
    from auditor.report.measured import render_json, render_text

    # Everything that may be refused comes before anything is written.
    text = render_json(run) if form == "json" else render_text(run)
    if recording is not None:
        write(recording_text(run.primary.recording), recording)
    write(text, output)
