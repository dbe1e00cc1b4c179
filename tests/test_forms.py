"""One network in several forms: as exported, optimised by tools, in functions, inlined."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.inliner
import pytest
from builders import Setting, model, node, profiled, value
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import FunctionProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from auditor.costs import Family

SIDE, WIDTH = 8, 8
# Layers that keep (batch, channels, side, side), by the letter that stands for them.
LAYERS = "cdgnrsp+"


class Drawn:
    """A convolutional network drawn layer by layer, with weights in it: tools compute with them."""

    def __init__(self, letters: str, channels: int, batch: int) -> None:
        self.nodes: list[NodeProto] = []
        self.tensors: list[TensorProto] = []
        self.random = np.random.default_rng(0)
        self.channels, self.at, self.first = channels, "x", ""
        for letter in letters:
            self.layer(letter)
        self.add("GlobalAveragePool", [self.at])
        self.add("Flatten", [self.at])
        self.add("MatMul", [self.at, self.weight(channels, WIDTH)])
        self.add("Add", [self.at, self.weight(WIDTH)])
        shape = ["batch", channels, SIDE, SIDE]
        self.proto = model(
            self.nodes, [value("x", shape)], [value(self.at, ["batch", WIDTH])], self.tensors, 17
        )
        self.setting = Setting(batch=batch)

    def weight(self, *dims: int) -> str:
        name = f"w{len(self.tensors)}"
        array = self.random.uniform(0.5, 1.5, dims).astype(np.float32)
        self.tensors.append(numpy_helper.from_array(array, name))
        return name

    def add(self, op_type: str, inputs: list[str], **attributes: Any) -> str:
        self.at = f"v{len(self.nodes)}"
        self.nodes.append(node(op_type, inputs, [self.at], name=f"n{self.at}", **attributes))
        return self.at

    def layer(self, letter: str) -> None:
        c, before = self.channels, self.at
        convolution = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
        if letter == "c":
            self.add("Conv", [before, self.weight(c, c, 3, 3), self.weight(c)], **convolution)
        elif letter == "d":  # depthwise
            self.add("Conv", [before, self.weight(c, 1, 3, 3)], group=c, **convolution)
        elif letter == "g":
            self.add("Conv", [before, self.weight(c, c // 2, 3, 3)], group=2, **convolution)
        elif letter == "n":
            self.add("BatchNormalization", [before, *(self.weight(c) for _ in range(4))])
        elif letter == "r":
            self.add("Relu", [before])
        elif letter == "s":  # x * sigmoid(x)
            self.add("Mul", [before, self.add("Sigmoid", [before])])
        elif letter == "p":
            self.add("MaxPool", [before], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        else:  # a residual branch of one convolution
            branch = self.add("Conv", [before, self.weight(c, c, 1, 1)], kernel_shape=[1, 1])
            self.add("Add", [branch, before])


networks = st.builds(
    Drawn,
    st.text(LAYERS, min_size=1, max_size=8),
    st.sampled_from([2, 4, 6]),
    st.integers(1, 5),
)


def products(proto: ModelProto, setting: Setting) -> int:
    return profiled(proto, setting).forward.macs


@settings(deadline=None, max_examples=25)
@given(networks)
@pytest.mark.parametrize("level", ["ORT_ENABLE_BASIC", "ORT_ENABLE_EXTENDED"])
def test_what_the_runtime_optimises_has_the_same_products(
    tmp_path_factory: pytest.TempPathFactory, level: str, network: Drawn
) -> None:
    runtime = pytest.importorskip("onnxruntime")
    path = tmp_path_factory.mktemp("optimised") / "model.onnx"
    options = runtime.SessionOptions()
    options.graph_optimization_level = getattr(runtime.GraphOptimizationLevel, level)
    options.optimized_model_filepath = str(path)
    options.log_severity_level = 3
    runtime.InferenceSession(
        network.proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    optimised = onnx.load(path)
    assert products(optimised, network.setting) == products(network.proto, network.setting)


@settings(deadline=None, max_examples=25)
@given(networks)
def test_what_onnxsim_simplifies_has_the_same_products(network: Drawn) -> None:
    simplifier = pytest.importorskip("onnxsim")
    simplified, is_same = simplifier.simplify(network.proto)
    assert is_same
    assert products(simplified, network.setting) == products(network.proto, network.setting)


def in_function(proto: ModelProto, first: int, last: int) -> ModelProto:
    """The same with the nodes from `first` up to `last` in a model-local function."""
    inside = list(proto.graph.node[first:last])
    made = {name for n in inside for name in n.output}
    read = dict.fromkeys(name for n in inside for name in n.input if name not in made)
    after = {name for n in proto.graph.node[last:] for name in n.input}
    after |= {o.name for o in proto.graph.output}
    given_out = [name for n in inside for name in n.output if name in after]
    body: FunctionProto = helper.make_function(
        "here", "Block", list(read), given_out, inside, [helper.make_opsetid("", 17)]
    )
    call = helper.make_node("Block", list(read), given_out, domain="here")
    outside = [*proto.graph.node[:first], call, *proto.graph.node[last:]]
    result = model(outside, proto.graph.input, proto.graph.output, proto.graph.initializer, 17)
    result.functions.append(body)
    return result


@settings(deadline=None, max_examples=25)
@given(networks, st.data())
def test_a_function_and_its_inlined_form_agree(network: Drawn, data: st.DataObject) -> None:
    count = len(network.nodes)
    first = data.draw(st.integers(0, count - 1))
    last = data.draw(st.integers(first + 1, count))
    wrapped = in_function(network.proto, first, last)
    inlined = onnx.inliner.inline_local_functions(wrapped)
    found = [profiled(p, network.setting) for p in (network.proto, wrapped, inlined)]
    for other in found[1:]:
        assert other.forward == found[0].forward
        assert other.backward == found[0].backward
        assert other.parameter_count == found[0].parameter_count


@settings(deadline=None, max_examples=25)
@given(networks, st.integers(2, 6))
def test_the_work_of_a_network_is_linear_in_its_batch(network: Drawn, times: int) -> None:
    batch = network.setting.batch
    one = profiled(network.proto, Setting(batch=batch)).forward
    more = profiled(network.proto, Setting(batch=batch * times)).forward
    assert more.macs == times * one.macs
    # Shapes and axes are computed once, whatever the batch.
    assert more.other_flops == times * one.other_flops


def test_a_drawn_network_by_hand() -> None:
    # A 3x3 convolution of 4 channels on 8x8 pixels, a depthwise one, and the last layer.
    network = Drawn("cd", 4, 3)
    assert products(network.proto, network.setting) == 3 * (64 * 9 * 16 + 64 * 9 * 4 + 4 * WIDTH)
    families = {row.family for row in profiled(network.proto, network.setting).by_family}
    assert Family.CONVOLUTION.value in families


def test_the_data_is_not_in_the_way(tmp_path: Path) -> None:
    """Weights that are there are not looked at: the same without them."""
    network = Drawn("cngs+", 4, 2)
    path = tmp_path / "model.onnx"
    onnx.save(network.proto, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    (tmp_path / "w.bin").unlink()
    bare = onnx.load(path, load_external_data=False)
    assert products(bare, network.setting) == products(network.proto, network.setting)
