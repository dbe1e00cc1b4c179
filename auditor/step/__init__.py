"""Layer 9: one training step on one piece of hardware."""

from auditor.step.constants import RESERVED_BYTES
from auditor.step.rates import default_precision, rates
from auditor.step.roofline import OperationTime, Seconds
from auditor.step.step import Step, training_step

__all__ = [
    "RESERVED_BYTES",
    "OperationTime",
    "Seconds",
    "Step",
    "default_precision",
    "rates",
    "training_step",
]
