"""Layer 8: the training plan and the workload it makes."""

from auditor.workload.files import MAX_DIGITS, find_project_plan, parse_shape, read_plan_file
from auditor.workload.plan import (
    DEFAULT_BATCH_SIZE,
    DEFAULT_OPTIMIZER,
    Plan,
    Workload,
    validated,
    workload,
)

__all__ = [
    "DEFAULT_BATCH_SIZE",
    "DEFAULT_OPTIMIZER",
    "MAX_DIGITS",
    "Plan",
    "Workload",
    "find_project_plan",
    "parse_shape",
    "read_plan_file",
    "validated",
    "workload",
]
