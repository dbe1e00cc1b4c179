"""Settings that all tests share; its place makes `builders` importable from every folder."""

from __future__ import annotations

from hypothesis import settings

# Shared machines are slow now and then: how long one example takes says nothing here.
# The gate is to say the same twice; `--hypothesis-profile search` looks for new examples.
settings.register_profile("auditor", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile("auditor")
