"""Layer 16: what a tool measured of a training, beside what an audit predicted of it."""

from auditor.reconcile.audited import Audited, read_audit
from auditor.reconcile.compare import Reconciliation, Said, reconcile
from auditor.reconcile.measured import Measured, Selection, Tool
from auditor.reconcile.parse import parse, read_measured

__all__ = [
    "Audited",
    "Measured",
    "Reconciliation",
    "Said",
    "Selection",
    "Tool",
    "parse",
    "read_audit",
    "read_measured",
    "reconcile",
]
