"""Where the energy goes: an audit's electricity laid over the parts of a training step.

The document has times by part and by operation and one mean power of the device, so that
energy of a part = its share of the step's time x energy of the devices (scope gpu).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PER_MILLION = "a million samples"
WHOLE = "the whole training"
REST = "everything else in the step"
_PARTS = (
    ("forward pass", "forward_s"),
    ("backward pass", "backward_s"),
    ("optimizer update", "update_s"),
    ("communication not hidden", "communication_s"),
    ("waiting for input", "input_wait_s"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a step: `time_s` in it, its share of it, and that share of the devices' energy.

    `pointer` is where the time stands in the document, None for what is left over.
    """

    name: str
    family: str | None
    pointer: str | None
    time_s: float
    share: float
    energy_kwh: float | None


def energy_basis(document: Mapping[str, Any]) -> tuple[float | None, str]:
    """The devices' median energy in kWh and what it is of: the training, else a million samples."""
    estimate = document["estimate"]
    whole = estimate["by_scope"]["gpu"]
    if whole is not None:
        return whole["median"], WHOLE
    some = estimate["energy_per_million_samples_kwh"]["gpu"]
    return (None if some is None else some["median"]), PER_MILLION


def step_parts(document: Mapping[str, Any]) -> tuple[Part, ...]:
    """Forward, backward, update, communication and waiting, in shares of their sum."""
    step = document["step"]
    return tuple(
        _part(document, name=name, pointer=f"/step/{key}", time_s=step[key]) for name, key in _PARTS
    )


def operation_parts(document: Mapping[str, Any]) -> tuple[Part, ...]:
    """The operations that the document lists, longest first, and what is left of the step."""
    return _listed(document, "top_operations", "name")


def family_parts(document: Mapping[str, Any]) -> tuple[Part, ...]:
    """The families of operators, longest first, and what is left: update, exchange, waiting."""
    return _listed(document, "by_family", "family")


def _listed(document: Mapping[str, Any], key: str, name: str) -> tuple[Part, ...]:
    listed = tuple(
        _part(
            document,
            name=row[name],
            family=row["family"],
            pointer=f"/step/{key}/{i}/time_s",
            time_s=row["time_s"],
        )
        for i, row in enumerate(document["step"][key])
    )
    left_s = max(0.0, step_time_s(document) - sum(part.time_s for part in listed))
    return (*listed, _part(document, name=REST, pointer=None, time_s=left_s))


def step_time_s(document: Mapping[str, Any]) -> float:
    """One optimizer step in s: the sum of its parts."""
    return float(sum(document["step"][key] for _, key in _PARTS))


def _part(
    document: Mapping[str, Any],
    *,
    name: str,
    pointer: str | None,
    time_s: float,
    family: str | None = None,
) -> Part:
    total_s, (energy_kwh, _) = step_time_s(document), energy_basis(document)
    share = time_s / total_s if total_s > 0 else 0.0
    return Part(
        name=name,
        family=family,
        pointer=pointer,
        time_s=time_s,
        share=share,
        energy_kwh=None if energy_kwh is None else share * energy_kwh,
    )
