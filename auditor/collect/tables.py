"""From the store to the calibration tables: runs.csv, networks.csv and profiles.csv.gz.

What a row cannot tell truthfully is left out of it: energy that was modelled or of a scope that
rows do not know, runs on a processor that the catalogue of accelerators does not have.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from auditor.calibration.profiles import (
    KERNEL_COLUMNS,
    LARGEST_BYTES,
    NETWORK_COLUMNS,
    Network,
    write_networks,
)
from auditor.calibration.runs import RUN_COLUMNS
from auditor.collect.configuration import TRAIN
from auditor.collect.device import REPLAY
from auditor.collect.kernels import kernels_from
from auditor.collect.store import MEASURED, Store, StoredRun
from auditor.errors import CalibrationError, HardwareError
from auditor.hardware import Accelerator, resolve
from auditor.reading import read_limited, unpacked

RUNS, NETWORKS, PROFILES = "runs.csv", "networks.csv", "profiles.csv.gz"
_LONGEST_NOTE = 1000
_MEASURED_METHODS = ("counter", "integrated")

Row = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Bytes of the three files, by their names, and what is not in them, in words."""

    files: Mapping[str, bytes]
    row_count: int
    left_out: tuple[str, ...]


def tables(
    store: Store, hardware: str | None, extra: Sequence[Accelerator], base: Path | None
) -> Tables:
    """Make the tables of a store's measured runs, after those in the folder `base`.

    `hardware` names the device where the catalogue does not know it by the name it has for itself.

    Raises:
        CalibrationError: there is no run to tell; two networks have one name; or `base` is no
            folder of such tables.
        HardwareError: a device is not in the catalogue.
    """
    runs, left_out = [], list[str]()
    for run in store.runs():
        reason = _why_not(run)
        if reason:
            left_out.append(f"{run.configuration}: {reason}")
        else:
            runs.append(run)
    if not runs:
        raise CalibrationError(f"{store.path}: no run was measured that a row can tell; collect")
    rows = [row_of(run, _hardware_id(run, hardware, extra)) for run in runs]
    networks, missing = _networks(store, runs)
    left_out += [f"{name}: no profile; run `audit collect profile`" for name in missing]
    own = _texts(rows, networks)
    files = own if base is None else {n: _joined(base, n, own[n]) for n in own}
    return Tables(
        files={n: _packed(n, text) for n, text in files.items()},
        row_count=len(rows),
        left_out=tuple(left_out),
    )


def _why_not(run: StoredRun) -> str | None:
    if run.outcome.status != MEASURED:
        return f"{run.outcome.status}: {run.outcome.reason}"
    if run.configuration.provider == "cpu":
        return "ran on the processor"
    return None


def _hardware_id(run: StoredRun, named: str | None, extra: Sequence[Accelerator]) -> str:
    name = named or run.device["name"]
    try:
        return resolve(name, extra).accelerator.id
    except HardwareError as error:
        raise HardwareError(
            f"the runs' device: {error}; or name it with --hardware", **error.facts
        ) from error


def row_of(run: StoredRun, hardware: str) -> Row:
    """Write a measured run as a row of the table."""
    configuration, found = run.configuration, run.outcome.figures or {}
    steps = found["step_count"]
    return {
        "run_id": f"{run.source[:60]}-{run.key[:16]}",
        "source": run.source,
        "source_path": f"audit collect, {run.started_at}",
        "quality": "B" if found["warnings"] else "A",
        "family": configuration.family,
        "graph": configuration.graph,
        "dims": configuration.dims,
        "phase": "train" if configuration.kind == TRAIN else "infer",
        "layout": configuration.layout or "",
        "batch_size": str(configuration.batch_size),
        "precision": configuration.precision,
        "optimizer": configuration.optimizer or "",
        "hardware": hardware,
        "device_count": "1",
        "power_limit_w": _figure(run.device.get("power_limit_w")),
        "step_time_s": _figure(found["step_time_s"]),
        "duration_s": _figure(found["duration_s"]),
        "samples_per_epoch": str(steps * configuration.batch_size),
        "epochs": "1",
        **_energy(run, found),
        "note": _note(run, found),
    }


def _energy(run: StoredRun, found: Mapping[str, Any]) -> Row:
    """The energy where it was measured of the board alone; else nothing."""
    measured = found["energy_method"] in _MEASURED_METHODS and found["energy_scope"] == "gpu"
    if not measured or str(run.device.get("meter_option", "")).startswith(REPLAY):
        return {}
    return {
        "energy_j": _figure(found["energy_j"]),
        "energy_scope": "gpu",
        "mean_power_w": _figure(found["mean_power_w"]),
        "power_scope": "gpu",
    }


def _note(run: StoredRun, found: Mapping[str, Any]) -> str:
    parts = [f"torch {run.device.get('torch', '?')}"]
    allocated = (found.get("memory") or {}).get("allocated_bytes")
    if allocated is not None:
        parts.append(f"peak memory {allocated / 1e9:.3g} GB")
    text = "; ".join((*parts, *found["warnings"]))
    return "".join(c if c.isprintable() else " " for c in text)[:_LONGEST_NOTE]


def _figure(value: float | None) -> str:
    """Nine digits, more than a measurement has."""
    return "" if value is None else f"{value:.9g}"


def _networks(store: Store, runs: Iterable[StoredRun]) -> tuple[list[Network], list[str]]:
    """Profiles of the runs' networks, and the names of those that have none.

    Raises:
        CalibrationError: networks that differ have one name.
    """
    found: dict[tuple[str, str], tuple[str, Network]] = {}
    missing: dict[str, None] = {}
    for run in runs:
        told = run.configuration
        name, key = (told.graph, told.dims), told.network_key
        if name in found:
            if found[name][0] != key:
                raise CalibrationError(
                    f"{store.path}: {told.graph} was defined in two ways; call one of them "
                    "otherwise in its manifest, and collect into another store"
                )
            continue
        network = store.network(key, TRAIN)
        if network is None or network.kernels is None:
            missing[f"{told.graph} {told.dims}".strip()] = None
            continue
        found[name] = (key, Network(*name, kernels_from(network.kernels)))
    return [network for _, network in found.values()], list(missing)


def _texts(rows: Iterable[Row], networks: Iterable[Network]) -> dict[str, str]:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, RUN_COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with TemporaryDirectory(prefix="auditor-") as name:
        folder = Path(name)
        write_networks(folder, networks)
        return {
            RUNS: stream.getvalue(),
            NETWORKS: (folder / NETWORKS).read_text(encoding="utf-8"),
            PROFILES: gzip.decompress((folder / PROFILES).read_bytes()).decode(),
        }


def _packed(name: str, text: str) -> bytes:
    data = text.encode()
    return gzip.compress(data, compresslevel=9, mtime=0) if name.endswith(".gz") else data


def _joined(base: Path, name: str, own: str) -> str:
    """The table of `base` with our rows at its end; networks that it has stay as they are.

    Raises:
        CalibrationError: `base` has no such table, or one with other columns.
    """
    before = _read(base / name)
    columns = {RUNS: RUN_COLUMNS, NETWORKS: NETWORK_COLUMNS, PROFILES: KERNEL_COLUMNS}[name]
    there = list(csv.DictReader(io.StringIO(before, newline="")))
    if not there or set(there[0]) != set(columns):
        raise CalibrationError(f"{base / name}: has other columns than {', '.join(columns)}")
    known = {(row["graph"], row["dims"]) for row in there} if name != RUNS else set()
    stream = io.StringIO()
    writer = csv.DictWriter(stream, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(there)
    ours = csv.DictReader(io.StringIO(own, newline=""))
    writer.writerows(row for row in ours if (row["graph"], row["dims"]) not in known)
    return stream.getvalue()


def _read(path: Path) -> str:
    try:
        data = read_limited(path, LARGEST_BYTES)
        packed = path.suffix == ".gz"
        return (unpacked(data, LARGEST_BYTES) if packed else data).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CalibrationError(
            f"{path}: cannot be read: {error}; give a folder with the tables"
        ) from error
