"""``audit calibrate``: a user's own runs on top of the calibration; and its fit, checked."""

from __future__ import annotations

import json
from pathlib import Path

import click

from auditor.cli.deadline import deadline
from auditor.cli.output import write
from auditor.errors import CalibrationError, OutputError

_FILE = click.Path(path_type=Path)
DIFFERS = 1


@click.command("calibrate", short_help="Correct the estimate by runs of your own.")
@click.argument("runs", type=_FILE, required=False)
@click.option("-o", "--output", type=_FILE, help="Write the calibration to this file.")
@click.option("--hardware", metavar="NAME", help="Take the runs on this device alone.")
@click.option("--hardware-file", type=_FILE, help="TOML with more accelerators.")
@click.option("--calibration", type=_FILE, help="Correct this one.  [default: the package's]")
@click.option("--check", is_flag=True, help="Fit the package's tables again and compare.")
@click.option("--refit", type=_FILE, metavar="FOLDER", help="Fit the tables in FOLDER.")
@deadline
def calibrate_command(
    *,
    runs: Path | None,
    output: Path | None,
    hardware: str | None,
    hardware_file: Path | None,
    calibration: Path | None,
    check: bool,
    refit: Path | None,
) -> None:
    """Correct the estimate by the measured runs in the CSV file RUNS.

    \b
    audit calibrate my_runs.csv -o my-calibration.json
    audit model.onnx --hardware rtx3090 --calibration my-calibration.json

    A row is one run: graph (the ONNX file, from where RUNS lies), batch_size, precision,
    hardware, step_time_s; mean_power_w and power_scope where power was measured.

    --check exits with 1 where the fit differs from the calibration that is kept.
    """  # noqa: D301
    _one_job(runs, check, refit)
    if check != (output is None):
        remedy = "leave -o out with --check" if check else "add -o my-calibration.json"
        raise click.UsageError(f"{remedy}: --check writes nothing, all else a calibration")
    if check:
        _check(calibration)
    elif refit is not None and output is not None:
        _refit(refit, output)
    elif runs is not None and output is not None:
        _correct(runs, output, (hardware, hardware_file, calibration))


def _one_job(runs: Path | None, check: bool, refit: Path | None) -> None:
    """Refuse none or several of the three.

    Raises:
        click.UsageError: says which there are.
    """
    if sum((runs is not None, check, refit is not None)) != 1:
        raise click.UsageError("give one of a table of RUNS, --check, --refit FOLDER")


def _correct(
    runs: Path, output: Path, options: tuple[str | None, Path | None, Path | None]
) -> None:
    # Imported here, as below: --help may not wait for it.
    from auditor.calibration.build import written
    from auditor.calibration.local import correction, localized, of_one_device, read_base
    from auditor.calibration.runs import read_runs
    from auditor.hardware import load_hardware_file
    from auditor.report.correction import render_correction
    from auditor.sized import static_profile

    hardware, hardware_file, calibration = options
    extra = load_hardware_file(hardware_file) if hardware_file is not None else ()
    base = read_base(calibration)
    taken, device = of_one_device(read_runs(runs, extra), hardware, extra)
    found = correction(runs, taken, device, static_profile, base)
    read = (runs, calibration, hardware_file, *(runs.parent / run.graph for run in taken))
    if output.resolve() in {path.resolve() for path in read if path is not None}:
        raise OutputError(f"{output}: is read for this; name another -o file")
    # Everything that may be refused comes before anything is written.
    content, text = localized(base, found, runs), render_correction(found, output)
    write(written(content), output)
    write(text, None)


def _check(calibration: Path | None) -> None:
    """Fit the package's tables again.

    Raises:
        CalibrationError: the calibration or a table is missing.
        click.exceptions.Exit: the fit differs.
    """
    from auditor.calibration.build import built
    from auditor.calibration.local import read_base
    from auditor.calibration.refit import differences
    from auditor.report.correction import render_differences

    kept = read_base(calibration).content
    _wait()
    refitted = json.loads(json.dumps(built(_tables())))
    found = differences(kept, refitted)
    write(render_differences(found, str(calibration or "artefact.json")), None)
    if found:
        raise click.exceptions.Exit(DIFFERS)


def _tables() -> Path:
    from importlib.resources import files

    folder = Path(str(files("auditor_calibration")))
    if not folder.is_dir():
        raise CalibrationError("the package's tables are not files: install it unpacked")
    return folder


def _refit(folder: Path, output: Path) -> None:
    from auditor.calibration.build import built, written

    _wait()
    text = written(built(folder))
    write(text, output)
    click.echo(f"{output}: {len(text) / 1e3:,.0f} kB, fitted on the tables in {folder}")


def _wait() -> None:
    click.echo("fitting, many times over for the intervals: this takes minutes", err=True)
