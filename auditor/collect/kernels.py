"""Kernels of a network as JSON, as the store keeps them."""

from __future__ import annotations

import json
from dataclasses import fields

import numpy as np

from auditor.collect.configuration import canonical
from auditor.step.kernels import Kernels

_PAIRS = frozenset({"macs", "other_flops", "batch_bytes", "weight_bytes", "launches"})
_TRUTHS = frozenset({"keeps_fp32"})


def kernels_text(kernels: Kernels) -> str:
    """Write kernels as JSON."""
    values = {f.name: getattr(kernels, f.name) for f in fields(Kernels)}
    return canonical(
        {name: v.tolist() if isinstance(v, np.ndarray) else v for name, v in values.items()}
    )


def kernels_from(text: str) -> Kernels:
    """Read kernels that `kernels_text` wrote."""
    content = json.loads(text)
    families = tuple(content.pop("families"))
    arrays = {
        name: np.array(value, np.bool_ if name in _TRUTHS else np.float64)
        for name, value in content.items()
        if isinstance(value, list)
    }
    shaped = {n: a.reshape(-1, 2) if n in _PAIRS else a for n, a in arrays.items()}
    return Kernels(families=families, **{**content, **shaped})
