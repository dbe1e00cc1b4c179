"""An ONNX file's bytes without its weights, and without onnx."""

from auditor.wire.file import EXPORT_HINT, Header, header_of, read_header
from auditor.wire.ranges import Fetch, RangeError, Ranges
from auditor.wire.walk import (
    KEPT_INTEGER_BYTES,
    MAX_NESTING,
    VERBATIM_BYTES,
    WireError,
    without_weights,
)

__all__ = [
    "EXPORT_HINT",
    "KEPT_INTEGER_BYTES",
    "MAX_NESTING",
    "VERBATIM_BYTES",
    "Fetch",
    "Header",
    "RangeError",
    "Ranges",
    "WireError",
    "header_of",
    "read_header",
    "without_weights",
]
