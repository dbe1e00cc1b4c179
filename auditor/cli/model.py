"""``audit model.onnx``: the main job."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.deadline import deadline
from auditor.cli.output import write
from auditor.cli.planned import plan_said
from auditor.errors import PlanError
from auditor.optimizers import OPTIMIZERS
from auditor.precision import PRECISIONS
from auditor.workload import find_project_plan, read_plan_file

if TYPE_CHECKING:
    from auditor.pipeline import Audit, Request

_TORCH = "torch:"
_FILE = click.Path(path_type=Path)


@click.command("model", context_settings={"max_content_width": 100})
@click.argument("model", type=_FILE)
@click.option("--hardware", metavar="NAME", help="Accelerator, as a100 or 'RTX 3090'.")
@click.option("--hardware-file", type=_FILE, help="TOML with more accelerators.")
@click.option("--plan", "plan_file", type=_FILE, help="TOML with any of the options below.")
@click.option("--samples", type=float, help="Training samples per epoch.")
@click.option("--tokens", type=float, help="Training tokens per epoch, instead of samples.")
@click.option("--epochs", type=float, help="Epochs.  [default: 1]")
@click.option("--batch-size", type=int, help="Samples per device and pass.  [default: 32]")
@click.option("--gradient-accumulation", type=int, help="Passes per optimizer step.  [default: 1]")
@click.option("--precision", metavar="MODE", help=f"{', '.join(PRECISIONS)}.  [default: PyTorch's]")
@click.option("--optimizer", metavar="NAME", help=f"{', '.join(OPTIMIZERS)}.  [default: adamw]")
@click.option("--devices", type=int, help="Accelerators, data parallel.  [default: 1]")
@click.option("--link-bytes-per-s", type=float, help="Link between devices, one direction.")
@click.option("--input-pipeline-samples-per-s", type=float, help="What the loader can feed.")
@click.option("--power-limit-w", type=float, help="Limit of each board.  [default: its TDP]")
@click.option("--trials", type=int, help="Runs of a hyperparameter search.  [default: 1]")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="[NAME=]AxB[:TYPE]",
    help="An input of a torch: MODEL, as 1x3x224x224 or input_ids=1x128:int64.",
)
@click.option("--dim", "dims", multiple=True, metavar="NAME=N", help="Bind a dynamic dimension.")
@click.option("--shape", "shapes", multiple=True, metavar="INPUT=AxB", help="Bind an input.")
@click.option("--assume", multiple=True, metavar="NODE=N", help="A size that the data decides.")
@click.option("--trace", is_flag=True, help="Run the model once, on the CPU, to see such sizes.")
@click.option("--trace-inputs", type=_FILE, help="Inputs of that run, by numpy.savez.")
@click.option("--freeze", multiple=True, metavar="GLOB", help="Parameters that are not trained.")
@click.option("--trainable", multiple=True, metavar="GLOB", help="Train these alone, as LoRA does.")
@click.option("--attention", metavar="exported|flash|math", help="Saved scores, or recomputed.")
@click.option("--checkpointing", type=int, metavar="N", help="Activations kept of N segments.")
@click.option("--sharding", metavar="none|zero1|zero2|zero3", help="State spread over devices.")
@click.option("--batchnorm", metavar="auto|restore|keep", help="Folded batch normalization.")
@click.option("--scope", metavar="gpu|node|facility", help="Energy headline.  [default: node]")
@click.option("--region", metavar="NAME", help="ISO country or cloud region, for carbon.")
@click.option("--pue", type=float, help="Facility energy over node energy.")
@click.option("--carbon-gco2e-per-kwh", type=float, help="Instead of the region's.")
@click.option("--wue-l-per-kwh", type=float, help="Water at the site, instead of the region's.")
@click.option("--price-per-kwh", type=float, help="Of electricity, in --currency.")
@click.option("--price-per-device-hour", type=float, help="Of one device, in --currency.")
@click.option("--currency", metavar="LABEL", help="Of the prices, as EUR; nothing is converted.")
@click.option("--lifetime-years", type=float, help="A device serves so long.  [default: 3]")
@click.option("--device-utilisation", type=float, help="Share it works of it.  [default: 0.85]")
@click.option(
    "--by-region",
    type=click.Choice(["all", "country", "cloud", "aws", "gcp", "azure"]),
    is_flag=False,
    flag_value="all",
    help="The same training in every region.  [after MODEL; default: all]",
)
@click.option("--alternatives", is_flag=True, help="With less, elsewhere, on other GPUs.")
@click.option("--life-years", type=float, help="Years of service: asks for the life cycle.")
@click.option("--inferences-per-day", type=float, help="Samples a day in its service.")
@click.option("--retrainings-per-year", type=float, help="Whole trainings in its service.")
@click.option("--failed-runs", type=float, help="Whole trainings that came to nothing.")
@click.option("--usage-growth-percent", type=float, help="Growth of use a year, for the rebound.")
@click.option("--inference-hardware", metavar="NAME", help="[default: that of the training]")
@click.option("--inference-batch-size", type=int, help="Samples in one pass.  [default: 1]")
@click.option("--inference-precision", metavar="MODE", help="[default: that of the training]")
@click.option("--accuracy", type=float, help="Expected accuracy, a fraction, for SAM.")
@click.option("--calibration", type=_FILE, help="Your own, by `audit calibrate`; none: roofline.")
@click.option("--measure", is_flag=True, help="Run the forward pass on the GPU; correct by it.")
@click.option("--measure-device", type=int, default=0, metavar="N", help="CUDA's number of it.")
@click.option("--strict", is_flag=True, help="Fail on operators without a cost.")
@deadline
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "markdown", "html"]), default="text"
)
@click.option("-o", "--output", type=_FILE, help="Write the report to this file.")
def model_command(*, form: str, output: Path | None, **options: Any) -> None:
    """Estimate the electricity of training the network in the ONNX file MODEL.

    \b
    audit model.onnx --hardware a100 --samples 1281167 --epochs 90 --batch-size 256

    Weights are not read, no GPU and no network is needed.  Options may also stand in a
    --plan file or under [tool.auditor] in pyproject.toml; the command line wins.

    MODEL may also be torch:package.module:factory, with --input 1x3x224x224: that imports
    and runs the code that it names (extra torch).
    """  # noqa: D301
    result = audit_asked(**options)
    if form == "text" and output is None and sys.stdout is not None and sys.stdout.isatty():
        from auditor.report.text import print_terminal

        print_terminal(result)
    else:
        write(_render(result, form), output)


def audit_asked(
    *,
    model: Path,
    hardware_file: Path | None,
    plan_file: Path | None,
    strict: bool,
    trace: bool,
    trace_inputs: Path | None,
    calibration: Path | None,
    by_region: str | None,
    alternatives: bool,
    measure: bool,
    measure_device: int,
    inputs: tuple[str, ...],
    **options: Any,
) -> Audit:
    """Audit MODEL as the options of ``audit MODEL`` say, with the project's plan below them.

    Raises:
        AuditError: as `auditor.pipeline.audit` and `auditor.workload` raise it.
    """
    # Imported here: the graph's libraries take longer to load than --help may.
    from auditor.pipeline import Request

    said = plan_said(options)
    if plan_file is not None:
        said = said.over(read_plan_file(plan_file))
    project = find_project_plan(Path.cwd())
    if project is not None:
        said = said.over(project[0])
    request = Request(
        path=model,
        plan=said,
        hardware_file=hardware_file,
        strict=strict,
        trace=trace or trace_inputs is not None,
        trace_inputs=trace_inputs,
        calibration=calibration,
        by_region=by_region,
        alternatives=alternatives,
        measure=measure,
        measure_device=measure_device,
    )
    return _audited(request, inputs)


def _audited(request: Request, inputs: tuple[str, ...]) -> Audit:
    """Audit a file, or the network in code that a ``torch:`` model names.

    Raises:
        AuditError: as either of them; or a file is given shapes to trace it with.
    """
    if str(request.path).startswith(_TORCH):
        from auditor.frontend.audit import audit_torch

        return audit_torch(request, inputs)
    if inputs:
        raise PlanError(
            f"--input {inputs[0]}: only a torch: model is traced; bind a file's inputs with --shape"
        )
    from auditor.pipeline import audit

    return audit(request)


def _render(result: Audit, form: str) -> str:
    if form == "json":
        from auditor.report.document import render_json

        return render_json(result)
    if form == "markdown":
        from auditor.report.markdown import render_markdown

        return render_markdown(result)
    if form == "html":
        from auditor.page import render
        from auditor.report.document import document

        return render(document(result))
    from auditor.report.text import render_text

    return render_text(result)
