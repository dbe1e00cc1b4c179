"""What was measured of one run."""

from __future__ import annotations

from dataclasses import dataclass

PHASES = ("train", "forward_backward", "infer")
SCOPES = ("gpu", "gpu+cpu", "node")

# A forward pass is a third of a training step (docs/method.md: the backward pass is twice it).
_EVALUATED_SAMPLE = 1 / 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One measured run; None where the table has nothing.

    `graph` is a path or the name of a network; `dims` are sizes of its dynamic dimensions.
    `hardware` is an id of the catalogue.  `batch_size` is per device; `step_time_s` is one
    step of it, with the optimizer's update in phase "train", without it in
    "forward_backward", and the forward pass alone in "infer".  `energy_j` and
    `mean_power_w` are of all devices together over `duration_s`, in which `epochs` of
    `samples_per_epoch` were trained on and, after each, `evaluated_samples_per_epoch` were
    passed forward; their scopes are of `SCOPES`.  No energy holds PUE.
    """

    run_id: str
    graph: str
    batch_size: int
    precision: str
    hardware: str
    step_time_s: float
    phase: str = "train"
    device_count: int = 1
    dims: tuple[tuple[str, int], ...] = ()
    source: str | None = None
    source_path: str | None = None
    licence: str | None = None
    quality: str | None = None
    family: str | None = None
    layout: str | None = None
    optimizer: str | None = None
    power_limit_w: float | None = None
    duration_s: float | None = None
    samples_per_epoch: float | None = None
    epochs: float | None = None
    evaluated_samples_per_epoch: float | None = None
    energy_j: float | None = None
    energy_scope: str | None = None
    mean_power_w: float | None = None
    power_scope: str | None = None
    note: str | None = None

    @property
    def samples_per_s(self) -> float:
        """Samples over all devices and second, evaluation aside."""
        return self.batch_size * self.device_count / self.step_time_s

    @property
    def steps(self) -> float | None:
        """Steps in `duration_s`, a last smaller one as its part; None if not known."""
        if self.samples_per_epoch is None or self.epochs is None:
            return None
        return self.samples_per_epoch * self.epochs / (self.batch_size * self.device_count)


def step_time_s(
    duration_s: float, samples: float, evaluated_samples: float, samples_per_step: int
) -> float:
    """Time of one step in s, where only a duration in s and what it held are known.

    An evaluated sample counts as a third of a trained one.
    """
    return duration_s * samples_per_step / (samples + _EVALUATED_SAMPLE * evaluated_samples)
