"""A brief run of a model on the device itself, measured: what `audit measure` does.

The model's forward pass by onnxruntime, over and over; time, power and energy of one pass.
"""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from auditor import __version__
from auditor.errors import HardwareError, PlanError
from auditor.graph import Model, load_model
from auditor.hardware import Accelerator
from auditor.measure import inputs
from auditor.measure.assignment import Assignment
from auditor.measure.meter import Meter
from auditor.measure.meters import Host, gpu_meter, host_meter
from auditor.measure.mode import mode_of
from auditor.measure.protocol import Schedule, measured_together
from auditor.measure.ran_on import accelerator_of, has_tf32
from auditor.measure.runtime import Runtime, require_runtime
from auditor.measure.session import Provider, SessionOptions, open_session
from auditor.measure.spread import Mean
from auditor.measure.trials import Measurement
from auditor.measure.weights import MADE_UP as MADE_UP_WEIGHTS
from auditor.measure.weights import runnable
from auditor.shapes import (
    Bindings,
    BoundInputs,
    Given,
    ShapedGraph,
    bind_inputs,
    infer_shapes,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BriefRequest:
    """What to run and how to measure it.

    `provider` None takes the GPU where onnxruntime-gpu is installed.  `hardware` is the
    accelerator that the device must be, unless `any_device`; `extra` are rows beside the
    catalogue's.  `inputs_file` is a file of numpy.savez, None to make inputs up.
    `batch_size` None is 1, or what the file, `dims` or `shapes` say.
    """

    path: Path
    batch_size: int | None = None
    dims: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: MappingProxyType({}))
    inputs_file: Path | None = None
    provider: Provider | None = None
    device: int = 0
    tf32: bool = True
    strict: bool = False
    threads: int | None = None
    hardware: str | None = None
    any_device: bool = False
    extra: tuple[Accelerator, ...] = ()
    host: Host = Host.AUTO
    use_counter: bool = True
    schedule: Schedule = field(default_factory=Schedule)


@dataclass(frozen=True, slots=True, kw_only=True)
class BriefRun:
    """What a brief run found; a repetition is one forward pass over `batch_size` samples.

    The first of `measurements` is of the device that the model ran on, the second, where
    there is one, of the host meanwhile.  `hardware_id` is the catalogue's row of the device,
    None where it has none.
    """

    path: Path
    structure_sha256: str
    hardware_id: str | None
    provider: Provider
    precision: str
    batch_size: int
    dims: Mapping[str, int]
    shapes: Mapping[str, tuple[int, ...]]
    schedule: Schedule
    measurements: tuple[Measurement, ...]
    assignment: Assignment | None
    versions: Mapping[str, str]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def primary(self) -> Measurement:
        """The measurement of the device that the model ran on."""
        return self.measurements[0]

    @property
    def step_time_s(self) -> Mean:
        """Time in s of one forward pass."""
        return self.primary.step_time_s

    @property
    def energy_j(self) -> Mean | None:
        """Energy in J of one forward pass; None where it was not read."""
        return self.primary.energy_j


def brief_run(request: BriefRequest, meters: Sequence[Meter] | None = None) -> BriefRun:
    """Run a model for a few seconds on the device and measure it.

    `meters` take the place of those that are found: first that of the device.

    Raises:
        HardwareError: no runtime, device or meter; another device than the one named; a run
            that would not be the device's; a sensor that stands still or fails on the way.
        ModelError: the model cannot be read or run, or a size is not bound.
        PlanError: inputs that do not fit.
    """
    provider = _provider(request.provider)
    on_cuda = provider is Provider.CUDA
    model = load_model(request.path)
    bound = _bound(request, model)
    shaped = infer_shapes(model, bound, Given())
    with _open(request, provider, meters) as (found, about_meters):
        # The processor has no row: None asks for none.
        name = found[0].description.device_name if found and on_cuda else None
        accelerator, about_device = accelerator_of(
            name, request.hardware, request.any_device, request.extra
        )
        graph = (model, bound, shaped)
        measurements, assignment, notes = _measured(request, provider, graph, found)
    return BriefRun(
        path=request.path,
        structure_sha256=model.structure_sha256,
        hardware_id=accelerator.id if accelerator is not None else None,
        provider=provider,
        precision=mode_of(shaped, on_cuda and request.tf32 and has_tf32(accelerator)),
        batch_size=bound.graph_batch_size,
        dims=bound.symbols,
        shapes=bound.shapes,
        schedule=request.schedule,
        measurements=measurements,
        assignment=assignment,
        versions=_versions(measurements),
        notes=(*notes, *_meter_notes(measurements)),
        warnings=(*about_device, *about_meters, *_about(measurements, assignment)),
    )


def _bound(request: BriefRequest, model: Model) -> BoundInputs:
    """Give every input a shape.

    Raises:
        ShapeError: a size is not bound.
        PlanError: the batch is another than the one that was asked for.
    """
    bindings = Bindings(
        batch_size=request.batch_size or 1, dims=request.dims, shapes=request.shapes
    )
    bound = bind_inputs(model.graph, bindings)
    if request.batch_size not in (None, bound.graph_batch_size):
        raise PlanError(
            f"--batch-size {request.batch_size}: the batch is {bound.graph_batch_size} by the "
            "file, --dim or --shape; leave --batch-size out"
        )
    return bound


def _provider(asked: Provider | None) -> Provider:
    """Return where to run.

    Raises:
        HardwareError: no onnxruntime, or the CPU's where the GPU is asked for.
    """
    runtime = require_runtime()
    if asked is None:
        return Provider.CUDA if runtime is Runtime.GPU else Provider.CPU
    if asked is Provider.CUDA and runtime is Runtime.CPU:
        raise HardwareError(
            "the installed onnxruntime is the one for the processor; install auditor[gpu] instead "
            "of auditor[cpu], or use --provider cpu"
        )
    return asked


@contextlib.contextmanager
def _open(
    request: BriefRequest, provider: Provider, given: Sequence[Meter] | None
) -> Iterator[tuple[tuple[Meter, ...], tuple[str, ...]]]:
    """Open the meters, before anything touches the device; close them in the end."""
    with contextlib.ExitStack() as stack:
        if given is not None:
            for meter in given:
                stack.callback(meter.close)
            yield tuple(given), ()
            return
        meters: list[Meter] = []
        if provider is Provider.CUDA:
            meters.append(gpu_meter(request.device, use_counter=request.use_counter))
            stack.callback(meters[0].close)
        host, warnings = host_meter(request.host)
        if host is not None:
            meters.append(host)
            stack.callback(host.close)
        yield tuple(meters), warnings


def _measured(
    request: BriefRequest,
    provider: Provider,
    graph: tuple[Model, BoundInputs, ShapedGraph],
    meters: Sequence[Meter],
) -> tuple[tuple[Measurement, ...], Assignment | None, tuple[str, ...]]:
    """Run and measure; what was made up for it comes last."""
    model, bound, shaped = graph
    vocabularies = inputs.vocabularies(shaped.operations)
    feed, about_inputs = _feed(request, model, bound, vocabularies)
    loaded = runnable(request.path, vocabularies)
    options = SessionOptions(
        provider=provider,
        device=request.device,
        tf32=request.tf32,
        strict=request.strict,
        threads=request.threads,
    )
    work = open_session(loaded, feed, options)
    about_weights = (
        f"{loaded.made_up_count} tensors ({loaded.made_up_bytes:,} bytes) are not in the file: "
        f"{MADE_UP_WEIGHTS}"
        if loaded.made_up_count
        else "weights are the model's own"
    )
    # The arrays are on the device; a copy here may be gigabytes.
    del loaded, feed
    found = measured_together(meters, work, request.schedule)
    return found, work.assignment, (about_weights, about_inputs)


def _feed(
    request: BriefRequest, model: Model, bound: BoundInputs, vocabularies: Mapping[str, int]
) -> tuple[Mapping[str, Any], str]:
    if request.inputs_file is not None:
        given = inputs.read_inputs(request.inputs_file)
        feed = inputs.checked(given, model.graph.inputs, bound.shapes, inputs.MEASURE)
        return feed, f"inputs are those in {request.inputs_file}"
    made = {
        tensor.name: inputs.made_up(
            tensor, bound.shapes[tensor.name], vocabularies.get(tensor.name), inputs.MEASURE
        )
        for tensor in model.graph.inputs
    }
    return made, f"inputs are made up: {inputs.MADE_UP}"


def _about(measurements: Sequence[Measurement], assignment: Assignment | None) -> Iterator[str]:
    """What the run itself brought up."""
    if measurements[0].energy_method is None:
        yield "energy and power are not measured: there is no meter"
    if assignment is not None and assignment.note is not None:
        yield assignment.note


def _versions(measurements: Sequence[Measurement]) -> Mapping[str, str]:
    import onnxruntime

    drivers = [m.recording.description.driver_version for m in measurements]
    named = {
        "auditor": __version__,
        "python": platform.python_version(),
        "onnxruntime": str(onnxruntime.__version__),
        "cuda": getattr(onnxruntime, "cuda_version", None) or None,
        "nvidia_driver": next((driver for driver in drivers if driver), None),
    }
    return MappingProxyType({name: text for name, text in named.items() if text})


def _meter_notes(measurements: Sequence[Measurement]) -> Iterator[str]:
    for found in measurements:
        description = found.recording.description
        yield from (f"{description.label}: {note}" for note in description.notes)
