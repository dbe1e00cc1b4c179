"""Make the test networks in ``models/`` and the independent figures in ``oracle.json``.

Run ``python tests/data/make_oracle.py [NETWORK ...]`` with torch, torchvision, timm, transformers,
fvcore, onnxscript and onnxruntime installed; with names given, only those are made anew.  The
tests themselves need none of this: they read the files made here.

The figures come from the torch networks, never from the ONNX files: ``FlopCounterMode`` of torch
(two operations per multiply-accumulate, convolutions and matrix products only) and fvcore (one per
multiply-accumulate).  Attention is written out as matrix products, so that all of it is counted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version
from math import prod
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples"))

import make_examples as zoo
import numpy as np
import onnx
import structure_only
import torch
from onnx import numpy_helper
from torch import nn

HERE = Path(__file__).resolve().parent
MODELS = HERE / "models"
ORACLE = HERE / "oracle.json"
BATCH, SEQUENCE = 2, 64
PACKAGES = ("torch", "torchvision", "timm", "transformers", "onnx", "onnxscript", "fvcore")
BIG = 100_000
"""Elements from which a stored tensor is worth comparing with the others."""


@dataclass(frozen=True)
class Variant:
    """One way to export a network."""

    suffix: str
    random: bool = True
    train: bool = False
    dynamo: bool = False
    fixed: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)


PRESERVE = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}
TORCHSCRIPT = Variant("torchscript")
DYNAMO = Variant("dynamo", dynamo=True)
BOTH = (TORCHSCRIPT, DYNAMO)
UNFOLDED = (
    Variant("torchscript.preserve_eval", options=PRESERVE),
    Variant("torchscript.preserve_train", train=True, options=PRESERVE),
)
MERGED = (
    Variant("torchscript.defaultinit", random=False),
    Variant("dynamo.defaultinit", random=False, dynamo=True),
)
ATTENTION = Variant("dynamo.opset23", dynamo=True, options={"opset_version": 23})
VARIANTS = {
    "resnet50": (*BOTH, *UNFOLDED, *MERGED, Variant("torchscript.fixedbatch", fixed=True)),
    "mobilenetv2": (*BOTH, *UNFOLDED),
    "vit_b_16": (*BOTH, ATTENTION),
    "swin_t": (DYNAMO,),  # the other exporter makes five thousand nodes of it, over a megabyte
}
"""The exports of a network where they are not just one by each exporter."""

FUSED = {
    "bert_base": ("bert", 12, 768),
    "gpt_small": ("gpt2", 6, 384),
    "vit_b_16": ("vit", 12, 768),
}
"""Networks also passed through the transformer optimizer of onnxruntime: kind, heads, width."""


NOTES = {
    "resnet50.torchscript.defaultinit.onnx": "folded biases that are equal, being zero, are stored "
    "once; the others are Identity nodes",
    "resnet50.dynamo.defaultinit.onnx": "folded biases that are zero are dropped: convolutions "
    "have two inputs",
    "llama_tiny.dynamo.onnx": "the buffer inv_freq of the rotary positions is stored",
    "swin_t.dynamo.onnx": "the tables of relative positions are stored as the larger matrices "
    "gathered from them",
}
"""What is known of single files."""


class EncoderDecoder(nn.Module):
    """T5 with three inputs and the logits as its output."""

    def __init__(self, model: nn.Module) -> None:
        """Wrap ``model``."""
        super().__init__()
        self.model = model

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        decoder_input_ids: torch.Tensor,
    ) -> torch.Tensor:
        """Return the logits of the decoder."""
        return self.model(
            input_ids=input_ids, attention_mask=attention_mask, decoder_input_ids=decoder_input_ids
        )[0]


class TextAndImage(nn.Module):
    """CLIP with three inputs and the similarities as its output."""

    def __init__(self, model: nn.Module) -> None:
        """Wrap ``model``."""
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, pixel_values: torch.Tensor
    ) -> torch.Tensor:
        """Return the similarity of every image with every text."""
        return self.model(
            input_ids=input_ids, attention_mask=attention_mask, pixel_values=pixel_values
        )[0]


def t5_small() -> zoo.Network:
    """T5-small: the defaults of its configuration."""

    def build() -> nn.Module:
        zoo.import_torchvision()
        from transformers import T5Config, T5ForConditionalGeneration

        config = T5Config(use_cache=False, attn_implementation="eager")
        config.decoder_start_token_id = 0
        return EncoderDecoder(T5ForConditionalGeneration(config))

    def inputs(batch: int, sequence: int) -> zoo.Inputs:
        made = zoo.tokens(32128)(batch, sequence)
        return made | {"decoder_input_ids": torch.randint(0, 32128, (batch, sequence))}

    axes = {**zoo.TOKEN_AXES, "decoder_input_ids": {0: "batch", 1: "decoder_sequence"}}
    origin = "transformers T5ForConditionalGeneration(T5Config())"
    outputs = {0: "batch", 1: "decoder_sequence"}
    return zoo.Network("t5_small", build, inputs, axes, origin, outputs)


def clip_small() -> zoo.Network:
    """A CLIP of two small towers."""
    tower = {"hidden_size": 256, "intermediate_size": 1024, "num_hidden_layers": 4}
    tower |= {"num_attention_heads": 4}

    def build() -> nn.Module:
        zoo.import_torchvision()
        from transformers import CLIPConfig, CLIPModel

        config = CLIPConfig(
            text_config=tower, vision_config=tower, projection_dim=256, attn_implementation="eager"
        )
        return TextAndImage(CLIPModel(config))

    def inputs(batch: int, sequence: int) -> zoo.Inputs:
        made = zoo.tokens(49408)(batch, sequence)
        return made | {"pixel_values": torch.randn(batch, 3, 224, 224)}

    axes = {**zoo.TOKEN_AXES, "pixel_values": {0: "batch"}}
    return zoo.Network("clip_small", build, inputs, axes, "transformers CLIPModel, small towers")


def llama(name: str, **settings: Any) -> zoo.Network:
    """A tiny Llama with grouped heads."""
    return zoo.language_network(
        name,
        "LlamaForCausalLM",
        "LlamaConfig",
        hidden_size=256,
        num_hidden_layers=4,
        num_attention_heads=8,
        num_key_value_heads=4,
        intermediate_size=688,
        vocab_size=32000,
        **settings,
    )


NETWORKS = (
    *zoo.NETWORKS,
    *(
        zoo.torchvision_network(name)
        for name in (
            "vgg11",
            "vgg11_bn",
            "alexnet",
            "squeezenet1_1",
            "densenet121",
            "convnext_tiny",
            "efficientnet_b0",
            "swin_t",
        )
    ),
    zoo.language_network("bert_mlm", "BertForMaskedLM", "BertConfig"),
    zoo.language_network("distilbert", "DistilBertForMaskedLM", "DistilBertConfig"),
    llama("llama_tiny"),
    t5_small(),
    clip_small(),
)


def initializers(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Floating-point initializers, without the running statistics of batch normalisations."""
    statistics = {
        name
        for node in model.graph.node
        if node.op_type == "BatchNormalization"
        for name in node.input[3:5]
    }
    for tensor in model.graph.initializer:
        if structure_only.is_float(tensor) and tensor.name not in statistics:
            yield tensor


def duplicates(model: onnx.ModelProto) -> list[str]:
    """Pairs of large initializers with the same values, as they are or transposed."""
    found: list[str] = []
    seen: list[tuple[str, np.ndarray]] = []
    for tensor in initializers(model):
        if structure_only.element_count(tensor) < BIG:
            continue
        values = numpy_helper.to_array(tensor)
        for name, other in seen:
            if np.array_equal(values, other):
                found.append(f"{tensor.name} = {name}")
            elif values.ndim == 2 and np.array_equal(values.T, other):
                found.append(f"{tensor.name} = transpose of {name}")
        seen.append((tensor.name, values))
    return found


def merged(model: onnx.ModelProto) -> int:
    """Elements of initializers hidden behind Identity nodes as copies of another initializer."""
    sizes = {tensor.name: structure_only.element_count(tensor) for tensor in initializers(model)}
    return sum(
        sizes.get(node.input[0], 0) for node in model.graph.node if node.op_type == "Identity"
    )


def write_file(name: str, exporter: str, model: onnx.ModelProto) -> dict[str, Any]:
    """Write one test network; return what is known of the complete one."""
    path = MODELS / name
    size = structure_only.write_structure_only(model, path)
    zoo.report(path, model)
    return {
        "file": name,
        "exporter": exporter,
        "bytes": size,
        "stored_parameter_count": sum(map(structure_only.element_count, initializers(model))),
        "single_element_initializers": sum(
            structure_only.element_count(tensor) == 1 for tensor in initializers(model)
        ),
        "elements_merged_behind_identity": merged(model),
        "equal_initializers": duplicates(model),
    }


def export_variant(network: zoo.Network, variant: Variant) -> onnx.ModelProto:
    """Export a network in one of the ways."""
    model = zoo.build(network, variant.random, variant.train)
    return zoo.export(network, model, variant.dynamo, variant.fixed, **variant.options)


def fuse(network: zoo.Network, model: onnx.ModelProto) -> onnx.ModelProto:
    """Put the fused operators of onnxruntime into an exported network."""
    from onnxruntime.transformers.optimizer import optimize_model

    kind, heads, width = FUSED[network.name]
    optimizer = optimize_model(
        model, model_type=kind, num_heads=heads, hidden_size=width, opt_level=0
    )
    with TemporaryDirectory() as folder:
        # Saving is what completes the model: it declares the operator set of the fused operators.
        path = Path(folder) / "fused.onnx"
        optimizer.save_model_to_file(str(path))
        return onnx.load(path)


def write_files(network: zoo.Network) -> list[dict[str, Any]]:
    """Write all files of a network."""
    written = []
    for variant in VARIANTS.get(network.name, BOTH):
        exporter = "torch.export (dynamo=True)" if variant.dynamo else "TorchScript (dynamo=False)"
        name = f"{network.name}.{variant.suffix}.onnx"
        written.append(write_file(name, exporter, export_variant(network, variant)))
    if network.name in FUSED:
        name = f"{network.name}.ortfused.onnx"
        model = fuse(network, export_variant(network, TORCHSCRIPT))
        written.append(write_file(name, "TorchScript, then onnxruntime.transformers", model))
    return written


def convolution_backward(
    grad_out: list[int], inputs: list[int], weight: list[int], *rest: Any, **_: Any
) -> int:
    """FLOPs of the backward pass of a convolution, grouped or not, from the shapes.

    Each of the two gradients takes the products of the forward pass once more.  The formula of
    torch takes the gradient of the weights for that of a convolution without groups, which is too
    large by their number.
    """
    transposed, output_mask = rest[4], rest[7]
    sites = inputs[2:] if transposed else grad_out[2:]
    forward = 2 * inputs[0] * prod(sites) * prod(weight)
    return forward * (int(output_mask[0]) + int(output_mask[1]))


def count(
    model: nn.Module, inputs: zoo.Inputs, backward: bool = True, corrected: bool = True
) -> dict[str, int]:
    """FLOPs by operator of a forward pass, or of a forward and a backward pass."""
    from torch.utils.flop_counter import FlopCounterMode

    own = {torch.ops.aten.convolution_backward: convolution_backward} if corrected else {}
    with FlopCounterMode(display=False, custom_mapping=own) as counter:
        output = model(*inputs.values())
        if backward:
            output.sum().backward()
    return {str(key): int(value) for key, value in counter.get_flop_counts()["Global"].items()}


def count_fvcore(model: nn.Module, inputs: zoo.Inputs) -> dict[str, int]:
    """Multiply-accumulates by operator of a forward pass, as fvcore counts them."""
    from fvcore.nn import FlopCountAnalysis

    analysis = FlopCountAnalysis(model, tuple(inputs.values()))
    analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
    return {key: int(value) for key, value in analysis.by_operator().items()}


def measure(network: zoo.Network) -> dict[str, Any]:
    """Count the work of the torch network itself."""
    zoo.import_torchvision()
    import timm

    timm.layers.set_fused_attn(False)
    model = zoo.build(network).requires_grad_(True)
    inputs = network.make_inputs(BATCH, SEQUENCE)
    forward, both = count(model, inputs, backward=False), count(model, inputs)
    uncorrected = count(model, inputs, corrected=False)
    fvcore = count_fvcore(model, inputs)
    names = {axis for axes in network.axes.values() for axis in axes.values()} - {"batch"}
    return {
        "origin": network.origin,
        "batch_size": BATCH,
        "dims": dict.fromkeys(sorted(names), SEQUENCE),
        "forward_flops": sum(forward.values()),
        "forward_backward_flops": sum(both.values()),
        "forward_backward_flops_uncorrected": sum(uncorrected.values()),
        "forward_flops_by_op": forward,
        "forward_backward_flops_by_op": both,
        "fvcore_forward_macs": sum(fvcore.values()),
        "fvcore_forward_macs_by_op": fvcore,
        "parameter_count": sum(item.numel() for item in model.parameters()),
        "buffer_element_count": sum(item.numel() for item in model.buffers()),
    }


def make(name: str) -> dict[str, Any]:
    """Write the files of one network and measure it."""
    torch.set_num_threads(1)
    network = next(item for item in NETWORKS if item.name == name)
    files = write_files(network)
    record = measure(network)
    folds = any(isinstance(item, nn.BatchNorm2d) for item in network.build().modules())
    for entry in files:
        entry["note"] = note(entry, record["parameter_count"], folds)
    return record | {"files": files}


def note(entry: dict[str, Any], parameters: int, folds: bool) -> str:
    """Say why a file stores another number of weights than the network has parameters."""
    if entry["file"] in NOTES:
        return NOTES[entry["file"]]
    if entry["equal_initializers"]:
        return "tied weights are stored twice: " + "; ".join(entry["equal_initializers"])
    difference = entry["stored_parameter_count"] - parameters
    if folds and difference < 0:
        lost = entry["single_element_initializers"] - difference
        return f"batch normalisations are folded into convolutions: {lost} weights fewer"
    return f"single constants among the initializers: {difference:+d}" if difference else ""


def run_all(names: list[str], task: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """Do the networks in fresh processes, two at a time."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        return dict(zip(names, pool.map(task, names), strict=True))


def main() -> None:
    """Make the networks named on the command line, or all."""
    MODELS.mkdir(exist_ok=True)
    known = [network.name for network in NETWORKS]
    names = sys.argv[1:] or known
    old = json.loads(ORACLE.read_text())["networks"] if ORACLE.exists() else {}
    new = old | run_all(names, make)
    oracle = {
        "regenerate": "python tests/data/make_oracle.py",
        "flops": "torch FlopCounterMode: 2 per multiply-accumulate; evaluation mode; backward of "
        "output.sum() to every parameter, not to the inputs; attention as matrix products",
        "correction": "FlopCounterMode takes the weight gradient of a grouped convolution for that "
        "of an ungrouped one; forward_backward_flops counts it right, "
        "forward_backward_flops_uncorrected is what FlopCounterMode says by itself",
        "fvcore": "fvcore FlopCountAnalysis: 1 per multiply-accumulate; it also counts norms",
        "stored_parameter_count": "elements of the floating-point initializers of the complete "
        "file, each once, without inputs 3 and 4 of BatchNormalization",
        "versions": {package: version(package) for package in (*PACKAGES, "onnxruntime")},
        "networks": {name: new[name] for name in known if name in new},
    }
    ORACLE.write_text(json.dumps(oracle, indent=1) + "\n")


if __name__ == "__main__":
    main()
