"""Special cases of the corpus: what tools and hands make of graphs beside plain exports.

Every case gives a complete model, weights inside, and arrays to feed it with.  The weights are
random.  A case has one file, `special.<name>.onnx`.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import make_examples as zoo
import networks
import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from torch import Tensor, nn

Feeds = dict[str, np.ndarray]
Made = tuple[ModelProto, Feeds]
FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
ML = "ai.onnx.ml"
SEED = 20240501
BATCH, SEQUENCE = 2, 32


@dataclass(frozen=True, kw_only=True)
class Case:
    """A special file: how it is made, and of what kind it is."""

    name: str
    kind: str
    origin: str
    make: Callable[[], Made]


# --- sources --------------------------------------------------------------------------------

ENTRIES = {entry.name: entry for entry in networks.NETWORKS}
GPT2 = networks.transformer(
    "gpt2", "GPT2LMHeadModel", "GPT2Config", networks.tokens(), n_layer=2, n_embd=64, n_head=4,
    vocab_size=1000,
)  # fmt: skip
VIT = networks.timm("vit_tiny_patch16_224", 96, img_size=96, depth=2)


def entry_model(entry: networks.Entry) -> nn.Module:
    torch.manual_seed(SEED)
    return zoo.randomise(entry.build().eval())


def entry_inputs(entry: networks.Entry, batch: int = BATCH, sequence: int = SEQUENCE) -> Any:
    torch.manual_seed(SEED)
    return entry.make_inputs(batch, sequence)


def torchscript(
    model: nn.Module, inputs: Mapping[str, Tensor], axes: Any = None, **options: Any
) -> ModelProto:
    buffer = io.BytesIO()
    torch.onnx.export(
        model,
        tuple(inputs.values()),
        f=buffer,
        dynamo=False,
        input_names=list(inputs),
        dynamic_axes={k: dict(v) for k, v in (axes or {}).items()},
        **options,
    )
    return onnx.load_from_string(buffer.getvalue())


def exported(entry: networks.Entry, **options: Any) -> Made:
    """The TorchScript export of a network, and its inputs."""
    model, inputs = entry_model(entry), entry_inputs(entry)
    proto = torchscript(model, entry_inputs(entry, 3, 24), entry.axes, **options)
    kept = {item.name for item in proto.graph.input}
    return proto, {k: v.numpy() for k, v in inputs.items() if k in kept}


def dynamo(entry: networks.Entry, model: nn.Module, inputs: Any, **options: Any) -> ModelProto:
    shapes = tuple(dict(entry.axes.get(name, {})) for name in inputs)
    return torch.onnx.export(
        model,
        tuple(inputs.values()),
        input_names=list(inputs),
        dynamic_shapes=shapes,
        dynamo=True,
        verbose=False,
        **options,
    ).model_proto


# --- tools ----------------------------------------------------------------------------------


class OneReading:
    """Calibration data of a single reading, as onnxruntime wants them."""

    def __init__(self, feeds: Feeds) -> None:
        self.left = [feeds]

    def get_next(self) -> Feeds | None:
        return self.left.pop() if self.left else None


def through_files(work: Callable[[str, str], Any], model: ModelProto) -> ModelProto:
    """Let a tool read a file and write another."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.onnx", Path(folder) / "out.onnx"
        onnx.save(model, source)
        work(str(source), str(target))
        return onnx.load(target)


def prepared(model: ModelProto) -> ModelProto:
    """With the shapes that quantization wants to see."""
    from onnxruntime.quantization.shape_inference import quant_pre_process

    return through_files(partial(quant_pre_process, skip_symbolic_shape=True), model)


def quantize_dynamic(name: str) -> Made:
    from onnxruntime.quantization import quantize_dynamic as quantize

    proto, feeds = exported(ENTRIES[name])
    return through_files(quantize, proto), feeds


def quantize_static(name: str, form: str, per_channel: bool = False) -> Made:
    from onnxruntime.quantization import QuantFormat
    from onnxruntime.quantization import quantize_static as quantize

    proto, feeds = exported(ENTRIES[name])
    how = QuantFormat.QDQ if form == "qdq" else QuantFormat.QOperator

    def work(source: str, target: str) -> None:
        quantize(source, target, OneReading(feeds), quant_format=how, per_channel=per_channel)

    return through_files(work, prepared(proto)), feeds


def quantized_then_optimized() -> Made:
    proto, feeds = quantize_static("resnet18", "qdq")
    return optimized(proto, "extended"), feeds


def four_bits(name: str) -> Made:
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

    proto, feeds = exported(ENTRIES[name])
    quantizer = MatMulNBitsQuantizer(proto, block_size=32, is_symmetric=True)
    quantizer.process()
    return quantizer.model.model, feeds


def optimized(model: ModelProto, level: str) -> ModelProto:
    """What onnxruntime makes of a graph before it runs it."""
    levels = {
        "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
        "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
        "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
    }

    def work(source: str, target: str) -> None:
        options = ort.SessionOptions()
        options.graph_optimization_level = levels[level]
        options.optimized_model_filepath = target
        options.log_severity_level = 4
        ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])

    return through_files(work, model)


def by_session(entry: networks.Entry, level: str) -> Made:
    proto, feeds = exported(entry)
    return optimized(proto, level), feeds


def by_transformer_optimizer(entry: networks.Entry, kind: str, heads: int, width: int) -> Made:
    from onnxruntime.transformers.optimizer import optimize_model

    proto, feeds = exported(entry)
    found = optimize_model(proto, model_type=kind, num_heads=heads, hidden_size=width, opt_level=0)
    return through_files(lambda _, target: found.save_model_to_file(target), proto), feeds


def simplified(name: str, tool: str) -> Made:
    proto, feeds = exported(ENTRIES[name])
    if tool == "onnxsim":
        import onnxsim

        return onnxsim.simplify(proto)[0], feeds
    import onnxslim

    return onnxslim.slim(proto), feeds


def in_half(entry: networks.Entry) -> Made:
    from onnxruntime.transformers.float16 import convert_float_to_float16

    proto, feeds = exported(entry)
    return convert_float_to_float16(proto, keep_io_types=True), feeds


def torch_in(name: str, dtype: torch.dtype) -> Made:
    """The dynamo export of a network whose parameters are of another type."""
    entry = ENTRIES[name]
    model = entry_model(entry).to(dtype)
    inputs = entry_inputs(entry, 3, 24)
    cast = {k: v.to(dtype) if v.is_floating_point() else v for k, v in inputs.items()}
    proto = dynamo(entry, model, cast)
    fed = torch.float16 if dtype is torch.bfloat16 else dtype  # numpy has no bfloat16
    return proto, {
        k: (v.to(fed) if v.is_floating_point() else v).numpy()
        for k, v in entry_inputs(entry).items()
    }


# --- other ways to write a graph --------------------------------------------------------------


def weights_in_constants() -> Made:
    proto, feeds = exported(ENTRIES["dcgan_discriminator"])
    nodes = [helper.make_node("Constant", [], [t.name], value=t) for t in proto.graph.initializer]
    nodes += proto.graph.node
    del proto.graph.node[:]
    del proto.graph.initializer[:]
    proto.graph.node.extend(nodes)
    return proto, feeds


def initializers_as_inputs() -> Made:
    return exported(ENTRIES["resnet18"], keep_initializers_as_inputs=True)


def without_value_info() -> Made:
    entry = ENTRIES["roberta"]
    proto = dynamo(entry, entry_model(entry), entry_inputs(entry, 3, 24))
    del proto.graph.value_info[:]
    for item in proto.graph.output:
        item.type.tensor_type.ClearField("shape")
    return proto, {k: v.numpy() for k, v in entry_inputs(entry).items()}


def unnamed_axes() -> Made:
    """Dynamic dimensions without names, as some converters write them."""
    proto, feeds = exported(ENTRIES["dcgan_discriminator"])
    for item in (*proto.graph.input, *proto.graph.output):
        for dim in item.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.Clear()
    return proto, feeds


def training_mode() -> Made:
    entry = ENTRIES["mobilenet_v3_small"]
    model = entry_model(entry).train()
    mode = torch.onnx.TrainingMode.TRAINING
    proto = torchscript(
        model, entry_inputs(entry, 3), entry.axes, training=mode, do_constant_folding=False
    )
    return proto, {k: v.numpy() for k, v in entry_inputs(entry).items()}


def fused_attention(opset: int) -> Made:
    """Attention left in one piece, as scaled_dot_product_attention and its operator."""
    import timm

    timm.layers.set_fused_attn(True)
    model, inputs = entry_model(VIT), entry_inputs(VIT, 3)
    proto = dynamo(VIT, model, inputs, opset_version=opset)
    return proto, {k: v.numpy() for k, v in entry_inputs(VIT).items()}


def newest_opset(name: str, opset: int) -> Made:
    entry = ENTRIES[name]
    proto = dynamo(entry, entry_model(entry), entry_inputs(entry, 3, 24), opset_version=opset)
    return proto, {k: v.numpy() for k, v in entry_inputs(entry).items()}


class SharedBranches(nn.Module):
    """A script with a branch on the data; both branches multiply."""

    def __init__(self) -> None:
        super().__init__()
        self.small, self.large = nn.Linear(32, 32), nn.Linear(32, 32)

    def forward(self, x: Tensor) -> Tensor:
        if bool(x.sum() > 0):
            return self.small(x)
        return self.large(torch.relu(self.large(x)))


class CountedLoop(nn.Module):
    """A script with a loop of a constant number of trips."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(32, 32)

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(6):
            x = torch.tanh(self.layer(x))
        return x


class LoopOverSequence(nn.Module):
    """A script that steps a cell over the length of its input."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.Linear(48, 32)

    def forward(self, x: Tensor) -> Tensor:
        state = torch.zeros(x.size(0), 32)
        for step in range(x.size(1)):
            state = torch.tanh(self.cell(torch.cat([x[:, step], state], 1)))
        return state


class WhileLoop(nn.Module):
    """A script that goes on until its values are small."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(32, 32)

    def forward(self, x: Tensor) -> Tensor:
        trips = 0
        while bool(x.abs().max() > 0.5) and trips < 20:
            x = torch.tanh(self.layer(x)) * 0.5
            trips += 1
        return x


def scripted(model: nn.Module, *shape: int) -> Made:
    torch.manual_seed(SEED)
    x = torch.randn(BATCH, *shape)
    axes = {"x": {0: "batch"}}
    proto = torchscript(torch.jit.script(model.eval()), {"x": x}, axes)
    return proto, {"x": x.numpy()}


# --- by hand ----------------------------------------------------------------------------------


def drawn(name: str, *shape: int, scale: float = 0.1) -> TensorProto:
    values = np.random.default_rng(len(name)).normal(0, scale, shape).astype(np.float32)
    return numpy_helper.from_array(values, name)


def fixed(name: str, values: Any, dtype: Any = np.int64) -> TensorProto:
    return numpy_helper.from_array(np.asarray(values, dtype), name)


def info(name: str, shape: Sequence[Any] | None, dtype: int = FLOAT) -> Any:
    return helper.make_tensor_value_info(name, dtype, shape)


def body(
    name: str, nodes: Sequence[NodeProto], inputs: Sequence[Any], outputs: Sequence[Any]
) -> GraphProto:
    return helper.make_graph(list(nodes), name, list(inputs), list(outputs))


def by_hand(
    nodes: Sequence[NodeProto],
    inputs: Sequence[Any],
    outputs: Sequence[Any],
    tensors: Sequence[TensorProto] = (),
    **options: Any,
) -> ModelProto:
    graph = helper.make_graph(list(nodes), "main", list(inputs), list(outputs), list(tensors))
    domains = {node.domain for node in nodes if node.domain} | set(options.pop("domains", ()))
    imports = [helper.make_opsetid("", options.pop("opset", 20))]
    versions = {ML: 3}
    imports += [helper.make_opsetid(d, versions.get(d, 1)) for d in sorted(domains)]
    return helper.make_model(graph, opset_imports=imports, ir_version=10, **options)


def x_of(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 1, shape).astype(np.float32)


def _step(name: str, extra: Sequence[NodeProto] = ()) -> GraphProto:
    """The body of a loop: one product with an outer weight."""
    nodes = [
        *extra,
        helper.make_node("MatMul", ["state_in", "w"], [f"{name}_product"]),
        helper.make_node("Tanh", [f"{name}_product"], ["state_out"]),
        helper.make_node("Identity", ["keep_in"], ["keep_out"]),
    ]
    inputs = [info("trip", [], INT64), info("keep_in", [], BOOL), info("state_in", None)]
    return body(name, nodes, inputs, [info("keep_out", [], BOOL), info("state_out", None)])


def constant_loop() -> Made:
    loop = helper.make_node("Loop", ["trips", "yes", "x"], ["y"], body=_step("step"))
    tensors = [drawn("w", 24, 24), fixed("trips", 7), fixed("yes", True, np.bool_)]
    proto = by_hand([loop], [info("x", ["batch", 24])], [info("y", ["batch", 24])], tensors)
    return proto, {"x": x_of(BATCH, 24)}


def data_loop() -> Made:
    loop = helper.make_node("Loop", ["trips", "", "x"], ["y"], body=_step("step"))
    inputs = [info("x", ["batch", 24]), info("trips", [], INT64)]
    proto = by_hand([loop], inputs, [info("y", ["batch", 24])], [drawn("w", 24, 24)])
    return proto, {"x": x_of(BATCH, 24), "trips": np.array(5, np.int64)}


def length_loop() -> Made:
    """As many trips as the sequence is long, from a Shape of the input."""
    nodes = [
        helper.make_node("Shape", ["x"], ["shape"]),
        helper.make_node("Gather", ["shape", "one"], ["trips"]),
        helper.make_node("ReduceSum", ["x", "axis"], ["start"], keepdims=0),
        helper.make_node("Loop", ["trips", "", "start"], ["y"], body=_step("step")),
    ]
    tensors = [drawn("w", 24, 24), fixed("one", 1), fixed("axis", [1])]
    inputs = [info("x", ["batch", "sequence", 24])]
    proto = by_hand(nodes, inputs, [info("y", ["batch", 24])], tensors)
    return proto, {"x": x_of(BATCH, 9, 24)}


def nested_loop() -> Made:
    inner = helper.make_node("Loop", ["inner_trips", "", "state_in"], ["inside"], body=_inner())
    nodes = [
        inner,
        helper.make_node("MatMul", ["inside", "w"], ["outer_product"]),
        helper.make_node("Add", ["outer_product", "x"], ["state_out"]),
        helper.make_node("Identity", ["keep_in"], ["keep_out"]),
    ]
    inputs = [info("trip", [], INT64), info("keep_in", [], BOOL), info("state_in", None)]
    outer = body("outer", nodes, inputs, [info("keep_out", [], BOOL), info("state_out", None)])
    loop = helper.make_node("Loop", ["trips", "", "x"], ["y"], body=outer)
    tensors = [drawn("w", 24, 24), drawn("v", 24, 24), fixed("trips", 3), fixed("inner_trips", 4)]
    proto = by_hand([loop], [info("x", ["batch", 24])], [info("y", ["batch", 24])], tensors)
    return proto, {"x": x_of(BATCH, 24)}


def _inner() -> GraphProto:
    nodes = [
        helper.make_node("MatMul", ["deep_in", "v"], ["deep_product"]),
        helper.make_node("Relu", ["deep_product"], ["deep_out"]),
        helper.make_node("Identity", ["deep_keep_in"], ["deep_keep_out"]),
    ]
    inputs = [info("k", [], INT64), info("deep_keep_in", [], BOOL), info("deep_in", None)]
    outputs = [info("deep_keep_out", [], BOOL), info("deep_out", None)]
    return body("inner", nodes, inputs, outputs)


def scan() -> Made:
    """A plain recurrent layer as Scan over the first axis, every state given out."""
    nodes = [
        helper.make_node("MatMul", ["part", "w"], ["from_input"]),
        helper.make_node("MatMul", ["h_in", "r"], ["from_state"]),
        helper.make_node("Add", ["from_input", "from_state"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["h_out"]),
        helper.make_node("Identity", ["h_out"], ["given"]),
    ]
    inner = body(
        "cell", nodes, [info("h_in", None), info("part", None)],
        [info("h_out", None), info("given", None)],
    )  # fmt: skip
    node = helper.make_node("Scan", ["h", "x"], ["last", "y"], body=inner, num_scan_inputs=1)
    inputs = [info("h", ["batch", 20]), info("x", ["sequence", "batch", 12])]
    outputs = [info("last", ["batch", 20]), info("y", ["sequence", "batch", 20])]
    proto = by_hand([node], inputs, outputs, [drawn("w", 12, 20), drawn("r", 20, 20)])
    return proto, {"h": x_of(BATCH, 20), "x": x_of(11, BATCH, 12)}


def costly_branches(positive: bool) -> Made:
    """Two branches of different cost; which runs depends on the data."""

    def branch(name: str, count: int) -> GraphProto:
        nodes, current = [], "x"
        for index in range(count):
            out = f"{name}_{index}"
            nodes.append(helper.make_node("MatMul", [current, "w"], [out]))
            current = out
        return body(name, nodes, [], [info(current, None)])

    nodes = [
        helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
        helper.make_node("Greater", ["sum", "zero"], ["positive"]),
        helper.make_node(
            "If", ["positive"], ["y"], then_branch=branch("then", 4), else_branch=branch("else", 1)
        ),
    ]
    tensors = [drawn("w", 24, 24), fixed("zero", 0, np.float32)]
    x = np.abs(x_of(BATCH, 24)) * (1 if positive else -1)
    proto = by_hand(nodes, [info("x", ["batch", 24])], [info("y", ["batch", 24])], tensors)
    return proto, {"x": x}


def constant_condition() -> Made:
    """A branch that is decided in the file."""
    proto, feeds = costly_branches(True)
    del proto.graph.node[:2]
    proto.graph.initializer.append(fixed("positive", False, np.bool_))
    return proto, feeds


def local_functions() -> Made:
    """Functions inside functions, called several times, with an attribute handed down."""
    leaky = helper.make_node("LeakyRelu", ["z"], ["out"])
    leaky.attribute.append(_reference("alpha", "slope"))
    layer = helper.make_function(
        "corpus", "Layer", ["x", "w", "b"], ["out"],
        [
            helper.make_node("MatMul", ["x", "w"], ["p"]),
            helper.make_node("Add", ["p", "b"], ["z"]),
            leaky,
        ],
        [helper.make_opsetid("", 20)], ["slope"],
    )  # fmt: skip
    inner = [
        helper.make_node("Layer", ["x", "w", "b"], ["h"], domain="corpus", slope=0.1),
        helper.make_node("Layer", ["h", "w", "b"], ["k"], domain="corpus", slope=0.2),
        helper.make_node("Add", ["x", "k"], ["out"]),
    ]
    imports = [helper.make_opsetid("", 20), helper.make_opsetid("corpus", 1)]
    block = helper.make_function("corpus", "Block", ["x", "w", "b"], ["out"], inner, imports)
    nodes, current = [], "x"
    for index in range(3):
        names = [current, f"w{index}", f"b{index}"]
        nodes.append(helper.make_node("Block", names, [f"h{index}"], domain="corpus"))
        current = f"h{index}"
    tensors = [drawn(f"w{i}", 24, 24) for i in range(3)] + [drawn(f"b{i}", 24) for i in range(3)]
    outputs = [info("h2", ["batch", 24])]
    inputs = [info("x", ["batch", 24])]
    proto = by_hand(nodes, inputs, outputs, tensors, functions=[layer, block])
    return proto, {"x": x_of(BATCH, 24)}


def _reference(name: str, other: str) -> onnx.AttributeProto:
    return onnx.AttributeProto(name=name, ref_attr_name=other, type=onnx.AttributeProto.FLOAT)


def function_with_loop() -> Made:
    """A local function whose body is a loop."""
    proto, feeds = constant_loop()
    loop = proto.graph.node[0]
    opset = helper.make_opsetid("", 20)
    inputs = ["trips", "yes", "x", "w"]
    function = helper.make_function("corpus", "Repeat", inputs, ["y"], [loop], [opset])
    call = [
        helper.make_node("Repeat", inputs, ["h"], domain="corpus"),
        helper.make_node("Repeat", ["trips", "yes", "h", "w"], ["y"], domain="corpus"),
    ]
    graph = proto.graph
    made = by_hand(call, graph.input, graph.output, graph.initializer, functions=[function])
    return made, feeds


def script_function() -> Made:
    """A model of onnxscript with functions of its own."""
    import script_functions

    weights = {"w": x_of(24, 24), "v": x_of(24, 24)}
    return script_functions.model(weights), {"x": x_of(BATCH, 24)}


def integer_convolution() -> Made:
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "scale", "zero"]),
        helper.make_node("ConvInteger", ["q", "w", "zero"], ["c"], pads=[1, 1, 1, 1], group=2),
        helper.make_node("Cast", ["c"], ["f"], to=FLOAT),
        helper.make_node("Mul", ["f", "scale"], ["y"]),
    ]
    w = np.random.default_rng(2).integers(0, 255, (16, 4, 3, 3)).astype(np.uint8)
    tensors = [numpy_helper.from_array(w, "w")]
    inputs = [info("x", ["batch", 8, 12, 12])]
    return by_hand(nodes, inputs, [info("y", None)], tensors), {"x": x_of(BATCH, 8, 12, 12)}


def four_bit_weights() -> Made:
    """Blocks of 4-bit weights with a scale each, DequantizeLinear of opset 21."""
    values = np.random.default_rng(3).integers(-8, 7, (64, 32))
    packed = helper.make_tensor("q", TensorProto.INT4, (64, 32), values.flatten().tolist())
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "scale"], ["w"], axis=0, block_size=16),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    tensors = [packed, drawn("scale", 4, 32)]
    proto = by_hand(nodes, [info("x", ["batch", 64])], [info("y", None)], tensors, opset=21)
    return proto, {"x": x_of(BATCH, 64)}


def eight_bit_float_weights() -> Made:
    """Weights of float8 with one scale."""
    values = np.random.default_rng(4).normal(0, 1, 64 * 32).astype(np.float32)
    packed = helper.make_tensor("q", TensorProto.FLOAT8E4M3FN, (64, 32), values.tolist())
    nodes = [
        helper.make_node("DequantizeLinear", ["q", "scale"], ["w"]),
        helper.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    tensors = [packed, fixed("scale", 0.02, np.float32)]
    return by_hand(nodes, [info("x", ["batch", 64])], [info("y", None)], tensors), {
        "x": x_of(BATCH, 64)
    }


def detection_head() -> Made:
    """Convolutions, boxes, non-maximum suppression and what is gathered by it."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["h"], pads=[1, 1, 1, 1], strides=[4, 4]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Conv", ["r", "wb"], ["b"]),
        helper.make_node("Conv", ["r", "ws"], ["s"]),
        helper.make_node("Reshape", ["b", "to_boxes"], ["b4"]),
        helper.make_node("Transpose", ["b4"], ["boxes"], perm=[0, 2, 1]),
        helper.make_node("Reshape", ["s", "to_scores"], ["scores"]),
        helper.make_node(
            "NonMaxSuppression", ["boxes", "scores", "most", "overlap", "least"], ["kept"]
        ),
        helper.make_node("NonZero", ["scores"], ["where"]),
        helper.make_node("Slice", ["kept", "from", "to", "axes"], ["index"]),
        helper.make_node("Transpose", ["index"], ["turned"]),
        helper.make_node("Gather", ["boxes", "zero"], ["first"], axis=0),
        helper.make_node("Gather", ["first", "index"], ["y"], axis=0),
    ]
    tensors = [
        drawn("w", 16, 3, 3, 3), drawn("wb", 4, 16, 1, 1), drawn("ws", 5, 16, 1, 1),
        fixed("to_boxes", [0, 4, -1]), fixed("to_scores", [0, 5, -1]), fixed("most", [10]),
        fixed("overlap", [0.5], np.float32), fixed("least", [0.0], np.float32),
        fixed("from", [2]), fixed("to", [3]), fixed("axes", [1]), fixed("zero", 0),
    ]  # fmt: skip
    outputs = [info("y", None), info("where", None, INT64)]
    inputs = [info("x", ["batch", 3, 64, 64])]
    return by_hand(nodes, inputs, outputs, tensors), {"x": x_of(BATCH, 3, 64, 64)}


def einsums() -> Made:
    """Three operands, an ellipsis, an outer product, a trace-like reduction."""
    nodes = [
        helper.make_node("Einsum", ["x", "w", "v"], ["a"], equation="bi,ij,jk->bk"),
        helper.make_node("Einsum", ["h", "u"], ["b"], equation="...i,ij->...j"),
        helper.make_node("Einsum", ["x", "a"], ["c"], equation="bi,bk->bik"),
        helper.make_node("Einsum", ["c"], ["d"], equation="bik->bk"),
    ]
    tensors = [drawn("w", 12, 14), drawn("v", 14, 16), drawn("u", 12, 8)]
    inputs = [info("x", ["batch", 12]), info("h", ["batch", 5, 12])]
    proto = by_hand(nodes, inputs, [info("b", None), info("d", None)], tensors)
    return proto, {"x": x_of(BATCH, 12), "h": x_of(BATCH, 5, 12)}


def recurrent_by_hand() -> Made:
    """LSTM with peepholes, lengths and initial states; GRU after it, both ways."""
    nodes = [
        helper.make_node(
            "LSTM", ["x", "w", "r", "b", "lengths", "h0", "c0", "p"], ["a", "", ""], hidden_size=16
        ),
        helper.make_node("Squeeze", ["a", "one"], ["s"]),
        helper.make_node(
            "GRU", ["s", "gw", "gr"], ["g", ""], hidden_size=8, direction="bidirectional",
            linear_before_reset=1,
        ),
        helper.make_node(
            "RNN", ["s", "rw", "rr"], ["", "y"], hidden_size=8, direction="reverse"
        ),
    ]  # fmt: skip
    tensors = [
        drawn("w", 1, 64, 12), drawn("r", 1, 64, 16), drawn("b", 1, 128), drawn("p", 1, 48),
        drawn("gw", 2, 24, 16), drawn("gr", 2, 24, 8), drawn("rw", 1, 8, 16),
        drawn("rr", 1, 8, 8), fixed("one", [1]), drawn("h0", 1, BATCH, 16),
        drawn("c0", 1, BATCH, 16),
    ]  # fmt: skip
    inputs = [info("x", ["sequence", BATCH, 12]), info("lengths", [BATCH], TensorProto.INT32)]
    proto = by_hand(nodes, inputs, [info("g", None), info("y", None)], tensors)
    return proto, {"x": x_of(10, BATCH, 12), "lengths": np.array([10, 10], np.int32)}


def deformable() -> Made:
    nodes = [
        helper.make_node("Conv", ["x", "wo"], ["offset"], pads=[1, 1, 1, 1]),
        helper.make_node("DeformConv", ["x", "w", "offset"], ["y"], pads=[1, 1, 1, 1]),
    ]
    tensors = [drawn("wo", 18, 8, 3, 3), drawn("w", 12, 8, 3, 3)]
    proto = by_hand(nodes, [info("x", ["batch", 8, 10, 10])], [info("y", None)], tensors, opset=22)
    return proto, {"x": x_of(BATCH, 8, 10, 10)}


def fourier() -> Made:
    """Spectra by DFT and STFT, and a mel filter bank as a product."""
    nodes = [
        helper.make_node("STFT", ["x", "step", "window"], ["z"], onesided=1),
        helper.make_node("ReduceSumSquare", ["z", "last"], ["power"], keepdims=0),
        helper.make_node("MatMul", ["power", "filters"], ["mel"]),
        helper.make_node("Log", ["mel"], ["y"]),
    ]
    window = np.hanning(64).astype(np.float32)
    tensors = [
        fixed("step", 32), numpy_helper.from_array(window, "window"), fixed("last", [3]),
        drawn("filters", 33, 20),
    ]  # fmt: skip
    proto = by_hand(nodes, [info("x", ["batch", 512])], [info("y", None)], tensors)
    return proto, {"x": x_of(BATCH, 512)}


# --- ai.onnx.ml -------------------------------------------------------------------------------


def _trees(count: int, depth: int, targets: str) -> dict[str, Any]:
    """The attributes of an ensemble of complete binary trees."""
    made: dict[str, list[Any]] = {key: [] for key in (
        "treeids", "nodeids", "featureids", "values", "modes", "truenodeids", "falsenodeids",
    )}  # fmt: skip
    leaves: dict[str, list[Any]] = {"treeids": [], "nodeids": [], "ids": [], "weights": []}
    inner = 2**depth - 1
    for tree in range(count):
        for node in range(2 * inner + 1):
            is_leaf = node >= inner
            row = (
                tree, node, (tree + node) % 8, 0.0 if is_leaf else 0.1 * node - 0.3,
                "LEAF" if is_leaf else "BRANCH_LEQ",
                0 if is_leaf else 2 * node + 1, 0 if is_leaf else 2 * node + 2,
            )  # fmt: skip
            for key, item in zip(made, row, strict=True):
                made[key].append(item)
            if is_leaf:
                row = (tree, node, node % 3 if targets == "class" else 0, 0.1 * (node % 5))
                for key, item in zip(leaves, row, strict=True):
                    leaves[key].append(item)
    nodes = {f"nodes_{key}": values for key, values in made.items()}
    return nodes | {f"{targets}_{key}": values for key, values in leaves.items()}


def _ml(op_type: str, outputs: Sequence[Any], **attributes: Any) -> Made:
    names = [item.name for item in outputs]
    node = helper.make_node(op_type, ["x"], names, domain=ML, **attributes)
    return by_hand([node], [info("x", ["batch", 8])], outputs), {"x": x_of(BATCH, 8)}


def _label_and_scores() -> list[Any]:
    return [info("label", ["batch"], INT64), info("scores", ["batch", 3])]


def tree_classifier() -> Made:
    labels = {"classlabels_int64s": [0, 1, 2], "post_transform": "SOFTMAX"}
    outputs = _label_and_scores()
    return _ml("TreeEnsembleClassifier", outputs, **_trees(10, 4, "class"), **labels)


def tree_regressor() -> Made:
    attributes = _trees(20, 3, "target") | {"n_targets": 1}
    return _ml("TreeEnsembleRegressor", [info("y", ["batch", 1])], **attributes)


def linear_classifier() -> Made:
    coefficients = (0.1 * np.arange(24)).tolist()
    return _ml(
        "LinearClassifier", _label_and_scores(), coefficients=coefficients, multi_class=1,
        intercepts=[0.0, 0.1, 0.2], classlabels_ints=[0, 1, 2], post_transform="SOFTMAX",
    )  # fmt: skip


def linear_regressor() -> Made:
    return _ml(
        "LinearRegressor", [info("y", ["batch", 1])], coefficients=(0.1 * np.arange(8)).tolist(),
        intercepts=[0.5], targets=1,
    )  # fmt: skip


def vector_machine() -> Made:
    vectors = np.random.default_rng(5).normal(0, 1, 30 * 8).tolist()
    return _ml(
        "SVMClassifier", _label_and_scores(), classlabels_ints=[0, 1, 2], kernel_type="RBF",
        kernel_params=[0.1, 0.0, 3.0], support_vectors=vectors, vectors_per_class=[10, 10, 10],
        coefficients=np.random.default_rng(6).normal(0, 1, 60).tolist(), rho=[0.1, 0.2, 0.3],
    )  # fmt: skip


def vector_regressor() -> Made:
    vectors = np.random.default_rng(5).normal(0, 1, 12 * 8).tolist()
    return _ml(
        "SVMRegressor", [info("y", ["batch", 1])], kernel_type="LINEAR", n_supports=12,
        kernel_params=[0.1, 0.0, 3.0], support_vectors=vectors, rho=[0.1],
        coefficients=np.random.default_rng(6).normal(0, 1, 12).tolist(),
    )  # fmt: skip


def ml_pipeline() -> Made:
    """Imputer, scaler, normalizer, then a linear model, as converters of scikit-learn write."""
    nodes = [
        helper.make_node(
            "Imputer", ["x"], ["a"], domain=ML, imputed_value_floats=[0.0] * 8,
            replaced_value_float=-1.0,
        ),
        helper.make_node("Scaler", ["a"], ["b"], domain=ML, offset=[0.1] * 8, scale=[2.0] * 8),
        helper.make_node("Normalizer", ["b"], ["c"], domain=ML, norm="L2"),
        helper.make_node(
            "LinearClassifier", ["c"], ["label", "raw"], domain=ML,
            coefficients=(0.1 * np.arange(24)).tolist(), intercepts=[0.0, 0.1, 0.2],
            classlabels_ints=[0, 1, 2], multi_class=1,
        ),
        helper.make_node("Softmax", ["raw"], ["scores"]),
    ]  # fmt: skip
    return by_hand(nodes, [info("x", ["batch", 8])], _label_and_scores()), {"x": x_of(BATCH, 8)}


# --- the table --------------------------------------------------------------------------------

SESSION = "onnxruntime session, optimized_model_filepath"
FUSED = "onnxruntime.transformers.optimizer"
HAND = "onnx.helper"


def case(name: str, kind: str, origin: str, make: Callable[[], Made]) -> Case:
    return Case(name=name, kind=kind, origin=origin, make=make)


CASES: tuple[Case, ...] = (
    *(
        case(
            f"dynamic_int8_{n}", "quantized", f"quantize_dynamic of {n}",
            partial(quantize_dynamic, n),
        )
        for n in ("roberta", "lstm_tagger", "m5_audio")
    ),
    *(
        case(
            f"static_{form}_{n}", "quantized", f"quantize_static {form} of {n}",
            partial(quantize_static, n, form),
        )
        for n in ("resnet18", "roberta") for form in ("qdq", "qoperator")
    ),
    case("static_qdq_per_channel_mobilenet", "quantized", "quantize_static qdq, per channel",
        partial(quantize_static, "mobilenet_v3_small", "qdq", True)),
    case("static_qdq_optimized_resnet18", "quantized", f"quantize_static qdq, then {SESSION}",
        quantized_then_optimized),
    case("int4_matmulnbits_mistral", "quantized", "MatMulNBitsQuantizer of mistral",
        partial(four_bits, "mistral")),
    case("int4_matmulnbits_opt", "quantized", "MatMulNBitsQuantizer of opt",
        partial(four_bits, "opt")),
    case("conv_integer", "quantized", HAND, integer_convolution),
    case("int4_blocks", "quantized", HAND, four_bit_weights),
    case("float8_weights", "quantized", HAND, eight_bit_float_weights),
    *(
        case(
            f"ort_{level}_{n}", "fused", f"{SESSION}, level {level}",
            partial(by_session, ENTRIES[n], level),
        )
        for n, level in (
            ("resnet18", "extended"), ("resnet18", "all"), ("mobilenet_v3_small", "all"),
            ("unet_2d", "all"), ("roberta", "extended"), ("opt", "all"), ("bart", "extended"),
            ("lstm_tagger", "extended"), ("levit_128s", "extended"), ("qwen2", "extended"),
        )
    ),
    case("ort_extended_gpt2", "fused", f"{SESSION}, level extended",
        partial(by_session, GPT2, "extended")),
    case("fused_roberta", "fused", FUSED,
        partial(by_transformer_optimizer, ENTRIES["roberta"], "bert", 4, 64)),
    case("fused_gpt2", "fused", FUSED, partial(by_transformer_optimizer, GPT2, "gpt2", 4, 64)),
    case("fused_vit", "fused", FUSED, partial(by_transformer_optimizer, VIT, "vit", 3, 192)),
    case("fused_mt5", "fused", FUSED,
        partial(by_transformer_optimizer, ENTRIES["mt5"], "t5", 4, 64)),
    case("fused_bart", "fused", FUSED,
        partial(by_transformer_optimizer, ENTRIES["bart"], "bart", 4, 64)),
    case("fused_diffusion_unet", "fused", FUSED,
        partial(by_transformer_optimizer, ENTRIES["diffusion_unet"], "unet", 1, 64)),
    *(
        case(f"{tool}_{n}", "simplified", f"{tool} of {n}", partial(simplified, n, tool))
        for tool in ("onnxsim", "onnxslim")
        for n in ("shufflenet_v2_x0_5", "roberta", "wavenet")
    ),
    case("script_if", "control flow", "torch.jit.script", lambda: scripted(SharedBranches(), 32)),
    case("script_for", "control flow", "torch.jit.script", lambda: scripted(CountedLoop(), 32)),
    case("script_steps", "control flow", "torch.jit.script",
        lambda: scripted(LoopOverSequence(), 9, 16)),
    case("script_while", "control flow", "torch.jit.script", lambda: scripted(WhileLoop(), 32)),
    case("loop_constant", "control flow", HAND, constant_loop),
    case("loop_data", "control flow", HAND, data_loop),
    case("loop_length", "control flow", HAND, length_loop),
    case("loop_nested", "control flow", HAND, nested_loop),
    case("scan", "control flow", HAND, scan),
    case("if_costly", "control flow", HAND, partial(costly_branches, True)),
    case("if_cheap", "control flow", HAND, partial(costly_branches, False)),
    case("if_constant", "control flow", HAND, constant_condition),
    case("functions_nested", "functions", HAND, local_functions),
    case("function_with_loop", "functions", HAND, function_with_loop),
    case("functions_script", "functions", "onnxscript", script_function),
    case("half_resnet18", "precision", "convert_float_to_float16",
        partial(in_half, ENTRIES["resnet18"])),
    case("half_roberta", "precision", "convert_float_to_float16",
        partial(in_half, ENTRIES["roberta"])),
    case("half_torch_mistral", "precision", "torch.float16, dynamo",
        partial(torch_in, "mistral", torch.float16)),
    case("bfloat16_torch_mistral", "precision", "torch.bfloat16, dynamo",
        partial(torch_in, "mistral", torch.bfloat16)),
    case("double_torch_nerf", "precision", "torch.float64, dynamo",
        partial(torch_in, "nerf", torch.float64)),
    case("trees_classifier", "machine learning", HAND, tree_classifier),
    case("trees_regressor", "machine learning", HAND, tree_regressor),
    case("linear_classifier", "machine learning", HAND, linear_classifier),
    case("linear_regressor", "machine learning", HAND, linear_regressor),
    case("svm_classifier", "machine learning", HAND, vector_machine),
    case("svm_regressor", "machine learning", HAND, vector_regressor),
    case("ml_pipeline", "machine learning", HAND, ml_pipeline),
    case("weights_in_constants", "form", "TorchScript, initializers made Constant nodes",
        weights_in_constants),
    case("initializers_as_inputs", "form", "TorchScript, keep_initializers_as_inputs",
        initializers_as_inputs),
    case("without_value_info", "form", "dynamo, value_info dropped", without_value_info),
    case("unnamed_axes", "form", "TorchScript, names of axes dropped", unnamed_axes),
    case("training_mode", "form", "TorchScript, TrainingMode.TRAINING", training_mode),
    case("opset9_resnet18", "form", "TorchScript, opset 9",
        partial(exported, ENTRIES["resnet18"], opset_version=9)),
    case("opset11_unet", "form", "TorchScript, opset 11",
        partial(exported, ENTRIES["unet_2d"], opset_version=11)),
    case("opset11_lstm", "form", "TorchScript, opset 11",
        partial(exported, ENTRIES["bilstm_tagger"], opset_version=11)),
    case("opset13_roberta", "form", "TorchScript, opset 13",
        partial(exported, ENTRIES["electra"], opset_version=13)),
    case("opset20_attention_vit", "form", "dynamo, opset 20, fused", partial(fused_attention, 20)),
    case("opset23_attention_vit", "form", "dynamo, opset 23, fused", partial(fused_attention, 23)),
    case("opset23_mistral", "form", "dynamo, opset 23", partial(newest_opset, "mistral", 23)),
    case("detection_head", "operators", HAND, detection_head),
    case("einsums", "operators", HAND, einsums),
    case("recurrent", "operators", HAND, recurrent_by_hand),
    case("deformable", "operators", HAND, deformable),
    case("fourier", "operators", HAND, fourier),
)  # fmt: skip
