"""What was measured beside what was predicted for as many samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.errors import CalibrationError, HardwareError
from auditor.hardware import Accelerator, resolve, search
from auditor.interval import Interval
from auditor.reconcile.audited import Audited
from auditor.reconcile.measured import Covers, Measured
from auditor.units import significant

# A ratio beyond this is more often a measurement of something else than an error of the estimate.
_FAR = 4.0


@dataclass(frozen=True, slots=True)
class Said:
    """What the user says of the measurement that its file does not; None where nothing.

    `epochs` or `samples` that were trained while measuring; `despite_conflicts` compares even
    what was measured on other hardware.
    """

    epochs: float | None = None
    samples: float | None = None
    despite_conflicts: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """A measured figure and the predicted one, in the unit that their owner's field says."""

    measured: float
    predicted: Interval

    @property
    def ratio(self) -> float:
        """Measured over predicted (median)."""
        return self.measured / self.predicted.median

    @property
    def inside(self) -> bool:
        """Whether the measured figure lies in the predicted interval."""
        return self.predicted.low <= self.measured <= self.predicted.high


@dataclass(frozen=True, slots=True)
class EnergyComparison:
    """Energy in J; `same_scope` is false where the prediction holds more than was measured."""

    covers: Covers
    predicted_scope: str
    energy_j: Comparison

    @property
    def same_scope(self) -> bool:
        """Whether both figures cover the same parts of the machine."""
        return self.covers.value == self.predicted_scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    """A measurement beside its prediction, both for `samples` samples.

    `samples` are `samples_per_epoch` times `epochs`; `epochs_from` says who said how many:
    "file", "option" or "plan".  Notes are about what was done, warnings about what may be
    wrong; `conflicts` are what was compared in spite of itself.
    """

    measured: Measured
    audited: Audited
    samples: float
    samples_per_epoch: float
    epochs: float
    epochs_from: str
    energies: tuple[EnergyComparison, ...]
    duration_s: Comparison
    notes: tuple[str, ...]
    warnings: tuple[str, ...]
    conflicts: tuple[str, ...]


def reconcile(
    measured: Measured,
    audited: Audited,
    said: Said | None = None,
    extra: Sequence[Accelerator] = (),
) -> Reconciliation:
    """Bring the prediction to what was measured: as many samples, the nearest scope.

    Energy and time of an audit are linear in samples, so scaling adds no error.  `extra` are
    devices beside the catalogue's.

    Raises:
        CalibrationError: how much was trained is known from nowhere, or the measurement is of
            other hardware and `said` does not allow that.
    """
    said = said or Said()
    per_epoch, epochs, origin = _extent(measured, audited, said)
    samples = per_epoch * epochs
    conflicts, doubts = _hardware(measured, audited, extra)
    if conflicts and not said.despite_conflicts:
        raise CalibrationError(
            f"{'; '.join(conflicts)}: audit the network as it was trained, with --hardware and "
            "--devices, or compare with --force"
        )
    energies = tuple(_energies(measured, audited, samples))
    duration_s = Comparison(measured.duration_s, audited.s_per_sample.scaled(samples))
    return Reconciliation(
        measured=measured,
        audited=audited,
        samples=samples,
        samples_per_epoch=per_epoch,
        epochs=epochs,
        epochs_from=origin,
        energies=energies,
        duration_s=duration_s,
        notes=(*_extent_notes(audited, samples, epochs, origin), *_scope_notes(measured)),
        warnings=(*measured.warnings, *doubts, *_far(energies, duration_s)),
        conflicts=conflicts,
    )


def _extent(measured: Measured, audited: Audited, said: Said) -> tuple[float, float, str]:
    """Samples of an epoch, epochs that were measured, and who says so.

    Raises:
        CalibrationError: nobody does, or option and file contradict each other.
    """
    for option, value in (("--epochs", said.epochs), ("--samples", said.samples)):
        if value is not None and not 0 < value < 1e18:
            raise CalibrationError(f"{option} {value:g}: must be above zero")
    if said.epochs is not None and said.samples is not None:
        raise CalibrationError("--epochs and --samples: give one of them")
    if said.samples is not None:
        return said.samples, 1.0, "option"
    if audited.samples is None:
        raise CalibrationError(
            "the audit does not say how many samples an epoch has: audit with --samples, or say "
            "with --samples how many were trained on while measuring"
        )
    if said.epochs is not None:
        return audited.samples, said.epochs, "option"
    if measured.epochs is not None:
        return audited.samples, measured.epochs, "file"
    if audited.trials > 1:
        raise CalibrationError(
            f"the plan has {audited.trials} trials, and the file does not say how much of them it "
            "holds: give the epochs of all runs measured with --epochs"
        )
    return audited.samples, audited.epochs, "plan"


def _extent_notes(audited: Audited, samples: float, epochs: float, origin: str) -> list[str]:
    planned = audited.epochs * audited.trials
    notes = []
    if origin == "plan":
        notes.append(
            f"the file does not say what was trained: taken as the whole plan, {epochs:g} epochs "
            "(--epochs or --samples says otherwise)"
        )
    elif audited.samples is not None and abs(samples / (audited.samples * planned) - 1) > 1e-9:
        notes.append(
            f"measured are {significant(samples)} samples, planned "
            f"{significant(audited.samples * planned)}: the prediction is scaled by "
            f"{significant(samples / (audited.samples * planned))}, being linear in samples"
        )
    notes.append(
        "the prediction holds training steps alone; evaluation, start-up and saving count as "
        "measured where they ran meanwhile"
    )
    return notes


def _energies(measured: Measured, audited: Audited, samples: float) -> list[EnergyComparison]:
    """Boards beside boards where they are known alone, and all that was measured."""
    found = []
    gpu = audited.gpu_j_per_sample.scaled(samples)
    if measured.gpu_energy_j is not None:
        found.append(EnergyComparison(Covers.GPU, "gpu", Comparison(measured.gpu_energy_j, gpu)))
    if measured.covers is not Covers.GPU:
        node = audited.node_j_per_sample.scaled(samples)
        found.append(EnergyComparison(measured.covers, "node", Comparison(measured.energy_j, node)))
    return found


def _scope_notes(measured: Measured) -> list[str]:
    notes = []
    if measured.covers is not Covers.GPU:
        lacking = "" if measured.covers is Covers.GPU_CPU_RAM else "memory, "
        notes.append(
            f"{measured.covers} is compared with the whole node, which holds more: {lacking}disks, "
            "network, fans and losses of the power supply; the true ratio is higher"
        )
    if measured.pue_divided_out is not None:
        notes.append(
            f"{measured.tool} had multiplied its energies by a PUE of "
            f"{measured.pue_divided_out:g}: divided out"
        )
    if measured.extrapolated is not None:
        notes.append(
            f"what {measured.tool} itself predicts for {measured.extrapolated.epochs:g} epochs is "
            "no measurement, and is not compared"
        )
    return notes


def _hardware(
    measured: Measured, audited: Audited, extra: Sequence[Accelerator]
) -> tuple[tuple[str, ...], list[str]]:
    """What contradicts the plan, and what could not be checked."""
    conflicts, doubts = [], []
    name, count = measured.hardware_name, measured.device_count
    same = None if name is None else _same(name, audited, extra)
    if same is False:
        conflicts.append(f"measured on {name}, audited for {audited.hardware_name}")
    elif same is None:
        said = "does not name its hardware" if name is None else f"says {name}, which is not known"
        doubts.append(f"the file {said}: that it is {audited.hardware_name} is taken for granted")
    if count is not None and count != audited.device_count:
        conflicts.append(f"measured on {count} devices, audited for {audited.device_count}")
    return tuple(conflicts), doubts


def _same(name: str, audited: Audited, extra: Sequence[Accelerator]) -> bool | None:
    """Whether `name` means the audited device; None where that is not known."""
    if name in (audited.hardware_name, audited.hardware_id):
        return True
    try:
        found = resolve(name, extra)
    except HardwareError:
        return None
    if found.accelerator.id == audited.hardware_id:
        return True
    # A name that fits several devices contradicts none of them.
    return found.note is not None and audited.hardware_id in {a.id for a in search(name)}


def _far(energies: Sequence[EnergyComparison], duration_s: Comparison) -> list[str]:
    ratios = [e.energy_j.ratio for e in energies if e.same_scope] + [duration_s.ratio]
    far = [r for r in ratios if not 1 / _FAR <= r <= _FAR]
    if not far:
        return []
    return [
        f"measured is {significant(far[0])} times the prediction: check that the measurement "
        "covers the samples said here (--epochs, --samples), and that nothing else ran"
    ]
