"""Layer 2: dynamic dimensions bound, shapes and shape values propagated."""

from auditor.shapes.bindings import Bindings, BoundInputs, bind_inputs
from auditor.shapes.inference import infer_shapes
from auditor.shapes.records import (
    Basis,
    DataSize,
    MissingValueError,
    Operation,
    ShapedGraph,
    Value,
    dtype_bits,
)
from auditor.shapes.scope import Given

__all__ = [
    "Basis",
    "Bindings",
    "BoundInputs",
    "DataSize",
    "Given",
    "MissingValueError",
    "Operation",
    "ShapedGraph",
    "Value",
    "bind_inputs",
    "dtype_bits",
    "infer_shapes",
]
