"""Write a long plain network: ``python -m benchmarks.linear NODES TARGET``.

One block after the other, each a convolution with a residual, then a projection of the
channels between two reshapes whose sizes are computed in the graph, as exporters write it.
The weights are declared to lie in a file that is not there.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import onnx
from onnx import NodeProto, TensorProto, helper

CHANNELS, SIDE = 64, 14
BLOCK_NODES = 16


def weight(name: str, *dims: int) -> TensorProto:
    """A tensor of 32-bit floats without its elements."""
    tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=dims)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="linear.weights")
    return tensor


def block(index: int, source: str, target: str) -> tuple[list[NodeProto], list[TensorProto]]:
    """The nodes between two feature maps of CHANNELS x SIDE x SIDE, and their weights."""
    n = f"b{index}."
    steps: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("Conv", [source, n + "w3"], "c3", {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
        ("Relu", [n + "c3"], "r3", {}),
        ("Conv", [n + "r3", n + "w1"], "c1", {"kernel_shape": [1, 1]}),
        ("Add", [source, n + "c1"], "sum", {}),
        ("Relu", [n + "sum"], "map", {}),
        ("Shape", [n + "map"], "shape", {}),
        ("Gather", [n + "shape", "zero"], "batch", {"axis": 0}),
        ("Unsqueeze", [n + "batch", "first"], "batch1", {}),
        ("Concat", [n + "batch1", "flat"], "rows", {"axis": 0}),
        ("Reshape", [n + "map", n + "rows"], "flat", {}),
        ("Transpose", [n + "flat"], "tokens", {"perm": [0, 2, 1]}),
        ("MatMul", [n + "tokens", n + "wp"], "product", {}),
        ("Add", [n + "product", n + "bias"], "biased", {}),
        ("Transpose", [n + "biased"], "turned", {"perm": [0, 2, 1]}),
        ("Reshape", [n + "turned", n + "shape"], "back", {}),
        ("Add", [n + "back", n + "map"], "", {}),
    ]
    nodes = [
        helper.make_node(kind, inputs, [n + out if out else target], n + kind + out, **attributes)
        for kind, inputs, out, attributes in steps
    ]
    weights = [
        weight(n + "w3", CHANNELS, CHANNELS, 3, 3),
        weight(n + "w1", CHANNELS, CHANNELS, 1, 1),
        weight(n + "wp", CHANNELS, CHANNELS),
        weight(n + "bias", CHANNELS),
    ]
    return nodes, weights


def linear(node_count: int) -> onnx.ModelProto:
    """A network of `node_count` nodes, rounded down to whole blocks, with a dynamic batch."""
    nodes: list[NodeProto] = []
    tensors = [
        helper.make_tensor("zero", TensorProto.INT64, [], [0]),
        helper.make_tensor("first", TensorProto.INT64, [1], [0]),
        helper.make_tensor("flat", TensorProto.INT64, [2], [CHANNELS, SIDE * SIDE]),
    ]
    blocks = node_count // BLOCK_NODES
    for index in range(blocks):
        made, weights = block(index, f"x{index}", f"x{index + 1}")
        nodes += made
        tensors += weights
    dims: list[int | str | None] = ["batch", CHANNELS, SIDE, SIDE]
    ends = [helper.make_tensor_value_info(f"x{i}", TensorProto.FLOAT, dims) for i in (0, blocks)]
    graph = helper.make_graph(nodes, "linear", ends[:1], ends[1:], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(linear(int(sys.argv[1])).SerializeToString())
