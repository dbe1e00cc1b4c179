"""Which onnxruntime is installed."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import PackageNotFoundError

import pytest

from auditor.errors import HardwareError
from auditor.measure import Runtime, require_runtime


def installed(*names: str) -> Callable[[str], str]:
    def version_of(name: str) -> str:
        if name not in names:
            raise PackageNotFoundError(name)
        return "1.31.1"

    return version_of


@pytest.mark.parametrize("runtime", list(Runtime))
def test_the_one_that_is_there_is_taken(runtime: Runtime) -> None:
    assert require_runtime(installed(runtime.value, "onnx")) is runtime


def test_none_is_an_error_with_both_ways_out() -> None:
    with pytest.raises(HardwareError, match=r"auditor\[gpu\] or auditor\[cpu\]"):
        require_runtime(installed("onnx"))


def test_both_are_an_error_since_they_overwrite_each_other() -> None:
    with pytest.raises(HardwareError, match="break each other; uninstall both"):
        require_runtime(installed("onnxruntime", "onnxruntime-gpu"))


def test_this_environment_has_exactly_one() -> None:
    assert require_runtime() in Runtime
