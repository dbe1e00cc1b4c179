"""Round constants: what they are set to is for the benchmarks to judge, how they are used is not.

The tests of this folder work times out by hand; with these constants a new calibration leaves
them as they are.
"""

from __future__ import annotations

import pytest

from auditor.costs import Family
from auditor.step import constants


@pytest.fixture
def round_constants(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of product peaks and bandwidth, a tenth of the vector peak, 1 us a kernel."""
    on_vectors = {f for f in Family if constants.vector_share(f) is not None}
    monkeypatch.setattr(constants, "product_share", lambda _family, _rate: 0.5)
    monkeypatch.setattr(constants, "vector_share", lambda f: 0.1 if f in on_vectors else None)
    monkeypatch.setattr(constants, "bandwidth_share", lambda _family: 0.5)
    monkeypatch.setattr(constants, "VECTOR_SHARE", 0.5)
    monkeypatch.setattr(constants, "KERNEL_OVERHEAD_S", 1e-6)
    monkeypatch.setattr(constants, "OPTIMIZER_KERNELS", 10)
    monkeypatch.setattr(constants, "LAST_BUCKET_BYTES", 25e6)
    monkeypatch.setattr(constants, "LINK_SHARE", 0.5)
    monkeypatch.setattr(constants, "COMPUTE_POWER_SHARE", 1.0)
    monkeypatch.setattr(constants, "MEMORY_POWER_SHARE", 0.8)
    monkeypatch.setattr(constants, "GAP_POWER_SHARE", 0.3)
    monkeypatch.setattr(constants, "IDLE_SHARE_OF_TDP", 0.1)
    monkeypatch.setattr(constants, "HOST_BASE_W", 40.0)
    monkeypatch.setattr(constants, "HOST_SHARE_OF_TDP", 0.2)
