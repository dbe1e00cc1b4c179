"""Runs of kind "infer": the brief run of an exported network on onnxruntime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from auditor.collect.figures import figures_of
from auditor.collect.jobs import MeasureJob
from auditor.collect.store import MEASURED, Outcome
from auditor.errors import PlanError
from auditor.measure.meter import Meter, MeterDescription, Reading
from auditor.measure.recording import recording_text


@dataclass(frozen=True, slots=True)
class _Borrowed:
    """The worker's meter, which a brief run must not close."""

    meter: Meter

    @property
    def description(self) -> MeterDescription:
        return self.meter.description

    def read(self) -> Reading:
        return self.meter.read()

    def close(self) -> None:
        """Leave it open."""


def inferred(job: MeasureJob, meter: Meter, device: str) -> Outcome:
    """Measure the brief run with the worker's meter where it is of the run's device.

    Raises:
        PlanError: the network is not exported yet.
        AuditError: as `auditor.measure.brief.brief_run`.
    """
    if job.graph is None:
        raise PlanError(
            f"{job.run.graph}: is not exported for inference; run `audit collect profile` on the "
            "store first"
        )
    # Imported here: a worker that only trains needs neither onnx nor onnxruntime.
    from auditor.measure.brief import BriefRequest, brief_run
    from auditor.measure.session import Provider

    with TemporaryDirectory(prefix="auditor-") as folder:
        path = Path(folder) / "network.onnx"
        path.write_bytes(job.graph)
        request = BriefRequest(
            path=path,
            batch_size=job.run.batch_size,
            provider=Provider(job.run.provider or ""),
            tf32=job.run.precision == "tf32",
            schedule=job.schedule,
        )
        found = brief_run(request, [_Borrowed(meter)] if job.run.provider == device else None)
    measurement = found.primary
    about = {"versions": dict(found.versions), "settings": {"precision": found.precision}}
    figures = figures_of(measurement, measurement.idle_power_w, about)
    figures["warnings"] += [*found.notes, *found.warnings]
    kind = measurement.recording.description.kind
    return Outcome(
        status=MEASURED,
        elapsed_s=0.0,
        figures=figures,
        recordings={kind: recording_text(measurement.recording)},
    )
