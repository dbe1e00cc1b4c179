"""Coverage-guided fuzzing of whole audits: ``python tests/hostile/fuzz_atheris.py CORPUS``.

For a person to run where atheris is installed (``pip install atheris``); no test of the suite.
CORPUS is a folder of models to start from, such as ``tests/corpus/models``.  Whatever is neither
a result nor an `AuditError` of one line stops it and leaves the file behind.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Where the tests' own modules are, and the package where it is not installed.
sys.path[:0] = [str(folder) for folder in Path(__file__).resolve().parents[:3]]

import atheris  # noqa: E402  (after the path)

with atheris.instrument_imports(include=["auditor"]):
    from google.protobuf.message import DecodeError
    from hostile_models import changed_fields, outcome, seeded

import auditor.pipeline  # noqa: E402, F401  (imported before the time of one input is taken)


def mutated(data: bytes, max_size: int, seed: int) -> bytes:
    """Change fields where it is a model still, else bytes; half of the time bytes in any case."""
    chance = seeded(seed)
    if chance.random() < 0.5:
        try:
            changed = changed_fields(data, chance)
        except (DecodeError, ValueError, TypeError):
            changed = b""
        if 0 < len(changed) <= max_size:
            return changed
    return bytes(atheris.Mutate(data, max_size))


def one_input(data: bytes) -> None:
    outcome(data)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input, custom_mutator=mutated)
    atheris.Fuzz()
