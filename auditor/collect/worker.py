"""The worker: the one process that has torch, the device and the meter.

It outlives its runs, since starting torch and the driver costs as much as measuring a run, and is
begun anew where an error may have left the device in a state of its own.
"""

from __future__ import annotations

import gc
import os
import queue
import signal
import threading
import time
import warnings
from collections.abc import Mapping
from dataclasses import asdict, replace
from multiprocessing.connection import Connection
from typing import Any

from auditor.collect.brief import inferred
from auditor.collect.configuration import TRAIN
from auditor.collect.device import open_meter, processor_name, versions
from auditor.collect.figures import Memory, figures_of
from auditor.collect.jobs import Answer, Job, MeasureJob, ProfileJob, Ready, Setup, Unable
from auditor.collect.libraries import require
from auditor.collect.store import FAILED, MEASURED, OUT_OF_MEMORY, REFUSED, Outcome
from auditor.errors import AuditError, HardwareError, PlanError
from auditor.frontend.network import first_line
from auditor.measure.meter import Meter
from auditor.measure.protocol import measured
from auditor.measure.recording import recording_text

_LONGEST_REASON = 300
# What torch may keep for itself between runs: workspaces of its libraries.
_LEFT_BEHIND_BYTES = 500_000_000


def worker_main(connection: Connection, setup: Setup) -> None:
    """Do jobs until told to end, or until the other end is gone."""
    os.dup2(2, 1)  # whatever libraries print is not the collection's output
    warnings.simplefilter("ignore")  # libraries' plans for their next versions
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the collection stops its worker itself
    jobs = received_in_a_thread(connection)
    try:
        desk = Desk(setup)
    except AuditError as error:
        connection.send(Unable(str(error)))
        return
    except (ImportError, OSError, RuntimeError) as error:  # torch is broken, or the driver
        connection.send(Unable(first_line(error)))
        return
    connection.send(Ready(desk.device))
    while (job := jobs.get()) is not None:
        connection.send(desk.done(job))


def received_in_a_thread(connection: Connection) -> queue.Queue[Job | None]:
    """Jobs as they come, None to end; where the other end is gone the process ends at once."""
    jobs: queue.Queue[Job | None] = queue.Queue()

    def receive() -> None:
        try:
            job = connection.recv()
            jobs.put(job)
            while job is not None:
                job = connection.recv()
                jobs.put(job)
        except (EOFError, OSError):
            os._exit(1)

    threading.Thread(target=receive, name="auditor-jobs", daemon=True).start()
    return jobs


class Desk:
    """The worker's device and meter, and the idle power that its runs share."""

    def __init__(self, setup: Setup) -> None:
        """Open the meter, then the device.

        Raises:
            PlanError: torch is missing.
            HardwareError: the device or its meter is.
        """
        require("torch")
        # Before torch touches the device, so that other processes on it can be told.
        self.meter, self.notes = open_meter(setup.meter, setup.device)
        import torch

        self.torch = torch
        self.on = torch.device(setup.device)
        told = {"meter_option": setup.meter}
        self.device = {**_described(torch, self.on, self.meter), **told}
        self.idle_power_w: float | None = None
        self.idle_was_measured = False
        torch.backends.cudnn.benchmark = setup.cudnn_benchmark

    def done(self, job: Job) -> Answer:
        """Do a job; whatever goes wrong is part of the answer."""
        if isinstance(job, ProfileJob):
            from auditor.collect.profiling import profiled

            return Answer(profiled(job.run, job.mode))
        start_s = time.monotonic()
        found, must_restart = self._measured_or_why(job)
        left_behind = self._cleaned()
        return Answer(
            replace(found, elapsed_s=time.monotonic() - start_s), must_restart or left_behind
        )

    def _measured_or_why(self, job: MeasureJob) -> tuple[Outcome, bool]:
        """The outcome, and whether the device may be left in no state to go on with."""
        from auditor.collect.networks import BUILD_ERRORS, is_out_of_memory

        try:
            return self._measured(job), False
        except PlanError as error:
            return _without_figures(REFUSED, error), False
        except AuditError as error:
            # onnxruntime says what it lacks here; a training has only the meter to fail it.
            of_training = job.run.kind == TRAIN
            return _without_figures(FAILED if of_training else REFUSED, error), of_training
        except BUILD_ERRORS as error:
            if is_out_of_memory(error):
                return _without_figures(OUT_OF_MEMORY, error), False
            return _without_figures(FAILED, error), _is_of_the_device(error)

    def _measured(self, job: MeasureJob) -> Outcome:
        if job.run.kind != TRAIN:
            return inferred(job, self.meter, self.on.type)
        schedule = replace(job.schedule, idle_s=0.0) if self.idle_was_measured else job.schedule
        from auditor.collect.training import Training

        if self.on.type == "cuda":
            self.torch.cuda.reset_peak_memory_stats(self.on)
        training = Training(job.run, self.on)
        found = measured(self.meter, training, schedule)
        if not self.idle_was_measured:
            self.idle_power_w, self.idle_was_measured = found.idle_power_w, True
        about = {
            "memory": asdict(self._memory()),
            "parameter_count": training.parameter_count,
            "versions": dict(versions()),
            "settings": self._settings(job),
        }
        figures = figures_of(found, self.idle_power_w, about)
        figures["warnings"] += [*self.notes, *training.warnings()]
        return Outcome(
            status=MEASURED,
            elapsed_s=0.0,
            figures=figures,
            recordings={found.recording.description.kind: recording_text(found.recording)},
        )

    def _memory(self) -> Memory:
        if self.on.type != "cuda":
            return Memory()
        return Memory(
            allocated_bytes=self.torch.cuda.max_memory_allocated(self.on),
            reserved_bytes=self.torch.cuda.max_memory_reserved(self.on),
        )

    def _settings(self, job: MeasureJob) -> dict[str, Any]:
        backends = self.torch.backends
        return {
            "cudnn_benchmark": backends.cudnn.benchmark,
            "matmul_allow_tf32": backends.cuda.matmul.allow_tf32,
            "cudnn_allow_tf32": backends.cudnn.allow_tf32,
            "schedule": asdict(job.schedule),
            "meter": asdict(self.meter.description),
        }

    def _cleaned(self) -> bool:
        """Give the run's memory back; whether some was left behind."""
        gc.collect()
        if self.on.type != "cuda":
            return False
        try:
            self.torch.cuda.empty_cache()
            return bool(self.torch.cuda.memory_allocated(self.on) > _LEFT_BEHIND_BYTES)
        except RuntimeError:  # after an error of the device every call of it fails
            return True


def _described(torch: Any, on: Any, meter: Meter) -> Mapping[str, Any]:
    """What the device is.

    Raises:
        HardwareError: torch has no such device here.
    """
    told = {"type": on.type, "meter": meter.description.kind}
    if on.type != "cuda":
        return {"name": processor_name(), **told, "torch": torch.__version__}
    if not torch.cuda.is_available():
        raise HardwareError(
            f"torch {torch.__version__} finds no CUDA device; check nvidia-smi and "
            "CUDA_VISIBLE_DEVICES, or take --device cpu"
        )
    try:
        torch.zeros(1, device=on)  # the driver's context, which an idle baseline includes
        name, found = torch.cuda.get_device_name(on), torch.cuda.get_device_properties(on)
    except RuntimeError as error:
        raise HardwareError(f"the CUDA device cannot be used: {first_line(error)}") from error
    return {
        "name": name,
        **told,
        "memory_bytes": found.total_memory,
        "driver": meter.description.driver_version,
        "power_limit_w": meter.description.power_limit_w,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "host": processor_name(),
    }


def _is_of_the_device(error: BaseException) -> bool:
    """Whether an error of the device came up, after which it is not to be trusted."""
    kinds = ("AcceleratorError", "CUDA error", "CUDNN_STATUS", "CUBLAS_STATUS", "cuDNN error")
    told = f"{type(error).__name__}: {error}"
    return any(kind in told for kind in kinds)


def _without_figures(status: str, error: BaseException) -> Outcome:
    told = str(error) if isinstance(error, AuditError) else first_line(error)
    return Outcome(status=status, elapsed_s=0.0, reason=" ".join(told.split())[:_LONGEST_REASON])
