"""Make the two decoders whose audit is measured for memory: GPT-2 and a Llama of 7 billion.

Run ``python benchmarks/make_decoders.py`` with torch and transformers installed.  GPT-2 is
exported by the TorchScript exporter, whose folding stores its tied embedding twice: the file
with weights is 650 MB.  The Llama is exported with parameters that take one element each, so that
its 27 GB of weights are never made; ``benchmarks/speed.py`` fills or declares them.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "examples"))

import make_examples as zoo
import onnx
import onnx_ir
import structure_only
import torch

GRAPHS = Path(__file__).resolve().parent / "graphs"


def gpt2() -> None:
    """GPT-2 of 124 million parameters, dynamic batch and sequence."""
    network = zoo.language_network("gpt2", "GPT2LMHeadModel", "GPT2Config")
    model = zoo.export(network, zoo.build(network), dynamo=False)
    structure_only.write_structure_only(model, GRAPHS / "gpt2.onnx")


def llama_7b() -> None:
    """Llama 2 of 7 billion parameters: no weight is made on the way."""
    network = zoo.language_network(
        "llama_7b",
        "LlamaForCausalLM",
        "LlamaConfig",
        hidden_size=4096,
        intermediate_size=11008,
        num_hidden_layers=32,
        num_attention_heads=32,
        num_key_value_heads=32,
        vocab_size=32000,
    )
    with torch.device("meta"):
        module = network.build().eval()
    _without_storage(module)
    ids = torch.ones(2, 16, dtype=torch.int64)
    dynamic: dict[int, Any] = {0: "batch", 1: "sequence"}
    program = torch.onnx.export(
        module,
        (ids, ids),
        input_names=["input_ids", "attention_mask"],
        output_names=["output"],
        dynamo=True,
        dynamic_shapes=(dynamic, dynamic),
    )
    if program is None:
        raise RuntimeError("the exporter returned nothing")
    for value in program.model.graph.initializers.values():
        _declare_external(value)
    model: onnx.ModelProto = program.model_proto
    structure_only.write_structure_only(model, GRAPHS / "llama_7b.onnx")


def _without_storage(module: torch.nn.Module) -> None:
    """Give every meta parameter a value that takes one element, however large its shape."""
    for parent in module.modules():
        for name, parameter in list(parent.named_parameters(recurse=False)):
            one = torch.full((), 0.02).expand(parameter.shape)
            setattr(parent, name, torch.nn.Parameter(one))
        for name, buffer in list(parent.named_buffers(recurse=False)):
            if buffer.is_meta:
                setattr(parent, name, torch.full(buffer.shape, 0.02))


def _declare_external(value: Any) -> None:
    """Declare a large initializer to lie in a file, so that it is never written out here."""
    tensor = value.const_value
    if tensor is not None and tensor.nbytes > structure_only.FLOAT_LIMIT:
        value.const_value = onnx_ir.ExternalTensor(
            "llama_7b.weights", 0, tensor.nbytes, tensor.dtype, shape=tensor.shape, name=value.name
        )


if __name__ == "__main__":
    gpt2()
    llama_7b()
