"""Operations of a training step as columns: what the calibrated estimate computes with."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from auditor.costs import Work
from auditor.profile import CostedOperation, Profile

Floats = NDArray[np.float64]
FORWARD, BACKWARD = 0, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernels:
    """The operations of one pass forward and backward at `batch_size`, one a row.

    Columns of shape (rows, 2) hold forward and backward: multiply-accumulates, other
    floating-point operations, traffic in bytes that grows with the batch and that does not, and
    launches.  Of shape (rows,): `contraction`, the elements that are summed into one output
    element of a product; `element_bytes`, the size of the file's floating-point type; and
    whether autocast keeps the operation in fp32.
    """

    families: tuple[str, ...]
    macs: Floats
    other_flops: Floats
    batch_bytes: Floats
    weight_bytes: Floats
    launches: Floats
    contraction: Floats
    element_bytes: Floats
    keeps_fp32: NDArray[np.bool_]
    batch_size: int
    trained_parameter_count: int
    trained_tensor_count: int
    product_parameter_count: int


def kernels_of(profile: Profile) -> Kernels:
    """Take the columns from a profile."""
    found = profile.operations
    both = [(o.forward, o.backward) for o in found]
    return Kernels(
        families=tuple(o.family.value for o in found),
        macs=_column((f.macs, b.macs) for f, b in both),
        other_flops=_column((f.other_flops, b.other_flops) for f, b in both),
        batch_bytes=_column((_batch_bytes(f), _batch_bytes(b)) for f, b in both),
        weight_bytes=_column((_weight_bytes(f), _weight_bytes(b)) for f, b in both),
        launches=_column((o.forward_kernels, o.backward_kernels) for o in found),
        contraction=np.array([_contraction(o) for o in found], np.float64),
        element_bytes=np.array([o.element_bytes for o in found], np.float64),
        keeps_fp32=np.array([o.fp32_in_autocast for o in found], np.bool_),
        batch_size=profile.batch_size,
        trained_parameter_count=profile.trained_parameter_count,
        trained_tensor_count=profile.trained_tensor_count,
        product_parameter_count=profile.product_parameter_count,
    )


def _column(pairs: Iterable[tuple[float, float]]) -> Floats:
    return np.array(list(pairs), np.float64).reshape(-1, 2)


def _weight_bytes(work: Work) -> int:
    return work.weight_read_bytes + work.weight_written_bytes


def _batch_bytes(work: Work) -> int:
    return work.read_bytes + work.written_bytes - _weight_bytes(work)


def _contraction(operation: CostedOperation) -> float:
    """Multiply-accumulates an output element; 0 where the operation is no product."""
    written = operation.forward.written_bytes / operation.element_bytes
    return operation.forward.macs / written if written else 0.0
