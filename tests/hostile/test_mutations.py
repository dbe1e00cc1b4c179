"""Whatever is changed in a valid model: a result, or an error of one line, and no other exception.

`--hypothesis-profile search` looks at many more.
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import pytest
from hostile_models import changed_bytes, changed_fields, outcome, seeded, small_models
from hypothesis import given
from hypothesis import strategies as st

MODELS = small_models()
SECONDS = 20.0


def test_there_are_models_to_change() -> None:
    assert len(MODELS) >= 20


@given(source=st.sampled_from(MODELS), seed=st.integers(0, 2**32))
def test_flipped_and_truncated_bytes(source: Path, seed: int) -> None:
    outcome(changed_bytes(source.read_bytes(), seeded(seed)))


@given(source=st.sampled_from(MODELS), seed=st.integers(0, 2**32))
def test_changed_fields(source: Path, seed: int) -> None:
    start = time.process_time()
    outcome(changed_fields(source.read_bytes(), seeded(seed)))
    assert time.process_time() - start < SECONDS


@pytest.mark.long
def test_many_changes() -> None:
    """As above, some thousands, so that what is rare comes up."""
    chance = seeded(8)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(5000):
            data = chance.choice(MODELS).read_bytes()
            outcome(changed_fields(data, chance))
