"""Settings that all tests share; its place makes `builders` importable from every folder."""

from __future__ import annotations

import itertools
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# Shared machines are slow now and then: how long one example takes says nothing here.
# The gate is to say the same twice; `--hypothesis-profile search` looks for new examples.
settings.register_profile("auditor", deadline=None, derandomize=True)
settings.register_profile("search", deadline=None, max_examples=1000)
settings.load_profile("auditor")

# A shell's background jobs ignore Ctrl-C, and so would the commands that tests start from there.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def all_caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("caches")


@pytest.fixture(autouse=True)
def cache_folder(all_caches: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees what another kept, nor the user's own; the folder is made where it is used."""
    folder = all_caches / str(next(_NUMBERS))
    monkeypatch.setenv("AUDITOR_CACHE_DIR", str(folder))
    return folder
