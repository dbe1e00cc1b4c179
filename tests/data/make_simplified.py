"""Make what graph simplifiers leave of a ResNet-50 whose normalization was kept.

Run ``python tests/data/make_simplified.py`` with onnx, onnxruntime, onnxsim and onnxslim
installed.  Each tool folds the normalization away under names of its own; the files show that
it is found again.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import ModelProto, numpy_helper

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))

import structure_only

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "models" / "resnet50.torchscript.preserve_eval.onnx"


def with_weights() -> ModelProto:
    """Fill the structure with positive random weights, which a running variance needs."""
    model = onnx.load(SOURCE, load_external_data=False)
    generator = np.random.default_rng(0)
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            values = 0.5 + generator.random(tuple(tensor.dims), dtype=np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return model


def by_onnxsim(model: ModelProto) -> ModelProto:
    import onnxsim

    simplified, _ = onnxsim.simplify(model)
    return simplified


def by_onnxslim(model: ModelProto) -> ModelProto:
    import onnxslim

    return onnxslim.slim(model)


def by_onnxruntime(level: ort.GraphOptimizationLevel) -> Callable[[ModelProto], ModelProto]:
    def optimize(model: ModelProto) -> ModelProto:
        with tempfile.TemporaryDirectory() as folder:
            options = ort.SessionOptions()
            options.graph_optimization_level = level
            options.optimized_model_filepath = str(Path(folder) / "optimized.onnx")
            ort.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
            return onnx.load(options.optimized_model_filepath)

    return optimize


TOOLS: dict[str, Callable[[ModelProto], ModelProto]] = {
    "onnxsim": by_onnxsim,
    "onnxslim": by_onnxslim,
    "ort_basic": by_onnxruntime(ort.GraphOptimizationLevel.ORT_ENABLE_BASIC),
    "ort_extended": by_onnxruntime(ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED),
}


def main() -> None:
    """Write one structure-only file a tool."""
    for name, tool in TOOLS.items():
        model = tool(with_weights())
        structure_only.write_structure_only(model, HERE / "simplified" / f"resnet50.{name}.onnx")


if __name__ == "__main__":
    main()
