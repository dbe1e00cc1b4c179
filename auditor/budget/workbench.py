"""One model audited again under plans that differ from its own in one respect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from auditor.budget.assess import assessment_of, request_of
from auditor.budget.assessment import Assessment
from auditor.budget.candidate import Candidate
from auditor.errors import AuditError
from auditor.graph import load_model
from auditor.pipeline import audit
from auditor.setting import resolved
from auditor.sized import Shapes, Sized, profiled, shapes, under
from auditor.step.artefact import read_artefact, shipped_artefact
from auditor.workload import Plan, validated

# What the graph's costs do not depend on, so that the graph need not be walked again.
_AFTER_THE_GRAPH = frozenset({"samples", "tokens", "epochs", "trials", "hardware", "region"})
Key = tuple[str, float | str]


class Workbench:
    """Audits a candidate with one key of its plan changed, each change once."""

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self._request = request_of(candidate)
        self._shaped: Shapes | None = None
        self._planned: Sized | None = None
        self._sized: dict[str, Sized] = {}
        self._known: dict[Key, Assessment | None] = {}

    def with_key(self, key: str, setting: float | str) -> Assessment | None:
        """Return the assessment with `key` set so; None where such a training is not possible."""
        if (key, setting) not in self._known:
            changes: dict[str, Any] = {key: setting}
            try:
                self._known[key, setting] = self._assessed(key, changes)
            except AuditError:
                self._known[key, setting] = None
        return self._known[key, setting]

    def batch_size_for(self, memory_bytes: float) -> int:
        """The largest batch by what the step holds as planned: its activations grow with it."""
        of = self._base()
        return int(of.profile.memory.largest_share(memory_bytes) * of.profile.batch_size)

    def devices(self) -> tuple[str, ...]:
        """Ids of the devices that the calibration was fitted on; none without a calibration.

        Raises:
            CalibrationError: it cannot be read.
        """
        calibration = self.candidate.calibration
        if calibration is None:
            return shipped_artefact().hardware
        return () if str(calibration) == "none" else read_artefact(calibration).hardware

    def _assessed(self, key: str, changes: dict[str, Any]) -> Assessment:
        plan = validated(replace(self.candidate.plan, **changes))
        again = replace(self._request, plan=plan)
        of = self._of(plan, key) if key in _AFTER_THE_GRAPH else None
        return assessment_of(audit(again, of), plan.accuracy)

    def _of(self, plan: Plan, key: str) -> Sized:
        """The model at its sizes, under a plan that is no other to the graph.

        Only the device decides on the precision where the plan does not.
        """
        of = self._base()
        if key == "hardware" and plan.precision is None:
            of = self._in(resolved(plan, self.candidate.hardware_file).precision_name)
        return under(of, plan)

    def _base(self) -> Sized:
        """The model at its sizes as planned."""
        if self._planned is None:
            mode = resolved(self.candidate.plan, self.candidate.hardware_file).precision_name
            self._planned = self._in(mode)
        return self._planned

    def _in(self, mode: str) -> Sized:
        if mode not in self._sized:
            plan = self.candidate.plan
            if self._shaped is None:
                path = self.candidate.path
                self._shaped = shapes(path, load_model(path), plan)
            self._sized[mode] = profiled(self._shaped, plan, mode)
        return self._sized[mode]
