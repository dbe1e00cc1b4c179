"""What passes between the collection and its worker: one job there, one answer back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from auditor.collect.configuration import Configuration
from auditor.collect.store import Outcome, StoredNetwork
from auditor.measure.protocol import Schedule


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What a worker works with: "cuda" or "cpu", a meter's name, and if cuDNN tries kernels."""

    device: str
    meter: str
    cudnn_benchmark: bool = False


@dataclass(frozen=True, slots=True)
class MeasureJob:
    """Measure a run; `graph` is the exported file for a run of kind "infer"."""

    run: Configuration
    schedule: Schedule
    graph: bytes | None = None


@dataclass(frozen=True, slots=True)
class ProfileJob:
    """Export and profile the network of a run, as it trains ("train") or as it answers."""

    run: Configuration
    mode: str


Job = MeasureJob | ProfileJob


@dataclass(frozen=True, slots=True)
class Ready:
    """The worker has its device: `device` says what it is ("name" at least)."""

    device: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Unable:
    """The worker cannot work here at all, with the reason in one line."""

    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a job; `must_restart` where the device is in no state to go on with."""

    result: Outcome | StoredNetwork
    must_restart: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """There is no answer: the worker died, or hung and was killed."""

    reason: str
    hung: bool = False


class Worker(Protocol):
    """Who does the jobs, one at a time, in a process of its own."""

    def start(self) -> Mapping[str, Any]:
        """Begin, or begin anew; return what the device is.

        Raises:
            HardwareError: it cannot.
        """

    def ask(self, job: Job, timeout_s: float) -> Answer | Lost:
        """Have a job done, or lose the worker after `timeout_s`."""

    def stop(self) -> None:
        """End it; a second call does nothing."""
