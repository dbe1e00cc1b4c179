"""``audit collect``: brief real trainings measured on this device, kept as calibration runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli.output import write
from auditor.errors import PlanError

if TYPE_CHECKING:
    from auditor.collect.manifest import Manifest
    from auditor.collect.supervisor import WorkerProcess

_FILE = click.Path(path_type=Path)
_MANIFEST = "manifest"


class _DefaultGroup(click.Group):
    """``audit collect MANIFEST`` is ``audit collect manifest MANIFEST``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in (*self.commands, "--help", "-h"):
            args = [_MANIFEST, *args]
        return super().parse_args(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        main_command = self.commands[_MANIFEST]
        with click.Context(main_command, info_name=ctx.info_name, parent=ctx.parent) as inner:
            main_command.format_help(inner, formatter)
        rows = [
            (f"audit collect {name}", command.get_short_help_str())
            for name, command in self.commands.items()
            if name != _MANIFEST
        ]
        with formatter.section("Other commands"):
            formatter.write_dl(rows)


@click.group("collect", cls=_DefaultGroup, short_help="Measure brief trainings on this device.")
def collect_command() -> None:
    """Measure brief trainings on this device, as runs for calibration."""


@collect_command.command("manifest")
@click.argument("manifest", type=_FILE)
@click.option("--store", type=_FILE, help="SQLite file of finished runs.")
@click.option("--budget-s", type=float, help="Stop in this time.  [default: when all is done]")
@click.option("--device", type=click.Choice(["cuda", "cpu"]), default="cuda", show_default=True)
@click.option(
    "--meter", default="auto", metavar="NAME", help="auto, none or replay:FILE.  [default: auto]"
)
@click.option("--cudnn-benchmark", is_flag=True, help="Let cuDNN try its kernels out first.")
@click.option("--retry-failed", is_flag=True, help="Try runs again that failed or were refused.")
@click.option("--check", is_flag=True, help="Build every network without memory; measure nothing.")
def manifest_command(
    *,
    manifest: Path,
    store: Path | None,
    budget_s: float | None,
    device: str,
    meter: str,
    cudnn_benchmark: bool,
    retry_failed: bool,
    check: bool,
) -> None:
    """Measure the runs of MANIFEST that the store does not have of this device yet.

    audit collect calibration/manifests/h200.toml --store runs.db --budget-s 540

    Each is trained for real for some seconds (extra torch; timm, torchvision, transformers for
    their networks) and kept at once: stop and start as you like.
    """
    from auditor.collect.device import require_meter_name
    from auditor.collect.manifest import read_manifest

    found = read_manifest(manifest)
    if check:
        _check(found)
        return
    if store is None:
        raise PlanError("no store given; add --store runs.db")
    if budget_s is not None and not budget_s > 0:
        raise PlanError(f"--budget-s {budget_s:g}: give a time above 0 s")
    require_meter_name(meter)
    _collect(found, store, _worker(device, meter, cudnn_benchmark), budget_s, retry_failed)


def _worker(device: str, meter: str, cudnn_benchmark: bool = False) -> WorkerProcess:
    from auditor.collect.jobs import Setup
    from auditor.collect.supervisor import WorkerProcess
    from auditor.collect.worker import worker_main

    setup = Setup(device=device, meter=meter, cudnn_benchmark=cudnn_benchmark)
    return WorkerProcess(worker_main, setup)


def _collect(
    manifest: Manifest,
    path: Path,
    worker: WorkerProcess,
    budget_s: float | None,
    retry_failed: bool,
) -> None:
    from auditor.collect.budget import Budget
    from auditor.collect.collection import Collection, locked
    from auditor.collect.store import FAILED, REFUSED, opened

    budget = Budget(time.monotonic(), budget_s)
    with locked(path), opened(path) as store:
        if retry_failed:
            _say(f"{store.forget(FAILED) + store.forget(REFUSED)} runs are tried again")
        found = Collection(manifest, store, worker, _say).run(budget)
    counts = ", ".join(f"{count} {status}" for status, count in found.counts.items()) or "nothing"
    write(f"{counts} in {found.elapsed_s:.0f} s; {found.left_count} runs are left\n", None)


def _say(line: str) -> None:
    click.echo("".join(c if c.isprintable() else " " for c in line), err=True)


def _check(manifest: Manifest) -> None:
    """Build every network, and print the runs in the order of an empty store.

    Raises:
        PlanError: torch is missing; or some cannot be built, after all were tried.
    """
    from auditor import units
    from auditor.collect.libraries import require
    from auditor.collect.order import ordered, place_of

    require("torch")
    from auditor.collect.check import checked

    found = {c.run.network_key: c for c in checked(manifest.runs)}
    rows = [("", "family", "run", "parameters")]
    for place, index in enumerate(ordered([place_of(r, None) for r in manifest.runs]), start=1):
        run = manifest.runs[index]
        count = found[run.network_key].parameter_count
        parameters = "cannot be built" if count is None else f"{count:,}"
        rows.append((str(place), run.family, str(run), parameters))
    lines = (*units.columns(rows, left=3), "", f"{len(manifest.runs)} runs, {len(found)} networks")
    write("".join(f"{line}\n" for line in lines), None)
    reasons = [c.reason for c in found.values() if c.reason is not None]
    for reason in reasons:
        _say(reason)
    if reasons:
        raise PlanError(f"{len(reasons)} of {len(found)} networks cannot be built: see above")


@collect_command.command("profile", short_help="Export and profile a manifest's networks.")
@click.argument("manifest", type=_FILE)
@click.option("--store", type=_FILE, required=True, help="SQLite file of finished runs.")
@click.option("--retry-failed", is_flag=True, help="Try networks again that could not be.")
def profile_command(*, manifest: Path, store: Path, retry_failed: bool) -> None:
    """Export and profile the networks of MANIFEST into the store; needs torch, but no device."""
    from auditor.collect.collection import locked
    from auditor.collect.manifest import read_manifest
    from auditor.collect.profiles import make_profiles
    from auditor.collect.store import opened
    from auditor.frontend.network import require_torch

    found = read_manifest(manifest)
    require_torch()
    with locked(store), opened(store) as kept:
        if retry_failed:
            _say(f"{kept.forget_failed_networks()} networks are tried again")
        made, failed = make_profiles(found, kept, _worker("cpu", "none"), _say)
    write(f"{made} networks profiled, {failed} could not be\n", None)


@collect_command.command("export", short_help="Write the store as calibration tables.")
@click.option("--store", type=_FILE, required=True, help="SQLite file of finished runs.")
@click.option("-o", "--output", type=_FILE, required=True, help="Folder for the tables.")
@click.option("--base", type=_FILE, help="Folder with tables that come before the store's rows.")
@click.option("--hardware", metavar="NAME", help="The device, where it is not found by its name.")
@click.option("--hardware-file", type=_FILE, help="TOML with more accelerators.")
@click.option("--recordings", is_flag=True, help="Write what the meter read as well.")
def export_command(
    *,
    store: Path,
    output: Path,
    base: Path | None,
    hardware: str | None,
    hardware_file: Path | None,
    recordings: bool,
) -> None:
    """Write the measured runs as runs.csv, with their networks' profiles."""
    from auditor.collect.folder import write_folder
    from auditor.collect.store import opened
    from auditor.collect.tables import tables
    from auditor.hardware import load_hardware_file

    extra = load_hardware_file(hardware_file) if hardware_file is not None else ()
    with opened(store, must_exist=True) as kept:
        found = tables(kept, hardware, extra, base)
        files = dict(found.files)
        if recordings:
            for run in kept.runs():
                # Numbered: a meter's name may come from a stranger's recording.
                for place, text in enumerate(kept.recordings(run.key).values(), start=1):
                    files[f"recordings/{run.key}-{place}.csv"] = text.encode()
    write_folder(output, files)
    for line in found.left_out:
        _say(f"left out: {line}")
    write(f"{output}: {found.row_count} runs\n", None)
