"""Which onnxruntime is installed: the CPU one or the GPU one, never both.

Both distributions install the same package over each other; what is left works for neither
(microsoft/onnxruntime#26996), and pip does not notice.  So it is asked which distributions
are there, not whether the package imports.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version

from auditor.errors import HardwareError


class Runtime(StrEnum):
    """A distribution that provides onnxruntime."""

    CPU = "onnxruntime"
    GPU = "onnxruntime-gpu"


def require_runtime(version_of: Callable[[str], str] = version) -> Runtime:
    """Return the installed runtime.

    `version_of` gives a distribution's version or raises PackageNotFoundError.

    Raises:
        HardwareError: none is installed, or both are.
    """
    found = [runtime for runtime in Runtime if _is_installed(runtime, version_of)]
    if not found:
        raise HardwareError(
            "running the model needs onnxruntime; install auditor[gpu] or auditor[cpu]"
        )
    if len(found) > 1:
        raise HardwareError(
            "onnxruntime and onnxruntime-gpu are both installed and break each other; "
            "uninstall both, then install auditor[gpu] or auditor[cpu]"
        )
    return found[0]


def _is_installed(runtime: Runtime, version_of: Callable[[str], str]) -> bool:
    try:
        version_of(runtime.value)
    except PackageNotFoundError:
        return False
    return True
