"""Layer 9: one training step on one piece of hardware."""

from auditor.step.constants import RESERVED_BYTES
from auditor.step.fit import Fit, fit
from auditor.step.forward import ForwardPass, Serving, forward_pass
from auditor.step.rates import default_precision, rates
from auditor.step.step import Step, training_step
from auditor.step.timed import Confidence, OperationTime, Seconds

__all__ = [
    "RESERVED_BYTES",
    "Confidence",
    "Fit",
    "ForwardPass",
    "OperationTime",
    "Seconds",
    "Serving",
    "Step",
    "default_precision",
    "fit",
    "forward_pass",
    "rates",
    "training_step",
]
