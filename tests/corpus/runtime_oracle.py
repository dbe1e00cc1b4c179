"""What onnxruntime executed of a file: its own profile of one run, and the products in it.

The shapes are those that the runtime saw.  The formulas here are written for this purpose and
share no code with Auditor.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto

Shape = tuple[int, ...]
Shapes = Sequence[Shape]
Attributes = Mapping[str, Any]
CONTROL = frozenset({"If", "Loop", "Scan"})
MANY_EVENTS = 100_000


class NotRun(Exception):  # noqa: N818
    """The runtime could not run the file."""


def _convolution(shapes: Shapes, outputs: Shapes, _: Attributes) -> int:
    return prod(outputs[0]) * prod(shapes[1][1:])


def _quantized_convolution(shapes: Shapes, outputs: Shapes, _: Attributes) -> int:
    # x, its scale and zero point, then w
    return prod(outputs[0]) * prod(shapes[3][1:])


def _transposed_convolution(shapes: Shapes, _: Shapes, __: Attributes) -> int:
    return prod(shapes[0]) * prod(shapes[1][1:])


def _deformable_convolution(shapes: Shapes, outputs: Shapes, _: Attributes) -> int:
    return prod(outputs[0]) * prod(shapes[1][1:])


def _gemm(shapes: Shapes, outputs: Shapes, attributes: Attributes) -> int:
    inner = shapes[0][0] if attributes.get("transA", 0) else shapes[0][1]
    return prod(outputs[0]) * inner


def _matmul(shapes: Shapes, outputs: Shapes, attributes: Attributes) -> int:
    left = shapes[0]
    inner = left[-2] if attributes.get("transA", 0) and len(left) > 1 else left[-1]
    return prod(outputs[0]) * inner


def _packed_matmul(shapes: Shapes, outputs: Shapes, attributes: Attributes) -> int:
    return prod(outputs[0]) * int(attributes["K"])


def _onnx_attention(shapes: Shapes, outputs: Shapes, attributes: Attributes) -> int:
    query, key = shapes[0], shapes[1]
    width_out = outputs[0][-1] * (outputs[0][1] if len(query) == 4 else 1)
    if len(query) == 4:
        batch, heads, length, size = query
        return batch * length * key[2] * (heads * size + width_out)
    batch, length, hidden = query
    return batch * length * key[1] * (hidden + width_out)


def _contrib_attention(shapes: Shapes, outputs: Shapes, _: Attributes) -> int:
    batch, length, hidden = shapes[0]
    packed = shapes[1][1]
    value_width = outputs[0][-1]
    key_width = (packed - value_width) // 2
    projection = batch * length * hidden * packed
    return projection + batch * length * length * (key_width + value_width)


def _multi_head(shapes: Shapes, outputs: Shapes, _: Attributes) -> int:
    batch, length, hidden = shapes[0]
    return batch * length * shapes[1][1] * (hidden + outputs[0][-1])


def _group_query(shapes: Shapes, outputs: Shapes, _: Attributes) -> int:
    # present keys are the second output: batch, heads, length, head size
    batch, length, hidden = outputs[0]
    return 2 * batch * length * hidden * outputs[1][2]


def _recurrent(shapes: Shapes, _: Shapes, attributes: Attributes) -> int:
    steps, batch = shapes[0][:2]
    return steps * batch * (prod(shapes[1]) + prod(shapes[2]))


def _einsum(shapes: Shapes, _: Shapes, attributes: Attributes) -> int:
    """Pair by pair from the left, as onnxruntime does it; outer products are none."""
    equation = attributes["equation"].replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) < 2 or "." in equation:
        if "." in equation:
            terms, right = _without_ellipsis(terms, right, shapes)
        if len(terms) < 2:
            return 0
    counts = Counter("".join(terms))
    kept = right if arrow else "".join(c for c, n in counts.items() if n == 1)
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        for letter, size in zip(term, shape, strict=True):
            sizes[letter] = max(size, sizes.get(letter, 1))
    total, seen = 0, set(terms[0])
    for position, term in enumerate(terms[1:], 1):
        later = set("".join(terms[position + 1 :])) | set(kept)
        union = seen | set(term)
        seen = union & later
        if union != seen:
            total += prod(sizes[letter] for letter in union)
    return total


def _without_ellipsis(terms: Sequence[str], right: str, shapes: Shapes) -> tuple[list[str], str]:
    """Put capital letters that are not in use in the place of the dots."""
    spare = [c for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if c not in "".join(terms)]
    made = []
    longest = 0
    for term, shape in zip(terms, shapes, strict=True):
        hidden = len(shape) - len(term.replace("...", ""))
        longest = max(longest, hidden)
        made.append(term.replace("...", "".join(spare[:hidden][::-1])) if "..." in term else term)
    return made, right.replace("...", "".join(spare[:longest][::-1]))


def _linear_model(shapes: Shapes, _: Shapes, attributes: Attributes) -> int:
    samples = shapes[0][0] if len(shapes[0]) > 1 else 1
    return samples * len(attributes.get("coefficients", ()))


def _vector_machine(shapes: Shapes, _: Shapes, attributes: Attributes) -> int:
    """The sample times every support vector, then the kernel's values times coefficients."""
    samples = shapes[0][0] if len(shapes[0]) > 1 else 1
    return samples * (len(attributes["support_vectors"]) + len(attributes["coefficients"]))


Formula = Callable[[Shapes, Shapes, Attributes], int]
FORMULAS: dict[str, Formula] = {
    "Conv": _convolution,
    "FusedConv": _convolution,
    "NhwcFusedConv": _convolution,
    "ConvInteger": _convolution,
    "QLinearConv": _quantized_convolution,
    "ConvTranspose": _transposed_convolution,
    "DeformConv": _deformable_convolution,
    "Gemm": _gemm,
    "FusedGemm": _gemm,
    "QGemm": _gemm,
    "MatMul": _matmul,
    "FusedMatMul": _matmul,
    "FusedMatMulActivation": _matmul,
    "TransposeMatMul": _matmul,
    "MatMulInteger": _matmul,
    "MatMulIntegerToFloat": _matmul,
    "DynamicQuantizeMatMul": _matmul,
    "QLinearMatMul": _matmul,
    "MatMulNBits": _packed_matmul,
    "Attention": _onnx_attention,
    "com.microsoft.Attention": _contrib_attention,
    "QAttention": _contrib_attention,
    "MultiHeadAttention": _multi_head,
    "GroupQueryAttention": _group_query,
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "RNN": _recurrent,
    "DynamicQuantizeLSTM": _recurrent,
    "Einsum": _einsum,
    "LinearClassifier": _linear_model,
    "LinearRegressor": _linear_model,
    "SVMClassifier": _vector_machine,
    "SVMRegressor": _vector_machine,
}
"""Multiply-accumulates from executed shapes; every other operator does no products."""


def _graphs(graph: GraphProto) -> list[GraphProto]:
    found = [graph]
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                found += _graphs(attribute.g)
    return found


def with_names(model: ModelProto) -> tuple[ModelProto, dict[str, NodeProto]]:
    """A copy whose nodes have unique names, by which the runtime's events are told apart."""
    named = ModelProto()
    named.CopyFrom(model)
    nodes: dict[str, NodeProto] = {}
    bodies = [node for graph in _graphs(named.graph) for node in graph.node]
    bodies += [node for function in named.functions for node in function.node]
    for number, node in enumerate(bodies):
        node.name = f"n{number}_"
        nodes[node.name] = node
    return named, nodes


def session_options(level: ort.GraphOptimizationLevel) -> ort.SessionOptions:
    """Options with one thread and no chatter."""
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Packed weights are gone from the profile's input shapes.
    options.add_session_config_entry("session.disable_prepacking", "1")
    return options


def _run(
    model: ModelProto, feeds: Mapping[str, np.ndarray], folder: Path
) -> tuple[list[dict[str, Any]], list[Any]]:
    options = session_options(ort.GraphOptimizationLevel.ORT_DISABLE_ALL)
    options.enable_profiling = True
    options.profile_file_prefix = str(folder / "profile")
    try:
        data = model.SerializeToString()
        session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        outputs = session.run(None, dict(feeds))
    except Exception as error:
        raise NotRun(str(error)) from error
    return json.loads(Path(session.end_profiling()).read_text(encoding="utf-8")), outputs


def _shapes(listed: Sequence[Mapping[str, Sequence[int]]]) -> list[Shape]:
    return [tuple(shape) for item in listed for shape in item.values()]


ITEM_BYTES = {
    "float": 4, "double": 8, "float16": 2, "bfloat16": 2, "int8": 1, "uint8": 1, "int16": 2,
    "uint16": 2, "int32": 4, "uint32": 4, "int64": 8, "uint64": 8, "bool": 1,
}  # fmt: skip


def _output_bytes(listed: Sequence[Mapping[str, Sequence[int]]]) -> int:
    return sum(ITEM_BYTES.get(kind, 0) * prod(s) for item in listed for kind, s in item.items())


def _attributes(event: Mapping[str, Any], nodes: Mapping[str, NodeProto]) -> Attributes:
    names = re.findall(r"n\d+_", event["name"])
    node = nodes.get(names[-1]) if names else None
    if node is None:
        return {}
    own = [a for a in node.attribute if not a.ref_attr_name and not a.HasField("g")]
    made = {a.name: onnx.helper.get_attribute_value(a) for a in own}
    return {k: v.decode() if isinstance(v, bytes) else v for k, v in made.items()} | {
        "_domain": node.domain
    }


def executed(
    model: ModelProto, feeds: Mapping[str, np.ndarray]
) -> tuple[dict[str, Any], list[Any]]:
    """Run a complete model once; return what was executed, and the outputs.

    Raises:
        NotRun: the runtime refuses the model or fails in it.
    """
    named, nodes = with_names(model)
    with tempfile.TemporaryDirectory() as folder:
        events, outputs = _run(named, feeds, Path(folder))
    macs: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    output_bytes = 0
    kernels = [e for e in events if e["cat"] == "Node" and e["name"].endswith("_kernel_time")]
    for event in kernels:
        args = event["args"]
        op_type = args["op_name"]
        counts[op_type] += 1
        if op_type in CONTROL:
            continue
        output_bytes += _output_bytes(args["output_type_shape"])
        attributes = _attributes(event, nodes)
        contrib = f"{attributes.get('_domain')}.{op_type}"
        formula = FORMULAS.get(contrib) or FORMULAS.get(op_type)
        if formula is not None:
            shapes = _shapes(args["input_type_shape"]), _shapes(args["output_type_shape"])
            macs[op_type] += formula(*shapes, attributes)
    record = {
        "executed_macs": sum(macs.values()),
        "executed_macs_by_op": {k: v for k, v in sorted(macs.items()) if v},
        "executed_nodes_by_op": dict(sorted(counts.items())),
        "output_bytes": output_bytes,
    }
    if len(events) > MANY_EVENTS:
        record["events"] = len(events)
    return record, outputs


def dims_of(model: ModelProto, feeds: Mapping[str, np.ndarray]) -> dict[str, int]:
    """Sizes that the fed arrays give to the names of the inputs' dynamic axes."""
    dims: dict[str, int] = {}
    for item in model.graph.input:
        if item.name not in feeds:
            continue
        for dim, size in zip(item.type.tensor_type.shape.dim, feeds[item.name].shape, strict=True):
            if dim.HasField("dim_param") and dim.dim_param:
                dims[dim.dim_param] = int(size)
    return dims
