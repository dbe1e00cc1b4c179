"""``audit hardware``: what the catalogue knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor import units
from auditor.cli.output import write
from auditor.errors import HardwareError

if TYPE_CHECKING:
    from auditor.hardware import Accelerator

_RATES = ("fp32", "tf32", "fp16", "bf16", "fp8")


@click.command("hardware")
@click.argument("query", nargs=-1)
@click.option("--hardware-file", type=click.Path(path_type=Path), help="More devices, in TOML.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to this file.")
def hardware_command(
    query: tuple[str, ...], hardware_file: Path | None, form: str, output: Path | None
) -> None:
    """List accelerators, or those that match QUERY."""
    from auditor.hardware import load_hardware_file, search

    extra = load_hardware_file(hardware_file) if hardware_file is not None else ()
    text = " ".join(query)
    found = search(text, extra or None) if hardware_file is not None else search(text)
    if not found:
        raise HardwareError(f"no accelerator matches {text!r}; `audit hardware` lists all")
    write(_json(found) if form == "json" else _table(found), output)


def _json(found: tuple[Accelerator, ...]) -> str:
    return json.dumps([a.as_dict() for a in found], indent=2, ensure_ascii=False) + "\n"


def _table(found: tuple[Accelerator, ...]) -> str:
    """Plain columns, which are read by people and by cut and grep alike."""
    header = ("id", "memory", "bandwidth", "TDP", *(f"{r} TFLOP/s" for r in _RATES))
    rows = [header, *(_cells(a) for a in found)]
    return "\n".join(units.columns(rows)) + "\n"


def _cells(device: Accelerator) -> tuple[str, ...]:
    peaks = device.peak_flops_per_s
    bandwidth = device.memory_bandwidth_bytes_per_s
    return (
        device.id,
        units.binary_bytes(device.memory_bytes) if device.memory_bytes else "-",
        f"{bandwidth / 1e9:.0f} GB/s" if bandwidth else "-",
        f"{device.tdp_w:g} W" if device.tdp_w else "-",
        *(units.significant(peaks[r] / 1e12) if r in peaks else "-" for r in _RATES),
    )
