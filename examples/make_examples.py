"""Make the example networks of this folder.  Needs torch, torchvision, timm and transformers.

Run ``python examples/make_examples.py``.  All five files come from the TorchScript-based exporter
(``torch.onnx.export(..., dynamo=False)``) with its default options on a network in evaluation
mode: batch normalisations are then folded into the convolutions, as in most files people have.

The networks have random weights from a fixed seed.  Every parameter and every running statistic
is drawn, none is left at its initial zero or one: an exporter merges equal tensors, and a trained
network has none.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# No model hub is asked for anything: all networks are built from configurations.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import onnx
import torch
from structure_only import op_histogram, write_structure_only
from torch import nn

HERE = Path(__file__).resolve().parent
SEED = 20240501

Inputs = dict[str, torch.Tensor]
Axes = Mapping[str, Mapping[int, str]]


def import_torchvision() -> Any:
    """Import torchvision, also beside a torch that its compiled operators do not fit.

    Its import registers fake kernels for two detection operators.  Where the compiled ones could
    not be loaded these are declared here; no classifier uses them.
    """
    try:
        import torchvision
    except RuntimeError:
        for name in [key for key in sys.modules if key.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "FRAGMENT")
        for name in ("nms", "qnms"):
            library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        _LIBRARIES.append(library)
        import torchvision
    return torchvision


_LIBRARIES: list[Any] = []
"""Declarations vanish with the object that made them, so these are kept."""


@dataclass(frozen=True)
class Network:
    """A network that can be built and exported."""

    name: str
    build: Callable[[], nn.Module]
    make_inputs: Callable[[int, int], Inputs]
    axes: Axes = field(default_factory=dict)
    origin: str = ""
    output_axes: Mapping[int, str] = field(default_factory=lambda: {0: "batch"})


def images(size: int = 224) -> Callable[[int, int], Inputs]:
    """Make random images of the given size; the sequence length is ignored."""
    return lambda batch, _sequence: {"input": torch.randn(batch, 3, size, size)}


def tokens(vocabulary: int) -> Callable[[int, int], Inputs]:
    """Make random token numbers with a full attention mask."""

    def make(batch: int, sequence: int) -> Inputs:
        ids = torch.randint(0, vocabulary, (batch, sequence))
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}

    return make


class FirstOutput(nn.Module):
    """Give a network of transformers two inputs and one output.

    Exported as it is, the TorchScript-based exporter makes a graph input of every optional
    argument that has a number as its default (``logits_to_keep`` of the language models).
    """

    def __init__(self, model: nn.Module) -> None:
        """Wrap ``model``."""
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return the first output, the logits."""
        return self.model(input_ids=input_ids, attention_mask=attention_mask)[0]


IMAGE_AXES: Axes = {"input": {0: "batch"}}
TOKEN_AXES: Axes = {
    "input_ids": {0: "batch", 1: "sequence"},
    "attention_mask": {0: "batch", 1: "sequence"},
}


def torchvision_network(name: str, origin: str | None = None) -> Network:
    """An image network of torchvision, by the name it has there."""
    origin = origin or name

    def build() -> nn.Module:
        return getattr(import_torchvision().models, origin)()

    return Network(name, build, images(), IMAGE_AXES, f"torchvision {origin}")


def timm_network(name: str, origin: str | None = None, size: int = 224, **options: Any) -> Network:
    """An image network of timm, by the name it has there."""
    origin = origin or name

    def build() -> nn.Module:
        import_torchvision()
        import timm

        return timm.create_model(origin, pretrained=False, **options)

    return Network(name, build, images(size), IMAGE_AXES, f"timm {origin}")


def language_network(name: str, cls: str, config_cls: str, **settings: Any) -> Network:
    """A network of transformers, built from its configuration."""
    vocabulary = int(settings.get("vocab_size", 1000))

    def build() -> nn.Module:
        import_torchvision()  # transformers imports it too
        import transformers

        config = getattr(transformers, config_cls)(
            use_cache=False, attn_implementation="eager", **settings
        )
        return FirstOutput(getattr(transformers, cls)(config))

    written = ", ".join(f"{key}={value}" for key, value in settings.items())
    origin = f"transformers {cls}({config_cls}({written}))"
    outputs = {0: "batch", 1: "sequence"} if cls.endswith(("LM", "LMHeadModel")) else {0: "batch"}
    return Network(name, build, tokens(vocabulary), TOKEN_AXES, origin, outputs)


NETWORKS = (
    torchvision_network("resnet50"),
    torchvision_network("mobilenetv2", "mobilenet_v2"),
    timm_network("vit_b_16", "vit_base_patch16_224"),
    language_network("bert_base", "BertForSequenceClassification", "BertConfig"),
    language_network(
        "gpt_small",
        "GPT2LMHeadModel",
        "GPT2Config",
        n_layer=6,
        n_embd=384,
        n_head=6,
        vocab_size=50257,
    ),
)


def randomise(model: nn.Module, seed: int = SEED) -> nn.Module:
    """Draw every parameter and every running statistic anew, as training would have left them."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            centre = 1.0 if parameter.dim() <= 1 and name.endswith("weight") else 0.0
            parameter.copy_(centre + 0.02 * noise)
        for name, buffer in model.named_buffers():
            if name.endswith("running_mean"):
                buffer.copy_(0.1 * torch.randn(buffer.shape, generator=generator))
            elif name.endswith("running_var"):
                buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))
    return model


def build(network: Network, random: bool = True, train: bool = False) -> nn.Module:
    """Build a network, by default with the weights of a network that has been trained."""
    torch.manual_seed(SEED)
    model = network.build().train(train)
    return randomise(model) if random else model


def export(
    network: Network,
    model: nn.Module,
    dynamo: bool = False,
    fixed: bool = False,
    **options: Any,
) -> onnx.ModelProto:
    """Export a network as users do: default options, and dynamic axes unless ``fixed``."""
    torch.manual_seed(SEED)
    inputs = network.make_inputs(1 if fixed else 2, 16)
    axes: Axes = {} if fixed else network.axes
    common: dict[str, Any] = {
        "args": tuple(inputs.values()),
        "input_names": list(inputs),
        "output_names": ["output"],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            shapes = tuple(dict(axes.get(name, {})) for name in inputs)
            common |= {"dynamo": True, "verbose": False, "dynamic_shapes": shapes}
            return torch.onnx.export(model, **common, **options).model_proto
        buffer = io.BytesIO()
        common["dynamic_axes"] = {} if fixed else {**axes, "output": network.output_axes}
        torch.onnx.export(model, f=buffer, dynamo=False, **common, **options)
    return onnx.load_from_string(buffer.getvalue())


def report(path: Path, model: onnx.ModelProto) -> None:
    """Print what is in a file just written."""
    opset = {item.domain or "onnx": item.version for item in model.opset_import}
    print(f"{path.name}: {path.stat().st_size} bytes, opsets {opset}, {op_histogram(model)}")


def main() -> None:
    """Write the example files into this folder."""
    for network in NETWORKS:
        model = export(network, build(network))
        path = HERE / f"{network.name}.onnx"
        write_structure_only(model, path)
        report(path, model)


if __name__ == "__main__":
    main()
