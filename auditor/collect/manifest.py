"""A manifest in TOML: which runs to measure, and for how long each.

``schemas/manifest.schema.json`` describes it, docs/collect.md explains it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from auditor.collect.configuration import (
    INFER,
    LIBRARIES,
    TRAIN,
    Configuration,
    Network,
    canonical,
)
from auditor.collect.fields import (
    choice_of,
    choices_of,
    counts_of,
    require_known,
    table_of,
    text_of,
    texts_of,
)
from auditor.errors import PlanError
from auditor.measure.protocol import Schedule
from auditor.precision import PRECISIONS
from auditor.reading import read_limited, toml_table

MAX_FILE_BYTES = 1_000_000
MOST_RUNS = 5000
# fp8 needs another library than torch alone.
TRAINED_PRECISIONS = tuple(name for name in PRECISIONS if name != "fp8")
INFERRED_PRECISIONS = ("fp32", "tf32")
OPTIMIZERS = ("sgd", "momentum", "adam", "adamw")
LAYOUTS = ("nchw", "nhwc")
PROVIDERS = ("cpu", "cuda")
INPUTS = ("tokens", "tokens-pair", "waveform")

# Five seconds of steady state in two trials; docs/collect.md has the arithmetic.
DEFAULT_SCHEDULE = Schedule(
    idle_s=3.0,
    warm_up_s=1.0,
    longest_warm_up_s=6.0,
    window_s=2.5,
    trial_count=2,
    cool_down_s=0.2,
    rate_hz=50.0,
)

_TOP = ("name", "schedule", "networks", "train", "infer")
_DEFINITION = ("class", "config", "family", "settings", "inputs")
_SHARED = ("networks", "family", "sizes", "batch_sizes", "precisions")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest says: the source of its rows, how long each is measured, and the runs."""

    name: str
    schedule: Schedule
    runs: tuple[Configuration, ...]


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        PlanError: it cannot be read, or something in it is not known, of the wrong type or
            told twice; names the entry and the remedy.
    """
    try:
        table = toml_table(read_limited(path, MAX_FILE_BYTES))
    except ValueError as error:  # TOML, UTF-8, endless numbers or nesting
        raise PlanError(f"{path}: not valid TOML: {error}; correct it") from error
    except OSError as error:
        raise PlanError(f"{path}: cannot be read: {error.strerror}; check the path") from error
    return manifest_from(table, str(path))


def manifest_from(table: Mapping[str, Any], where: str) -> Manifest:
    """Make a manifest of a TOML table; `where` is what errors call it.

    Raises:
        PlanError: as `read_manifest`.
    """
    require_known(table, _TOP, where)
    name = text_of(table, "name", where)
    definitions = _definitions(table_of(table, "networks", where), where)
    runs: dict[str, Configuration] = {}
    for kind in (TRAIN, INFER):
        for place, entry in enumerate(_entries(table, kind, where), start=1):
            here = f"{where}: {kind} entry {place}"
            for run in _runs(kind, entry, definitions, here):
                if runs.setdefault(run.key(""), run) is not run:
                    raise PlanError(f"{here}: {run} is there already; leave it out of one entry")
            if len(runs) > MOST_RUNS:
                raise PlanError(f"{here}: over {MOST_RUNS} runs; split the manifest")
    if not runs:
        raise PlanError(f"{where}: no runs; add a [[train]] entry")
    return Manifest(
        name, _schedule(table_of(table, "schedule", where), where), tuple(runs.values())
    )


@dataclass(frozen=True, slots=True)
class _Defined:
    """A network that the manifest defines, and its family."""

    network: Network
    family: str


def _definitions(table: Mapping[str, Any], where: str) -> dict[str, _Defined]:
    return {name: _definition(name, entry, where) for name, entry in table.items()}


def _definition(name: str, entry: Any, where: str) -> _Defined:
    here = f"{where}: networks.{name}"
    if not isinstance(entry, dict):
        raise PlanError(f"{here}: must be a table with class, config, family and settings")
    require_known(entry, _DEFINITION, here)
    made = {
        "class": text_of(entry, "class", here),
        "config": text_of(entry, "config", here),
        "settings": table_of(entry, "settings", here),
        "inputs": choice_of(entry, "inputs", INPUTS, here, default="tokens"),
    }
    try:
        definition = canonical(made)
    except (TypeError, ValueError) as error:
        raise PlanError(
            f"{here}: settings: {error}; give numbers, strings, booleans and lists"
        ) from error
    network = Network(library="transformers", name=name, definition=definition)
    return _Defined(network, text_of(entry, "family", here))


def _entries(table: Mapping[str, Any], kind: str, where: str) -> list[Mapping[str, Any]]:
    entries = table.get(kind, [])
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise PlanError(f"{where}: {kind} must be entries headed [[{kind}]]")
    return entries


def _runs(
    kind: str, entry: Mapping[str, Any], definitions: Mapping[str, _Defined], where: str
) -> Iterator[Configuration]:
    """Every combination that an entry stands for."""
    own = ("optimizer", "layout") if kind == TRAIN else ("provider",)
    require_known(entry, (*_SHARED, *own), where)
    names = texts_of(entry, "networks", where)
    precisions = TRAINED_PRECISIONS if kind == TRAIN else INFERRED_PRECISIONS
    axes = (
        [_network(name, entry, definitions, where) for name in names],
        counts_of(entry, "sizes", where),
        counts_of(entry, "batch_sizes", where),
        choices_of(entry, "precisions", precisions, where),
    )
    training = kind == TRAIN
    optimizer = choice_of(entry, "optimizer", OPTIMIZERS, where) if training else None
    layout = choice_of(entry, "layout", LAYOUTS, where, default="nchw") if training else None
    provider = None if training else choice_of(entry, "provider", PROVIDERS, where)
    for found, size, batch_size, precision in itertools.product(*axes):
        yield Configuration(
            kind=kind,
            network=found.network,
            family=found.family,
            size=size,
            batch_size=batch_size,
            precision=precision,
            optimizer=optimizer,
            layout=layout if found.network.takes_images else None,
            provider=provider,
        )


def _network(
    text: str, entry: Mapping[str, Any], definitions: Mapping[str, _Defined], where: str
) -> _Defined:
    library, separator, name = text.partition(":")
    if not separator or not name or library not in LIBRARIES:
        raise PlanError(
            f"{where}: networks: {text!r} must be LIBRARY:NAME with one of {', '.join(LIBRARIES)}"
        )
    if library == "transformers":
        if name not in definitions:
            raise PlanError(f"{where}: networks: {text!r} is not defined; add [networks.{name}]")
        return definitions[name]
    return _Defined(Network(library=library, name=name), text_of(entry, "family", where))


def _schedule(table: Mapping[str, Any], where: str) -> Schedule:
    known = [f.name for f in fields(Schedule)]
    require_known(table, known, f"{where}: schedule")
    for name, value in table.items():
        kinds = int if name == "trial_count" else (int, float)
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise PlanError(f"{where}: schedule: {name} = {value!r} must be a number")
    try:
        return replace(DEFAULT_SCHEDULE, **table)
    except PlanError as error:
        raise PlanError(f"{where}: schedule: {error}") from error
