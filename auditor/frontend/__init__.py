"""The front end for torch: a network in code is exported, then audited like any file.

The only package that imports torch and fvcore, and only where a ``torch:`` model is named.
"""

from auditor.frontend.inputs import InputSpec, parse_inputs, shared_batch_size
from auditor.frontend.target import PREFIX, Target, parse_target

__all__ = [
    "PREFIX",
    "InputSpec",
    "Target",
    "parse_inputs",
    "parse_target",
    "shared_batch_size",
]
