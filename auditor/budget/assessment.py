"""What an audit tells a check, as plain values that JSON holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from auditor.budget.records import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What scores are made of, by the names of `auditor.scores.Figures`; None is not assessed.

    `energy_kwh` is of the assessment's scope, `carbon_gco2e` what the operation emits, the times
    of the whole training and of one epoch in s, `macs` of one sample's forward pass.
    """

    accuracy: float | None
    energy_kwh: Value | None
    carbon_gco2e: Value | None
    duration_s: Value | None
    epoch_time_s: Value | None
    memory_bytes: float
    parameter_count: int
    macs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """One model and its plan, audited: all that is judged, and nothing of the stages.

    `values` are by the ids of quantities, scores left out; `missing` says why there is none of
    another.  `fits` says whether a step fits the device's memory, None where that is not known.
    `warnings` are the audit's.
    """

    hardware: str
    region: str | None
    method: str
    scope: str
    in_domain: bool | None
    fits: bool | None
    structure_sha256: str
    currency: str | None
    values: tuple[tuple[str, Value], ...]
    missing: tuple[tuple[str, str], ...]
    inputs: Inputs
    warnings: tuple[str, ...]

    def of_share(self, share: float, of_epochs: bool) -> Assessment:
        """What scores would be made of for a share of this amount of training.

        A share of the epochs or trials leaves the time of one epoch as it is; one of the samples
        does not.  `values` stay those of the whole.
        """
        whole = self.inputs
        scaled = replace(
            whole,
            energy_kwh=_scaled(whole.energy_kwh, share),
            carbon_gco2e=_scaled(whole.carbon_gco2e, share),
            duration_s=_scaled(whole.duration_s, share),
            epoch_time_s=_scaled(whole.epoch_time_s, 1.0 if of_epochs else share),
        )
        return replace(self, inputs=scaled)

    def as_dict(self) -> dict[str, Any]:
        """Every field as JSON has it."""
        return asdict(self)


def _scaled(value: Value | None, share: float) -> Value | None:
    if value is None:
        return None
    low = None if value.low is None else value.low * share
    high = None if value.high is None else value.high * share
    return Value(median=value.median * share, low=low, high=high, level=value.level)


def assessment_from(content: Mapping[str, Any]) -> Assessment:
    """Build the record of what `Assessment.as_dict` gave, by way of JSON.

    Raises:
        KeyError, TypeError, ValueError: it is something else.
    """
    inputs = dict(content["inputs"])
    for name in ("energy_kwh", "carbon_gco2e", "duration_s", "epoch_time_s"):
        inputs[name] = None if inputs[name] is None else Value(**inputs[name])
    return Assessment(
        **{
            **content,
            "values": tuple((str(name), Value(**value)) for name, value in content["values"]),
            "missing": tuple((str(name), str(why)) for name, why in content["missing"]),
            "inputs": Inputs(**inputs),
            "warnings": tuple(map(str, content["warnings"])),
        }
    )
