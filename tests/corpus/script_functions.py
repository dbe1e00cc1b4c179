"""A model of onnxscript with functions: onnxscript reads this source, so it is a file."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto
from onnxscript import FLOAT, opset20, script
from onnxscript.values import Opset

FUNCTIONS = Opset("corpus.script", 1)


@script(FUNCTIONS, default_opset=opset20)
def gated(x, w, v):  # type: ignore[no-untyped-def]
    """A gated product."""
    return opset20.Sigmoid(opset20.MatMul(x, w)) * opset20.MatMul(x, v)


@script(FUNCTIONS, default_opset=opset20)
def residual(x, w, v):  # type: ignore[no-untyped-def]
    """Two gated products and a sum."""
    return x + gated(gated(x, w, v), v, w)


@script(default_opset=opset20)
def network(x: FLOAT[batch, 24], w: FLOAT[24, 24], v: FLOAT[24, 24]) -> FLOAT[batch, 24]:  # noqa: F821
    """Three of them."""
    return residual(residual(residual(x, w, v), w, v), v, w)


def model(weights: dict[str, np.ndarray]) -> ModelProto:
    """The network with its weights as initializers."""
    from onnx import numpy_helper

    proto = network.to_model_proto()
    kept = [item for item in proto.graph.input if item.name not in weights]
    del proto.graph.input[:]
    proto.graph.input.extend(kept)
    proto.graph.initializer.extend(numpy_helper.from_array(w, k) for k, w in weights.items())
    return proto
