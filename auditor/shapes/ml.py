"""Output shapes of ai.onnx.ml: trees, linear models, support vectors, encoders.

Source: https://onnx.ai/onnx/operators/ (ai.onnx.ml); onnx has no inference for most of them.
Maps are counted by the numbers that they hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from auditor.graph import Tensor
from auditor.shapes.records import Typed
from auditor.shapes.rules import Call, Key, Rule, everywhere, like

DOMAIN = "ai.onnx.ml"


def rows(call: Call) -> int:
    """Samples: (N, F), or one sample of F features."""
    shape = call.shape(0)
    return shape[0] if len(shape) > 1 else 1


def _labels(call: Call, strings: str, integers: str) -> tuple[str, int]:
    """Element type and number of the labels that an attribute lists."""
    names = call.attribute(strings, ())
    return ("object", len(names)) if names else ("int64", len(call.attribute(integers, ())))


def _classifier(integers: str) -> Rule:
    def rule(call: Call) -> Sequence[Typed]:
        dtype, classes = _labels(call, "classlabels_strings", integers)
        return [(dtype, (rows(call),)), ("float32", (rows(call), _scores(call, classes)))]

    return rule


def _scores(call: Call, classes: int) -> int:
    """One score a class; a linear model without labels has one an intercept."""
    return classes or len(call.attribute("intercepts", ())) or 2


def _regressor(attribute: str) -> Rule:
    def rule(call: Call) -> Sequence[Typed]:
        return [("float32", (rows(call), int(call.attribute(attribute, 1))))]

    return rule


def _tree_ensemble(call: Call) -> Sequence[Typed]:
    return [(call.dtype(0), (rows(call), int(call.attribute("n_targets", 1))))]


def _support_regressor(call: Call) -> Sequence[Typed]:
    return [("float32", (rows(call), 1))]


def _one_hot(call: Call) -> Sequence[Typed]:
    _, categories = _labels(call, "cats_strings", "cats_int64s")
    return [("float32", (*call.shape(0), categories))]


def _extracted(call: Call) -> Sequence[Typed]:
    """Chosen features of the last axis; one sample becomes a row."""
    shape, chosen = call.shape(0), call.shape(1)
    count = chosen[-1] if chosen else 1
    return [(call.dtype(0), (*(shape[:-1] if len(shape) > 1 else (1,)), count))]


def _joined(call: Call) -> Sequence[Typed]:
    widths = call.attribute("inputdimensions") or [
        call.shape(i)[-1] for i in range(len(call.inputs))
    ]
    return [("float32", (rows(call), sum(widths)))]


def _mapped(call: Call) -> Sequence[Typed]:
    return [("int64" if call.dtype(0) == "object" else "object", call.shape(0))]


_VALUES = {"values_strings": "object", "values_int64s": "int64", "values_floats": "float32"}


def _encoded(call: Call) -> Sequence[Typed]:
    """LabelEncoder: the element type is that of the values; version 1 has strings alone."""
    tensor: Any = call.attribute("values_tensor")
    dtype = tensor.dtype if isinstance(tensor, Tensor) else None
    for name, kind in _VALUES.items():
        dtype = kind if call.attribute(name) else dtype
    return [(dtype or _mapped(call)[0][0], call.shape(0))]


_CASTS = {"TO_FLOAT": "float32", "TO_STRING": "object", "TO_INT64": "int64"}


def _cast_map(call: Call) -> Sequence[Typed]:
    dtype = _CASTS[str(call.attribute("cast_to", "TO_FLOAT"))]
    if call.attribute("map_form", "DENSE") == "SPARSE":
        return [(dtype, (1, int(call.node.attributes["max_map"])))]
    return [(dtype, (1, *call.shape(0)))]


def _vectorized(call: Call) -> Sequence[Typed]:
    kind, words = _labels(call, "string_vocabulary", "int64_vocabulary")
    return [("float32" if kind == "object" else call.dtype(0), (1, words))]


_RULES: Mapping[str, Rule] = {
    "TreeEnsembleClassifier": _classifier("classlabels_int64s"),
    "TreeEnsembleRegressor": _regressor("n_targets"),
    "TreeEnsemble": _tree_ensemble,
    "LinearClassifier": _classifier("classlabels_ints"),
    "LinearRegressor": _regressor("targets"),
    "SVMClassifier": _classifier("classlabels_ints"),
    "SVMRegressor": _support_regressor,
    "Normalizer": like(0, "float32"),
    "Scaler": like(0, "float32"),
    "Imputer": like(0),
    "Binarizer": like(0),
    "OneHotEncoder": _one_hot,
    "ArrayFeatureExtractor": _extracted,
    "FeatureVectorizer": _joined,
    "CategoryMapper": _mapped,
    "LabelEncoder": _encoded,
    "DictVectorizer": _vectorized,
    "CastMap": _cast_map,
    "ZipMap": like(0, "float32"),
}

RULES: Mapping[Key, Rule] = everywhere(DOMAIN, _RULES)
