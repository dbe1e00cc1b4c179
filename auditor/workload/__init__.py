"""Layer 8: the training plan and the workload it makes."""

from auditor.workload.files import (
    MAX_DIGITS,
    find_project_plan,
    parse_shape,
    plan_from_table,
    read_plan_file,
    read_toml,
)
from auditor.workload.lifecycle import Lifecycle
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
    "Lifecycle",
    "Plan",
    "Workload",
    "find_project_plan",
    "parse_shape",
    "plan_from_table",
    "read_plan_file",
    "read_toml",
    "validated",
    "workload",
]
