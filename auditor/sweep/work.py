"""One model on every hardware and plan: read once, profiled once for what its graph depends on."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path, PurePosixPath

from auditor.errors import AuditError
from auditor.graph import Model, model_of
from auditor.pipeline import Request, audit
from auditor.report.document import document
from auditor.setting import resolved
from auditor.sized import Shapes, Sized, profiled, shapes, under
from auditor.sweep.columns import failed_row, row_of
from auditor.sweep.open import read
from auditor.sweep.records import Done, Grid, NamedPlan, Row, Source
from auditor.workload import Plan, validated


def done(source: Source, grid: Grid) -> Done:
    """Audit one model under the whole grid; what fails is a row that says so."""
    rows: list[Row] = []
    try:
        header, counted = read(source.name)
        # The path is a name here: nothing is opened by it.
        loaded = _Loaded(source, grid, model_of(header, Path(source.name)))
        rows = [row | counted for row in loaded.rows()]
    except AuditError as error:
        rows = failures(source, grid, type(error).__name__, _named(str(error), source))
    return Done(source, tuple(rows))


def failures(source: Source, grid: Grid, kind: str, message: str) -> list[Row]:
    """The rows of a model of which nothing is known but why."""
    return [
        failed_row(kind, message) | _own(source, plan, hardware)
        for plan in grid.plans
        for hardware in grid.hardware
    ]


def _own(source: Source, plan: NamedPlan, hardware: str) -> Row:
    return {"source": source.name, "plan": plan.name, "hardware_requested": hardware}


def _named(message: str, source: Source) -> str:
    """Put the source's own name where a path was made of it: `Path` takes one of two slashes."""
    return message.replace(os.fspath(Path(source.name)), source.name)


@dataclass(frozen=True, slots=True)
class _Loaded:
    """A model, and what of it was worked out already."""

    source: Source
    grid: Grid
    model: Model

    def rows(self) -> Iterator[Row]:
        known_shapes: dict[str, Shapes] = {}
        known_profiles: dict[tuple[str, str], Sized] = {}
        for named in self.grid.plans:
            for hardware in self.grid.hardware:
                own = _own(self.source, named, hardware)
                try:
                    of = self._sized(named.plan, hardware, known_shapes, known_profiles)
                    found = document(audit(self._request(of.plan, hardware), of))
                    yield row_of(found) | own
                except AuditError as error:
                    message = _named(str(error), self.source)
                    yield failed_row(type(error).__name__, message) | own

    def _request(self, plan: Plan, hardware: str) -> Request:
        return Request(
            path=Path(self.source.name),
            plan=replace(plan, hardware=hardware),
            hardware_file=_as_file(self.grid.hardware_file, ".toml"),
            calibration=_calibration(self.grid.calibration),
            strict=self.grid.strict,
        )

    def _sized(
        self,
        plan: Plan,
        hardware: str,
        known_shapes: dict[str, Shapes],
        known_profiles: dict[tuple[str, str], Sized],
    ) -> Sized:
        """The model at the sizes and in the numeric mode of one cell of the grid.

        Raises:
            AuditError: the plan, the hardware or a dimension is not usable.
        """
        accuracy = self.grid.accuracies.get(PurePosixPath(self.source.name).stem)
        said = replace(plan, hardware=hardware)
        if accuracy is not None:
            said = replace(said, accuracy=accuracy)
        setting = resolved(validated(said), _as_file(self.grid.hardware_file, ".toml"))
        bindings = repr((said.batch_size, said.dims, said.shapes, said.assume))
        if bindings not in known_shapes:
            known_shapes[bindings] = shapes(Path(self.source.name), self.model, said)
        key = (setting.precision_name, repr(said.of_the_graph()))
        if key not in known_profiles:
            of = known_shapes[bindings]
            known_profiles[key] = profiled(of, said, setting.precision_name)
        return under(known_profiles[key], said)


def _calibration(content: bytes | None) -> Path | None:
    return Path("none") if content == b"" else _as_file(content, ".json")


@cache
def _as_file(content: bytes | None, ending: str) -> Path | None:
    """A file of this process's own with what a client sent along."""
    if content is None:
        return None
    folder = _folder()
    path = folder / f"{hashlib.sha256(content).hexdigest()}{ending}"
    path.write_bytes(content)
    return path


@cache
def _folder() -> Path:
    folder = tempfile.TemporaryDirectory(prefix="auditor-sweep-")
    atexit.register(_cleared, folder)
    return Path(folder.name)


def _cleared(folder: tempfile.TemporaryDirectory[str]) -> None:
    with contextlib.suppress(OSError):
        folder.cleanup()
