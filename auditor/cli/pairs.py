"""Options of the form NAME=VALUE: sizes of dimensions and shapes of inputs."""

from __future__ import annotations

from auditor.errors import PlanError
from auditor.workload import MAX_DIGITS, parse_shape


def _pairs(values: tuple[str, ...], option: str) -> dict[str, str]:
    """Split ``name=value`` arguments.

    Raises:
        PlanError: one has no name or no value.
    """
    result = {}
    for value in values:
        name, separator, size = value.rpartition("=")
        if not separator or not name or not size:
            raise PlanError(f"{option} {value!r}: must be NAME=VALUE, as {option} sequence=128")
        result[name] = size
    return result


def sizes(values: tuple[str, ...]) -> dict[str, int]:
    """Sizes by the name of a dynamic dimension, as ``--dim`` gives them.

    Raises:
        PlanError: one is not of the form NAME=N.
    """
    pairs = _pairs(values, "--dim")
    for name, size in pairs.items():
        if not size.removeprefix("-").isdecimal() or len(size) > MAX_DIGITS:
            raise PlanError(f"--dim {name}={size}: must be a whole number, as --dim {name}=128")
    return {name: int(size) for name, size in pairs.items()}


def shapes(values: tuple[str, ...], option: str) -> dict[str, tuple[int, ...]]:
    """Shapes by name, as ``--shape`` and ``--assume`` give them.

    Raises:
        PlanError: one is not of the form NAME=AxB.
    """
    return {n: parse_shape(s, f"{option} {n}") for n, s in _pairs(values, option).items()}
