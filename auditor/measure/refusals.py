"""What onnxruntime raises: its errors have no class in common but Exception."""

from __future__ import annotations

MAX_REASON = 300
_NAMES = (
    "EPFail",
    "EngineError",
    "Fail",
    "InvalidArgument",
    "InvalidGraph",
    "InvalidProtobuf",
    "NoSuchFile",
    "NotFound",
    "NotImplemented",
    "RuntimeException",
)


def refusals() -> tuple[type[Exception], ...]:
    """Return the classes to catch around onnxruntime; it is loaded by this."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    own = tuple(getattr(state, name) for name in _NAMES if hasattr(state, name))
    return (*own, RuntimeError, ValueError, MemoryError)
