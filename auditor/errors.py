"""The tree of errors.

    AuditError
    ├── ModelError
    │   ├── ModelLoadError      the file cannot be read as an ONNX model
    │   ├── ShapeError          a dimension is unbound or contradicts the graph
    │   └── OperatorError       an operator has no cost (only with --strict)
    ├── HardwareError           an accelerator is unknown, or cannot be measured
    ├── PlanError               the training plan, or where it runs, is not usable
    ├── CalibrationError        a calibration file or artefact is not usable
    └── OutputError             the report cannot be written

Every message is one line that names the culprit and the remedy.  Attributes
carry the same facts for machines.
"""

from __future__ import annotations

LONGEST_MESSAGE = 4000


def clipped(text: str, longest: int) -> str:
    """Return `text`, or its start and its end where it has more than `longest` characters."""
    if len(text) <= longest:
        return text
    end = longest // 4
    return f"{text[: longest - end]} [...] {text[-end:]}"


class AuditError(Exception):
    """Base of every error that Auditor raises on purpose; the command line exits 2 on it."""

    def __init__(self, message: str, **facts: object) -> None:
        # One line of bounded length, whatever a hostile file put into a name.
        super().__init__(clipped(" ".join(message.split()), LONGEST_MESSAGE))
        self.facts = facts


class ModelError(AuditError):
    """The model cannot be audited as it is."""


class ModelLoadError(ModelError):
    """The file cannot be read as an ONNX model."""


class ShapeError(ModelError):
    """A dimension is unbound, or a binding contradicts the graph."""


class OperatorError(ModelError):
    """An operator has no cost formula and the caller asked for none to be missing."""


class HardwareError(AuditError):
    """An accelerator is unknown or ambiguous, or its description is not usable."""


class PlanError(AuditError):
    """The training plan, or the place where it runs, is not usable."""


class CalibrationError(AuditError):
    """A calibration table or artefact is not usable."""


class OutputError(AuditError):
    """The report cannot be written where it was asked for."""
